"""What the host's own network looks like, read and never changed: its routes and the MTU of its way out."""

import socket
import struct
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

DEFAULT_MTU = 1500


def routes(table: Path = Path("/proc/net/route")) -> list[IPv4Network | IPv6Network]:
    """The destinations of the host's IPv4 routes, the default route among them (0.0.0.0/0)."""
    found: list[IPv4Network | IPv6Network] = []
    for words in _lines(table):
        address = socket.inet_ntoa(struct.pack("=I", int(words[1], 16)))
        mask = socket.inet_ntoa(struct.pack("=I", int(words[7], 16)))
        found.append(IPv4Network(f"{address}/{mask}", strict=False))
    return found


def mtu(table: Path = Path("/proc/net/route"), devices: Path = Path("/sys/class/net")) -> int:
    """In bytes, of the interface that the default route leads through; 1500 where there is none."""
    for words in _lines(table):
        if words[1] == "00000000":
            try:
                return int((devices / words[0] / "mtu").read_text())
            except (OSError, ValueError):
                return DEFAULT_MTU
    return DEFAULT_MTU


def _lines(table: Path) -> list[list[str]]:
    try:
        return [line.split() for line in table.read_text().splitlines()[1:] if line.strip()]
    except FileNotFoundError:
        return []
