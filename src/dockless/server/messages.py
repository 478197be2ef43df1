"""A request as the handlers see it, and the answers they give."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from dockless.server.hijack import HijackedStream
from dockless.wire import base
from dockless.wire.errors import BadParameter

T = TypeVar("T")

JSON = "application/json"
_FALSE = ("", "0", "no", "false", "none")


class Body(Protocol):
    """A request's body as it comes."""

    async def read(self) -> bytes:
        """All of it. Raises `ConnectionError` where the client breaks off."""

    def chunks(self) -> AsyncIterator[bytes]: ...


class Query:
    """The parameters of a request. The methods raise `BadParameter`."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, list[str]]) -> None:
        self._values = values

    def text(self, key: str, default: str = "") -> str:
        found = self._values.get(key)
        return found[0] if found else default

    def all(self, key: str) -> tuple[str, ...]:
        return tuple(self._values.get(key, ()))

    def flag(self, key: str, default: bool = False) -> bool:
        """As Docker reads it: everything is true but `0`, `no`, `false`, `none` and the empty value."""
        found = self._values.get(key)
        return default if found is None else found[0].strip().lower() not in _FALSE

    def number(self, key: str) -> int | None:
        found = self.text(key)
        try:
            return int(found) if found else None
        except ValueError as error:
            raise BadParameter(f"invalid value {found!r} for {key}: not a number") from error

    def message(self, key: str, kind: type[T], default: T) -> T:
        """A parameter that is JSON."""
        found = self.text(key)
        return base.decode(found.encode(), kind) if found else default


class Request:
    """`path` is without the version; `captured` what the route's pattern took out of it, decoded.

    `fault` logs an error that is our own, and words it for the client.
    """

    __slots__ = ("body", "captured", "fault", "headers", "hijack", "method", "path", "query", "version")

    def __init__(
        self,
        method: str,
        path: str,
        version: str,
        query: Query,
        headers: Mapping[bytes, bytes],
        body: Body,
        hijack: HijackedStream,
    ) -> None:
        self.method = method
        self.path = path
        self.version = version
        self.query = query
        self.headers = headers
        self.body = body
        self.hijack = hijack
        self.captured = ""
        self.fault: Callable[[Exception], str] = str

    async def message(self, kind: type[T], *, default: T | None = None) -> T:
        """The body's JSON; an empty body is `default` where there is one. Raises `BadParameter`."""
        data = await self.body.read()
        if not data and default is not None:
            return default
        content_type = self.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if data and content_type not in (b"application/json", b""):
            raise BadParameter(
                f"unsupported Content-Type header ({content_type.decode('latin-1')}): must be 'application/json'"
            )
        return base.decode(data, kind)

    def before(self, *version: int) -> bool:
        """Whether the client speaks an older version of the API than `version`."""
        return bool(self.version) and tuple(map(int, self.version.split("."))) < version

    def header(self, name: bytes) -> str:
        return self.headers.get(name, b"").decode("latin-1")


class Response(Struct, frozen=True):
    """A whole answer."""

    status: int = 204
    body: bytes = b""
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


class Streaming(Struct, frozen=True):
    """An answer whose head goes out at once, and its body as it is made."""

    chunks: AsyncIterator[bytes]
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


class Stream(Struct, frozen=True):
    """The connection was hijacked, and its stream is done."""


Answer = Response | Streaming | Stream

DONE = Response()
OK = Response(200, content_type="")


def answer(message: Any, status: int = 200) -> Response:
    """A message as JSON, with the newline that the engine's answers end with."""
    return Response(status, base.encode(message) + b"\n")
