"""The Domain Name System's messages (RFC 1035, EDNS of RFC 6891), as far as a resolver that forwards needs them.

Pure: bytes in, bytes out. A query's question is echoed as it came, so that a client that mixes upper and lower case
recognises it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

A, PTR, AAAA, ANY, OPT = 1, 12, 28, 255, 41
IN = 1
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = 0, 1, 2, 3, 4, 5

#: What a client takes by UDP unless it says more (RFC 1035 4.2.1), and what we take from one that does.
PLAIN_UDP_BYTES = 512
MAX_UDP_BYTES = 4096

_HEADER = struct.Struct("!HHHHHH")
_QUESTION = struct.Struct("!HH")
_RECORD = struct.Struct("!HHIH")
_RESPONSE, _TRUNCATED, _DESIRED, _AVAILABLE = 0x8000, 0x0200, 0x0100, 0x0080
_OPCODE, _RCODE = 0x7800, 0x000F
_POINTER = 0xC0
_NAME_AT_QUESTION = b"\xc0\x0c"
_MAX_NAME = 255


class Malformed(Exception):
    """Not a query that can be answered. `answer` is the reply to give, or None for silence."""

    def __init__(self, reason: str, answer: bytes | None) -> None:
        super().__init__(reason)
        self.answer = answer


class Query:
    """One question. `name` is in lower case and without the final dot."""

    __slots__ = ("edns", "flags", "id", "kind", "klass", "name", "question", "raw", "udp_bytes")

    def __init__(self, raw: bytes) -> None:
        """Raises Malformed."""
        if len(raw) < _HEADER.size:
            raise Malformed("shorter than a header", None)
        self.raw = raw
        self.id, self.flags, questions, answers, authorities, additional = _HEADER.unpack_from(raw)
        if self.flags & _RESPONSE:
            raise Malformed("not a query", None)
        if self.flags & _OPCODE:
            raise Malformed("not a standard query", _bare(self.id, self.flags, NOTIMP))
        malformed = _bare(self.id, self.flags, FORMERR)
        if questions != 1 or answers or authorities:
            raise Malformed("not one question", malformed)
        try:
            self.name, end = _read_name(raw, _HEADER.size)
            self.kind, self.klass = _QUESTION.unpack_from(raw, end)
            self.question = raw[_HEADER.size : end + _QUESTION.size]
            self.edns, self.udp_bytes = _edns(raw, end + _QUESTION.size, additional)
        except (IndexError, struct.error, ValueError) as problem:
            raise Malformed(str(problem), malformed) from problem

    def answer(self, rcode: int, records: Sequence[tuple[int, bytes]] = (), ttl: int = 0) -> bytes:
        """A whole reply, for TCP; `records` are (type, data) of the name asked for."""
        flags = _RESPONSE | _AVAILABLE | self.flags & _DESIRED | rcode
        parts = [_HEADER.pack(self.id, flags, 1, len(records), 0, int(self.edns)), self.question]
        for kind, data in records:
            parts.append(_NAME_AT_QUESTION + _RECORD.pack(kind, IN, ttl, len(data)) + data)
        if self.edns:
            parts.append(b"\0" + _RECORD.pack(OPT, MAX_UDP_BYTES, 0, 0))
        return b"".join(parts)

    def answer_udp(self, rcode: int, records: Sequence[tuple[int, bytes]] = (), ttl: int = 0) -> bytes:
        """A reply that fits what the client takes; otherwise as many records as fit, marked as cut (TC).

        A client asks by TCP then; one that does not know how to (musl before 1.2.4) still has some addresses.
        """
        whole = self.answer(rcode, records, ttl)
        if len(whole) <= self.udp_bytes:
            return whole
        left = self.udp_bytes - len(self.answer(rcode, (), ttl))
        fitting = 0
        for _, data in records:
            left -= len(_NAME_AT_QUESTION) + _RECORD.size + len(data)
            if left < 0:
                break
            fitting += 1
        return _cut(self.answer(rcode, records[:fitting], ttl))

    def fitting(self, reply: bytes) -> bytes:
        """A server's reply for the client by UDP: without its records and marked as cut where it is too long."""
        if len(reply) <= self.udp_bytes:
            return reply
        flags = struct.unpack_from("!H", reply, 2)[0]
        return _cut(_HEADER.pack(self.id, flags, 1, 0, 0, 0) + self.question)

    def is_answered_by(self, reply: bytes, identifier: int) -> bool:
        """Whether `reply` is a response with that id to this very question (compared without regard to case)."""
        if len(reply) < _HEADER.size:
            return False
        number, flags, questions, *_ = _HEADER.unpack_from(reply)
        if number != identifier or not flags & _RESPONSE:
            return False
        if questions == 0:
            # Servers that fail or refuse may leave it out.
            return bool(flags & _RCODE)
        echoed = reply[_HEADER.size : _HEADER.size + len(self.question)]
        return echoed[:-4].lower() == self.question[:-4].lower() and echoed[-4:] == self.question[-4:]


def _cut(reply: bytes) -> bytes:
    return reply[:2] + struct.pack("!H", struct.unpack_from("!H", reply, 2)[0] | _TRUNCATED) + reply[4:]


def with_id(message: bytes, identifier: int) -> bytes:
    return struct.pack("!H", identifier) + message[2:]


def rcode_of(message: bytes) -> int:
    return message[3] & _RCODE


def encode_name(name: str) -> bytes:
    """Raises ValueError for a name that DNS cannot carry."""
    parts = []
    for label in name.rstrip(".").split(".") if name.rstrip(".") else ():
        data = label.encode("latin-1", "strict") if label.isascii() else label.encode("idna")
        if not 0 < len(data) < 64:
            raise ValueError(f"label of {len(data)} bytes in {name!r}")
        parts.append(bytes([len(data)]) + data)
    return b"".join(parts) + b"\0"


def reversed_address(name: str) -> bytes | None:
    """The packed address that a PTR question's name stands for (RFC 1035 3.5, RFC 3596 2.5), None for another name."""
    labels = name.split(".")
    try:
        if labels[-2:] == ["in-addr", "arpa"] and len(labels) == 6:
            return bytes(int(label) for label in reversed(labels[:4]))
        if labels[-2:] == ["ip6", "arpa"] and len(labels) == 34:
            return bytes.fromhex("".join(reversed(labels[:32])))
    except ValueError:
        return None
    return None


def _bare(identifier: int, flags: int, rcode: int) -> bytes:
    answered = _RESPONSE | _AVAILABLE | flags & (_OPCODE | _DESIRED) | rcode
    return _HEADER.pack(identifier, answered, 0, 0, 0, 0)


def _read_name(raw: bytes, offset: int) -> tuple[str, int]:
    labels = []
    start = offset
    while length := raw[offset]:
        if length & _POINTER:
            raise ValueError("compressed name in a question")
        labels.append(raw[offset + 1 : offset + 1 + length])
        offset += 1 + length
        if offset - start > _MAX_NAME:
            raise ValueError("name too long")
    return b".".join(labels).lower().decode("latin-1"), offset + 1


def _edns(raw: bytes, offset: int, additional: int) -> tuple[bool, int]:
    """Whether the query has an OPT record, and how long a reply by UDP its client takes."""
    for _ in range(additional):
        _, offset = _read_name(raw, offset)
        kind, size, _, length = _RECORD.unpack_from(raw, offset)
        offset += _RECORD.size + length
        if kind == OPT:
            return True, max(PLAIN_UDP_BYTES, min(size, MAX_UDP_BYTES))
    return False, PLAIN_UDP_BYTES
