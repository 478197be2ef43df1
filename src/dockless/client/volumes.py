"""Requests about volumes."""

from collections.abc import Collection, Mapping

from dockless.client.transport import Transport
from dockless.wire.filters import encode_filters
from dockless.wire.volumes import Volume, VolumeCreateRequest, VolumeListResponse, VolumePruneResponse


class Volumes:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, body: VolumeCreateRequest) -> Volume:
        return self._transport.ask(Volume, "POST", "/volumes/create", None, body)

    def list(self, *, filters: Mapping[str, Collection[str]] | None = None) -> VolumeListResponse:
        query = {"filters": encode_filters(filters or {})}
        return self._transport.ask(VolumeListResponse, "GET", "/volumes", query)

    def inspect(self, name: str) -> Volume:
        return self._transport.ask(Volume, "GET", f"/volumes/{name}")

    def remove(self, name: str, *, force: bool = False) -> None:
        self._transport.send("DELETE", f"/volumes/{name}", {"force": force})

    def prune(self, *, filters: Mapping[str, Collection[str]] | None = None) -> VolumePruneResponse:
        query = {"filters": encode_filters(filters or {})}
        return self._transport.ask(VolumePruneResponse, "POST", "/volumes/prune", query)
