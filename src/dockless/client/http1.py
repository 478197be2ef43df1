"""HTTP/1.1 from a client's side, without a socket: a request's bytes out of it, an answer's head and body into it.

The server uses h11. Here its import alone would cost each command more than all requests that most commands make, and
what a client of an engine needs of the protocol is this page (RFC 9112). The tests hold it against h11.
"""

from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct

from dockless.client.errors import EngineLost

Headers = Iterable[tuple[str, str]]

_LARGEST_HEAD = 64 * 1024
_LARGEST_LINE = 4 * 1024
_TO_THE_END = -1

LAST_CHUNK = b"0\r\n\r\n"


class Head(Struct, frozen=True):
    """An answer's first lines; the names of `headers` are in lower case. `lasting`: the connection outlives it."""

    status: int
    headers: Mapping[str, str]
    lasting: bool = True


def request_head(method: str, target: str, headers: Headers) -> bytes:
    """Raises `ValueError` for what would break out of its line."""
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    text = "\r\n".join(lines)
    if text.count("\r") != len(lines) - 1 or text.count("\n") != len(lines) - 1:
        raise ValueError(f"a line break in a request's head: {lines}")
    return text.encode("latin-1") + b"\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """A piece of a body in chunked coding; `data` must not be empty, which would be the end."""
    return b"%x\r\n%b\r\n" % (len(data), data)


class AnswerReader:
    """Takes one answer after another off what `receive` gives (b"" at the end). Methods raise `EngineLost`."""

    def __init__(self, receive: Callable[[], bytes]) -> None:
        self._receive = receive
        self._held = b""
        self._left = 0
        self._chunked = False
        self.complete = True

    def head(self, method: str) -> Head:
        """The next answer's head; a 101 is one, other provisional ones are passed over."""
        while True:
            head = self._parse(self._take_head())
            if head.status >= 200 or head.status == 101:
                break
        self._left, self._chunked = _framing(method, head)
        self.complete = not self._chunked and self._left == 0
        return Head(head.status, head.headers, head.lasting and self._left != _TO_THE_END)

    def read(self) -> bytes:
        """The next bytes of the body, b"" at its end."""
        if self._chunked and self._left == 0 and not self.complete:
            self._begin_chunk()
        if self.complete:
            return b""
        data, self._held = self._held or self._receive(), b""
        if self._left == _TO_THE_END:
            self.complete = not data
            return data
        if not data:
            raise EngineLost("the engine broke off its answer")
        data, self._held = data[: self._left], data[self._left :]
        self._left -= len(data)
        if self._left == 0:
            if self._chunked:
                self._expect_line_end()
            else:
                self.complete = True
        return data

    def surplus(self) -> bytes:
        """What came behind the head: a hijacked stream's first bytes."""
        held, self._held = self._held, b""
        return held

    def _take_head(self) -> bytes:
        while (end := self._held.find(b"\r\n\r\n")) < 0:
            if len(self._held) > _LARGEST_HEAD:
                raise EngineLost("the engine's answer is not HTTP: its head does not end")
            self._more("the engine closed the connection without an answer")
        head, self._held = self._held[:end], self._held[end + 4 :]
        return head

    @staticmethod
    def _parse(text: bytes) -> Head:
        first, *lines = text.decode("latin-1").split("\r\n")
        version, _, rest = first.partition(" ")
        status = rest[:3]
        if version not in ("HTTP/1.1", "HTTP/1.0") or not (status.isdigit() and len(status) == 3):
            raise EngineLost(f"the engine's answer is not HTTP: {first[:80]!r}")
        headers: dict[str, str] = {}
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon:
                raise EngineLost(f"the engine's answer is not HTTP: {line[:80]!r}")
            key, value = name.lower(), value.strip()
            headers[key] = f"{headers[key]}, {value}" if key in headers else value
        closing = "close" in headers.get("connection", "").lower() or version == "HTTP/1.0"
        return Head(int(status), headers, not closing)

    def _begin_chunk(self) -> None:
        size = self._line().partition(b";")[0].strip()
        try:
            self._left = int(size, 16)
        except ValueError as error:
            raise EngineLost(f"the engine's answer is not HTTP: a chunk of {size[:20]!r} bytes") from error
        if self._left == 0:
            while self._line():
                continue
            self.complete = True

    def _expect_line_end(self) -> None:
        if line := self._line():
            raise EngineLost(f"the engine's answer is not HTTP: {line[:20]!r} behind a chunk")

    def _line(self) -> bytes:
        while (end := self._held.find(b"\r\n")) < 0:
            if len(self._held) > _LARGEST_LINE:
                raise EngineLost("the engine's answer is not HTTP: a line does not end")
            self._more("the engine broke off its answer")
        line, self._held = self._held[:end], self._held[end + 2 :]
        return line

    def _more(self, otherwise: str) -> None:
        data = self._receive()
        if not data:
            raise EngineLost(otherwise)
        self._held += data


def _framing(method: str, head: Head) -> tuple[int, bool]:
    """The body's length and whether it comes in chunks (RFC 9112, section 6.3)."""
    if method == "HEAD" or head.status in (101, 204, 304):
        return 0, False
    if "chunked" in head.headers.get("transfer-encoding", "").lower():
        return 0, True
    length = head.headers.get("content-length")
    if length is None:
        return _TO_THE_END, False
    if not length.isdigit():
        raise EngineLost(f"the engine's answer is not HTTP: a length of {length[:20]!r}")
    return int(length), False
