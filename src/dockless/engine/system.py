"""The engine itself, as the API asks about it: version, information, events, disk usage."""

import asyncio
import os
import platform
import time
from collections.abc import AsyncIterator, Collection, Iterable
from pathlib import Path
from urllib.parse import urlsplit

import dockless
from dockless.engine.containers import Containers
from dockless.engine.events import Events
from dockless.engine.images import Images
from dockless.engine.processes import tree_size
from dockless.engine.records import replace
from dockless.engine.volumes import Volumes
from dockless.linux import cgroups
from dockless.places import Places
from dockless.wire import API_VERSION, MIN_API_VERSION
from dockless.wire.auth import AuthConfig, AuthResponse
from dockless.wire.errors import BadParameter
from dockless.wire.filters import Filters
from dockless.wire.info import Info, Runtime
from dockless.wire.system import Component, EventMessage, Version
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
            components=(
                Component(
                    name="Engine",
                    version=dockless.__version__,
                    details={
                        "ApiVersion": API_VERSION,
                        "MinAPIVersion": MIN_API_VERSION,
                        "Arch": _architecture(),
                        "Os": "linux",
                        "KernelVersion": platform.release(),
                        "Python": platform.python_version(),
                    },
                ),
            ),
        )

    async def info(self) -> Info:
        containers = await self._containers.list(all=True, limit=0, size=False, filters=Filters())
        states = [container.state for container in containers]
        images = await self._images.list(all=True, filters=Filters())
        found = Info(
            id=str(self._places.root),
            driver_status=(("Backing Filesystem", _file_system(self._places.root)), ("Native Overlay Diff", "true")),
            runtimes={name: Runtime(path=name) for name in ("dockless", "runc")},
            nevents_listener=self._events.listeners,
            http_proxy=_without_password(os.environ.get("HTTP_PROXY") or os.environ.get("http_proxy", "")),
            https_proxy=_without_password(os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy", "")),
            no_proxy=os.environ.get("NO_PROXY") or os.environ.get("no_proxy", ""),
            cgroup_driver="cgroupfs",
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
        return replace(found, **_controllers())

    async def events(self, *, since: int, until: int, filters: Filters) -> AsyncIterator[EventMessage]:
        if until and since > until:
            raise BadParameter(f"`since` time ({since}) cannot be after `until` time ({until})")
        return self._events.listen(since=since, until=until, wanted=lambda message: _wanted(message, filters))

    async def df(self, kinds: Collection[str]) -> DiskUsage:
        """What is not asked for is not measured."""
        found = DiskUsage(images=None, containers=None, volumes=None, build_cache=None)
        if "image" in kinds:
            images = tuple(await self._images.list(all=True, filters=Filters()))
            layers = await asyncio.to_thread(tree_size, self._places.layers)
            found = replace(found, images=images, layers_size=layers)
        if "container" in kinds:
            containers = await self._containers.list(all=True, limit=0, size=True, filters=Filters())
            found = replace(found, containers=tuple(containers))
        if "volume" in kinds:
            found = replace(found, volumes=await self._volumes.usage())
        if "build-cache" in kinds:
            found = replace(found, build_cache=tuple(self._images.build_cache()))
        return found

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


def _controllers() -> dict[str, bool]:
    """Which limits this machine can set."""
    found = cgroups.controllers()
    return {
        "memory_limit": "memory" in found,
        "swap_limit": "memory" in found,
        "cpu_cfs_period": "cpu" in found,
        "cpu_cfs_quota": "cpu" in found,
        "cpu_shares": "cpu" in found,
        "cpu_set": "cpuset" in found,
        "pids_limit": "pids" in found,
        "oom_kill_disable": "memory" in cgroups.layout().v1,
    }


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return url if parts.password is None else url.replace(f":{parts.password}@", ":xxxxx@", 1)


def _file_system(path: Path) -> str:
    """The type of the mount that `path` is on (proc_pid_mountinfo(5))."""
    device = os.stat(path).st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, behind = line.partition(" - ")
        if before.split()[2] == wanted:
            return behind.split()[0]
    return "unknown"


def _architecture() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


def _operating_system() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:
        return "Linux"
