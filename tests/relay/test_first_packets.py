"""The headers that let a connection in or refuse it."""

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockless.relay.packets import Echo, Syn, echo_reply, replies_to

V4 = (socket.inet_aton("172.18.0.2"), socket.inet_aton("192.0.2.1"))
V6 = (socket.inet_pton(socket.AF_INET6, "fd00::2"), socket.inet_pton(socket.AF_INET6, "2001:db8::1"))


def syn(source: bytes, destination: bytes, flags: int = 0x02, options: bytes = b"\2\4\5\xb4") -> bytes:
    tcp = struct.pack("!HHIIBBHHH", 40000, 443, 0xFFFFFFFF, 0, 6 << 4, flags, 64240, 0xBAD, 0) + options
    if len(source) == 4:
        return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 1, 0, 64, 6, 0, source, destination) + tcp
    return struct.pack("!IHBB16s16s", 6 << 28, len(tcp), 6, 64, source, destination) + tcp


def ones(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


@pytest.mark.parametrize("addresses", [V4, V6])
def test_a_first_packet_is_read_and_leaves_with_a_right_checksum(addresses: tuple[bytes, bytes]) -> None:
    read = Syn(syn(*addresses) + b"padding of a short frame")
    assert read.key == (addresses[0], 40000, addresses[1], 443)
    whole = read.with_checksum()
    segment = whole[read.tcp_at :]
    assert ones(addresses[0] + addresses[1] + struct.pack("!II", len(segment), 6) + segment) == 0xFFFF
    assert whole[: read.tcp_at + 16] == syn(*addresses)[: read.tcp_at + 16]


@pytest.mark.parametrize("addresses", [V4, V6])
def test_a_refusal_acknowledges_the_first_packet_and_resets(addresses: tuple[bytes, bytes]) -> None:
    read = Syn(syn(*addresses))
    packet = read.refusal()
    segment = packet[read.tcp_at :]
    source, target, sequence, acknowledged, _, flags, *_ = struct.unpack("!HHIIBBHHH", segment)
    assert (source, target, sequence, acknowledged, flags) == (443, 40000, 0, 0, 0x14)
    assert ones(addresses[1] + addresses[0] + struct.pack("!II", len(segment), 6) + segment) == 0xFFFF


@pytest.mark.parametrize("flags", [0x12, 0x10, 0x04, 0x00])
def test_other_packets_are_none(flags: int) -> None:
    with pytest.raises(ValueError, match="first packet"):
        Syn(syn(*V4, flags=flags))


@given(st.binary(max_size=120))
def test_any_input_is_a_first_packet_or_none(raw: bytes) -> None:
    try:
        read = Syn(raw)
    except ValueError:
        return
    assert read.refusal() and read.unreachable(True) and read.with_checksum()


@given(st.binary(max_size=120))
def test_any_input_is_an_echo_request_or_none(raw: bytes) -> None:
    try:
        read = Echo(raw)
    except ValueError:
        return
    assert len(read.request(1)) == 8 + len(read.data)


@pytest.mark.parametrize("addresses", [V4, V6])
def test_an_echo_request_is_read_and_its_reply_has_a_right_checksum(addresses: tuple[bytes, bytes]) -> None:
    kind, reply_kind, protocol = (8, 0, 1) if len(addresses[0]) == 4 else (128, 129, 58)
    message = struct.pack("!BBHHH", kind, 0, 0, 77, 3) + b"odd"
    if protocol == 1:
        packet = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(message), 1, 0, 64, 1, 0, *addresses) + message
    else:
        packet = struct.pack("!IHBB16s16s", 6 << 28, len(message), 58, 64, *addresses) + message
    read = Echo(packet + b"padding")
    assert (read.identifier, read.sequence, read.data) == (77, 3, b"odd")
    answer = bytes([reply_kind]) + read.request(9)[1:]
    assert replies_to(answer) == 9
    back = echo_reply(answer, 77, addresses[1], addresses[0])[20 if protocol == 1 else 40 :]
    assert back[4:] == message[4:]
    pseudo = b"" if protocol == 1 else addresses[0] + addresses[1] + struct.pack("!II", len(back), 58)
    assert ones(pseudo + back + b"\0") == 0xFFFF
