"""Named and anonymous volumes of the driver `local`: folders under `volumes/<name>/_data`, or what `DriverOpts` name.

Another file system (`type=tmpfs`, `type=nfs` …) is mounted for the first container that starts with the volume, seen
by those that start while it runs, and gone with the last one, as in Docker; but it is never mounted on the host.
"""

import asyncio
import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from dockless.engine.events import Events
from dockless.engine.records import Table, VolumeRecord, replace
from dockless.images.scratch import Scratch
from dockless.images.trees import remove_tree
from dockless.places import Places
from dockless.wire.errors import BadParameter, Conflict, NotFound
from dockless.wire.filters import Filters
from dockless.wire.times import rfc3339
from dockless.wire.volumes import Volume, VolumeCreateRequest, VolumeListResponse, VolumePruneResponse, VolumeUsage

ANONYMOUS = "com.docker.volume.anonymous"
_BIND = frozenset(("bind", "rbind"))
_NEEDS = {"type": ("device",), "device": ("type",), "o": ("type", "device")}
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")


class Volumes:
    """`users` tells which containers (ids) mount a volume."""

    def __init__(
        self, places: Places, table: Table[VolumeRecord], events: Events, users: Callable[[str], Sequence[str]]
    ) -> None:
        self._places = places
        self._table = table
        self._events = events
        self._users = users

    async def create(self, body: VolumeCreateRequest) -> Volume:
        if body.cluster_volume_spec is not None:
            raise BadParameter("there are no cluster volumes: ClusterVolumeSpec needs a swarm")
        return self._view(self.ensure(body.name, body.driver, body.driver_opts or {}, body.labels or {}))

    async def list(self, *, filters: Filters) -> VolumeListResponse:
        return VolumeListResponse(
            volumes=tuple(self._view(record) for record in self._table if self._wanted(record, filters))
        )

    async def usage(self) -> tuple[Volume, ...]:
        """All volumes with their sizes and the number of containers that have them."""
        return tuple([await self._measured(record) for record in self._table])

    async def inspect(self, name: str) -> Volume:
        return self._view(self._known(name))

    async def remove(self, name: str, *, force: bool) -> None:
        if self._table.named(name) is None and force:
            return
        record = self._known(name)
        if users := self._users(name):
            raise Conflict(f"remove {name}: volume is in use - [{', '.join(users)}]")
        self._delete(record)

    async def prune(self, *, filters: Filters) -> VolumePruneResponse:
        """Anonymous volumes that nobody uses; named ones too with the filter `all`."""
        every = bool(filters.flag("all"))
        removed = [
            record
            for record in self._table
            if (every or record.anonymous) and not self._users(record.name) and filters.accepts_labels(record.labels)
        ]
        size = sum(_size(self.path(record.name)) for record in removed)
        for record in removed:
            self._delete(record)
        self._events.publish("volume", "prune", "", {"reclaimed": str(size)})
        return VolumePruneResponse(volumes_deleted=tuple(record.name for record in removed), space_reclaimed=size)

    def ensure(
        self,
        name: str = "",
        driver: str = "",
        options: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> VolumeRecord:
        """The volume of that name, made if there is none; without a name a new anonymous one."""
        if name and (known := self._table.named(name)):
            if driver and driver != known.driver:
                raise Conflict(f"a volume named {name} already exists with driver {known.driver}")
            return known
        if driver not in ("", "local"):
            raise NotFound(f'error looking up volume plugin {driver}: plugin "{driver}" not found')
        if name and not _NAME.fullmatch(name):
            raise BadParameter(
                f'create {name}: "{name}" includes invalid characters for a local volume name, only '
                '"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path'
            )
        _check_options(options or {})
        anonymous = not name
        name = name or secrets.token_hex(32)
        tags = dict(labels or {}) | ({ANONYMOUS: ""} if anonymous else {})
        record = VolumeRecord(name, name, time.time_ns(), "local", dict(options or {}), tags, anonymous)
        self._table.save(record)
        self.path(name).mkdir(parents=True, exist_ok=True)
        self._events.publish("volume", "create", name, {"driver": "local"})
        return record

    def path(self, name: str) -> Path:
        return self._places.volumes / name / "_data"

    def source(self, record: VolumeRecord) -> Path:
        """What a mount of the volume binds: its folder, or the device of `o=bind`."""
        if _BIND.intersection(flags(record)):
            return Path(record.options["device"])
        path = self.path(record.name)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def users(self, name: str) -> Sequence[str]:
        """The ids of the containers that have it."""
        return self._users(name)

    def remove_anonymous(self, name: str) -> None:
        """With its container (`rm -v`, `--rm`); one that another container uses, or that has a name, stays."""
        record = self._table.named(name)
        if record is not None and record.anonymous and not self._users(name):
            self._delete(record)

    def named(self, name: str) -> VolumeRecord | None:
        return self._table.named(name)

    def _delete(self, record: VolumeRecord) -> None:
        """Out of sight first, then out of the table, then gone: what a crash leaves lies in scratch."""
        folder = self._places.volumes / record.name
        doomed = Scratch.of(self._places).name("volume")
        if folder.exists():
            folder.rename(doomed)
        self._table.delete(record.id)
        self._events.publish("volume", "destroy", record.name, {"driver": "local"})
        if doomed.exists():
            remove_tree(doomed)

    def _known(self, name: str) -> VolumeRecord:
        if (record := self._table.named(name)) is None:
            raise NotFound(f"get {name}: no such volume")
        return record

    def _wanted(self, record: VolumeRecord, filters: Filters) -> bool:
        if (names := filters.wanted("name")) and not any(name in record.name for name in names):
            return False
        dangling = filters.flag("dangling")
        if dangling is not None and dangling == bool(self._users(record.name)):
            return False
        return filters.accepts("driver", record.driver) and filters.accepts_labels(record.labels)

    async def _measured(self, record: VolumeRecord) -> Volume:
        size = await asyncio.to_thread(_size, self.path(record.name))
        usage = VolumeUsage(size=size, ref_count=len(self._users(record.name)))
        return replace(self._view(record), usage_data=usage)

    def _view(self, record: VolumeRecord) -> Volume:
        return Volume(
            name=record.name,
            driver=record.driver,
            mountpoint=str(self.path(record.name)),
            created_at=rfc3339(record.created // 1_000_000_000 * 1_000_000_000),
            labels=record.labels or None,
            scope="local",
            options=record.options or None,
        )


def flags(record: VolumeRecord) -> Sequence[str]:
    """The options of the mount, as mount(8) has them."""
    return tuple(flag for flag in record.options.get("o", "").split(",") if flag)


def has_file_system(record: VolumeRecord) -> bool:
    """Whether it is a file system of its own, which is to be mounted: neither its folder nor a folder of the host."""
    return bool(record.options) and not _BIND.intersection(flags(record))


def _check_options(options: Mapping[str, str]) -> None:
    """As the driver of Docker: `type` and `device` together, and `o`; what a device is shows when it is mounted."""
    for name in options:
        if name not in (*_NEEDS, "size"):
            raise BadParameter(f'invalid option: "{name}"')
    if "size" in options:
        raise BadParameter("quota size requested but no quota support")
    for name, needed in _NEEDS.items():
        for other in needed:
            if options.get(name) and not options.get(other):
                raise BadParameter(f'missing required option: "{other}"')
    if _BIND.intersection(options.get("o", "").split(",")) and not options["device"].startswith("/"):
        raise BadParameter("driver_opts: device must be an absolute path where o is bind")


def _size(folder: Path) -> int:
    return sum(file.lstat().st_size for file in folder.rglob("*") if file.is_file() and not file.is_symlink())
