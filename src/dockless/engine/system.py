"""The engine itself, as the API asks about it: version, information, events, disk usage."""

import asyncio
import os
import platform
import time
from collections.abc import AsyncIterator, Iterable

import dockless
from dockless.engine.containers import Containers
from dockless.engine.events import Events
from dockless.engine.images import Images
from dockless.engine.processes import tree_size
from dockless.engine.volumes import Volumes
from dockless.linux import cgroups
from dockless.places import Places
from dockless.wire.auth import AuthConfig, AuthResponse
from dockless.wire.errors import BadParameter
from dockless.wire.filters import Filters
from dockless.wire.info import Info
from dockless.wire.system import EventMessage, Version
from dockless.wire.times import rfc3339
from dockless.wire.usage import DiskUsage


class System:
    def __init__(
        self, places: Places, events: Events, containers: Containers, images: Images, volumes: Volumes
    ) -> None:
        self._places = places
        self._events = events
        self._containers = containers
        self._images = images
        self._volumes = volumes

    async def version(self) -> Version:
        return Version(
            version=dockless.__version__,
            arch=_architecture(),
            kernel_version=platform.release(),
        )

    async def info(self) -> Info:
        containers = await self._containers.list(all=True, limit=0, size=False, filters=Filters())
        states = [container.state for container in containers]
        images = await self._images.list(all=True, filters=Filters())
        return Info(
            id=str(self._places.root),
            containers=len(states),
            containers_running=states.count("running"),
            containers_paused=states.count("paused"),
            containers_stopped=len(states) - states.count("running") - states.count("paused"),
            images=len(images),
            docker_root_dir=str(self._places.root),
            cgroup_version="1" if cgroups.layout().v1 else "2",
            kernel_version=platform.release(),
            operating_system=_operating_system(),
            architecture=platform.machine(),
            ncpu=os.cpu_count() or 1,
            mem_total=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
            name=os.uname().nodename,
            server_version=dockless.__version__,
            system_time=rfc3339(time.time_ns()),
            security_options=("name=seccomp,profile=builtin",),
        )

    async def events(self, *, since: int, until: int, filters: Filters) -> AsyncIterator[EventMessage]:
        if until and since > until:
            raise BadParameter(f"`since` time ({since}) cannot be after `until` time ({until})")
        return self._events.listen(since=since, until=until, wanted=lambda message: _wanted(message, filters))

    async def df(self) -> DiskUsage:
        images = tuple(await self._images.list(all=True, filters=Filters()))
        containers = tuple(await self._containers.list(all=True, limit=0, size=True, filters=Filters()))
        volumes = await self._volumes.usage()
        layers = await asyncio.to_thread(tree_size, self._places.layers)
        cache = tuple(self._images.build_cache())
        return DiskUsage(layers_size=layers, images=images, containers=containers, volumes=volumes, build_cache=cache)

    async def auth(self, body: AuthConfig) -> AuthResponse:
        """Asks the registry whether it takes the credentials; nothing is stored. Raises ApiError."""
        await self._images.log_in(body)
        return AuthResponse(status="Login Succeeded")


def _wanted(message: EventMessage, filters: Filters) -> bool:
    attributes = message.actor.attributes
    names = (message.actor.id, attributes.get("name", ""))
    return (
        filters.accepts("type", message.type)
        and filters.accepts("event", message.action, message.action.partition(":")[0])
        and filters.accepts("scope", message.scope)
        and filters.accepts_labels(attributes)
        and _named(message, filters, "container", names)
        and _named(message, filters, "image", (*names, attributes.get("image", "")))
        and _named(message, filters, "network", names)
        and _named(message, filters, "volume", names)
    )


def _named(message: EventMessage, filters: Filters, kind: str, names: Iterable[str]) -> bool:
    wanted = filters.wanted(kind)
    if not wanted:
        return True
    if message.type != kind and not (kind == "image" and message.type == "container"):
        return False
    return any(name == asked or (len(asked) >= 12 and name.startswith(asked)) for asked in wanted for name in names)


def _architecture() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


def _operating_system() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:
        return "Linux"
