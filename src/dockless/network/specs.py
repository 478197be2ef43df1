"""The values that pass between the engine and the fabric: networks, endpoints, ports, resolvers, and their errors."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from typing import Literal

Protocol = Literal["tcp", "udp"]


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """One bridge: `id` (64 hex digits), its subnets with one gateway each, and whether it has a way out.

    On a `closed` one containers do not reach one another either.
    """

    id: str
    subnets: tuple[IPv4Network | IPv6Network, ...]
    gateways: tuple[IPv4Address | IPv6Address, ...]
    internal: bool = False
    mtu: int = 1500
    closed: bool = False


@dataclass(frozen=True, slots=True)
class EndpointSpec:
    """A container's place on a network. `names` resolve on that network; the first one answers PTR.

    `default_routes`: the IP versions whose default route leads here. `link_local`: further addresses of the interface,
    which only neighbours on the link reach: no name leads to them.
    """

    network_id: str
    container_id: str
    addresses: tuple[IPv4Interface | IPv6Interface, ...]
    mac: str
    interface: str = "eth0"
    names: tuple[str, ...] = ()
    default_routes: tuple[int, ...] = (4, 6)
    link_local: tuple[IPv4Interface | IPv6Interface, ...] = ()


@dataclass(frozen=True, slots=True)
class PortSpec:
    """A published port. `host_ip` "" is every address of the host, IPv4 and IPv6; `host_port` 0 lets us choose."""

    protocol: Protocol
    host_ip: str
    host_port: int
    targets: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class ResolverSpec:
    """What 127.0.0.11 answers in one container.

    `networks`: ids, the first that knows a name answers; `servers`: explicit upstream servers (`--dns`), or none
    for the host's; `links`: alias → container id; `host_names`: name → address, answered as they stand.
    """

    container_id: str
    networks: tuple[str, ...]
    servers: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    host_names: Mapping[str, str] = field(default_factory=dict)


class FabricError(Exception):
    """The fabric or the relay could not do what was asked; the message says what and where."""


class RelayLost(FabricError):
    """The relay ended or did not answer in time. `Fabric.revive` starts another one on the same fabric."""


class PortInUse(FabricError):
    """Somebody else listens on that address and port."""

    def __init__(self, host_ip: str, host_port: int, protocol: Protocol) -> None:
        self.host_ip = host_ip
        self.host_port = host_port
        self.protocol = protocol
        shown = f"[{host_ip}]" if ":" in host_ip else host_ip or "0.0.0.0"
        super().__init__(f"{shown}:{host_port}/{protocol}: address already in use")


class PortUnavailable(FabricError):
    """The host does not let us listen there: not an address of this host, or a privileged port."""
