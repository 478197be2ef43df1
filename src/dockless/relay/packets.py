"""IPv4, IPv6 and TCP headers (RFC 791, 8200, 9293), as far as the first packet of a connection needs them, and echo
requests (RFC 792, 4443). Pure."""

from __future__ import annotations

import struct

IPPROTO_TCP = 6
_ICMP, _ICMPV6 = 1, 58
_SYN, _RST, _ACK = 0x02, 0x04, 0x10

_TCP = struct.Struct("!HHIIBBHHH")
_IPV4 = struct.Struct("!BBHHHBBH4s4s")
_IPV6 = struct.Struct("!IHBB16s16s")
_ECHO = struct.Struct("!BBHHH")
_ECHO_REQUEST, _ECHO_REQUEST_V6, _ECHO_REPLY, _ECHO_REPLY_V6 = 8, 128, 0, 129
#: More fragments follow, or the offset of a later one.
_FRAGMENT = 0x3FFF
_HOPS = 64


class Syn:
    """A connection's first packet, as it came from the container."""

    __slots__ = ("destination", "destination_port", "packet", "sequence", "source", "source_port", "tcp_at")

    def __init__(self, packet: bytes) -> None:
        """`packet` begins with the IP header. Raises ValueError for anything else than a whole SYN."""
        try:
            if packet[0] >> 4 == 4:
                self.tcp_at = (packet[0] & 15) * 4
                length, protocol = struct.unpack_from("!H", packet, 2)[0], packet[9]
                self.source, self.destination = packet[12:16], packet[16:20]
            else:
                self.tcp_at = _IPV6.size
                length, protocol = _IPV6.size + struct.unpack_from("!H", packet, 4)[0], packet[6]
                self.source, self.destination = packet[8:24], packet[24:40]
            self.packet = packet[:length]
            self.source_port, self.destination_port, self.sequence, *_ = _TCP.unpack_from(self.packet, self.tcp_at)
        except (IndexError, struct.error) as problem:
            raise ValueError(f"not a TCP packet: {problem}") from problem
        flags = self.packet[self.tcp_at + 13]
        if protocol != IPPROTO_TCP or len(self.packet) != length or flags & (_SYN | _ACK) != _SYN:
            raise ValueError("not a whole first packet")

    @property
    def key(self) -> tuple[bytes, int, bytes, int]:
        return self.source, self.source_port, self.destination, self.destination_port

    def with_checksum(self) -> bytes:
        """The packet with the TCP checksum that virtual interfaces leave to the hardware they do not have."""
        at = self.tcp_at
        segment = self.packet[at : at + 16] + bytes(2) + self.packet[at + 18 :]
        checksum = _tcp_checksum(self.source, self.destination, segment)
        return self.packet[:at] + segment[:16] + struct.pack("!H", checksum) + segment[18:]

    def refusal(self) -> bytes:
        """The packet by which the target says that nobody listens (RFC 9293 3.10.7.1)."""
        ports = (self.destination_port, self.source_port)
        header = _TCP.pack(*ports, 0, self.sequence + 1 & 0xFFFFFFFF, 5 << 4, _RST | _ACK, 0, 0, 0)
        checksum = _tcp_checksum(self.destination, self.source, header)
        segment = header[:16] + struct.pack("!H", checksum) + header[18:]
        return _ip(self.destination, self.source, IPPROTO_TCP, segment)

    def unreachable(self, host: bool) -> bytes:
        """ICMP's word that the host (or else the network) cannot be reached (RFC 792, RFC 4443 3.1)."""
        quoted = self.packet[: self.tcp_at + 8]
        if len(self.source) == 4:
            message = bytes([3, 1 if host else 0]) + bytes(6) + quoted
            message = message[:2] + struct.pack("!H", _sum(message)) + message[4:]
            return _ip(self.destination, self.source, _ICMP, message)
        message = bytes([1, 3 if host else 0]) + bytes(6) + quoted
        pseudo = self.destination + self.source + struct.pack("!II", len(message), _ICMPV6)
        message = message[:2] + struct.pack("!H", _sum(pseudo + message)) + message[4:]
        return _ip(self.destination, self.source, _ICMPV6, message)


class Echo:
    """An echo request as it came from the container: `data` is what is behind its header of eight bytes."""

    __slots__ = ("data", "destination", "identifier", "sequence", "source")

    def __init__(self, packet: bytes) -> None:
        """`packet` begins with the IP header. Raises ValueError for anything else than a whole echo request."""
        try:
            if packet[0] >> 4 == 4:
                at, wanted = (packet[0] & 15) * 4, _ECHO_REQUEST
                length, protocol = struct.unpack_from("!H", packet, 2)[0], packet[9]
                whole = protocol == _ICMP and not struct.unpack_from("!H", packet, 6)[0] & _FRAGMENT
                self.source, self.destination = packet[12:16], packet[16:20]
            else:
                at, wanted = _IPV6.size, _ECHO_REQUEST_V6
                length = at + struct.unpack_from("!H", packet, 4)[0]
                whole = packet[6] == _ICMPV6
                self.source, self.destination = packet[8:24], packet[24:40]
            kind, code, _, self.identifier, self.sequence = _ECHO.unpack_from(packet[:length], at)
        except (IndexError, struct.error) as problem:
            raise ValueError(f"not an echo request: {problem}") from problem
        if not whole or kind != wanted or code or len(packet) < length:
            raise ValueError("not a whole echo request")
        self.data = packet[at + _ECHO.size : length]

    def request(self, identifier: int) -> bytes:
        """The same request with another identifier, for an ICMP socket."""
        kind = _ECHO_REQUEST if len(self.source) == 4 else _ECHO_REQUEST_V6
        message = _ECHO.pack(kind, 0, 0, identifier, self.sequence) + self.data
        # Sockets of ICMPv6 put the checksum in themselves, and those of `ping` theirs over ours.
        return message[:2] + struct.pack("!H", _sum(message)) + message[4:]


def echo_reply(message: bytes, identifier: int, source: bytes, destination: bytes) -> bytes:
    """The packet that brings an echo reply (from its type on) to `destination`, with its own identifier."""
    head = message[:2] + bytes(2) + struct.pack("!H", identifier)
    message = head + message[6:]
    if len(source) == 4:
        pseudo, protocol = b"", _ICMP
    else:
        pseudo, protocol = source + destination + struct.pack("!II", len(message), _ICMPV6), _ICMPV6
    message = message[:2] + struct.pack("!H", _sum(pseudo + message)) + message[4:]
    return _ip(source, destination, protocol, message)


def replies_to(message: bytes) -> int | None:
    """The identifier of an echo reply (from its type on); None for another message."""
    if len(message) < _ECHO.size or message[0] not in (_ECHO_REPLY, _ECHO_REPLY_V6):
        return None
    return int.from_bytes(message[4:6], "big")


def _ip(source: bytes, destination: bytes, protocol: int, payload: bytes) -> bytes:
    if len(source) == 4:
        length = _IPV4.size + len(payload)
        # The kernel fills in the identification and the header's checksum (raw(7)).
        return _IPV4.pack(0x45, 0, length, 0, 0, _HOPS, protocol, 0, source, destination) + payload
    return _IPV6.pack(6 << 28, len(payload), protocol, _HOPS, source, destination) + payload


def _tcp_checksum(source: bytes, destination: bytes, segment: bytes) -> int:
    return _sum(source + destination + struct.pack("!II", len(segment), IPPROTO_TCP) + segment)


def _sum(data: bytes) -> int:
    """The Internet checksum (RFC 1071). The pseudo header's fields may be wider than in IPv4's: zeros add nothing."""
    data += bytes(len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF
