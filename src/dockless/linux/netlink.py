"""netlink(7): sockets, attributes, and batches of acknowledged requests.

The families' own messages are in netlink_route.py (rtnetlink), nftables.py and sock_diag.py. A socket belongs to the
network namespace in which it was opened, whatever its user enters afterwards.
"""

import errno
import os
import socket
import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

NETLINK_ROUTE = 0
NETLINK_SOCK_DIAG = 4
NETLINK_NETFILTER = 12

NLMSG_ERROR = 2
NLMSG_DONE = 3

NLM_F_REQUEST = 0x001
NLM_F_ACK = 0x004
NLM_F_EXCL = 0x200
NLM_F_CREATE = 0x400
NLM_F_APPEND = 0x800
NLM_F_DUMP = 0x300
NLM_F_REPLACE = 0x100
NLM_F_DUMP_INTR = 0x010

NLA_F_NESTED = 0x8000
NLA_TYPE_MASK = 0x3FFF

_SOL_NETLINK = 270
_NETLINK_CAP_ACK = 10
_NETLINK_EXT_ACK = 11
_NLM_F_ACK_TLVS = 0x200
_NLM_F_CAPPED = 0x100
_NLMSGERR_ATTR_MSG = 1

_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_RECEIVE = 1 << 16
#: Each acknowledgement takes its place in the receive buffer until we read it; more at once would overflow it.
_CHUNK = 64
_TIMEOUT_SECONDS = 5.0


class Request(NamedTuple):
    """One message. `what` is for the error; errnos in `tolerated` count as success (EEXIST of a repeated create)."""

    kind: int
    body: bytes
    what: str
    flags: int = 0
    tolerated: tuple[int, ...] = ()


class NetlinkError(OSError):
    """The kernel refused a request: errno, and its own explanation where it gave one."""


class NetlinkSocket:
    """A netlink socket of the namespace that the calling thread is in."""

    def __init__(self, protocol: int) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        self._socket.settimeout(_TIMEOUT_SECONDS)
        self._socket.bind((0, 0))
        for option in (_NETLINK_CAP_ACK, _NETLINK_EXT_ACK):
            self._socket.setsockopt(_SOL_NETLINK, option, 1)
        self._sequence = 0

    def __enter__(self) -> "NetlinkSocket":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def batch(self, requests: Sequence[Request]) -> None:
        """Carries out all of them, in order, one system call for each 64. Raises NetlinkError for the first refused.

        rtnetlink goes on after a refused message; what follows it in the batch has been done.
        """
        for start in range(0, len(requests), _CHUNK):
            self._chunk(requests[start : start + _CHUNK])

    def transaction(self, begin: bytes, requests: Sequence[Request], end: bytes) -> None:
        """Requests between two unacknowledged messages (nf_tables: all or nothing)."""
        self._chunk(requests, begin, end)

    def dump(self, kind: int, body: bytes) -> Iterator[tuple[int, bytes]]:
        """(type, body) of each message that answers a dump; again from the start if it changed meanwhile."""
        while (answers := self._dump(kind, body)) is None:
            pass
        return iter(answers)

    def _chunk(self, requests: Sequence[Request], begin: bytes = b"", end: bytes = b"") -> None:
        waiting: dict[int, Request] = {}
        parts = [begin]
        for request in requests:
            self._sequence += 1
            waiting[self._sequence] = request
            parts.append(message(request.kind, NLM_F_REQUEST | NLM_F_ACK | request.flags, request.body, self._sequence))
        parts.append(end)
        self._socket.sendto(b"".join(parts), (0, 0))
        failed: NetlinkError | None = None
        while waiting:
            for kind, flags, sequence, body in self._receive():
                if kind != NLMSG_ERROR:
                    continue
                number = -struct.unpack_from("=i", body)[0]
                answered = waiting.pop(sequence, None)
                if answered is None:
                    # An nf_tables batch that is refused as a whole is answered with the number of its first message.
                    if number:
                        raise _refused(number, "netlink batch", flags, body)
                elif number and number not in answered.tolerated and failed is None:
                    failed = _refused(number, answered.what, flags, body)
        if failed is not None:
            raise failed

    def _dump(self, kind: int, body: bytes) -> list[tuple[int, bytes]] | None:
        self._sequence += 1
        self._socket.sendto(message(kind, NLM_F_REQUEST | NLM_F_DUMP, body, self._sequence), (0, 0))
        answers: list[tuple[int, bytes]] = []
        interrupted = False
        while True:
            for answer, flags, sequence, data in self._receive():
                if sequence != self._sequence:
                    continue
                interrupted = interrupted or bool(flags & NLM_F_DUMP_INTR)
                if answer == NLMSG_DONE:
                    return None if interrupted else answers
                if answer == NLMSG_ERROR:
                    raise _refused(-struct.unpack_from("=i", data)[0], f"netlink dump {kind}", flags, data)
                answers.append((answer, data))

    def _receive(self) -> Iterator[tuple[int, int, int, bytes]]:
        data = self._socket.recv(_RECEIVE)
        offset = 0
        while offset + _HEADER.size <= len(data):
            length, kind, flags, sequence, _ = _HEADER.unpack_from(data, offset)
            yield kind, flags, sequence, data[offset + _HEADER.size : offset + length]
            offset += length + 3 & ~3


def message(kind: int, flags: int, body: bytes, sequence: int = 0) -> bytes:
    length = _HEADER.size + len(body)
    return _HEADER.pack(length, kind, flags, sequence, 0) + body + bytes(-length % 4)


def attribute(kind: int, payload: bytes) -> bytes:
    length = _ATTRIBUTE.size + len(payload)
    return _ATTRIBUTE.pack(length, kind) + payload + bytes(-length % 4)


def nested(kind: int, *attributes: bytes) -> bytes:
    return attribute(kind | NLA_F_NESTED, b"".join(attributes))


def u8(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("=B", value))


def u32(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("=I", value))


def be32(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("!I", value))


def text(kind: int, value: str) -> bytes:
    return attribute(kind, value.encode() + b"\0")


def attributes(data: bytes, offset: int = 0) -> dict[int, bytes]:
    """Type → payload of a message's attributes; of repeated ones, the last."""
    found: dict[int, bytes] = {}
    while offset + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if length < _ATTRIBUTE.size:
            raise NetlinkError(errno.EBADMSG, "netlink attribute of impossible length")
        found[kind & NLA_TYPE_MASK] = data[offset + _ATTRIBUTE.size : offset + length]
        offset += length + 3 & ~3
    return found


def _refused(number: int, what: str, flags: int, body: bytes) -> NetlinkError:
    reason = os.strerror(number)
    if flags & _NLM_F_ACK_TLVS:
        skipped = 4 + _HEADER.size if flags & _NLM_F_CAPPED else 4 + struct.unpack_from("=I", body, 4)[0]
        if explanation := attributes(body, skipped + 3 & ~3).get(_NLMSGERR_ATTR_MSG):
            reason = f"{reason} ({explanation.rstrip(bytes(1)).decode(errors='replace')})"
    return NetlinkError(number, f"{what}: {reason}")
