"""Requests to one engine over kept connections: whole answers, streamed ones, hijacked ones.

Any number of threads share a transport; each exchange has a connection of its own, taken from those that lie idle.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import TypeVar

import msgspec
from msgspec import Struct

from dockless import decoding
from dockless.client.connection import Body, Connection
from dockless.client.endpoint import Endpoint
from dockless.client.errors import EngineLost, EngineUnavailable
from dockless.client.http1 import Head, Headers
from dockless.client.streams import BodyStream, Duplex
from dockless.wire import base
from dockless.wire.errors import ApiError, BadParameter, ErrorBody

T = TypeVar("T")

Query = Mapping[str, "str | int | bool | Iterable[str] | None"]

_KEPT = 32
_UNRESERVED = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/:@")


class Answer(Struct, frozen=True):
    """A whole answer that is not an error."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def decode(self, kind: type[T]) -> T:
        """Raises `EngineLost` where the answer is not what the API promises."""
        return decoded(self.body, kind)


class Transport:
    """`base_path` (`/v1.47`) stands before each path. Methods raise `ApiError`, `EngineLost`, `EngineUnavailable`."""

    def __init__(self, endpoint: Endpoint, user_agent: str, headers: Headers = ()) -> None:
        self.endpoint = endpoint
        self.base_path = ""
        self._headers = (("Host", "dockless"), ("User-Agent", user_agent), *headers)
        # A deque's append and pop are atomic, so threads need no lock here.
        self._idle: deque[Connection] = deque()

    def call(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        *,
        body: Body = b"",
        headers: Headers = (),
    ) -> Answer:
        """A request and its whole answer."""
        connection, head = self._exchange(method, path, query, body, headers)
        data = connection.rest()
        self._give_back(connection)
        return Answer(head.status, head.headers, data)

    def ask(self, kind: type[T], method: str, path: str, query: Query | None = None, message: object = None) -> T:
        """A request with a message or none, and the message that answers it."""
        return self.send(method, path, query, message).decode(kind)

    def send(self, method: str, path: str, query: Query | None = None, message: object = None) -> Answer:
        """As `call`, with a message for a body."""
        if message is None:
            return self.call(method, path, query)
        return self.call(method, path, query, body=base.encode(message), headers=JSON)

    def stream(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        *,
        body: Body = b"",
        headers: Headers = (),
    ) -> BodyStream:
        """A request whose answer is read as it comes; this returns with the answer's head."""
        connection, head = self._exchange(method, path, query, body, headers)
        return BodyStream(connection, head.headers, self._give_back)

    def hijack(self, path: str, query: Query | None = None, message: object = None, *, tty: bool) -> Duplex:
        """A POST that turns its connection into a stream both ways."""
        upgrade = (("Connection", "Upgrade"), ("Upgrade", "tcp"))
        body = b"" if message is None else base.encode(message)
        headers = upgrade if message is None else (*upgrade, *JSON)
        connection, _ = self._exchange("POST", path, query, body, headers)
        return Duplex(connection, connection.surplus(), tty=tty)

    def close(self) -> None:
        """Closes what lies idle; what is in use is its user's."""
        while self._idle:
            self._idle.pop().close()

    def _exchange(
        self, method: str, path: str, query: Query | None, body: Body, headers: Headers
    ) -> tuple[Connection, Head]:
        target = self.base_path + quoted(path) + encode_query(query)
        kept = self._kept()
        try:
            return self._try(kept or self._fresh(), method, target, body, headers)
        except EngineLost:
            # The engine may have closed a kept connection just as it was taken; asking anew for a thing is harmless.
            if kept is None or method not in ("GET", "HEAD"):
                raise
            return self._try(self._fresh(), method, target, body, headers)

    def _try(
        self, connection: Connection, method: str, target: str, body: Body, headers: Headers
    ) -> tuple[Connection, Head]:
        try:
            connection.send(method, target, (*self._headers, *headers), body)
            head = connection.head()
            if head.status < 300:
                return connection, head
            message = _message(head, connection.rest(), f"{method} {target}")
        except BaseException:
            connection.close()
            raise
        self._give_back(connection)
        raise ApiError.of(head.status, message)

    def _kept(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.idle():
                return connection
            connection.close()
        return None

    def _fresh(self) -> Connection:
        try:
            return Connection(self.endpoint.open())
        except OSError as error:
            raise EngineUnavailable(f"no engine answers at {self.endpoint}: {error.strerror or error}") from error

    def _give_back(self, connection: Connection) -> None:
        if len(self._idle) < _KEPT and connection.reusable:
            self._idle.append(connection)
        else:
            connection.close()


JSON = (("Content-Type", "application/json"),)


def decoded(data: bytes, kind: type[T]) -> T:
    """A message from the engine; raises `EngineLost` where it is not `kind`."""
    try:
        return base.decode(data, kind)
    except BadParameter as error:
        raise EngineLost(f"the engine's answer is not what the API promises: {error.message}") from error


def encode_query(query: Query | None) -> str:
    """With its `?`; `None`, False and empty values are left out, a list stands as often as it has values."""
    if not query:
        return ""
    pairs = []
    for key, value in query.items():
        if value is None or value is False or value == "":
            continue
        if isinstance(value, str | int):
            pairs.append(f"{key}={'1' if value is True else quoted(str(value))}")
        else:
            pairs += [f"{key}={quoted(item)}" for item in value]
    return "?" + "&".join(pairs) if pairs else ""


def quoted(text: str) -> str:
    """Percent-encoded for a path or a query's value."""
    raw = text.encode()
    if _UNRESERVED.issuperset(raw):
        return text
    return "".join(chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in raw)


def _message(head: Head, body: bytes, asked: str) -> str:
    """The engine's own words. There are none after HEAD; a wrong peer answers with something else than JSON."""
    try:
        return decoding.decode(body, ErrorBody).message
    except msgspec.DecodeError:
        return body.decode("utf-8", "replace").strip() or f"the engine answered {head.status} to {asked}"
