"""Requests that name another container: its id is known only when it exists, so it is put in just before."""

from collections.abc import Mapping

from msgspec.structs import replace

from dockless.compose.run import names
from dockless.compose.run.convert import shared_hash
from dockless.compose.run.plan import Shared
from dockless.wire.containers import ContainerCreateRequest


def with_ids(body: ContainerCreateRequest, shared: Shared, ids: Mapping[str, str]) -> ContainerCreateRequest:
    """The request with containers' ids instead of their names, and with the config hash that follows from them."""
    by_container = {container: ids[service] for service, container in shared.containers}

    def resolve(mode: str) -> str:
        name = mode.removeprefix("container:")
        return f"container:{by_container.get(name, name)}" if name != mode else mode

    host = body.host_config
    volumes = []
    for entry in host.volumes_from or ():
        name, colon, mode = entry.partition(":")
        volumes.append(f"{by_container.get(name, name)}{colon}{mode}")
    host = replace(
        host,
        network_mode=resolve(host.network_mode),
        ipc_mode=resolve(host.ipc_mode),
        pid_mode=resolve(host.pid_mode),
        volumes_from=tuple(volumes) or None,
    )
    labels = dict(body.labels or {}) | {names.CONFIG_HASH: shared_hash(shared.service, ids)}
    return replace(body, host_config=host, labels=labels)
