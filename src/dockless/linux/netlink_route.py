"""rtnetlink(7): requests that make and remove links, addresses, routes and rules, and a dump of what is there.

Pure: each function returns a `Request` for `NetlinkSocket.batch`, so that a whole endpoint is one system call.
"""

import errno
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface
from socket import AF_INET, AF_INET6, AF_UNSPEC

from dockless.linux.netlink import (
    NLM_F_CREATE,
    NLM_F_EXCL,
    NLM_F_REPLACE,
    NetlinkSocket,
    Request,
    attribute,
    attributes,
    nested,
    text,
    u8,
    u32,
)

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK, RTM_SETLINK = 16, 17, 18, 19
RTM_NEWADDR, RTM_DELADDR = 20, 21
RTM_NEWROUTE = 24
RTM_NEWRULE = 32

IFF_UP = 1
IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_MASTER, IFLA_PROTINFO, IFLA_LINKINFO = 1, 3, 4, 10, 12, 18
IFLA_GROUP, IFLA_NET_NS_FD = 27, 28
IFLA_INFO_KIND, IFLA_INFO_DATA = 1, 2
VETH_INFO_PEER = 1
IFLA_BR_FORWARD_DELAY, IFLA_BR_STP_STATE = 1, 5
IFLA_BR_MCAST_SNOOPING = 23
IFLA_BRPORT_STATE, IFLA_BRPORT_FLUSH, IFLA_BRPORT_ISOLATED = 1, 24, 33
BR_STATE_DISABLED = 0
IFA_ADDRESS, IFA_LOCAL, IFA_BROADCAST, IFA_FLAGS = 1, 2, 4, 8
IFA_F_NODAD = 0x02
RTA_OIF, RTA_GATEWAY, RTA_TABLE = 4, 5, 15
FRA_FWMARK, FRA_TABLE, FRA_PRIORITY = 10, 15, 6
RT_TABLE_MAIN = 254
RTPROT_STATIC = 4
RT_SCOPE_UNIVERSE, RT_SCOPE_HOST = 0, 254
RTN_UNICAST, RTN_LOCAL = 1, 2
FR_ACT_TO_TBL = 1

LOOPBACK_INDEX = 1
AF_BRIDGE = 7

_LINK = struct.Struct("=BxHiII")
_ADDRESS = struct.Struct("=BBBBi")
_ROUTE = struct.Struct("=BBBBBBBBI")


@dataclass(frozen=True, slots=True)
class Link:
    """An interface as the kernel reports it; `master` is its bridge's index or 0."""

    index: int
    name: str
    group: int
    master: int
    up: bool


def bridge_add(name: str, *, mtu: int, group: int, mac: str | None = None) -> Request:
    """A bridge that is up at once, without STP. EEXIST counts as done."""
    data = u32(IFLA_BR_FORWARD_DELAY, 0) + u32(IFLA_BR_STP_STATE, 0) + u8(IFLA_BR_MCAST_SNOOPING, 0)
    body = _link(0, IFF_UP) + text(IFLA_IFNAME, name) + u32(IFLA_MTU, mtu) + u32(IFLA_GROUP, group)
    if mac is not None:
        body += attribute(IFLA_ADDRESS, mac_bytes(mac))
    body += nested(IFLA_LINKINFO, text(IFLA_INFO_KIND, "bridge"), nested(IFLA_INFO_DATA, data))
    return Request(RTM_NEWLINK, body, f"add bridge {name}", NLM_F_CREATE | NLM_F_EXCL, (errno.EEXIST,))


def veth_add(name: str, *, master: int, mtu: int, peer: str, peer_mac: str, peer_namespace: int) -> Request:
    """A pair: `name` here, up and on the bridge; `peer` (down) in the namespace of that descriptor.

    The kernel does not make the peer up in the same request (ENOTCONN).
    """
    other = _link(0, 0) + text(IFLA_IFNAME, peer) + u32(IFLA_MTU, mtu)
    other += attribute(IFLA_ADDRESS, mac_bytes(peer_mac)) + u32(IFLA_NET_NS_FD, peer_namespace)
    body = _link(0, IFF_UP) + text(IFLA_IFNAME, name) + u32(IFLA_MTU, mtu) + u32(IFLA_MASTER, master)
    body += nested(IFLA_LINKINFO, text(IFLA_INFO_KIND, "veth"), nested(IFLA_INFO_DATA, nested(VETH_INFO_PEER, other)))
    return Request(RTM_NEWLINK, body, f"add veth {name} with peer {peer}", NLM_F_CREATE | NLM_F_EXCL)


def link_up(name: str) -> Request:
    return Request(RTM_SETLINK, _link(0, IFF_UP) + text(IFLA_IFNAME, name), f"set {name} up")


def link_delete(name: str) -> Request:
    """ENODEV counts as done."""
    return Request(RTM_DELLINK, _link(0, 0) + text(IFLA_IFNAME, name), f"delete {name}", 0, (errno.ENODEV,))


def link_delete_index(index: int) -> Request:
    """ENODEV counts as done."""
    return Request(RTM_DELLINK, _link(index, 0), f"delete interface {index}", 0, (errno.ENODEV,))


def bridge_port_disable(index: int) -> Request:
    """The bridge port forwards nothing more and its addresses are forgotten. One that is gone counts as done.

    Unlike taking it down or off the bridge this does not wait for a grace period of the kernel.
    """
    body = _LINK.pack(AF_BRIDGE, 0, index, 0, 0)
    body += nested(IFLA_PROTINFO, u8(IFLA_BRPORT_STATE, BR_STATE_DISABLED), attribute(IFLA_BRPORT_FLUSH, b""))
    return Request(RTM_SETLINK, body, f"disable bridge port {index}", 0, (errno.ENODEV, errno.EINVAL))


def bridge_port_isolate(index: int) -> Request:
    """The bridge port reaches the bridge itself, and no other isolated port."""
    body = _LINK.pack(AF_BRIDGE, 0, index, 0, 0) + nested(IFLA_PROTINFO, u8(IFLA_BRPORT_ISOLATED, 1))
    return Request(RTM_SETLINK, body, f"isolate bridge port {index}")


def loopback_up() -> Request:
    return Request(RTM_SETLINK, _link(LOOPBACK_INDEX, IFF_UP), "set lo up")


def address_add(index: int, interface: IPv4Interface | IPv6Interface) -> Request:
    """EEXIST counts as done. IPv6 addresses are usable at once (no duplicate address detection)."""
    family, local = _family(interface), interface.ip.packed
    scope = RT_SCOPE_HOST if interface.is_loopback else RT_SCOPE_UNIVERSE
    body = _ADDRESS.pack(family, interface.network.prefixlen, 0, scope, index)
    body += attribute(IFA_LOCAL, local) + attribute(IFA_ADDRESS, local)
    if isinstance(interface, IPv6Interface):
        body += u32(IFA_FLAGS, IFA_F_NODAD)
    elif interface.network.prefixlen < 31:
        body += attribute(IFA_BROADCAST, interface.network.broadcast_address.packed)
    return Request(RTM_NEWADDR, body, f"add address {interface}", NLM_F_CREATE | NLM_F_EXCL, (errno.EEXIST,))


def address_delete(index: int, interface: IPv4Interface | IPv6Interface) -> Request:
    """One that is not there counts as done."""
    body = _ADDRESS.pack(_family(interface), interface.network.prefixlen, 0, RT_SCOPE_UNIVERSE, index)
    body += attribute(IFA_LOCAL, interface.ip.packed)
    return Request(RTM_DELADDR, body, f"delete address {interface}", 0, (errno.EADDRNOTAVAIL, errno.ENODEV))


def default_route(gateway: bytes, index: int) -> Request:
    """By way of `gateway` (4 or 16 bytes) on the interface, in place of the default route that there is."""
    family = AF_INET if len(gateway) == 4 else AF_INET6
    body = _ROUTE.pack(family, 0, 0, 0, RT_TABLE_MAIN, RTPROT_STATIC, RT_SCOPE_UNIVERSE, RTN_UNICAST, 0)
    body += attribute(RTA_GATEWAY, gateway) + u32(RTA_OIF, index)
    return Request(RTM_NEWROUTE, body, "add default route", NLM_F_CREATE | NLM_F_REPLACE)


def local_default_route(family: int, table: int) -> Request:
    """In `table`, every address is this host's own: what TPROXY needs to deliver packets meant for others."""
    body = _ROUTE.pack(family, 0, 0, 0, 0, RTPROT_STATIC, RT_SCOPE_HOST, RTN_LOCAL, 0)
    body += u32(RTA_OIF, LOOPBACK_INDEX) + u32(RTA_TABLE, table)
    return Request(RTM_NEWROUTE, body, f"add local route in table {table}", NLM_F_CREATE, (errno.EEXIST,))


def mark_rule(family: int, mark: int, table: int) -> Request:
    """Packets with that mark are routed by `table`."""
    body = _ROUTE.pack(family, 0, 0, 0, 0, 0, 0, FR_ACT_TO_TBL, 0)
    body += u32(FRA_PRIORITY, 100) + u32(FRA_FWMARK, mark) + u32(FRA_TABLE, table)
    return Request(RTM_NEWRULE, body, f"add rule for mark {mark}", NLM_F_CREATE | NLM_F_EXCL, (errno.EEXIST,))


def links(socket: NetlinkSocket) -> Iterator[Link]:
    for kind, body in socket.dump(RTM_GETLINK, _link(0, 0)):
        if kind == RTM_NEWLINK:
            _, _, index, flags, _ = struct.unpack_from("=BxHiII", body)
            found = attributes(body, _LINK.size)
            yield Link(
                index,
                found[IFLA_IFNAME].rstrip(b"\0").decode(),
                _number(found, IFLA_GROUP),
                _number(found, IFLA_MASTER),
                bool(flags & IFF_UP),
            )


def mac_bytes(mac: str) -> bytes:
    octets = bytes.fromhex(mac.replace(":", ""))
    if len(octets) != 6:
        raise ValueError(f"not a MAC address: {mac!r}")
    return octets


def _link(index: int, flags: int) -> bytes:
    return _LINK.pack(AF_UNSPEC, 0, index, flags, flags)


def _family(interface: IPv4Interface | IPv6Interface) -> int:
    return AF_INET if interface.version == 4 else AF_INET6


def _number(found: dict[int, bytes], kind: int) -> int:
    return int(struct.unpack("=I", found[kind])[0]) if kind in found else 0
