"""One socket to an engine: a request out, an answer in, and again."""

import select
from collections.abc import Iterable
from typing import TYPE_CHECKING

from dockless.client.errors import EngineLost
from dockless.client.http1 import LAST_CHUNK, AnswerReader, Head, Headers, chunk, request_head

if TYPE_CHECKING:
    from _socket import socket

Body = bytes | Iterable[bytes]

_RECEIVE = 64 * 1024


class Connection:
    """Belongs to one thread at a time. Methods raise `EngineLost`."""

    def __init__(self, opened: "socket") -> None:
        self.socket = opened
        self._reader = AnswerReader(self._receive)
        self._method = ""
        self._lasting = False

    def send(self, method: str, target: str, headers: Headers, body: Body) -> None:
        """The request; a body that is not bytes goes out in chunks as it is made."""
        self._method = method
        self._lasting = False
        try:
            if isinstance(body, bytes):
                head = request_head(method, target, (*headers, ("Content-Length", str(len(body)))))
                self.socket.sendall(head + body)
            else:
                self.socket.sendall(request_head(method, target, (*headers, ("Transfer-Encoding", "chunked"))))
                self._send_chunks(body)
        except OSError as error:
            raise EngineLost(f"the connection to the engine broke: {error}") from error

    def _send_chunks(self, body: Iterable[bytes]) -> None:
        for piece in body:
            if piece:
                try:
                    self.socket.sendall(chunk(piece))
                except (BrokenPipeError, ConnectionResetError):
                    # An engine that refuses the request answers without reading on: its answer is waiting.
                    return
        self.socket.sendall(LAST_CHUNK)

    def head(self) -> Head:
        """The answer's head."""
        head = self._reader.head(self._method)
        self._lasting = head.lasting and head.status != 101
        return head

    def read(self) -> bytes:
        """The next bytes of the answer's body, b"" at its end."""
        return self._reader.read()

    def rest(self) -> bytes:
        """All of the answer's body."""
        return b"".join(iter(self.read, b""))

    def surplus(self) -> bytes:
        """What came behind the head: a hijacked stream's first bytes."""
        return self._reader.surplus()

    @property
    def reusable(self) -> bool:
        """Whether the answer is read and another request may follow it."""
        return self._lasting and self._reader.complete

    def idle(self) -> bool:
        """Whether the engine has neither closed it nor said anything while it lay unused."""
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        return not poll.poll(0)

    def close(self) -> None:
        self.socket.close()

    def _receive(self) -> bytes:
        try:
            return self.socket.recv(_RECEIVE)
        except OSError as error:
            raise EngineLost(f"the connection to the engine broke: {error}") from error
