"""The WebSocket protocol (RFC 6455) as far as an attached client needs it: the handshake, frames, close and ping.

`Frames` is without I/O; `WebSocketStream` is what the engine gets in place of a hijacked connection. A container's
output is sent in binary frames, as it is (not multiplexed); what comes in text or binary frames is its input.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterator, Mapping

from dockless.server.hijack import HijackedStream
from dockless.wire.errors import BadParameter

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0, 1, 2, 8, 9, 10
_LARGEST = 1 << 20  # bytes of one frame from a client
_NORMAL, _PROTOCOL_ERROR, _TOO_BIG = 1000, 1002, 1009


class BadFrame(Exception):
    """What came is not a client's frame; `code` is the status that the connection is closed with."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def accept_headers(headers: Mapping[bytes, bytes]) -> tuple[tuple[bytes, bytes], ...]:
    """The answer's headers to a client's handshake. Raises BadParameter where it is none."""
    key = headers.get(b"sec-websocket-key", b"").strip()
    try:
        right = len(base64.b64decode(key, validate=True)) == 16
    except binascii.Error:
        right = False
    if headers.get(b"upgrade", b"").lower() != b"websocket" or not right:
        raise BadParameter("this is not a WebSocket handshake: Upgrade: websocket and Sec-WebSocket-Key are needed")
    if headers.get(b"sec-websocket-version", b"") != b"13":
        raise BadParameter("only version 13 of the WebSocket protocol is spoken (Sec-WebSocket-Version)")
    answer = base64.b64encode(hashlib.sha1(key + _MAGIC, usedforsecurity=False).digest())
    chosen: list[tuple[bytes, bytes]] = [(b"Upgrade", b"websocket"), (b"Connection", b"Upgrade")]
    chosen.append((b"Sec-WebSocket-Accept", answer))
    return tuple(chosen)


def frame(opcode: int, data: bytes) -> bytes:
    """One whole unmasked frame: a server's."""
    head = bytes((0x80 | opcode,))
    if len(data) < 126:
        head += bytes((len(data),))
    elif len(data) < 1 << 16:
        head += b"\x7e" + len(data).to_bytes(2, "big")
    else:
        head += b"\x7f" + len(data).to_bytes(8, "big")
    return head + data


class Frames:
    """A client's frames, as their bytes come."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """(opcode, content) of each frame that is complete. Raises BadFrame."""
        self._data += data
        while (found := self._next()) is not None:
            yield found

    def _next(self) -> tuple[int, bytes] | None:
        data = self._data
        if len(data) < 2:
            return None
        opcode, length, at = data[0] & 0x0F, data[1] & 0x7F, 2
        if data[0] & 0x70 or not data[1] & 0x80:
            raise BadFrame(_PROTOCOL_ERROR, "a client's frames are masked and have no extensions")
        if opcode not in (_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG):
            raise BadFrame(_PROTOCOL_ERROR, f"there is no opcode {opcode}")
        if length >= 126:
            size = 2 if length == 126 else 8
            if len(data) < at + size:
                return None
            length, at = int.from_bytes(data[at : at + size], "big"), at + size
        if length > _LARGEST or (opcode >= _CLOSE and length > 125):
            raise BadFrame(_TOO_BIG, "the frame is too large")
        if len(data) < at + 4 + length:
            return None
        mask = bytes(data[at : at + 4])
        masked = bytes(data[at + 4 : at + 4 + length])
        del data[: at + 4 + length]
        return opcode, _unmasked(masked, mask)


def _unmasked(data: bytes, mask: bytes) -> bytes:
    """Whole numbers are XORed at once: a byte at a time would cost milliseconds for each frame."""
    length = len(data)
    pattern = (mask * (length // 4 + 1))[:length]
    return (int.from_bytes(data, "big") ^ int.from_bytes(pattern, "big")).to_bytes(length, "big")


class WebSocketStream:
    """A hijacked connection on which both sides speak in frames."""

    def __init__(self, inner: HijackedStream, headers: tuple[tuple[bytes, bytes], ...]) -> None:
        self._inner = inner
        self._frames = Frames()
        self._closed = False
        self.content_type = ""
        inner.upgrade_headers = headers

    @property
    def accepted(self) -> bool:
        return self._inner.accepted

    def accept(self) -> None:
        self._inner.accept()

    async def read(self) -> bytes:
        """The content of the frames that come next; b"" once the client closes."""
        while not self._closed and (data := await self._inner.read()):
            content = bytearray()
            try:
                for opcode, part in self._frames.feed(data):
                    if opcode == _CLOSE:
                        self._finish(part[:2] or _NORMAL.to_bytes(2, "big"))
                        break
                    if opcode == _PING:
                        await self._inner.write(frame(_PONG, part))
                    elif opcode != _PONG:
                        content += part
            except BadFrame as error:
                self._finish(error.code.to_bytes(2, "big") + str(error).encode())
            if content:
                return bytes(content)
        return b""

    async def write(self, data: bytes) -> None:
        if self._closed:
            raise ConnectionResetError("the client has closed its WebSocket")
        await self._inner.write(frame(_BINARY, data))

    def write_eof(self) -> None:
        self._finish(_NORMAL.to_bytes(2, "big"))

    def close(self) -> None:
        self._finish(_NORMAL.to_bytes(2, "big"))
        self._inner.close()

    def _finish(self, reason: bytes) -> None:
        if not self._closed:
            self._closed = True
            self._inner.send_last(frame(_CLOSE, reason))
