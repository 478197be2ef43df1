"""A container's way onto its networks when it starts, and off them when it ends.

Chooses addresses and names, has the fabric carry them out, and writes what was chosen into the record. Everything here
is quick and runs in the event loop's thread.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface

from dockless.engine import links
from dockless.engine.checks import INTERFACE_NAME
from dockless.engine.networks import Networks
from dockless.engine.ports import Ports
from dockless.engine.records import ContainerRecord, Endpoint, NetworkRecord, new_id, replace
from dockless.network.fabric import EndpointSpec, Fabric, FabricError, ResolverSpec, Sandbox
from dockless.network.ipam import mac_for
from dockless.wire.errors import ApiError, BadParameter


@dataclass(frozen=True)
class Wired:
    """`record` has its addresses and ports; `sandbox` is the namespace to start in, to be closed after the start."""

    record: ContainerRecord
    sandbox: Sandbox


class Wiring:
    """`find` gives a container's record by name or id, None where there is none."""

    def __init__(self, networks: Networks, find: Callable[[str], ContainerRecord | None]) -> None:
        self._networks = networks
        self._find = find
        self._ports = Ports()

    def connect(self, fabric: Fabric, record: ContainerRecord) -> Wired:
        """A new network namespace on all of the container's networks, its ports published.

        `settle` before anything is awaited: the relay may still be at it. Raises ApiError; then nothing of it is left.
        """
        sandbox = fabric.new_sandbox()
        try:
            with fabric.ahead():
                for endpoint in record.endpoints.values():
                    record = self._attach(fabric, sandbox, record, endpoint.network_name)
                self._open_resolver(fabric, sandbox, record)
            ports = self._ports.open(fabric, record, self._target(record), self._host_ip(record))
        except FabricError as error:
            self._abandon(fabric, record, sandbox)
            raise ApiError(f"network of container {record.name}: {error}", 500) from error
        except BaseException:
            self._abandon(fabric, record, sandbox)
            raise
        return Wired(replace(record, ports=ports), sandbox)

    def settle(self, fabric: Fabric, wired: Wired) -> None:
        """Waits for the relay's part of `connect`. Raises ApiError; then nothing of it is left."""
        try:
            fabric.settle()
        except FabricError as error:
            self._abandon(fabric, wired.record, wired.sandbox)
            raise ApiError(f"network of container {wired.record.name}: {error}", 500) from error

    def withdraw(self, fabric: Fabric, record: ContainerRecord) -> None:
        """The container is about to stop: its published ports lead elsewhere or nowhere, names no longer lead to it."""
        self._ports.close(fabric, record.id)

    def disconnect(self, fabric: Fabric, record: ContainerRecord) -> ContainerRecord:
        """After its end: everything that led to it is gone. The namespace died with its last process."""
        self._ports.close(fabric, record.id)
        with fabric.together():
            if record.endpoints:
                fabric.close_resolver(record.id)
            for endpoint in record.endpoints.values():
                fabric.detach(None, endpoint.network_id, record.id)
        return unwired(record)

    def plug(self, fabric: Fabric, record: ContainerRecord, name: str) -> ContainerRecord:
        """Puts a running container on one more network, which its record names already."""
        with fabric.sandbox_of(record.state.pid) as sandbox:
            try:
                record = self._attach(fabric, sandbox, record, name)
            except FabricError as error:
                raise ApiError(f"network of container {record.name}: {error}", 500) from error
            self._follow(fabric, sandbox, record)
        return record

    def unplug(self, fabric: Fabric, record: ContainerRecord, name: str) -> ContainerRecord:
        endpoint = record.endpoints[name]
        rest = {key: value for key, value in record.endpoints.items() if key != name}
        record = replace(record, endpoints=rest)
        with fabric.sandbox_of(record.state.pid) as sandbox:
            fabric.detach(sandbox, endpoint.network_id, record.id)
            self._follow(fabric, sandbox, record)
        return record

    def rename(self, fabric: Fabric, record: ContainerRecord) -> None:
        """The names by which others find a running container follow its record."""
        try:
            sandbox = fabric.sandbox_of(record.state.pid)
        except FabricError:
            return  # it has just ended, and nobody finds it any more
        with sandbox:
            for endpoint in record.endpoints.values():
                fabric.attach(sandbox, self._spec(record, endpoint))

    def reconcile(self, fabric: Fabric, running: Iterable[ContainerRecord]) -> list[FabricError]:
        """After a restart of the engine (or of the relay): fabric and relay have exactly what the records say."""
        networks: dict[str, NetworkRecord] = {}
        endpoints: list[tuple[int, EndpointSpec]] = []
        resolvers: list[tuple[int, ResolverSpec]] = []
        self._ports = Ports()
        for record in running:
            for endpoint in record.endpoints.values():
                network = self._networks.known(endpoint.network_id)
                if network is not None:
                    networks[network.id] = network
                    endpoints.append((record.state.pid, self._spec(record, endpoint)))
            if record.endpoints:
                resolvers.append((record.state.pid, self._resolver(record)))
                self._ports.remember(record, self._target(record))
        return fabric.reconcile(
            networks=[self._networks.spec(network) for network in networks.values()],
            endpoints=endpoints,
            ports=self._ports.specs(),
            resolvers=resolvers,
        )

    def _attach(self, fabric: Fabric, sandbox: Sandbox, record: ContainerRecord, name: str) -> ContainerRecord:
        endpoint = record.endpoints[name]
        network = self._networks.known(endpoint.network_id)
        if network is None:
            raise ApiError(f"network {endpoint.network_id} not found", 404)
        fabric.ensure_network(self._networks.spec(network))
        chosen = self._choose(record, endpoint, network)
        record = replace(record, endpoints={**record.endpoints, name: chosen})
        fabric.attach(sandbox, self._spec(record, chosen))
        return record

    def _follow(self, fabric: Fabric, sandbox: Sandbox, record: ContainerRecord) -> None:
        """After a network came or went: default routes, published ports and the resolver go by those that there are."""
        for endpoint in record.endpoints.values():
            fabric.attach(sandbox, self._spec(record, endpoint))
        self._ports.lead(fabric, record.id, self._target(record))
        self._open_resolver(fabric, sandbox, record)

    def _choose(self, record: ContainerRecord, endpoint: Endpoint, network: NetworkRecord) -> Endpoint:
        settings = endpoint.settings
        wanted = settings.ipam_config
        address = self._networks.allocate(network, (wanted.ipv4_address if wanted else "") or "", endpoint.address)
        address6 = ""
        if network.enable_ipv6:
            address6 = self._networks.allocate6(
                network, (wanted.ipv6_address if wanted else "") or "", endpoint.address6
            )
        gateways = {ip_address(item.gateway).version: item.gateway for item in network.ipam.config or ()}
        used = {other.interface for other in record.endpoints.values() if other is not endpoint}
        interface = (settings.driver_opts or {}).get(INTERFACE_NAME) or next(
            f"eth{number}" for number in range(len(used) + 1) if f"eth{number}" not in used
        )
        if interface in used:
            raise BadParameter(f"container {record.name}: two networks ask for the interface {interface}")
        return replace(
            endpoint,
            endpoint_id=new_id(),
            address=address,
            address6=address6,
            mac=settings.mac_address or mac_for(ip_interface(address or address6).ip),
            gateway="" if network.internal else gateways.get(4, ""),
            gateway6="" if network.internal else gateways.get(6, ""),
            interface=interface,
        )

    def _spec(self, record: ContainerRecord, endpoint: Endpoint) -> EndpointSpec:
        leading = [version for version in (4, 6) if self._default_route(record, version) == endpoint.network_id]
        return EndpointSpec(
            network_id=endpoint.network_id,
            container_id=record.id,
            addresses=tuple(ip_interface(text) for text in (endpoint.address, endpoint.address6) if text),
            mac=endpoint.mac,
            interface=endpoint.interface,
            names=names_on(record, endpoint),
            default_routes=tuple(leading),
            link_local=_link_local(endpoint),
        )

    def _open_resolver(self, fabric: Fabric, sandbox: Sandbox, record: ContainerRecord) -> None:
        if not record.endpoints:
            return
        wanted = self._resolver(record)
        fabric.open_resolver(record.id, sandbox, networks=wanted.networks, servers=wanted.servers, links=wanted.links)

    def _resolver(self, record: ContainerRecord) -> ResolverSpec:
        networks = tuple(endpoint.network_id for endpoint in record.endpoints.values())
        return ResolverSpec(record.id, networks, record.host.dns or (), self._links(record))

    def _links(self, record: ContainerRecord) -> Mapping[str, str]:
        """`container:alias` entries, of the host configuration and of each endpoint, as alias → container id."""
        found = {}
        for endpoint in record.endpoints.values():
            for entry in endpoint.settings.links or ():
                target, alias = links.split(entry)
                # On a network of the user's own a link may name a container that is yet to come.
                if (linked := self._find(target)) is not None:
                    found[alias] = linked.id
        legacy = links.is_legacy(record)
        for linked, alias in self._linked(record.host.links or ()):
            for name in links.names(linked, alias) if legacy else (alias,):
                found[name] = linked.id
        return found

    def link_environment(self, record: ContainerRecord) -> list[str]:
        """Variables that legacy links bring. Raises BadParameter for a container that does not run."""
        found: list[str] = []
        if links.is_legacy(record):
            for linked, alias in self._linked(record.host.links or ()):
                if not linked.running or not links.is_legacy(linked):
                    raise BadParameter(
                        f"Cannot link to a non running container: /{linked.name} AS /{record.name}/{alias}"
                        if not linked.running
                        else f"Cannot link to /{linked.name}, as it does not belong to the default network"
                    )
                found += links.environment(record, linked, alias)
        return found

    def _linked(self, entries: Iterable[str]) -> Iterator[tuple[ContainerRecord, str]]:
        for entry in entries:
            target, alias = links.split(entry)
            linked = self._find(target)
            if linked is None:
                raise BadParameter(f"could not get container for {target}: No such container: {target}")
            yield linked, alias

    def _target(self, record: ContainerRecord) -> str:
        """The address that published ports lead to: that of the network with the way out, else of the first one."""
        default = self._default_route(record, 4)
        endpoints = sorted(record.endpoints.values(), key=lambda endpoint: endpoint.network_id != default)
        for endpoint in endpoints:
            if found := endpoint.address or endpoint.address6:
                return found.split("/")[0]
        return ""

    def _host_ip(self, record: ContainerRecord) -> str:
        network = self._networks.known(self._default_route(record, 4))
        return self._networks.host_ip(network) if network else ""

    def _default_route(self, record: ContainerRecord, version: int) -> str:
        """The network of that IP version's default route, by id: the highest priority, then the first."""
        best, chosen = None, ""
        for endpoint in record.endpoints.values():
            network = self._networks.known(endpoint.network_id)
            if network is None or network.internal or not network.enables(version):
                continue
            priority = endpoint.settings.gw_priority
            if best is None or priority > best:
                best, chosen = priority, network.id
        return chosen

    def _abandon(self, fabric: Fabric, record: ContainerRecord, sandbox: Sandbox) -> None:
        sandbox.close()
        self.disconnect(fabric, record)


def _link_local(endpoint: Endpoint) -> tuple[IPv4Interface | IPv6Interface, ...]:
    """The addresses that the user gave, on the whole link: /16 and /64 (RFC 3927; RFC 4291, 2.5.6)."""
    wanted = endpoint.settings.ipam_config
    texts = (wanted.link_local_ips if wanted else None) or ()
    return tuple(ip_interface(f"{text}/{16 if ip_address(text).version == 4 else 64}") for text in texts)


def unwired(record: ContainerRecord) -> ContainerRecord:
    """The record of a container that does not run: what it asked for stays, what it was given is gone."""
    endpoints = {
        name: Endpoint(endpoint.network_id, endpoint.network_name, endpoint.settings)
        for name, endpoint in record.endpoints.items()
    }
    return replace(record, endpoints=endpoints, ports=())


def names_on(record: ContainerRecord, endpoint: Endpoint) -> tuple[str, ...]:
    """By which names others on that network find it. On the default bridge there are none, as in Docker."""
    if endpoint.network_name == "bridge":
        return ()
    return tuple(dict.fromkeys((record.name, *(endpoint.settings.aliases or ()), record.id[:12])))
