"""The fabric, as the engine sees it: a synchronous API over one network namespace of our own and the relay.

Bridges, veths and addresses are made here by netlink; ports, names and the way out are the relay's, which is told here
what to carry. What there is, the relay knows as well: a new engine adopts it from there.
"""

import errno
import fcntl
import os
import secrets
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, ip_interface

from dockless.linux import netlink_route as route
from dockless.linux import netns
from dockless.linux.netlink import NETLINK_ROUTE, NetlinkSocket
from dockless.network import ground, sandbox, values
from dockless.network.relay_client import RelayClient, RelayRefusal
from dockless.network.removal import Removals
from dockless.network.sandbox import Sandbox
from dockless.network.settings import setting
from dockless.network.specs import (
    EndpointSpec,
    FabricError,
    NetworkSpec,
    PortInUse,
    PortSpec,
    PortUnavailable,
    RelayLost,
    ResolverSpec,
)
from dockless.places import Places
from dockless.relay.protocol import VERSION

__all__ = [
    "EndpointSpec",
    "Fabric",
    "FabricError",
    "NetworkSpec",
    "PortInUse",
    "PortSpec",
    "PortUnavailable",
    "RelayLost",
    "ResolverSpec",
    "Sandbox",
]

_SIOCGIFINDEX = 0x8933
_NEIGHBOUR_RETRY_MILLISECONDS = "100"


class Fabric:
    """Synchronous; belongs to the thread that opened it. Every method may raise FabricError (RelayLost: see revive)."""

    #: As Docker's `host-gateway` on its default bridge. Any address that no network uses otherwise would do: the way
    #: out recognises the number.
    host_gateway = IPv4Address("172.17.0.1")

    def __init__(self, places: Places, relay: RelayClient, home: int, namespace: int) -> None:
        """Use open()."""
        self._places = places
        self._relay = relay
        self._home = home
        self._namespace = namespace
        self._networks: dict[str, NetworkSpec] = {}
        self._endpoints: dict[tuple[str, str], tuple[EndpointSpec, int]] = {}
        self._resolvers: set[str] = set()
        self._removals = Removals(namespace, home)
        with netns.inside(namespace, home):
            self._netlink = NetlinkSocket(NETLINK_ROUTE)
            self._inquiry = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)

    @classmethod
    def open(cls, places: Places, *, adopt: bool = True) -> "Fabric":
        """Starts the relay, or connects to the one that lives; makes the fabric's namespace, or finds it there.

        Without `adopt` what a living relay carries is dropped. Raises FabricError, OSError (no right to make a
        namespace).
        """
        with ExitStack() as undo:
            home = netns.current()
            undo.callback(os.close, home)
            relay, namespace = _living(places)
            if relay is None:
                relay = RelayClient.start(places.relay_socket, places.engine_log)
            undo.callback(relay.close)
            adopted = namespace is not None
            if namespace is None:
                namespace = ground.new_namespace(home)
            undo.callback(os.close, namespace)
            if not adopted:
                _give_ground(relay, namespace, home, cls.host_gateway)
            fabric = cls(places, relay, home, namespace)
            if adopted:
                fabric._recall()
            undo.pop_all()
        if not adopt:
            fabric.reconcile(networks=(), endpoints=(), ports={}, resolvers=())
        return fabric

    def close(self, bye: bool) -> None:
        """Lets go. After a `bye` the relay ends as soon as nothing hangs on it; else it waits for the next engine."""
        self._removals.wait_for_all()
        self._netlink.close()
        self._inquiry.close()
        os.close(self._namespace)
        os.close(self._home)
        if bye:
            self._relay.bye()
        else:
            self._relay.close()

    def fileno(self) -> int:
        """The connection to the relay: readable while nothing is being asked means that the relay is gone."""
        return self._relay.fileno()

    def revive(self) -> None:
        """Starts a new relay on the same fabric after RelayLost. Follow with reconcile()."""
        self._relay.close()
        self._relay = RelayClient.start(self._places.relay_socket, self._places.engine_log)
        self._resolvers.clear()
        _give_ground(self._relay, self._namespace, self._home, self.host_gateway)
        for spec in self._networks.values():
            self._relay.set("network", spec.id, values.network_value(spec))
        for endpoint, link in self._endpoints.values():
            self._relay.set("endpoint", _key(endpoint), values.endpoint_value(endpoint, link))

    @contextmanager
    def together(self) -> Iterator[None]:
        """What the relay is told in here it is told at the end, at once: for a container's endpoints and names.

        Not for ports, whose numbers are the relay's answer. Raises FabricError at the end.
        """
        with self._relay.together():
            yield

    @contextmanager
    def ahead(self) -> Iterator[None]:
        """As `together`, but at the end the relay may still be at it.

        `settle` before the event loop goes on: what can be read from the relay there is taken for its end.
        """
        with self._relay.ahead():
            yield

    def settle(self) -> None:
        """Waits until the relay has done what it was told `ahead`. Raises FabricError for what it refused."""
        self._relay.settle()

    # Namespaces of containers

    def new_sandbox(self) -> Sandbox:
        """A network namespace with lo up. Raises OSError."""
        return sandbox.new_sandbox(self._home)

    def sandbox_of(self, pid: int) -> Sandbox:
        """The network namespace of a process. Raises FabricError when the process is gone."""
        try:
            return Sandbox(netns.of_process(pid))
        except (FileNotFoundError, ProcessLookupError) as problem:
            raise FabricError(f"process {pid} is gone") from problem

    def listening_ports(self, where: Sandbox | int) -> set[int]:
        """TCP ports in LISTEN state in a sandbox, or in a process's namespace; not those on loopback only."""
        if isinstance(where, Sandbox):
            return sandbox.listening_ports(where.fd, self._home)
        with self.sandbox_of(where) as found:
            return sandbox.listening_ports(found.fd, self._home)

    # Networks

    def ensure_network(self, spec: NetworkSpec) -> None:
        """Makes the bridge with its gateways' addresses, unless it is there. Raises OSError, FabricError."""
        if self._networks.get(spec.id) == spec:
            return
        name = _bridge_name(spec.id)
        self._removals.wait(name)
        group = ground.INTERNAL_GROUP if spec.internal else ground.OPEN_GROUP
        mac = _bridge_mac(spec)
        self._netlink.batch([route.bridge_add(name, mtu=spec.mtu, group=group, mac=mac)])
        with netns.inside(self._namespace, self._home):
            if any(subnet.version == 6 for subnet in spec.subnets):
                setting(f"ipv6/conf/{name}/disable_ipv6", "0")
            # A target that is gone is known to be so in a third of a second instead of three.
            setting(f"ipv4/neigh/{name}/retrans_time_ms", _NEIGHBOUR_RETRY_MILLISECONDS)
        index = self._index(name)
        addresses = [_interface(gateway, spec) for gateway in spec.gateways]
        self._netlink.batch([route.address_add(index, address) for address in addresses])
        self._relay.set("network", spec.id, values.network_value(spec))
        self._networks[spec.id] = spec

    def remove_network(self, network_id: str) -> None:
        """Nothing there counts as done. The subnets are free on return, the bridge itself goes a moment later."""
        self._relay.delete("network", network_id)
        spec = self._networks.pop(network_id, None)
        if spec is None:
            return
        name = _bridge_name(network_id)
        index = self._index(name)
        self._netlink.batch([route.address_delete(index, _interface(gateway, spec)) for gateway in spec.gateways])
        self._removals.begin(name)

    # Endpoints

    def attach(self, into: Sandbox, endpoint: EndpointSpec) -> None:
        """Connects a sandbox to a network, and makes the endpoint's names known there.

        The same endpoint again, perhaps with other names or default routes, changes only these: the interface stays. A
        default route that it no longer has is one that another endpoint takes over. Raises OSError, FabricError.
        """
        before = self._endpoints.get((endpoint.network_id, endpoint.container_id))
        if before is not None and _same_place(before[0], endpoint):
            if set(endpoint.default_routes) - set(before[0].default_routes):
                sandbox.lead_out(into, self._home, endpoint, self._gateways(endpoint.network_id))
            self._tell_endpoint(endpoint, before[1])
            return
        if before is not None:
            self.detach(into, endpoint.network_id, endpoint.container_id)
        self._plug_in(into, endpoint)

    def detach(self, sandbox: Sandbox | None, network_id: str, container_id: str) -> None:
        """Forgets the endpoint: its names, and the connections to it. Nothing there counts as done.

        With a sandbox the interface is removed from it (tens of milliseconds); without, the namespace is dead or dying,
        and the interface goes with it.
        """
        self._relay.delete("endpoint", f"{network_id}/{container_id}")
        known = self._endpoints.pop((network_id, container_id), None)
        if known is None:
            return
        if sandbox is None:
            self._netlink.batch([route.bridge_port_disable(known[1])])
        else:
            self._netlink.batch([route.link_delete_index(known[1])])

    # Names

    def open_resolver(
        self,
        container_id: str,
        sandbox: Sandbox,
        *,
        networks: Sequence[str],
        servers: Sequence[str] = (),
        links: Mapping[str, str] | None = None,
        host_names: Mapping[str, str] | None = None,
    ) -> None:
        """A name server at 127.0.0.11 in the sandbox (ResolverSpec says what it answers).

        Called again for the same container it changes what is answered and keeps the sockets. They pin the namespace:
        close_resolver() when the container ends.
        """
        spec = ResolverSpec(container_id, tuple(networks), tuple(servers), links or {}, host_names or {})
        self._open_resolver(sandbox, spec)

    def close_resolver(self, container_id: str) -> None:
        """Nothing there counts as done."""
        self._relay.delete("resolver", container_id)
        self._resolvers.discard(container_id)

    # Ports

    def publish(self, key: str, port: PortSpec) -> int:
        """Listens on the host; the port that was chosen. Raises PortInUse, PortUnavailable.

        The same key with the same address (or host_port 0) and other targets changes the targets: open connections go
        on, and none is refused in between.
        """
        try:
            answer = self._relay.set("port", key, values.port_value(port))
        except RelayRefusal as problem:
            raise _port_error(problem, port) from problem
        return int(answer["port"])

    def unpublish(self, key: str) -> None:
        """No new connections; those that are open go on. Nothing there counts as done."""
        self._relay.delete("port", key)

    def published(self) -> dict[str, PortSpec]:
        """By key, with the ports that were chosen."""
        return {key: values.port_spec(value) for key, value in self._relay.items("port").items()}

    # Descriptors held for the engine

    def hold(self, key: str, fds: Sequence[int]) -> None:
        """The relay keeps duplicates of at most 253 descriptors until release(), whatever becomes of the engine."""
        self._relay.set("held", key, {}, fds)

    def held(self, key: str) -> list[int]:
        """New duplicates of what is held (the caller's to close), in the order given; none for an unknown key."""
        return self._relay.request_descriptors({"op": "held", "key": key})[1]

    def release(self, key: str) -> None:
        self._relay.delete("held", key)

    # After a restart

    def reconcile(
        self,
        *,
        networks: Iterable[NetworkSpec],
        endpoints: Iterable[tuple[int, EndpointSpec]],
        ports: Mapping[str, PortSpec],
        resolvers: Iterable[tuple[int, ResolverSpec]],
    ) -> list[FabricError]:
        """Brings fabric and relay to exactly this; the number beside an endpoint or resolver is the container's pid.

        What is as it should be stays untouched: connections go on. Returns what could not be had (a port taken
        meanwhile, a container that is gone). Raises RelayLost.
        """
        wanted_networks = {spec.id: spec for spec in networks}
        wanted_endpoints = {(spec.network_id, spec.container_id): (pid, spec) for pid, spec in endpoints}
        wanted_resolvers = {spec.container_id: (pid, spec) for pid, spec in resolvers}
        for gone in self._resolvers - wanted_resolvers.keys():
            self.close_resolver(gone)
        for gone in self._relay.items("port").keys() - ports.keys():
            self.unpublish(gone)
        for network_id, container_id in self._endpoints.keys() - wanted_endpoints.keys():
            self.detach(None, network_id, container_id)
        for gone in self._networks.keys() - wanted_networks.keys():
            self.remove_network(gone)
        for spec in wanted_networks.values():
            self.ensure_network(spec)
        failures: list[FabricError] = []
        alive = {link.index for link in route.links(self._netlink)}
        for pid, endpoint in wanted_endpoints.values():
            known = self._endpoints.get((endpoint.network_id, endpoint.container_id))
            if known is not None and known[1] not in alive:
                self.detach(None, endpoint.network_id, endpoint.container_id)
            with _noted(failures, pid), self.sandbox_of(pid) as found:
                self.attach(found, endpoint)
        for pid, resolver in wanted_resolvers.values():
            with _noted(failures, pid), self.sandbox_of(pid) as found:
                self._open_resolver(found, resolver)
        for key, port in ports.items():
            try:
                self.publish(key, port)
            except (PortInUse, PortUnavailable) as problem:
                failures.append(problem)
        return failures

    def _recall(self) -> None:
        """What the relay knows of networks and endpoints."""
        for value in self._relay.items("network").values():
            spec = values.network_spec(value)
            self._networks[spec.id] = spec
        for value in self._relay.items("endpoint").values():
            endpoint = values.endpoint_spec(value)
            self._endpoints[endpoint.network_id, endpoint.container_id] = (endpoint, value["link"])
        self._resolvers.update(self._relay.items("resolver"))

    def _plug_in(self, into: Sandbox, endpoint: EndpointSpec) -> None:
        network = self._networks.get(endpoint.network_id)
        if network is None:
            raise FabricError(f"network {endpoint.network_id} is not there")
        # Not derived from the container: the last one of that name may be a moment away from being gone.
        name = f"v{secrets.token_hex(6)}"
        master = self._index(_bridge_name(network.id))
        self._netlink.batch(
            [
                route.veth_add(
                    name,
                    master=master,
                    mtu=network.mtu,
                    peer=endpoint.interface,
                    peer_mac=endpoint.mac,
                    peer_namespace=into.fd,
                )
            ]
        )
        link = self._index(name)
        try:
            if network.closed:
                self._netlink.batch([route.bridge_port_isolate(link)])
            sandbox.plug_in(into, self._home, endpoint, self._gateways(network.id))
            self._tell_endpoint(endpoint, link)
        except BaseException:
            self._netlink.batch([route.link_delete_index(link)])
            raise

    def _gateways(self, network_id: str) -> tuple[IPv4Address | IPv6Address, ...]:
        """That lead out."""
        network = self._networks[network_id]
        return () if network.internal else network.gateways

    def _tell_endpoint(self, endpoint: EndpointSpec, link: int) -> None:
        self._relay.set("endpoint", _key(endpoint), values.endpoint_value(endpoint, link))
        self._endpoints[endpoint.network_id, endpoint.container_id] = (endpoint, link)

    def _open_resolver(self, into: Sandbox, spec: ResolverSpec) -> None:
        value = {
            "networks": spec.networks,
            "servers": spec.servers,
            "links": dict(spec.links),
            "host_names": dict(spec.host_names),
        }
        if spec.container_id in self._resolvers:
            self._relay.set("resolver", spec.container_id, value)
            return
        datagrams, streams = sandbox.resolver_sockets(into, self._home)
        with datagrams, streams:
            self._relay.set("resolver", spec.container_id, value, [datagrams.fileno(), streams.fileno()])
        self._resolvers.add(spec.container_id)

    def _index(self, interface: str) -> int:
        """Of an interface of the fabric, from wherever the thread is: the socket is of the fabric."""
        request = struct.pack("=16si20x", interface.encode(), 0)
        try:
            answer = fcntl.ioctl(self._inquiry, _SIOCGIFINDEX, request)
        except OSError as problem:
            raise FabricError(f"interface {interface} is not in the fabric") from problem
        return int(struct.unpack_from("=i", answer, 16)[0])


@contextmanager
def _noted(failures: list[FabricError], pid: int) -> Iterator[None]:
    """What goes wrong with one process's network must not stand in the way of the others; a lost relay does."""
    try:
        yield
    except RelayLost:
        raise
    except FabricError as problem:
        failures.append(problem)
    except OSError as problem:
        failures.append(FabricError(f"network of process {pid}: {problem}"))


def _living(places: Places) -> tuple[RelayClient | None, int | None]:
    """The relay that lives, if one does, and the descriptor of the fabric's namespace, if it has one."""
    relay = RelayClient.connect(places.relay_socket)
    if relay is None:
        return None, None
    try:
        _, descriptors = relay.request_descriptors({"op": "hello", "version": VERSION})
    except RelayLost:
        # It was about to end when we came.
        return None, None
    return relay, descriptors[0] if descriptors else None


def _give_ground(relay: RelayClient, namespace: int, home: int, host_gateway: IPv4Address) -> None:
    made = ground.way_out_sockets(namespace, home)
    try:
        message = {"op": "fabric", "host_gateway": str(host_gateway)}
        relay.request(message, [namespace, *(one.fileno() for one in made)])
    finally:
        for one in made:
            one.close()


def _bridge_name(network_id: str) -> str:
    return f"br-{network_id[:12]}"


def _bridge_mac(spec: NetworkSpec) -> str:
    """Fixed: a bridge without one takes a port's, and changes it when that port goes."""
    return ":".join(f"{octet:02x}" for octet in (0x02, 0x42, *bytes.fromhex(spec.id[:8])))


def _interface(gateway: IPv4Address | IPv6Address, spec: NetworkSpec) -> IPv4Interface | IPv6Interface:
    for subnet in spec.subnets:
        if gateway in subnet:
            return ip_interface(f"{gateway}/{subnet.prefixlen}")
    raise FabricError(f"gateway {gateway} is in none of the subnets of network {spec.id}")


def _same_place(one: EndpointSpec, other: EndpointSpec) -> bool:
    return replace(one, names=other.names, default_routes=other.default_routes) == other


def _key(endpoint: EndpointSpec) -> str:
    return f"{endpoint.network_id}/{endpoint.container_id}"


def _port_error(problem: RelayRefusal, port: PortSpec) -> FabricError:
    if "host_ip" not in problem.details:
        return problem
    host_ip, host_port = str(problem.details["host_ip"]), int(problem.details["host_port"])
    if problem.errno == errno.EADDRINUSE:
        return PortInUse(host_ip, host_port, port.protocol)
    return PortUnavailable(f"cannot listen on {host_ip}:{host_port}/{port.protocol}: {problem}")
