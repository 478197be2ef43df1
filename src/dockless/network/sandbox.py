"""A container's network namespace, seen from outside: made, entered for what must be done in there, and left again."""

import errno
import os
import socket
from ipaddress import IPv4Address, IPv6Address

from dockless.linux import netlink_route as route
from dockless.linux import netns, nftables, sock_diag
from dockless.linux.netlink import NETLINK_ROUTE, NETLINK_SOCK_DIAG, NetlinkSocket, Request
from dockless.network.settings import setting
from dockless.network.specs import EndpointSpec

#: Where the resolver answers; configurations rely on the number.
RESOLVER_ADDRESS = IPv4Address("127.0.0.11")
_RESOLVER_PORT = 53
_TABLE = "dockless"
_BACKLOG = 128


class Sandbox:
    """A network namespace, held by a descriptor; `with` or close() lets it go (processes in it keep it)."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """May be called again."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def new_sandbox(home: int) -> Sandbox:
    """A namespace with lo up, in which every user may bind low ports and ping, as in Docker's containers."""
    with netns.inside_new(home) as descriptor:
        sandbox = Sandbox(descriptor)
        try:
            setting("ipv4/ip_unprivileged_port_start", "0")
            _allow_ping()
            # Interfaces get no link-local IPv6 address, and none of its chatter, unless their network has IPv6.
            setting("ipv6/conf/default/disable_ipv6", "1")
            # There are no duplicates: addresses are given by us. Their check would take the first second.
            setting("ipv6/conf/default/accept_dad", "0")
            with NetlinkSocket(NETLINK_ROUTE) as netlink:
                netlink.batch([route.loopback_up()])
        except BaseException:
            sandbox.close()
            raise
    return sandbox


def plug_in(
    sandbox: Sandbox, home: int, endpoint: EndpointSpec, gateways: tuple[IPv4Address | IPv6Address, ...]
) -> None:
    """Brings up the endpoint's interface, which must be in the sandbox already, with its addresses and routes."""
    with netns.inside(sandbox.fd, home), NetlinkSocket(NETLINK_ROUTE) as netlink:
        addresses = (*endpoint.addresses, *endpoint.link_local)
        if any(address.version == 6 for address in addresses):
            setting(f"ipv6/conf/{endpoint.interface}/disable_ipv6", "0")
        index = socket.if_nametoindex(endpoint.interface)
        requests = [route.link_up(endpoint.interface)]
        requests += [route.address_add(index, address) for address in addresses]
        netlink.batch(requests + _default_routes(endpoint, gateways, index))


def lead_out(
    sandbox: Sandbox, home: int, endpoint: EndpointSpec, gateways: tuple[IPv4Address | IPv6Address, ...]
) -> None:
    """From now on the default routes of the endpoint's `default_routes` lead by its interface, which is up."""
    with netns.inside(sandbox.fd, home), NetlinkSocket(NETLINK_ROUTE) as netlink:
        netlink.batch(_default_routes(endpoint, gateways, socket.if_nametoindex(endpoint.interface)))


def resolver_sockets(sandbox: Sandbox, home: int) -> tuple[socket.socket, socket.socket]:
    """UDP and TCP sockets that get what the sandbox sends to port 53 of RESOLVER_ADDRESS.

    They are on ports of their own, with a rule that leads there: a name server in the container keeps port 53.
    """
    with netns.inside(sandbox.fd, home):
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        streams = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            for made in (datagrams, streams):
                made.bind((str(RESOLVER_ADDRESS), 0))
            streams.listen(_BACKLOG)
            _lead(datagrams.getsockname()[1], streams.getsockname()[1])
        except BaseException:
            datagrams.close()
            streams.close()
            raise
    return datagrams, streams


def listening_ports(namespace: int, home: int) -> set[int]:
    """TCP ports in LISTEN state that can be reached from outside the namespace: not on loopback only."""
    with netns.inside(namespace, home):
        netlink = NetlinkSocket(NETLINK_SOCK_DIAG)
    with netlink:
        return {listener.port for listener in sock_diag.listeners(netlink) if not listener.address.is_loopback}


def _default_routes(
    endpoint: EndpointSpec, gateways: tuple[IPv4Address | IPv6Address, ...], index: int
) -> list[Request]:
    versions = {address.version for address in endpoint.addresses} & set(endpoint.default_routes)
    return [route.default_route(gateway.packed, index) for gateway in gateways if gateway.version in versions]


def _lead(udp_port: int, tcp_port: int) -> None:
    address = RESOLVER_ADDRESS.packed
    rules = tuple(
        (
            *nftables.destination_ipv4(address),
            *nftables.protocol(number),
            *nftables.destination_port(_RESOLVER_PORT),
            *nftables.dnat_ipv4(address, port),
        )
        for number, port in ((nftables.IPPROTO_UDP, udp_port), (nftables.IPPROTO_TCP, tcp_port))
    )
    chain = nftables.Chain("output", "nat", nftables.NF_INET_LOCAL_OUT, nftables.NF_IP_PRI_NAT_DST, rules)
    try:
        nftables.load(_TABLE, nftables.NFPROTO_IPV4, [chain])
    except OSError as problem:
        if problem.errno != errno.EEXIST:
            raise
        # A resolver whose relay died: the rule leads to ports that nobody has any more.
        nftables.delete(_TABLE, nftables.NFPROTO_IPV4)
        nftables.load(_TABLE, nftables.NFPROTO_IPV4, [chain])


def _allow_ping() -> None:
    try:
        setting("ipv4/ping_group_range", "0 2147483647")
    except OSError as problem:
        # A user namespace that does not have all groups: ping needs its capability there.
        if problem.errno != errno.EINVAL:
            raise
