"""nf_tables by netlink: tables, base chains and rules as values, and the transaction that loads them.

Only the expressions that dockless's rules are made of; numbers as in linux/netfilter/nf_tables.h. A transaction is
all or nothing.
"""

import errno
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from dockless.linux.netlink import (
    NETLINK_NETFILTER,
    NLM_F_APPEND,
    NLM_F_CREATE,
    NLM_F_EXCL,
    NLM_F_REQUEST,
    NetlinkSocket,
    Request,
    attribute,
    be32,
    message,
    nested,
    text,
)

NFPROTO_INET, NFPROTO_IPV4, NFPROTO_IPV6 = 1, 2, 10
NF_INET_PRE_ROUTING, NF_INET_LOCAL_IN, NF_INET_FORWARD, NF_INET_LOCAL_OUT = 0, 1, 2, 3
NF_DROP, NF_ACCEPT = 0, 1
NF_IP_PRI_MANGLE, NF_IP_PRI_NAT_DST = -150, -100
IPPROTO_TCP, IPPROTO_UDP = 6, 17
IPPROTO_ICMP, IPPROTO_ICMPV6 = 1, 58
ICMP_ECHO_REQUEST, ICMPV6_ECHO_REQUEST = 8, 128

_SUBSYSTEM = 10
_NEWTABLE, _DELTABLE, _NEWCHAIN, _NEWRULE = ((_SUBSYSTEM << 8) | number for number in (0, 2, 3, 6))
_BATCH_BEGIN, _BATCH_END = 0x10, 0x11
_VERDICT, _REGISTER, _SECOND = 0, 1, 2
_META_MARK, _META_NFPROTO, _META_L4PROTO, _META_IIFGROUP = 3, 15, 16, 21
_NETWORK_HEADER, _TRANSPORT_HEADER = 1, 2
_EQUAL = 0
_DNAT = 1

Expressions = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Chain:
    """A base chain: `kind` is "filter" or "nat"; a rule is the expressions that a packet passes from left to right."""

    name: str
    kind: str
    hook: int
    priority: int
    rules: tuple[Expressions, ...]


def load(table: str, family: int, chains: Sequence[Chain], socket: NetlinkSocket | None = None) -> None:
    """Makes the table in the namespace of the socket (of the calling thread, where none is given).

    Raises NetlinkError and leaves everything as it was if the kernel refuses one; EEXIST if there is such a table.
    """
    if socket is None:
        with NetlinkSocket(NETLINK_NETFILTER) as own:
            load(table, family, chains, own)
        return
    name = text(1, table)
    requests = [_request(_NEWTABLE, family, name, f"add table {table}", NLM_F_CREATE | NLM_F_EXCL)]
    for chain in chains:
        hook = nested(4, be32(1, chain.hook), attribute(2, struct.pack("!i", chain.priority)))
        body = name + text(3, chain.name) + hook + be32(5, NF_ACCEPT) + text(7, chain.kind)
        requests.append(_request(_NEWCHAIN, family, body, f"add chain {table}/{chain.name}"))
        for number, rule in enumerate(chain.rules):
            body = name + text(2, chain.name) + nested(4, *(nested(1, part) for part in rule))
            what = f"add rule {number} to {table}/{chain.name}"
            requests.append(_request(_NEWRULE, family, body, what, NLM_F_CREATE | NLM_F_APPEND))
    socket.transaction(_batch(_BATCH_BEGIN), requests, _batch(_BATCH_END))


def delete(table: str, family: int) -> None:
    """Removes the table from the calling thread's namespace; ENOENT counts as done.

    The kernel waits for all readers of the rules: some 20 ms, so not for anything that happens often.
    """
    request = Request(_DELTABLE, struct.pack("=BBH", family, 0, 0) + text(1, table), f"nf_tables: delete {table}")
    with NetlinkSocket(NETLINK_NETFILTER) as own:
        own.transaction(_batch(_BATCH_BEGIN), [request._replace(tolerated=(errno.ENOENT,))], _batch(_BATCH_END))


def input_group(group: int) -> Expressions:
    """Packets that came in by an interface of that group (IFLA_GROUP)."""
    return (_meta(_META_IIFGROUP), _compare(struct.pack("=I", group)))


def protocol(number: int) -> Expressions:
    return (_meta(_META_L4PROTO), _compare(struct.pack("=B", number)))


def destination_ipv4(address: bytes) -> Expressions:
    return (_payload(_NETWORK_HEADER, 16, 4), _compare(address))


def destination_port(port: int) -> Expressions:
    return (_payload(_TRANSPORT_HEADER, 2, 2), _compare(struct.pack("!H", port)))


def tcp_syn() -> Expressions:
    """TCP's first packet: SYN without ACK."""
    return (_payload(_TRANSPORT_HEADER, 13, 1), _mask(bytes([0x12])), _compare(bytes([0x02])))


def echo_request() -> Expressions:
    return (*protocol(IPPROTO_ICMP), _payload(_TRANSPORT_HEADER, 0, 1), _compare(bytes([ICMP_ECHO_REQUEST])))


def echo_request_v6() -> Expressions:
    return (*protocol(IPPROTO_ICMPV6), _payload(_TRANSPORT_HEADER, 0, 1), _compare(bytes([ICMPV6_ECHO_REQUEST])))


def mark(number: int) -> Expressions:
    return (_immediate(_REGISTER, struct.pack("=I", number)), _expression("meta", be32(2, _META_MARK), be32(3, 1)))


def with_mark(number: int) -> Expressions:
    return (_meta(_META_MARK), _compare(struct.pack("=I", number)))


def ipv4() -> Expressions:
    """IPv4 packets, in a table of both families."""
    return (_meta(_META_NFPROTO), _compare(bytes([NFPROTO_IPV4])))


def ipv6() -> Expressions:
    return (_meta(_META_NFPROTO), _compare(bytes([NFPROTO_IPV6])))


def dnat_ipv4(address: bytes, port: int) -> Expressions:
    return _dnat(NFPROTO_IPV4, address, port)


def dnat_ipv6(address: bytes, port: int) -> Expressions:
    return _dnat(NFPROTO_IPV6, address, port)


def tproxy(port: int) -> Expressions:
    """To the transparent socket at that port, with the packet's destination unchanged; breaks off the rule if none."""
    return (_immediate(_REGISTER, struct.pack("!H", port)), _expression("tproxy", be32(1, 0), be32(3, _REGISTER)))


def drop() -> Expressions:
    return (_verdict(NF_DROP),)


def accept() -> Expressions:
    return (_verdict(NF_ACCEPT),)


def _dnat(family: int, address: bytes, port: int) -> Expressions:
    return (
        _immediate(_REGISTER, address),
        _immediate(_SECOND, struct.pack("!H", port)),
        _expression("nat", be32(1, _DNAT), be32(2, family), be32(3, _REGISTER), be32(5, _SECOND)),
    )


def _request(kind: int, family: int, body: bytes, what: str, flags: int = NLM_F_CREATE) -> Request:
    return Request(kind, struct.pack("=BBH", family, 0, 0) + body, f"nf_tables: {what}", flags)


def _batch(kind: int) -> bytes:
    return message(kind, NLM_F_REQUEST, struct.pack("!BBH", 0, 0, _SUBSYSTEM))


def _expression(name: str, *parameters: bytes) -> bytes:
    return text(1, name) + nested(2, *parameters)


def _meta(key: int) -> bytes:
    return _expression("meta", be32(1, _REGISTER), be32(2, key))


def _payload(base: int, offset: int, length: int) -> bytes:
    return _expression("payload", be32(1, _REGISTER), be32(2, base), be32(3, offset), be32(4, length))


def _mask(mask: bytes) -> bytes:
    value, zero = nested(4, attribute(1, mask)), nested(5, attribute(1, bytes(len(mask))))
    return _expression("bitwise", be32(1, _REGISTER), be32(2, _REGISTER), be32(3, len(mask)), value, zero)


def _compare(value: bytes) -> bytes:
    return _expression("cmp", be32(1, _REGISTER), be32(2, _EQUAL), nested(3, attribute(1, value)))


def _immediate(register: int, value: bytes) -> bytes:
    return _expression("immediate", be32(1, register), nested(2, attribute(1, value)))


def _verdict(code: int) -> bytes:
    return _expression("immediate", be32(1, _VERDICT), nested(2, nested(2, attribute(1, struct.pack("!i", code)))))
