"""What an address means to the relay: the host itself, somebody inside the fabric, or the world outside."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator

HOST, INSIDE, OUTSIDE, NOWHERE = "host", "inside", "outside", "nowhere"

_V4_MAPPED = bytes(10) + b"\xff\xff"


class Network:
    """One network as the relay knows it."""

    __slots__ = ("gateways", "internal", "subnets")

    def __init__(self, subnets: Iterable[str], gateways: Iterable[str], internal: bool) -> None:
        """Raises OSError or ValueError for what is no address."""
        self.subnets = [_subnet(text) for text in subnets]
        self.gateways = frozenset(pack(text) for text in gateways)
        self.internal = internal

    def holds(self, address: bytes) -> bool:
        number = int.from_bytes(address, "big")
        return any(size == len(address) and number >> shift == prefix for size, shift, prefix in self.subnets)


class Addresses:
    """The networks there are, by id, and the address that leads to the host."""

    def __init__(self) -> None:
        self.networks: dict[str, Network] = {}
        self.host_gateway = b""

    def may_leave(self, address: bytes) -> bool:
        """Whether the container at that address is on a network with a way out."""
        return any(network.holds(address) and not network.internal for network in self.networks.values())

    def kind(self, address: bytes) -> str:
        """HOST, INSIDE, OUTSIDE or NOWHERE of a packed address (4 or 16 bytes), seen from a container."""
        if address == self.host_gateway:
            return HOST
        for network in self.networks.values():
            if address in network.gateways:
                return HOST
            if network.holds(address):
                return INSIDE
        return NOWHERE if _unroutable(address) else OUTSIDE


def destinations(addresses: Addresses, address: bytes) -> Iterator[tuple[int, str]]:
    """(family, address) to connect to from the host for what a container named: none for a refusal.

    The host itself is its loopback, so that services answer that listen there only; IPv4 first. Another network's
    container is refused: networks are closed to one another.
    """
    kind = addresses.kind(address)
    if kind == HOST:
        yield socket.AF_INET, "127.0.0.1"
        yield socket.AF_INET6, "::1"
    elif kind == OUTSIDE:
        yield socket.AF_INET if len(address) == 4 else socket.AF_INET6, unpack(address)


def pack(text: str) -> bytes:
    """Raises OSError for what is no address."""
    return socket.inet_pton(family_of(text), text)


def unpack(address: bytes) -> str:
    return socket.inet_ntop(socket.AF_INET if len(address) == 4 else socket.AF_INET6, address)


def family_of(text: str) -> int:
    return socket.AF_INET6 if ":" in text else socket.AF_INET


def _subnet(text: str) -> tuple[int, int, int]:
    address, _, length = text.partition("/")
    packed = pack(address)
    shift = len(packed) * 8 - int(length)
    return len(packed), shift, int.from_bytes(packed, "big") >> shift


def _unroutable(address: bytes) -> bool:
    if len(address) == 16:
        mapped = address.startswith(_V4_MAPPED) and _unroutable(address[12:])
        return mapped or address[0] == 0xFF or address in (bytes(16), bytes(15) + b"\1")
    return address[0] in (0, 127) or address[0] >= 224
