"""The fabric's namespace: its settings, its rules, and the sockets to which it redirects what containers send out.

Everything that a container sends to an address beyond its bridge arrives at these sockets; nothing is ever forwarded
between bridges. All of it goes when the namespace's last descriptor is closed.
"""

import errno
import os
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface

from dockless.linux import netlink_route as route
from dockless.linux import netns, nftables, socket_filter
from dockless.linux.netlink import NETLINK_ROUTE, NetlinkSocket
from dockless.linux.socket_filter import (
    AND,
    INTERFACE_INDEX,
    JUMP_EQUAL,
    JUMP_SET,
    LOAD_BYTE,
    LOAD_BYTE_INDEXED,
    LOAD_HALF,
    LOAD_HEADER_LENGTH,
    LOAD_WORD,
    RETURN,
    Instruction,
)
from dockless.network.settings import setting

#: Groups of bridges (IFLA_GROUP), by which the rules tell networks with a way out from internal ones.
OPEN_GROUP, INTERNAL_GROUP = 1, 2

#: A namespace of our own has no other listeners: any number will do.
_PORT = 1
_MARK, _TABLE_NUMBER = 1, 100
_BACKLOG = 4096
_IP_TRANSPARENT, _IPV6_TRANSPARENT = 19, 75
_IP_RECVORIGDSTADDR, _IPV6_RECVORIGDSTADDR = 20, 74
_SO_MARK = 36
_ETH_P_IP, _ETH_P_IPV6 = 0x0800, 0x86DD
#: Addresses of lo to which connections are let in: none that a network could have (RFC 7600, RFC 6666).
_INSIDE_IPV4, _INSIDE_IPV6 = IPv4Address("192.0.0.8"), IPv6Address("100::1")
# Nothing gets lost between a container and us, so that what is over need not be remembered for minutes (and the
# table be filled by it).
_TRACKING = (
    ("netfilter/nf_conntrack_tcp_timeout_time_wait", "3"),
    ("netfilter/nf_conntrack_tcp_timeout_fin_wait", "30"),
    ("netfilter/nf_conntrack_tcp_timeout_last_ack", "3"),
    ("netfilter/nf_conntrack_tcp_timeout_close", "1"),
)
_INSIDE: dict[int, IPv4Interface | IPv6Interface] = {
    socket.AF_INET: IPv4Interface(_INSIDE_IPV4),
    socket.AF_INET6: IPv6Interface(_INSIDE_IPV6),
}

_WHOLE_PACKET, _LARGEST_PACKET = 2048, 65536
_SYN_IPV4 = (
    Instruction(LOAD_WORD, 0, 0, INTERFACE_INDEX),
    Instruction(JUMP_EQUAL, 8, 0, 1),  # lo
    Instruction(LOAD_BYTE, 0, 0, 9),
    Instruction(JUMP_EQUAL, 0, 6, 6),  # TCP
    Instruction(LOAD_HALF, 0, 0, 6),
    Instruction(JUMP_SET, 4, 0, 0x1FFF),  # a later fragment
    Instruction(LOAD_HEADER_LENGTH, 0, 0, 0),
    Instruction(LOAD_BYTE_INDEXED, 0, 0, 13),
    Instruction(AND, 0, 0, 0x12),
    Instruction(JUMP_EQUAL, 1, 0, 0x02),  # SYN without ACK
    Instruction(RETURN, 0, 0, 0),
    Instruction(RETURN, 0, 0, _WHOLE_PACKET),
)
_SYN_IPV6 = (
    Instruction(LOAD_WORD, 0, 0, INTERFACE_INDEX),
    Instruction(JUMP_EQUAL, 5, 0, 1),
    Instruction(LOAD_BYTE, 0, 0, 6),
    Instruction(JUMP_EQUAL, 0, 3, 6),
    Instruction(LOAD_BYTE, 0, 0, 40 + 13),
    Instruction(AND, 0, 0, 0x12),
    Instruction(JUMP_EQUAL, 1, 0, 0x02),
    Instruction(RETURN, 0, 0, 0),
    Instruction(RETURN, 0, 0, _WHOLE_PACKET),
)
_ECHO_IPV4 = (
    Instruction(LOAD_WORD, 0, 0, INTERFACE_INDEX),
    Instruction(JUMP_EQUAL, 7, 0, 1),
    Instruction(LOAD_BYTE, 0, 0, 9),
    Instruction(JUMP_EQUAL, 0, 5, 1),  # ICMP
    Instruction(LOAD_HALF, 0, 0, 6),
    Instruction(JUMP_SET, 3, 0, 0x3FFF),  # a fragment
    Instruction(LOAD_HEADER_LENGTH, 0, 0, 0),
    Instruction(LOAD_BYTE_INDEXED, 0, 0, 0),
    Instruction(JUMP_EQUAL, 1, 0, nftables.ICMP_ECHO_REQUEST),
    Instruction(RETURN, 0, 0, 0),
    Instruction(RETURN, 0, 0, _LARGEST_PACKET),
)
_ECHO_IPV6 = (
    Instruction(LOAD_WORD, 0, 0, INTERFACE_INDEX),
    Instruction(JUMP_EQUAL, 4, 0, 1),
    Instruction(LOAD_BYTE, 0, 0, 6),
    Instruction(JUMP_EQUAL, 0, 2, 58),  # ICMPv6
    Instruction(LOAD_BYTE, 0, 0, 40),
    Instruction(JUMP_EQUAL, 1, 0, nftables.ICMPV6_ECHO_REQUEST),
    Instruction(RETURN, 0, 0, 0),
    Instruction(RETURN, 0, 0, _LARGEST_PACKET),
)
_SETTINGS = (
    # A new namespace may take the host's values over.
    ("ipv4/ip_forward", "0"),
    ("ipv6/conf/all/forwarding", "0"),
    # What comes in for addresses elsewhere is meant to be delivered here.
    ("ipv4/conf/all/rp_filter", "0"),
    # On a bridge only its own containers have a say: none sends in the name of another network's.
    ("ipv4/conf/lo/rp_filter", "0"),
    ("ipv4/conf/default/rp_filter", "1"),
    # No redirects to containers that ask for a neighbour by way of the gateway.
    ("ipv4/conf/all/send_redirects", "0"),
    ("ipv4/conf/default/send_redirects", "0"),
    # Connections to one target come and go by the thousand: their ports must be usable again at once.
    ("ipv4/ip_local_port_range", "1024 65535"),
    ("ipv4/tcp_tw_reuse", "1"),
    ("ipv6/conf/default/disable_ipv6", "1"),
    ("ipv6/conf/default/accept_ra", "0"),
    # An address that is being checked for duplicates asks for no neighbours, for a second or two.
    ("ipv6/conf/default/accept_dad", "0"),
    # Frames between ports of one bridge are no business of the rules.
    ("bridge/bridge-nf-call-iptables", "0"),
    ("bridge/bridge-nf-call-ip6tables", "0"),
    ("bridge/bridge-nf-call-arptables", "0"),
)


def new_namespace(home: int) -> int:
    """A namespace that is ready for bridges: settings, routes and rules. Raises OSError."""
    with netns.inside_new(home) as namespace:
        try:
            for name, value in _SETTINGS:
                setting(name, value)
            requests = [route.loopback_up()]
            for family in _families():
                requests += [
                    route.local_default_route(family, _TABLE_NUMBER),
                    route.mark_rule(family, _MARK, _TABLE_NUMBER),
                    route.address_add(route.LOOPBACK_INDEX, _INSIDE[family]),
                ]
            with NetlinkSocket(NETLINK_ROUTE) as netlink:
                netlink.batch(requests)
            nftables.load("dockless", nftables.NFPROTO_INET, _chains())
            # Last: a kernel that loads connection tracking at need has these settings only now.
            for name, value in _TRACKING:
                setting(name, value)
        except BaseException:
            os.close(namespace)
            raise
    return namespace


def way_out_sockets(namespace: int, home: int) -> list[socket.socket]:
    """The sockets of the way out, seven for each family in the order that the relay wants (the caller's to close).

    They must not exist yet in `namespace` (EADDRINUSE).
    """
    made: list[socket.socket] = []
    with netns.inside(namespace, home):
        try:
            for family in _families():
                made.append(_listener(family))
                made.append(_packets(family, _SYN_IPV4, _SYN_IPV6))
                made.append(_raw(family, _MARK))
                made.append(_raw(family, 0))
                made.append(_datagrams(family))
                made.append(_packets(family, _ECHO_IPV4, _ECHO_IPV6))
                made.append(_raw(family, 0))
        except BaseException:
            for one in made:
                one.close()
            raise
    return made


def _families() -> list[int]:
    """IPv4, and IPv6 where the kernel has it."""
    try:
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).close()
    except OSError as problem:
        if problem.errno != errno.EAFNOSUPPORT:
            raise
        return [socket.AF_INET]
    return [socket.AF_INET, socket.AF_INET6]


def _listener(family: int) -> socket.socket:
    """Gets the connections that are let in; what it accepts inherits its options."""
    made = _bound(family, socket.SOCK_STREAM)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    made.listen(_BACKLOG)
    return made


def _datagrams(family: int) -> socket.socket:
    made = _bound(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET:
        made.setsockopt(socket.IPPROTO_IP, _IP_RECVORIGDSTADDR, 1)
    else:
        made.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVORIGDSTADDR, 1)
    return made


def _bound(family: int, kind: int) -> socket.socket:
    made = socket.socket(family, kind | socket.SOCK_CLOEXEC)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.setsockopt(socket.IPPROTO_IPV6, _IPV6_TRANSPARENT, 1)
    else:
        made.setsockopt(socket.IPPROTO_IP, _IP_TRANSPARENT, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("", _PORT))
    return made


def _packets(family: int, ipv4: Sequence[Instruction], ipv6: Sequence[Instruction]) -> socket.socket:
    """Sees what the family's program lets through, as it comes in by a bridge (not by lo, where we let TCP in)."""
    ether_type, program = (_ETH_P_IP, ipv4) if family == socket.AF_INET else (_ETH_P_IPV6, ipv6)
    made = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, socket.htons(ether_type))
    socket_filter.attach(made, program)
    return made


def _raw(family: int, mark: int) -> socket.socket:
    """Sends whole packets, IP header included, from whatever address they name."""
    made = socket.socket(family, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.IPPROTO_RAW)
    if mark:
        made.setsockopt(socket.SOL_SOCKET, _SO_MARK, mark)
    # It is for sending: without a buffer nothing piles up in it.
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)
    return made


def _chains() -> list[nftables.Chain]:
    from_open, from_internal = nftables.input_group(OPEN_GROUP), nftables.input_group(INTERNAL_GROUP)
    udp, tcp = nftables.protocol(nftables.IPPROTO_UDP), nftables.protocol(nftables.IPPROTO_TCP)
    drop = nftables.drop()
    incoming = (
        # The relay sees it all the same, and lets it in when the target has accepted.
        from_open + tcp + nftables.tcp_syn() + drop,
        # An internal network answers what the relay asks, and asks nothing.
        from_internal + tcp + nftables.tcp_syn() + drop,
        from_internal + udp + nftables.destination_port(_PORT) + drop,
        # The relay sees these as well, and only from the target comes an answer.
        from_open + nftables.echo_request() + drop,
        from_open + nftables.echo_request_v6() + drop,
        # All else of TCP is for a socket of the relay, perhaps one with its client's address.
        from_open + tcp + nftables.mark(_MARK) + nftables.accept(),
        from_open + udp + nftables.tproxy(_PORT) + nftables.mark(_MARK) + nftables.accept(),
    )
    let_in = (
        nftables.with_mark(_MARK) + nftables.ipv4() + tcp + nftables.dnat_ipv4(_INSIDE_IPV4.packed, _PORT),
        nftables.with_mark(_MARK) + nftables.ipv6() + tcp + nftables.dnat_ipv6(_INSIDE_IPV6.packed, _PORT),
    )
    return [
        nftables.Chain("incoming", "filter", nftables.NF_INET_PRE_ROUTING, nftables.NF_IP_PRI_MANGLE, incoming),
        nftables.Chain("let_in", "nat", nftables.NF_INET_LOCAL_OUT, nftables.NF_IP_PRI_NAT_DST, let_in),
    ]
