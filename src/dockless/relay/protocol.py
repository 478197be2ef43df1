"""The control protocol's form: JSON messages with descriptors over a Unix SOCK_SEQPACKET socket.

A request is `{"op": …}`; each is answered once, in order, by `{"ok": true, …}` or `{"error": text, "errno": number}`.
A long answer comes in pieces, all but the last with `"more": true`. The operations are in control.py.
"""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Message = dict[str, Any]

VERSION = 2
#: The largest message either side sends: below what a default socket buffer takes at once.
MAX_MESSAGE = 128 * 1024
#: SCM_MAX_FD of the kernel.
MAX_DESCRIPTORS = 253

_ANCILLARY = socket.CMSG_SPACE(MAX_DESCRIPTORS * 4)


class ProtocolError(Exception):
    """The peer sent something that is no message of this protocol."""


def send(connection: socket.socket, message: Message, descriptors: Sequence[int] = ()) -> None:
    """Raises OSError (BlockingIOError when the socket does not block and is full), ProtocolError if it is too long."""
    send_encoded(connection, encode(message), descriptors)


def encode(message: Message) -> bytes:
    data = json.dumps(message, separators=(",", ":")).encode()
    if len(data) > MAX_MESSAGE:
        raise ProtocolError(f"message of {len(data)} bytes: {message.get('op')}")
    return data


def send_encoded(connection: socket.socket, data: bytes, descriptors: Sequence[int] = ()) -> None:
    ancillary = []
    if descriptors:
        packed = struct.pack(f"={len(descriptors)}i", *descriptors)
        ancillary.append((socket.SOL_SOCKET, socket.SCM_RIGHTS, packed))
    connection.sendmsg([data], ancillary, socket.MSG_NOSIGNAL)


def receive(connection: socket.socket) -> tuple[Message | None, list[int]]:
    """The next message and its descriptors (close-on-exec, the caller's to close); None at the end of the connection.

    Raises OSError, and ProtocolError after closing what came with the message.
    """
    data, ancillary, flags, _ = connection.recvmsg(MAX_MESSAGE + 1, _ANCILLARY, socket.MSG_CMSG_CLOEXEC)
    descriptors: list[int] = []
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors += struct.unpack(f"={len(payload) // 4}i", payload[: len(payload) // 4 * 4])
    if not data and not descriptors:
        return None, []
    try:
        if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC) or len(data) > MAX_MESSAGE:
            raise ProtocolError("message too long")
        return _decode(data), descriptors
    except ProtocolError:
        close_all(descriptors)
        raise


def close_all(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _decode(data: bytes) -> Message:
    try:
        message = json.loads(data)
    except (ValueError, RecursionError) as problem:
        raise ProtocolError(f"not JSON: {problem}") from problem
    if not isinstance(message, dict):
        raise ProtocolError("not a JSON object")
    return message
