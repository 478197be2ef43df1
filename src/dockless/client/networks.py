"""Requests about networks."""

from collections.abc import Collection, Mapping, Sequence

from dockless.client.transport import Transport
from dockless.wire.endpoints import EndpointSettings
from dockless.wire.filters import encode_filters
from dockless.wire.networks import (
    Network,
    NetworkConnectRequest,
    NetworkCreateRequest,
    NetworkCreateResponse,
    NetworkDisconnectRequest,
    NetworkPruneResponse,
)


class Networks:
    """An `id` may be a name."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, body: NetworkCreateRequest) -> NetworkCreateResponse:
        return self._transport.ask(NetworkCreateResponse, "POST", "/networks/create", None, body)

    def list(self, *, filters: Mapping[str, Collection[str]] | None = None) -> Sequence[Network]:
        query = {"filters": encode_filters(filters or {})}
        return self._transport.ask(tuple[Network, ...], "GET", "/networks", query)

    def inspect(self, id: str) -> Network:
        return self._transport.ask(Network, "GET", f"/networks/{id}")

    def remove(self, id: str) -> None:
        self._transport.send("DELETE", f"/networks/{id}")

    def connect(self, id: str, *, container: str, endpoint: EndpointSettings | None = None) -> None:
        body = NetworkConnectRequest(container=container, endpoint_config=endpoint)
        self._transport.send("POST", f"/networks/{id}/connect", None, body)

    def disconnect(self, id: str, *, container: str, force: bool = False) -> None:
        body = NetworkDisconnectRequest(container=container, force=force)
        self._transport.send("POST", f"/networks/{id}/disconnect", None, body)

    def prune(self, *, filters: Mapping[str, Collection[str]] | None = None) -> NetworkPruneResponse:
        query = {"filters": encode_filters(filters or {})}
        return self._transport.ask(NetworkPruneResponse, "POST", "/networks/prune", query)
