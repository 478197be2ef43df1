"""What the host's own network looks like, read and never changed: its routes and the MTU of its way out."""

import socket
import struct
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

DEFAULT_MTU = 1500
_ROUTES, _ROUTES_V6 = Path("/proc/net/route"), Path("/proc/net/ipv6_route")


def routes(table: Path = _ROUTES) -> list[IPv4Network | IPv6Network]:
    """The destinations of the host's IPv4 routes, the default route among them (0.0.0.0/0)."""
    found: list[IPv4Network | IPv6Network] = []
    for words in _lines(table)[1:]:
        address = socket.inet_ntoa(struct.pack("=I", int(words[1], 16)))
        mask = socket.inet_ntoa(struct.pack("=I", int(words[7], 16)))
        found.append(IPv4Network(f"{address}/{mask}", strict=False))
    return found


def mtu(table: Path = _ROUTES, table6: Path = _ROUTES_V6, devices: Path = Path("/sys/class/net")) -> int:
    """In bytes, of the interface of the default route (the cheapest; IPv6's where that is all there is); else 1500."""
    ways = [(int(words[6]), words[0]) for words in _lines(table)[1:] if int(words[1], 16) == int(words[7], 16) == 0]
    if not ways:
        lines = [words for words in _lines(table6) if int(words[0], 16) == int(words[1], 16) == 0]
        ways = [(int(words[5], 16), words[9]) for words in lines if words[9] != "lo"]
    if not ways:
        return DEFAULT_MTU
    try:
        return int((devices / min(ways)[1] / "mtu").read_text())
    except (OSError, ValueError):
        # A tunnel that went meanwhile.
        return DEFAULT_MTU


def _lines(table: Path) -> list[list[str]]:
    """In words; none where the kernel has no such table."""
    try:
        return [line.split() for line in table.read_text().splitlines() if line.strip()]
    except FileNotFoundError:
        return []
