"""Answers that go on: a body as it comes, a container's output, a hijacked connection with bytes both ways.

Each may be closed from another thread; who reads it then sees its end.
"""

import _socket
import errno
from collections.abc import Callable, Iterator, Mapping
from typing import Generic, TypeVar

from dockless.client.connection import Connection
from dockless.client.errors import EngineLost
from dockless.wire.multiplex import STDOUT, Demultiplexer

T = TypeVar("T")

_RECEIVE = 64 * 1024


class BodyStream:
    """An answer's body."""

    def __init__(self, connection: Connection, headers: Mapping[str, str], done: Callable[[Connection], None]) -> None:
        self.headers = headers
        self._connection = connection
        self._done = done
        self._open = True

    def read(self) -> bytes:
        """The next bytes, b"" at the end. Raises `EngineLost` where the answer breaks off."""
        if not self._open:
            return b""
        try:
            data = self._connection.read()
        except EngineLost:
            closed_here, self._open = not self._open, False
            self._connection.close()
            if closed_here:
                return b""
            raise
        if not data:
            self._open = False
            self._done(self._connection)
        return data

    def __iter__(self) -> Iterator[bytes]:
        while data := self.read():
            yield data

    def lines(self) -> Iterator[bytes]:
        """Without their ends; empty ones are left out."""
        held = b""
        while data := self.read():
            *whole, held = (held + data).split(b"\n")
            yield from (line for line in whole if line.strip())
        if held.strip():
            yield held

    def close(self) -> None:
        """Ends it from this side."""
        if self._open:
            self._open = False
            _shut(self._connection.socket)

    def __enter__(self) -> "BodyStream":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Messages(Generic[T]):
    """An answer that is one JSON message after another: events, samples, progress."""

    def __init__(self, body: BodyStream, decode: Callable[[bytes], T]) -> None:
        self._body = body
        self._decode = decode

    def __iter__(self) -> Iterator[T]:
        return map(self._decode, self._body.lines())

    def close(self) -> None:
        self._body.close()

    def __enter__(self) -> "Messages[T]":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Output:
    """A container's output: (stream, data) pairs, stream 1 or 2 (`wire.multiplex`); a terminal has but stream 1."""

    def __init__(self, body: BodyStream, *, tty: bool) -> None:
        self._body = body
        self._tty = tty

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        return _pairs(iter(self._body), tty=self._tty)

    def close(self) -> None:
        self._body.close()

    def __enter__(self) -> "Output":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Duplex:
    """A hijacked connection. One thread may read while another writes."""

    def __init__(self, connection: Connection, surplus: bytes, *, tty: bool) -> None:
        self._connection = connection
        self._socket = connection.socket
        self._surplus = surplus
        self._tty = tty
        self._closed = False

    def recv(self) -> bytes:
        """The next bytes, frames of a multiplexed stream not taken apart; b"" at the end."""
        if surplus := self._surplus:
            self._surplus = b""
            return surplus
        try:
            return self._socket.recv(_RECEIVE)
        except OSError:
            # However the connection ended, there is no more output; the exit status tells what happened.
            return b""

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        """(stream, data) pairs as from `Output`."""
        return _pairs(iter(self.recv, b""), tty=self._tty)

    def send(self, data: bytes) -> None:
        """Input for the process; raises `EngineLost` once the engine takes no more."""
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise EngineLost(f"the process takes no more input: {error}") from error

    def send_eof(self) -> None:
        """Ends the input; output goes on."""
        _shut(self._socket, _socket.SHUT_WR)

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            _shut(self._socket)
            self._socket.close()

    def __enter__(self) -> "Duplex":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _pairs(chunks: Iterator[bytes], *, tty: bool) -> Iterator[tuple[int, bytes]]:
    if tty:
        for chunk in chunks:
            yield STDOUT, chunk
        return
    demultiplexer = Demultiplexer()
    for chunk in chunks:
        yield from demultiplexer.feed(chunk)


def _shut(opened: _socket.socket, how: int = _socket.SHUT_RDWR) -> None:
    """Wakes whoever is blocked on the socket, which `close` alone does not. The engine may have been quicker."""
    try:
        opened.shutdown(how)
    except OSError as error:
        if error.errno not in (errno.ENOTCONN, errno.EBADF):
            raise
