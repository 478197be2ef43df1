"""A TLS connection that is used like any other socket: read and written by two threads, polled, half-closed.

Python's own TLS socket can do none of these: it must not be shared, hides what it has read ahead, and forgets its key
at a shutdown. So two threads carry the bytes between it and one end of a socket pair, whose other end is handed out.
"""

import contextlib
import socket
import ssl
import threading
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_PIECE = 1 << 16


class _Handed(socket.socket):
    """The end that is handed out; where TLS broke the connection off, the end of it says why."""

    failure: OSError | None = None

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        data = super().recv(size, flags)
        if not data and self.failure is not None:
            raise self.failure
        return data

    def sendall(self, data: "ReadableBuffer", flags: int = 0, /) -> None:
        try:
            super().sendall(data, flags)
        except OSError as error:
            raise self.failure or error from None


def carried(connection: socket.socket, context: ssl.SSLContext, host: str) -> socket.socket:
    """The handshake, and then the end to use; takes the connection over. Raises `OSError` (ssl.SSLError)."""
    tunnel = _Tunnel(connection, context, host)
    tunnel.shake_hands()
    connection.settimeout(None)
    near, far = socket.socketpair()
    handed = _Handed(fileno=near.detach())
    for run in (tunnel.outwards, tunnel.inwards):
        threading.Thread(target=run, args=(far, handed), daemon=True).start()
    return handed


class _Tunnel:
    """The TLS state machine, without a socket of its own; `_lock` guards it and its buffers, `_sending` the order of
    what goes out. `_ahead` is what was read while the end was said."""

    def __init__(self, connection: socket.socket, context: ssl.SSLContext, host: str) -> None:
        self._connection = connection
        self._arrived, self._leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._arrived, self._leaving, server_hostname=host)
        self._lock, self._sending = threading.Lock(), threading.Lock()
        self._ahead: deque[bytes] = deque()

    def shake_hands(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                self._receive()
            except ssl.SSLError:
                # The other end is told what was wrong with its certificate, if it still listens.
                with contextlib.suppress(OSError):
                    self._flush()
                raise
            else:
                self._flush()
                return

    def outwards(self, far: socket.socket, _: _Handed) -> None:
        """From the user to the engine, until the user ends its side or the engine takes no more."""
        try:
            while data := far.recv(_PIECE):
                with self._lock:
                    self._tls.write(data)
                self._flush()
            self._say_end()
        except OSError:
            # The engine is gone: the other thread sees it too, and tells.
            return

    def inwards(self, far: socket.socket, handed: _Handed) -> None:
        """From the engine to the user; closes all at the end."""
        try:
            while data := self._read():
                far.sendall(data)
        except OSError as error:
            handed.failure = error
        for each in (self._connection, far):
            # Not only closed: the other thread may be waiting in it.
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _say_end(self) -> None:
        """Tells the engine that nothing more comes, and does not wait until it says the same: it goes on. What has
        arrived is read before: OpenSSL would take it for a fault, and it would be lost."""
        with self._lock:
            with contextlib.suppress(ssl.SSLError):
                while data := self._tls.read(_PIECE):
                    self._ahead.append(data)
            with contextlib.suppress(ssl.SSLError):
                self._tls.unwrap()
        self._flush()

    def _read(self) -> bytes:
        """Empty at the end."""
        while True:
            try:
                with self._lock:
                    return self._ahead.popleft() if self._ahead else self._tls.read(_PIECE)
            except ssl.SSLWantReadError:
                self._flush(waits=False)
                if not self._receive():
                    return b""
            except ssl.SSLZeroReturnError:
                return b""

    def _receive(self) -> bool:
        data = self._connection.recv(_PIECE)
        with self._lock:
            if data:
                self._arrived.write(data)
            else:
                self._arrived.write_eof()
        return bool(data)

    def _flush(self, *, waits: bool = True) -> None:
        """Who reads does not wait for who sends: the engine may take nothing more before it is rid of its output. What
        reading makes TLS say (a change of keys) then goes with what is sent next."""
        if not self._sending.acquire(blocking=waits):
            return
        try:
            with self._lock:
                data = self._leaving.read()
            if data:
                self._connection.sendall(data)
        finally:
            self._sending.release()
