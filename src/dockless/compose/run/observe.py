"""What the engine has of a project: one list of containers, one of networks, one of volumes, asked side by side."""

import threading
from collections.abc import Callable, Iterable, Mapping
from queue import SimpleQueue
from typing import Any

from msgspec import Struct

from dockless.client.api import Client
from dockless.compose.run import names
from dockless.wire.containers import ContainerSummary, MountPoint
from dockless.wire.networks import Network
from dockless.wire.volumes import Volume


class Existing(Struct, frozen=True):
    """A container of the project. `number` is 0 where its label is missing; `networks` are ids, `volumes` names."""

    id: str
    name: str
    service: str
    number: int
    one_off: bool
    config_hash: str
    image: str
    replaces: str
    state: str
    created: int
    networks: frozenset[str]
    volumes: frozenset[str]
    mounts: tuple[MountPoint, ...]
    depends_on: tuple[str, ...]
    summary: ContainerSummary

    @classmethod
    def of(cls, summary: ContainerSummary) -> "Existing":
        labels = summary.labels
        number = labels.get(names.NUMBER, "")
        dependencies = labels.get(names.DEPENDS_ON, "")
        return cls(
            id=summary.id,
            name=_own_name(summary),
            service=labels.get(names.SERVICE, ""),
            number=int(number) if number.isdigit() else 0,
            one_off=labels.get(names.ONE_OFF, "") == "True",
            config_hash=labels.get(names.CONFIG_HASH, ""),
            image=labels.get(names.IMAGE, ""),
            replaces=labels.get(names.REPLACE, ""),
            state=summary.state,
            created=summary.created,
            networks=frozenset(end.network_id for end in summary.network_settings.networks.values()),
            volumes=frozenset(mount.name for mount in summary.mounts if mount.name),
            mounts=summary.mounts,
            depends_on=tuple(part.split(":")[0] for part in dependencies.split(",") if part),
            summary=summary,
        )

    @property
    def running(self) -> bool:
        return self.state in ("running", "paused", "restarting")


class Observed(Struct, frozen=True):
    """All containers that carry the project's label, and all networks and volumes of the engine by name."""

    containers: tuple[Existing, ...]
    networks: Mapping[str, Network]
    volumes: Mapping[str, Volume]

    def of_service(self, service: str, *, one_off: bool = False) -> list[Existing]:
        """By number, the half-recreated after their originals."""
        found = [each for each in self.containers if each.service == service and each.one_off is one_off]
        return sorted(found, key=lambda each: (each.number, bool(each.replaces), each.created, each.name))

    def orphans(self, services: Iterable[str]) -> list[Existing]:
        """Containers of services that the project no longer has, and one-off containers that have ended."""
        known = frozenset(services)
        return [
            each
            for each in self.containers
            if (each.state in ("exited", "dead") if each.one_off else each.service not in known)
        ]


def observe(client: Client, project: str) -> Observed:
    """Asks for the project's containers, and for all networks and volumes."""
    containers, networks, volumes = together(
        lambda: containers_of(client, project), client.networks.list, client.volumes.list
    )
    return Observed(
        containers,
        {network.name: network for network in networks},
        {volume.name: volume for volume in volumes.volumes},
    )


def containers_of(client: Client, project: str) -> tuple[Existing, ...]:
    """The project's containers, running or not, one-off ones too."""
    found = client.containers.list(all=True, filters={"label": [f"{names.PROJECT}={project}"]})
    return tuple(Existing.of(summary) for summary in found)


def together(*calls: Callable[[], Any]) -> list[Any]:
    """The results of calls made side by side, in order; the first error is raised at once, whatever the others do."""
    if len(calls) == 1:
        return [calls[0]()]
    results: list[Any] = [None] * len(calls)
    ended: SimpleQueue[tuple[int, Any, BaseException | None]] = SimpleQueue()

    def one(position: int) -> None:
        try:
            ended.put((position, calls[position](), None))
        except BaseException as error:  # noqa: BLE001  (raised again below, in the caller's thread)
            ended.put((position, None, error))

    for position in range(len(calls)):
        threading.Thread(target=one, args=(position,), daemon=True).start()
    for _ in calls:
        position, result, error = ended.get()
        if error is not None:
            raise error
        results[position] = result
    return results


def _own_name(summary: ContainerSummary) -> str:
    """Without the slash; a linked container also has names of the form `/other/alias`."""
    own = [name for name in summary.names if name.count("/") == 1]
    return (own or list(summary.names) or [summary.id])[0].removeprefix("/")
