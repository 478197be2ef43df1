"""What passes between engine and launcher: JSON messages with descriptors over a Unix SEQPACKET socket.

A message that would be too long for one packet travels in a memory file whose descriptor comes first. Both sides use
this module; it imports little for the launcher's sake.
"""

import _socket
import array
import json
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    Message = dict[str, Any]
    Packet = tuple[bytes, tuple[int, ...], int]

SOCKET_NAME = "launcher.sock"
"""In the runtime folder (`Places.launcher_socket`)."""

MAX_PACKET = 64 * 1024
MAX_DESCRIPTORS = 64


class ProtocolError(ValueError):
    """The other side sent what is no message."""


def pack(message: "Message", descriptors: "Sequence[int]" = ()) -> "Packet":
    """(bytes, descriptors to send, the memory file among them or -1: to be closed once it is sent)."""
    payload = json.dumps(message, separators=(",", ":")).encode("utf-8", "surrogatepass")
    if len(payload) < MAX_PACKET:
        return payload, tuple(descriptors), -1
    file = os.memfd_create("message", os.MFD_CLOEXEC)
    view = memoryview(payload)
    while view:
        view = view[os.write(file, view) :]
    return b"long", (file, *descriptors), file


def send(socket: _socket.socket, packet: "Packet") -> None:
    """Raises BlockingIOError where the packet must be tried again (nothing has been sent), OSError where the other side
    is gone (then the packet is done with, too)."""
    payload, descriptors, file = packet
    ancillary = (
        [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, array.array("i", descriptors).tobytes())] if descriptors else []
    )
    try:
        socket.sendmsg([payload], ancillary, _socket.MSG_NOSIGNAL | _socket.MSG_DONTWAIT)
    except BlockingIOError:
        raise
    except OSError:
        _close(file)
        raise
    _close(file)


def queued(packet: "Packet") -> "Packet":
    """The packet with descriptors of its own, for sending it later, when the caller's may be closed."""
    payload, descriptors, file = packet
    copies = tuple(os.dup(descriptor) for descriptor in descriptors)
    _close(file)
    return payload, copies, -1


def drop(packet: "Packet") -> None:
    """Closes what `queued` has copied: after the packet is sent, or instead."""
    for descriptor in packet[1]:
        os.close(descriptor)


def _close(descriptor: int) -> None:
    if descriptor >= 0:
        os.close(descriptor)


def receive(socket: _socket.socket) -> "tuple[Message, list[int]] | None":
    """A message and its descriptors (close-on-exec); None at the end. Raises BlockingIOError where there is none,
    OSError where the connection broke, ProtocolError where it is no message."""
    payload, descriptors = receive_packet(socket, MAX_PACKET)
    if not payload and not descriptors:
        return None
    try:
        if payload == b"long":
            if not descriptors:
                raise ProtocolError("a long message without its file")
            payload = _read_all(descriptors.pop(0))
        message = json.loads(payload)
        if not isinstance(message, dict):
            raise ProtocolError("not an object")
    except (ValueError, OSError) as error:
        for descriptor in descriptors:
            os.close(descriptor)
        raise ProtocolError(str(error)) from error
    return message, descriptors


def receive_packet(socket: _socket.socket, size: int) -> tuple[bytes, list[int]]:
    """One packet as it is; b"" without descriptors is the end. Raises as `receive`."""
    space = _socket.CMSG_SPACE(4 * MAX_DESCRIPTORS)
    payload, ancillary, flags, _ = socket.recvmsg(size, space, _socket.MSG_CMSG_CLOEXEC | _socket.MSG_DONTWAIT)
    descriptors: list[int] = []
    for level, kind, data in ancillary:
        if level == _socket.SOL_SOCKET and kind == _socket.SCM_RIGHTS:
            descriptors += array.array("i", data[: len(data) // 4 * 4])
    if flags & (_socket.MSG_TRUNC | _socket.MSG_CTRUNC):
        for descriptor in descriptors:
            os.close(descriptor)
        raise ProtocolError("a packet that is too long")
    return payload, descriptors


def _read_all(file: int) -> bytes:
    try:
        size = os.fstat(file).st_size
        content = b""
        while len(content) < size and (piece := os.pread(file, size - len(content), len(content))):
            content += piece
        return content
    finally:
        os.close(file)
