"""A pair of connected TCP sockets between which bytes go both ways.

Small pieces are received and sent; after a full read the kernel moves the bytes through a pipe (splice). A slow
receiver stops the reading at the other end; the end of one direction is passed on as such (half-close); a reset at one
end resets the other.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable

from dockless.relay.loop import ERR, HUP, IN, OUT, Loop

_PIECE = 32 * 1024
_PIPE_BYTES = 1024 * 1024
#: Rounds of splicing for one event, so that a bulk transfer does not starve the others.
_ROUNDS = 2
_IDLE_PIPES = 16
_SPLICE_FLAGS = os.SPLICE_F_NONBLOCK | os.SPLICE_F_MOVE
_F_SETPIPE_SZ = 1031
_ABORT = (1).to_bytes(4, "little") + bytes(4)

_buffer = bytearray(_PIECE)
_view = memoryview(_buffer)
_pipes: list[tuple[int, int]] = []


class _End:
    """One socket, and what waits to be written to it: bytes, or a number of bytes in a pipe."""

    __slots__ = ("bulk", "descriptor", "eof", "mask", "peer", "pending", "pipe", "queued", "shut", "socket")

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self.descriptor = connected.fileno()
        self.peer = self
        self.mask = 0
        self.pending = b""
        self.pipe: tuple[int, int] | None = None
        self.queued = 0
        self.bulk = False
        self.eof = False
        self.shut = False


class Pair:
    """Owns both sockets from now on; `on_close` is called once, when they are closed."""

    __slots__ = ("_left", "_loop", "_on_close", "_right", "closed")

    def __init__(self, loop: Loop, left: socket.socket, right: socket.socket, on_close: Callable[[Pair], None]) -> None:
        self._loop = loop
        self._on_close = on_close
        self.closed = False
        self._left, self._right = _End(left), _End(right)
        self._left.peer, self._right.peer = self._right, self._left
        # What the left one has sent already, while the right one was being connected, goes out now.
        self._read(self._left)
        for end in (self._left, self._right):
            if not self.closed:
                self._watch(end)

    def abort(self) -> None:
        """Resets both."""
        if self.closed:
            return
        abort(self._left.socket)
        abort(self._right.socket)
        self._close()

    def _handle(self, end: _End, events: int) -> None:
        if events & OUT or ((end.queued or end.pending) and events & (ERR | HUP)):
            self._flush(end)
        if events & (IN | HUP | ERR) and end.mask & IN and not self.closed:
            if end.bulk:
                self._splice(end)
            else:
                self._read(end)
        if not self.closed:
            self._watch(end)
            self._watch(end.peer)

    def _read(self, end: _End) -> None:
        peer = end.peer
        try:
            count = end.socket.recv_into(_buffer)
        except BlockingIOError:
            return
        except OSError:
            # A reset is passed on as one.
            self.abort()
            return
        if not count:
            self._end_of(end)
            return
        try:
            sent = peer.socket.send(_view[:count])
        except BlockingIOError:
            sent = 0
        except OSError:
            self.abort()
            return
        if sent < count:
            peer.pending = bytes(_view[sent:count])
        elif count == _PIECE:
            end.bulk = True
            self._splice(end)

    def _splice(self, end: _End) -> None:
        peer = end.peer
        if peer.pipe is None and (pipe := _take_pipe()) is not None:
            peer.pipe = pipe
        if peer.pipe is None:
            end.bulk = False
            self._read_without_pipe(end)
            return
        for _ in range(_ROUNDS):
            try:
                count = os.splice(end.descriptor, peer.pipe[1], _PIPE_BYTES, flags=_SPLICE_FLAGS)
            except BlockingIOError:
                end.bulk = False
                _give_pipe(peer.pipe)
                peer.pipe = None
                return
            except OSError:
                self.abort()
                return
            if not count:
                self._end_of(end)
                return
            peer.queued += count
            self._flush(peer)
            if self.closed or peer.queued:
                return

    def _read_without_pipe(self, end: _End) -> None:
        """No descriptors are left for a pipe: by copying, then."""
        try:
            count = end.socket.recv_into(_buffer)
            if count:
                end.peer.pending = bytes(_view[:count])
                self._flush(end.peer)
                return
        except BlockingIOError:
            return
        except OSError:
            self.abort()
            return
        self._end_of(end)

    def _flush(self, end: _End) -> None:
        try:
            if end.pending:
                end.pending = end.pending[end.socket.send(end.pending) :]
            while end.queued and end.pipe is not None:
                end.queued -= os.splice(end.pipe[0], end.descriptor, end.queued, flags=_SPLICE_FLAGS)
        except BlockingIOError:
            return
        except OSError:
            self.abort()
            return
        if not end.pending and end.peer.eof:
            self._shut(end)

    def _end_of(self, end: _End) -> None:
        end.eof = True
        if not end.peer.pending and not end.peer.queued:
            self._shut(end.peer)

    def _shut(self, end: _End) -> None:
        if end.shut:
            return
        end.shut = True
        if end.peer.shut:
            self._close()
            return
        try:
            end.socket.shutdown(socket.SHUT_WR)
        except OSError:
            # Reset since; its other direction is as dead as this one.
            self.abort()

    def _watch(self, end: _End) -> None:
        waiting = bool(end.pending or end.queued)
        blocked = end.eof or bool(end.peer.pending or end.peer.queued)
        mask = (0 if blocked else IN) | (OUT if waiting else 0)
        if mask == end.mask:
            return
        if not end.mask:
            self._loop.add(end.descriptor, mask, lambda events: self._handle(end, events))
        elif mask:
            self._loop.change(end.descriptor, mask)
        else:
            # Not merely without a wish: a hang-up is reported to whoever is registered, again and again.
            self._loop.remove(end.descriptor)
        end.mask = mask

    def _close(self) -> None:
        if self.closed:
            return
        self.closed = True
        for end in (self._left, self._right):
            if end.mask:
                self._loop.remove(end.descriptor)
            if end.pipe is not None:
                if end.queued:
                    _drop_pipe(end.pipe)
                else:
                    _give_pipe(end.pipe)
                end.pipe = None
            self._loop.at_end_of_round(end.socket.close)
        self._on_close(self)


def abort(connected: socket.socket) -> None:
    """What close() will do from now on: reset instead of an orderly end."""
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)


def _take_pipe() -> tuple[int, int] | None:
    if _pipes:
        return _pipes.pop()
    try:
        pipe = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    _enlarge(pipe[1])
    return pipe


def _enlarge(descriptor: int) -> None:
    import fcntl  # loaded at the first bulk transfer

    try:
        fcntl.fcntl(descriptor, _F_SETPIPE_SZ, _PIPE_BYTES)
    except PermissionError:
        # The user's share of pipe memory (pipe-user-pages-soft) is used up: it works with the size it has.
        return


def _give_pipe(pipe: tuple[int, int]) -> None:
    if len(_pipes) < _IDLE_PIPES:
        _pipes.append(pipe)
    else:
        _drop_pipe(pipe)


def _drop_pipe(pipe: tuple[int, int]) -> None:
    os.close(pipe[0])
    os.close(pipe[1])
