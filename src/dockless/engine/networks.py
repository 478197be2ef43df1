"""Networks as the API knows them: their subnets, names and records. Carrying them out is `network/`'s.

`bridge`, `host` and `none` are always there. Which containers are on a network is told by the containers' records.
"""

import builtins
import time
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from dockless.engine.checks import ENABLE_ICC, HOST_BINDING, check_network
from dockless.engine.events import Events
from dockless.engine.records import ContainerRecord, NetworkRecord, Table, new_id, replace
from dockless.network.fabric import NetworkSpec
from dockless.network.ipam import DEFAULT_POOLS, PoolExhausted, gateway_of, next_address, next_subnet
from dockless.wire.errors import ApiError, BadParameter, Conflict, Forbidden, NotFound
from dockless.wire.filters import Filters
from dockless.wire.networks import (
    IPAM,
    IPAMConfig,
    Network,
    NetworkContainer,
    NetworkCreateRequest,
    NetworkCreateResponse,
    NetworkPruneResponse,
)
from dockless.wire.times import parse_time, rfc3339

PREDEFINED = ("bridge", "host", "none")
_DRIVERS = {"bridge": "bridge", "host": "host", "none": "null"}
_OF_THE_HOST = ("macvlan", "ipvlan")
#: Nothing is wrong with the request: it can be had when other networks or containers are gone.
_EXHAUSTED = 503
_POOL6 = IPv6Network("fd6b:646f:636b::/48")

AnyNetwork = IPv4Network | IPv6Network
AnyAddress = IPv4Address | IPv6Address


class Networks:
    """`containers` gives all container records; `dropped` is told the id of a network that was removed."""

    def __init__(
        self,
        table: Table[NetworkRecord],
        events: Events,
        containers: Callable[[], Iterable[ContainerRecord]],
        dropped: Callable[[str], None],
        host_routes: Callable[[], list[AnyNetwork]],
        mtu: Callable[[], int],
    ) -> None:
        self._table = table
        self._events = events
        self._containers = containers
        self._dropped = dropped
        self._host_routes = host_routes
        self._mtu = mtu
        self._leases: dict[str, tuple[str, str]] = {}  # owner → (network id, address), of what has no record
        for name in PREDEFINED:
            if table.named(name) is None:
                self._create_predefined(name)

    async def create(self, body: NetworkCreateRequest) -> NetworkCreateResponse:
        record = self._checked(body)
        self._table.save(record)
        self._events.publish("network", "create", record.id, {"name": record.name, "type": record.driver})
        return NetworkCreateResponse(id=record.id)

    async def list(self, filters: Filters) -> tuple[Network, ...]:
        return tuple(self._view(record) for record in self._table if self._wanted(record, filters))

    async def inspect(self, reference: str) -> Network:
        record = self.find(reference)
        return replace(self._view(record), containers={c.id: _endpoint_view(c, record) for c in self._active(record)})

    async def remove(self, reference: str) -> None:
        record = self.find(reference)
        if record.name in PREDEFINED:
            raise Forbidden(f"{record.name} is a pre-defined network and cannot be removed")
        if active := self._active(record):
            shown = ", ".join(f'name:"{c.name}" id:"{c.id[:12]}"' for c in active)
            raise Forbidden(f"error while removing network: network {record.name} has active endpoints ({shown})")
        self._delete(record)

    async def prune(self, filters: Filters) -> NetworkPruneResponse:
        used = {endpoint.network_id for container in self._containers() for endpoint in container.endpoints.values()}
        limits = [parse_time(text, time.time_ns()) for text in filters.wanted("until")]
        doomed = [
            record
            for record in self._table
            if record.name not in PREDEFINED
            and record.id not in used
            and filters.accepts_labels(record.labels)
            and all(record.created <= limit for limit in limits)
        ]
        for record in doomed:
            self._delete(record)
        return NetworkPruneResponse(networks_deleted=tuple(record.name for record in doomed) or None)

    def find(self, reference: str) -> NetworkRecord:
        """By name, id or the beginning of an id. Raises NotFound, or BadParameter where several match."""
        found = self._table.find("bridge" if reference == "default" else reference)
        if not found:
            raise NotFound(f"network {reference} not found")
        if len(found) > 1:
            raise BadParameter(f"network {reference} is ambiguous ({len(found)} matches found on ID prefix)")
        return found[0]

    def known(self, identity: str) -> NetworkRecord | None:
        return self._table.get(identity)

    def spec(self, record: NetworkRecord) -> NetworkSpec:
        """What the fabric has to make of a network of the driver `bridge`."""
        subnets = [ip_network(item.subnet) for item in record.ipam.config or ()]
        gateways = [ip_address(item.gateway) for item in record.ipam.config or ()]
        mtu = int(record.options.get("com.docker.network.driver.mtu", self._mtu()))
        closed = record.options.get(ENABLE_ICC) == "false"
        return NetworkSpec(record.id, tuple(subnets), tuple(gateways), record.internal, mtu, closed)

    def host_ip(self, record: NetworkRecord) -> str:
        """Where ports of the network's containers are published that name no address: "" for all of the host's."""
        address = record.options.get(HOST_BINDING, "")
        return "" if address == "0.0.0.0" else address

    def allocate(self, record: NetworkRecord, wanted: str, previous: str) -> str:
        """An IPv4 address with its prefix length: the one asked for, else the previous one if it is still free."""
        pool = next((item for item in record.ipam.config or () if ip_network(item.subnet).version == 4), None)
        if pool is None:
            return ""
        return self._allocate(record, pool, wanted, previous)

    def allocate6(self, record: NetworkRecord, wanted: str, previous: str) -> str:
        pool = next((item for item in record.ipam.config or () if ip_network(item.subnet).version == 6), None)
        return self._allocate(record, pool, wanted, previous) if pool else ""

    def lease(self, record: NetworkRecord, owner: str) -> str:
        """An address for something without a record (a build's step), until it is released."""
        address = self.allocate(record, "", "")
        self._leases[owner] = (record.id, address)
        return address

    def release(self, owner: str) -> None:
        self._leases.pop(owner, None)

    def _allocate(self, record: NetworkRecord, pool: IPAMConfig, wanted: str, previous: str) -> str:
        subnet = ip_network(pool.subnet)
        taken: set[AnyAddress] = {ip_address(pool.gateway)}
        taken |= {ip_address(address) for address in (pool.auxiliary_addresses or {}).values()}
        for container in self._containers():
            for endpoint in container.endpoints.values():
                if endpoint.network_id == record.id:
                    held = endpoint.address if subnet.version == 4 else endpoint.address6
                    if held:
                        taken.add(ip_address(held.split("/")[0]))
        taken |= {ip_address(held.split("/")[0]) for network, held in self._leases.values() if network == record.id}
        if wanted:
            address = ip_address(wanted)
            if address not in subnet:
                raise BadParameter(
                    f"invalid endpoint settings: no configured subnet or ip-range contain the IP address {wanted}"
                )
            if address in taken:
                raise Forbidden("Address already in use")
        elif previous and ip_address(previous.split("/")[0]) not in taken:
            return previous
        else:
            taken |= self._asked_for(record)
            inner = ip_network(pool.ip_range, strict=False) if pool.ip_range else None
            try:
                address = next_address(subnet, taken, inner)
            except PoolExhausted as error:
                raise ApiError(str(error), _EXHAUSTED) from error
        return f"{address}/{subnet.prefixlen}"

    def _asked_for(self, record: NetworkRecord) -> set[AnyAddress]:
        """Addresses that containers want to have there, whether they run or not: they are given to no other."""
        wanted = [
            endpoint.settings.ipam_config
            for container in self._containers()
            for endpoint in container.endpoints.values()
            if endpoint.network_id == record.id and endpoint.settings.ipam_config
        ]
        return {ip_address(text) for one in wanted for text in (one.ipv4_address, one.ipv6_address) if text}

    def _create_predefined(self, name: str) -> None:
        config: tuple[IPAMConfig, ...] = ()
        if name == "bridge":
            subnet = self._free_subnet()
            config = (IPAMConfig(subnet=str(subnet), gateway=str(gateway_of(subnet))),)
        self._table.save(
            NetworkRecord(
                id=new_id(),
                name=name,
                created=time.time_ns(),
                driver=_DRIVERS[name],
                internal=False,
                attachable=False,
                enable_ipv6=False,
                ipam=IPAM(config=config),
                options={"com.docker.network.bridge.default_bridge": "true"} if name == "bridge" else {},
                labels={},
            )
        )

    def _checked(self, body: NetworkCreateRequest) -> NetworkRecord:
        if not body.name.strip():
            raise BadParameter("invalid network name: it is empty")
        if self._table.named(body.name):
            raise Conflict(f"network with name {body.name} already exists")
        driver = body.driver or "bridge"
        if driver in ("host", "null"):
            raise Forbidden(f'only one instance of "{driver}" network is allowed')
        if driver in _OF_THE_HOST:
            raise NotFound(
                f"network driver {driver} is not supported: it would put containers on an interface of the host, "
                "which is left alone here; use the driver bridge with published ports, or network_mode: host"
            )
        if driver != "bridge":
            raise NotFound(f"could not find plugin {driver} in v1 plugin registry: plugin not found")
        check_network(body.options or {})
        if body.ingress or body.scope == "swarm":
            raise BadParameter("invalid network config: ingress and swarm networks need a swarm")
        if body.config_from and body.config_from.network:
            raise BadParameter("invalid network config: config-from is not supported")
        if body.ipam and body.ipam.driver not in ("", "default"):
            raise NotFound(f"could not find IPAM driver {body.ipam.driver}")
        ipv4, ipv6 = body.enable_ipv4 is not False, bool(body.enable_ipv6)
        if not ipv4 and not ipv6:
            raise BadParameter("invalid network config: IPv4 or IPv6 must be enabled")
        return NetworkRecord(
            id=new_id(),
            name=body.name,
            created=time.time_ns(),
            driver=driver,
            internal=body.internal,
            attachable=body.attachable,
            enable_ipv6=ipv6,
            ipam=self._addresses(body.ipam or IPAM(), ipv4, ipv6),
            options=dict(body.options or {}),
            labels=dict(body.labels or {}),
            config_only=body.config_only,
            enable_ipv4=ipv4,
        )

    def _addresses(self, asked: IPAM, ipv4: bool, ipv6: bool) -> IPAM:
        """Each pool checked and with a gateway; the default pools where none was asked for."""
        config = [self._checked_pool(item) for item in asked.config or () if item != IPAMConfig()]
        # As in Docker, that a subnet is named for what the network does not have is no error.
        enabled = {version for version, wanted in ((4, ipv4), (6, ipv6)) if wanted}
        config = [item for item in config if ip_network(item.subnet).version in enabled]
        found = [ip_network(item.subnet).version for item in config]
        versions = set(found)
        if len(found) > len(versions):
            raise Forbidden("invalid network config: bridge driver doesn't support multiple subnets")
        if ipv4 and 4 not in versions:
            subnet = self._free_subnet()
            config.insert(0, IPAMConfig(subnet=str(subnet), gateway=str(gateway_of(subnet))))
        if ipv6 and 6 not in versions:
            subnet = next_subnet(((_POOL6, 64),), self._taken(), ())
            config.append(IPAMConfig(subnet=str(subnet), gateway=str(gateway_of(subnet))))
        return IPAM(driver=asked.driver or "default", options=asked.options, config=tuple(config))

    def _checked_pool(self, item: IPAMConfig) -> IPAMConfig:
        if not item.subnet:
            wanted = item.gateway or item.ip_range or ", ".join((item.auxiliary_addresses or {}).values())
            raise BadParameter(f"invalid network config: no matching subnet for {wanted}: name the subnet it is in")
        try:
            subnet = ip_network(item.subnet, strict=False)
            gateway = ip_address(item.gateway.split("/")[0]) if item.gateway else gateway_of(subnet)
            if item.ip_range and ip_network(item.ip_range, strict=False).network_address not in subnet:
                raise ValueError(f"no matching subnet for range {item.ip_range}")
            for address in (item.auxiliary_addresses or {}).values():
                if ip_address(address) not in subnet:
                    raise ValueError(f"no matching subnet for aux-address {address}")
        except ValueError as error:
            raise BadParameter(f"invalid network config: {error}") from error
        if gateway not in subnet:
            raise BadParameter(f"invalid network config: no matching subnet for gateway {gateway}")
        if any(subnet.version == other.version and subnet.overlaps(other) for other in self._taken()):
            raise Forbidden("invalid pool request: Pool overlaps with other one on this address space")
        return replace(item, subnet=str(subnet), gateway=str(gateway))

    def _free_subnet(self) -> AnyNetwork:
        try:
            return next_subnet(DEFAULT_POOLS, self._taken(), self._host_routes())
        except PoolExhausted as error:
            raise ApiError(str(error), _EXHAUSTED) from error

    def _taken(self) -> builtins.list[AnyNetwork]:
        return [ip_network(item.subnet) for record in self._table for item in record.ipam.config or ()]

    def _active(self, record: NetworkRecord) -> builtins.list[ContainerRecord]:
        return [
            container
            for container in self._containers()
            if container.running and any(e.network_id == record.id for e in container.endpoints.values())
        ]

    def _delete(self, record: NetworkRecord) -> None:
        self._table.delete(record.id)
        self._dropped(record.id)
        self._events.publish("network", "destroy", record.id, {"name": record.name, "type": record.driver})

    def _wanted(self, record: NetworkRecord, filters: Filters) -> bool:
        if (names := filters.wanted("name")) and not any(name in record.name for name in names):
            return False
        if (ids := filters.wanted("id")) and not any(record.id.startswith(identity) for identity in ids):
            return False
        dangling = filters.flag("dangling")
        if dangling is not None and dangling == (bool(self._active(record)) or record.name in PREDEFINED):
            return False
        kind = "builtin" if record.name in PREDEFINED else "custom"
        return (
            filters.accepts("driver", record.driver)
            and filters.accepts("scope", "local")
            and filters.accepts("type", kind)
            and filters.accepts_labels(record.labels)
        )

    def _view(self, record: NetworkRecord) -> Network:
        return Network(
            name=record.name,
            id=record.id,
            created=rfc3339(record.created),
            driver=record.driver,
            enable_ipv4=record.enable_ipv4,
            enable_ipv6=record.enable_ipv6,
            ipam=record.ipam,
            internal=record.internal,
            attachable=record.attachable,
            config_only=record.config_only,
            options=record.options,
            labels=record.labels,
        )


def _endpoint_view(container: ContainerRecord, network: NetworkRecord) -> NetworkContainer:
    endpoint = next(e for e in container.endpoints.values() if e.network_id == network.id)
    return NetworkContainer(
        name=container.name,
        endpoint_id=endpoint.endpoint_id,
        mac_address=endpoint.mac,
        ipv4_address=endpoint.address,
        ipv6_address=endpoint.address6,
    )
