"""Connecting containers to networks and taking them off again, running or not."""

import os

from dockless.engine.checks import check_endpoint
from dockless.engine.containers import Containers
from dockless.engine.events import Events
from dockless.engine.files import follow_addresses
from dockless.engine.helpers import Helpers
from dockless.engine.networks import Networks
from dockless.engine.records import ContainerRecord, Endpoint, NetworkRecord, Table, replace
from dockless.engine.wiring import Wiring
from dockless.places import Places
from dockless.wire.endpoints import EndpointSettings
from dockless.wire.errors import ApiError, BadParameter, Forbidden
from dockless.wire.filters import Filters
from dockless.wire.networks import (
    Network,
    NetworkConnectRequest,
    NetworkCreateRequest,
    NetworkCreateResponse,
    NetworkDisconnectRequest,
    NetworkPruneResponse,
)


class NetworksWithContainers:
    """The API's networks: `Networks`, and which containers are on them."""

    def __init__(
        self,
        places: Places,
        networks: Networks,
        containers: Containers,
        table: Table[ContainerRecord],
        wiring: Wiring,
        helpers: Helpers,
        events: Events,
    ) -> None:
        self._places = places
        self._networks = networks
        self._containers = containers
        self._table = table
        self._wiring = wiring
        self._helpers = helpers
        self._events = events

    async def create(self, body: NetworkCreateRequest) -> NetworkCreateResponse:
        return await self._networks.create(body)

    async def list(self, *, filters: Filters) -> tuple[Network, ...]:
        for kind in filters.wanted("type"):
            if kind not in ("builtin", "custom"):
                raise BadParameter(f"invalid filter 'type={kind}'")
        return await self._networks.list(filters)

    async def inspect(self, id: str) -> Network:
        return await self._networks.inspect(id)

    async def remove(self, id: str) -> None:
        await self._networks.remove(id)

    async def prune(self, *, filters: Filters) -> NetworkPruneResponse:
        pruned = await self._networks.prune(filters)
        self._events.publish("network", "prune", "", {"reclaimed": "0"})
        return pruned

    async def connect(self, id: str, body: NetworkConnectRequest) -> None:
        network = self._networks.find(id)
        record = self._containers.find(body.container)
        _check_connection(network, record)
        if network.name in record.endpoints:
            raise Forbidden(f"endpoint with name {record.name} already exists in network {network.name}")
        settings = body.endpoint_config or EndpointSettings()
        check_endpoint(network, settings)
        endpoint = Endpoint(network.id, network.name, settings)
        before, record = record, replace(record, endpoints={**record.endpoints, network.name: endpoint})
        self._table.save(record)
        if record.running:
            try:
                plugged = self._wiring.plug(await self._helpers.fabric(), record, network.name)
                self._table.save(plugged)
            except ApiError:
                self._table.save(before)
                raise
            self._follow(before, plugged)
        self._publish("connect", network, record)

    async def disconnect(self, id: str, body: NetworkDisconnectRequest) -> None:
        network = self._networks.find(id)
        record = self._containers.find(body.container)
        if network.name not in record.endpoints:
            raise BadParameter(f"container {record.id} is not connected to network {network.name}")
        if record.running:
            before, record = record, self._wiring.unplug(await self._helpers.fabric(), record, network.name)
            self._follow(before, record)
        else:
            rest = {name: endpoint for name, endpoint in record.endpoints.items() if name != network.name}
            record = replace(record, endpoints=rest)
        self._table.save(record)
        self._publish("disconnect", network, record)

    def _follow(self, before: ContainerRecord, now: ContainerRecord) -> None:
        """A running container's /etc/hosts."""
        hostname = now.config.hostname or os.uname().nodename
        hosts = self._places.containers / now.id / "hosts"
        follow_addresses(hosts, hostname, now.config.domainname, before.addresses, now.addresses)

    def _publish(self, action: str, network: NetworkRecord, record: ContainerRecord) -> None:
        attributes = {"name": network.name, "type": network.driver, "container": record.id}
        self._events.publish("network", action, network.id, attributes)


def _check_connection(network: NetworkRecord, record: ContainerRecord) -> None:
    """Whether that container can be on that network at all. Raises BadParameter, Forbidden."""
    mode = record.host.network_mode
    if mode == "host" or mode.startswith("container:"):
        raise BadParameter(f"container {record.name} shares a network namespace and cannot be connected to a network")
    if mode == "none" or network.driver == "null":
        raise Forbidden(
            "container cannot be connected to multiple networks with one of the networks in private (none) mode"
        )
    if network.driver == "host":
        raise Forbidden("container cannot be disconnected from host network or connected to host network")
    if network.config_only:
        raise Forbidden(f"cannot connect a container to {network.name}: it is a configuration-only network")
