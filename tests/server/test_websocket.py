"""Attach by WebSocket: frames as RFC 6455 has them, a container's output in, a client's input out."""

import base64
import os
import socket

import pytest
from served import Served

from dockless.server.websocket import BadFrame, Frames, accept_headers, frame
from dockless.wire.errors import BadParameter

HANDSHAKE = {
    b"upgrade": b"websocket",
    b"sec-websocket-version": b"13",
    b"sec-websocket-key": b"dGhlIHNhbXBsZSBub25jZQ==",
}


def masked(opcode: int, data: bytes, mask: bytes = b"\x01\x02\x03\x04") -> bytes:
    """A client's frame."""
    length = bytes((0x80 | len(data),)) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2, "big")
    return bytes((0x80 | opcode,)) + length + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data))


def test_the_handshake_is_answered_as_the_standard_s_example() -> None:
    assert dict(accept_headers(HANDSHAKE))[b"Sec-WebSocket-Accept"] == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@pytest.mark.parametrize(
    "change",
    [
        {b"upgrade": b"tcp"},
        {b"sec-websocket-key": b"short"},
        {b"sec-websocket-key": b""},
        {b"sec-websocket-version": b"8"},
    ],
)
def test_what_is_no_handshake_is_refused(change: dict[bytes, bytes]) -> None:
    with pytest.raises(BadParameter):
        accept_headers({**HANDSHAKE, **change})


@pytest.mark.parametrize("size", [0, 1, 125, 126, 5000])
@pytest.mark.parametrize("step", [1, 7, 100000])
def test_frames_are_read_however_their_bytes_come(size: int, step: int) -> None:
    content = os.urandom(size)
    wire = masked(2, content) + masked(9, b"ping")
    frames = Frames()
    found = [one for at in range(0, len(wire), step) for one in frames.feed(wire[at : at + step])]
    assert found == [(2, content), (9, b"ping")]


@pytest.mark.parametrize(
    "wire", [b"\x82\x01x", b"\xf2\x81abcdx", b"\x83\x81abcdx", b"\x82\xff" + b"\xff" * 8 + b"abcd", b"\x88\xfe\x10\x00"]
)
def test_what_is_no_client_s_frame_is_refused(wire: bytes) -> None:
    with pytest.raises(BadFrame):
        list(Frames().feed(wire))


@pytest.mark.parametrize(
    ("size", "head"), [(3, b"\x82\x03"), (300, b"\x82\x7e\x01\x2c"), (70000, b"\x82\x7f\0\0\0\0\0\1\x11\x70")]
)
def test_a_frame_of_ours_has_the_shortest_length(size: int, head: bytes) -> None:
    assert frame(2, bytes(size)) == head + bytes(size)


def test_a_container_that_is_not_there_is_a_plain_error(served: Served) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        connection.connect(str(served.socket))
        connection.sendall(b"GET /containers/x/attach/ws HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 404 ")


def test_the_key_of_a_handshake_is_sixteen_bytes() -> None:
    with pytest.raises(BadParameter):
        accept_headers({**HANDSHAKE, b"sec-websocket-key": base64.b64encode(bytes(15))})
