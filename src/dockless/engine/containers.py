"""Containers, as the API asks for them: create, list, inspect, remove, wait, logs, attach and the like.

The state machine is `lifecycle.py`'s; here requests are checked, records made and removed, answers put together.
"""

import asyncio
import os
import secrets
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dockless.engine import changes, committing, limits, logs, processes, stats
from dockless.engine.archives import Archives
from dockless.engine.attaching import attach
from dockless.engine.checks import warnings
from dockless.engine.creation import NAME, new_record
from dockless.engine.events import Events
from dockless.engine.helpers import Helpers
from dockless.engine.lifecycle import Lifecycle, cgroup_path, event_attributes
from dockless.engine.live import Condition
from dockless.engine.mounting import Mounting
from dockless.engine.names import random_name
from dockless.engine.networks import Networks
from dockless.engine.packing import Packer
from dockless.engine.pieces import Pieces
from dockless.engine.readiness import until_listening
from dockless.engine.records import ContainerRecord, Table, replace
from dockless.engine.roots import Roots
from dockless.engine.selection import check_values, matches
from dockless.engine.spec import user_of
from dockless.engine.streams import Hijacked
from dockless.engine.views import inspect_view, summary
from dockless.engine.volumes import Volumes
from dockless.engine.wiring import Wiring
from dockless.images.scratch import Scratch
from dockless.images.store import ImageStore
from dockless.images.trees import remove_tree
from dockless.linux import cgroups
from dockless.places import Places
from dockless.wire.archive import PathStat
from dockless.wire.config import ContainerConfig, HostConfig
from dockless.wire.containers import (
    ContainerCreateRequest,
    ContainerCreateResponse,
    ContainerInspect,
    ContainerPruneResponse,
    ContainerSummary,
    ContainerWaitResponse,
    FilesystemChange,
    TopResponse,
    UpdateRequest,
    UpdateResponse,
)
from dockless.wire.errors import ApiError, BadParameter, Conflict, NotFound
from dockless.wire.filters import Filters
from dockless.wire.queries import AttachOptions, LogOptions
from dockless.wire.stats import ContainerStats

READY_TIMEOUT = 60.0  # seconds, for `wait?condition=listening` without a time of its own


@dataclass(frozen=True)
class ImageChoice:
    """What a create needs of an image: its id, its configuration, and its layers' folders, topmost first."""

    id: str
    config: ContainerConfig


@dataclass(frozen=True)
class Parts:
    places: Places
    table: Table[ContainerRecord]
    events: Events
    helpers: Helpers
    lifecycle: Lifecycle
    wiring: Wiring
    networks: Networks
    volumes: Volumes
    mounting: Mounting
    image: Callable[[str, str], ImageChoice]  # by name and platform ("": this machine's); raises NotFound
    chain: Callable[[str], Sequence[Path]]
    descendants: Callable[[Sequence[str]], set[str]]  # ids of the images that are, or are made from, those named
    image_size: Callable[[str], int]  # bytes, by id; 0 where it is gone
    store: ImageStore


class Containers:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._roots = Roots(parts.places, parts.table.get, parts.lifecycle.live, parts.chain)
        self._archives = Archives(self._roots, self._owner)

    async def create(self, name: str | None, body: ContainerCreateRequest, *, platform: str) -> ContainerCreateResponse:
        parts = self._parts
        if body == ContainerCreateRequest():
            raise BadParameter("config cannot be empty in order to create a container")
        image = parts.image(body.image, platform)
        name = (name or "").removeprefix("/") or random_name(lambda taken: parts.table.named(taken) is not None)
        if not NAME.fullmatch(name):
            raise BadParameter(f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
        self._free(name)
        try:
            self._check_references(body.host_config)
            record = new_record(name, body, image.id, image.config, parts.networks, parts.mounting)
        except NotFound as error:
            # A create that answers "not found" means its image: clients pull it and try again.
            raise BadParameter(error.message) from error
        folder = parts.places.containers / record.id
        for part in ("upper", "work"):
            (folder / part).mkdir(parents=True)
        (folder / "upper").chmod(0o755)
        try:
            parts.table.save(record)
        except sqlite3.IntegrityError:
            remove_tree(folder)
            self._free(name)
            raise
        parts.events.publish("container", "create", record.id, event_attributes(record))
        parts.helpers.warm()
        return ContainerCreateResponse(id=record.id, warnings=warnings(record.host))

    async def list(self, *, all: bool, limit: int, size: bool, filters: Filters) -> Sequence[ContainerSummary]:
        now = time.time_ns()
        records = sorted(self._parts.table, key=lambda record: record.created, reverse=True)
        check_values(filters)
        for other in (*filters.wanted("before"), *filters.wanted("since")):
            self.find(other)
        images = self._parts.descendants(filters.wanted("ancestor")) if filters.wanted("ancestor") else None
        every = all or limit > 0 or bool(filters.wanted("status") or filters.wanted("exited"))
        found = [
            summary(record, self._parts.lifecycle.live(record.id).health, now)
            for record in records
            if (every or record.running or record.state.status == "restarting")
            and (images is None or record.image_id in images)
            and matches(record, filters, self._parts.lifecycle.live(record.id).health, self.find)
        ]
        found = found[:limit] if limit > 0 else found
        return [await self._sized(item) for item in found] if size else found

    async def inspect(self, id: str, *, size: bool) -> ContainerInspect:
        record = self.find(id)
        live = self._parts.lifecycle.live(record.id)
        chain = self._parts.chain(record.image_id)
        view = inspect_view(record, self._parts.places, live.health, sorted(live.execs), chain)
        if not size:
            return view
        written = await self._written(record.id)
        return replace(view, size_rw=written, size_root_fs=written + self._parts.image_size(record.image_id))

    async def start(self, id: str) -> None:
        await self._parts.lifecycle.start(self.find(id).id)

    async def stop(self, id: str, *, timeout: int | None, signal: str | None) -> None:
        await self._parts.lifecycle.stop(self.find(id).id, timeout, signal)

    async def restart(self, id: str, *, timeout: int | None, signal: str | None) -> None:
        await self._parts.lifecycle.restart(self.find(id).id, timeout, signal)

    async def kill(self, id: str, *, signal: str) -> None:
        await self._parts.lifecycle.kill(self.find(id).id, signal or "SIGKILL")

    async def pause(self, id: str) -> None:
        await self._parts.lifecycle.pause(self.find(id).id)

    async def unpause(self, id: str) -> None:
        await self._parts.lifecycle.unpause(self.find(id).id)

    async def rename(self, id: str, *, name: str) -> None:
        record = self.find(id)
        name = name.removeprefix("/")
        if not NAME.fullmatch(name):
            raise BadParameter(f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
        if name == record.name:
            raise BadParameter("Renaming a container with the same name as its current name")
        self._free(name)
        old, record = record.name, replace(record, name=name)
        self._parts.table.save(record)
        if record.running and record.endpoints and (fabric := self._parts.helpers.open_fabric) is not None:
            self._parts.wiring.rename(fabric, record)
        attributes = {**event_attributes(record), "oldName": f"/{old}"}
        self._parts.events.publish("container", "rename", record.id, attributes)

    async def remove(self, id: str, *, volumes: bool, force: bool) -> None:
        live, record = await self._parts.lifecycle.after_a_start(self.find(id).id)
        if record.running or record.state.status == "restarting":
            if not force:
                raise Conflict(
                    f'cannot remove container "/{record.name}": container is {record.state.status}: '
                    "stop the container before removing or force remove"
                )
            await self._parts.lifecycle.kill(record.id, "SIGKILL")
        async with live.lock:
            found = self._parts.table.get(record.id)
            if found is None:
                raise NotFound(f"No such container: {id}")
            if found.running:
                raise Conflict(f'cannot remove container "/{found.name}": it was started again meanwhile')
            await self._remove(found, volumes=volumes)

    async def remove_ended(self, identity: str) -> None:
        """AutoRemove: together with the anonymous volumes, as Docker does."""
        async with self._parts.lifecycle.live(identity).lock:
            record = self._parts.table.get(identity)
            if record is not None and not record.running:
                await self._remove(record, volumes=True)

    async def prune(self, *, filters: Filters) -> ContainerPruneResponse:
        check_values(filters)
        removed, size = [], 0
        for record in self._parts.table:
            if record.running or record.state.status == "restarting":
                continue
            if filters.accepts_labels(record.config.labels) and matches(record, filters, None, self.find):
                size += await self._written(record.id)
                await self.remove(record.id, volumes=False, force=False)
                removed.append(record.id)
        self._parts.events.publish("container", "prune", "", {"reclaimed": str(size)})
        return ContainerPruneResponse(containers_deleted=tuple(removed) or None, space_reclaimed=size)

    async def wait(self, id: str, *, condition: str, timeout: float | None) -> Awaitable[ContainerWaitResponse]:
        record = self.find(id)
        live = self._parts.lifecycle.live(record.id)
        if condition == "listening":
            return until_listening(
                lambda: self._parts.table.get(record.id), self._parts.helpers, timeout or READY_TIMEOUT
            )
        answer: asyncio.Future[ContainerWaitResponse] = asyncio.get_running_loop().create_future()
        known: dict[str, Condition] = {
            "": "not-running",
            "not-running": "not-running",
            "next-exit": "next-exit",
            "removed": "removed",
        }
        if condition not in known:
            raise BadParameter(f'invalid condition: "{condition}"')
        if known[condition] == "not-running" and not record.running and record.state.status != "restarting":
            answer.set_result(ContainerWaitResponse(status_code=record.state.exit_code))
        else:
            live.waiters.append((known[condition], answer))
        return answer

    async def terminal(self, id: str) -> bool:
        return self.find(id).config.tty

    async def logs(self, id: str, options: LogOptions) -> AsyncIterator[bytes]:
        record = self.find(id)
        if not (options.stdout or options.stderr):
            raise BadParameter("Bad parameters: you must choose at least one stream")
        if record.host.log_config.type == "none":
            raise ApiError("configured logging driver does not support reading", 501)
        live = self._parts.lifecycle.live(record.id)
        wanted = logs.ReadOptions(
            stdout=options.stdout,
            stderr=options.stderr,
            since=options.since,
            until=options.until,
            tail=options.tail,
            timestamps=options.timestamps,
            follow=options.follow,
            raw=record.config.tty,
        )
        path = self._parts.places.containers / record.id / record.log_name
        return logs.read(path, wanted, lambda: live.journal)

    async def attach(self, id: str, options: AttachOptions, stream: Hijacked) -> None:
        record = self.find(id)
        live = self._parts.lifecycle.live(record.id)
        history: AsyncIterator[bytes] | None = None
        if options.logs:
            raw = record.config.tty or options.raw
            wanted = logs.ReadOptions(stdout=options.stdout, stderr=options.stderr, raw=raw)
            path = self._parts.places.containers / record.id / record.log_name
            history = logs.read(path, wanted, lambda: None)
        self._publish(record, "attach")
        if await attach(record, live, options, stream, history, self._parts.helpers):
            self._publish(record, "detach")

    async def resize(self, id: str, *, height: int, width: int) -> None:
        record = self.find(id)
        live = self._parts.lifecycle.live(record.id)
        if live.process is None:
            raise Conflict(f"container {record.id} is not running")
        if live.process.terminal is not None:
            processes.resize(live.process.terminal.read, height, width)
            self._publish(record, "resize", height=str(height), width=str(width))

    async def top(self, id: str, *, ps_args: str) -> TopResponse:
        record = self.find(id)
        if not record.running:
            raise Conflict(f"container {record.id} is not running")
        self._publish(record, "top")
        members = await asyncio.to_thread(cgroups.pids, cgroup_path(record))
        members = members or await asyncio.to_thread(processes.in_namespace, record.state.pid)
        return await asyncio.to_thread(processes.top, members, ps_args or processes.DEFAULT_ARGUMENTS)

    async def update(self, id: str, body: UpdateRequest) -> UpdateResponse:
        """Changes limits and the restart policy. Raises BadParameter."""
        before = self.find(id)
        record = limits.updated(before, body)
        warnings = await asyncio.to_thread(limits.apply, before, record) if before.running else []
        record = replace(self.find(before.id), host=record.host)
        self._parts.table.save(record)
        self._parts.events.publish("container", "update", record.id, event_attributes(record))
        return UpdateResponse(warnings=tuple(warnings) or None)

    async def stats(self, id: str, *, stream: bool, one_shot: bool) -> AsyncIterator[ContainerStats]:
        identity = self.find(id).id
        return stats.samples(lambda: self._parts.table.get(identity), stream=stream, one_shot=one_shot)

    async def changes(self, id: str) -> Sequence[FilesystemChange]:
        record = self.find(id)
        upper = self._parts.places.containers / record.id / "upper"
        return await asyncio.to_thread(changes.changes, upper, self._parts.chain(record.image_id))

    async def export(self, id: str, *, bare: bool = False) -> AsyncIterator[bytes]:
        record = self.find(id)
        root = await self._roots.layers_alone(record.id, bare=bare)
        self._parts.events.publish("container", "export", record.id, event_attributes(record))
        return Pieces(Packer(root, "", one_mount=True).content(), lambda: os.close(root))

    async def archive_stat(self, id: str, *, path: str) -> PathStat:
        return await self._archives.stat(self.find(id), path)

    async def archive_get(self, id: str, *, path: str) -> tuple[PathStat, AsyncIterator[bytes]]:
        record = self.find(id)
        found = await self._archives.get(record, path)
        self._publish(record, "archive-path", path=path)
        return found

    async def archive_put(
        self,
        id: str,
        *,
        path: str,
        content: AsyncIterator[bytes],
        no_overwrite_dir_non_dir: bool,
        copy_uid_gid: bool,
    ) -> None:
        rules = {"no_overwrite_dir_non_dir": no_overwrite_dir_non_dir, "copy_uid_gid": copy_uid_gid}
        record = self.find(id)
        await self._archives.put(record, path, content, **rules)
        self._publish(record, "extract-to-dir", path=path)

    async def commit(
        self,
        id: str,
        *,
        repo: str,
        tag: str,
        comment: str,
        author: str,
        pause: bool,
        changes: Sequence[str],
        config: ContainerConfig | None,
    ) -> str:
        record = self.find(id)
        wish = committing.Wish(repo, tag, comment, author, pause, changes, config or ContainerConfig())
        image = await committing.commit(self._parts.places, self._parts.store, record, wish)
        attributes = {**event_attributes(record), "comment": comment, "imageID": image.id, "imageRef": repo}
        self._parts.events.publish("container", "commit", record.id, attributes)
        return image.id

    def _publish(self, record: ContainerRecord, action: str, **more: str) -> None:
        self._parts.events.publish("container", action, record.id, {**event_attributes(record), **more})

    def find(self, reference: str) -> ContainerRecord:
        """By name, id or the beginning of an id. Raises NotFound, or BadParameter where several match."""
        found = self._parts.table.find(reference)
        if not found:
            raise NotFound(f"No such container: {reference}")
        if len(found) > 1:
            raise BadParameter(f"Multiple IDs found with provided prefix: {reference}")
        return found[0]

    def _check_references(self, host: HostConfig) -> None:
        """The containers that are named must be there. Raises NotFound, BadParameter."""
        for mode in (host.pid_mode, host.ipc_mode):
            if mode.startswith("container:"):
                self.find(mode.removeprefix("container:"))
        for link in host.links or ():
            try:
                self.find(link.partition(":")[0])
            except NotFound as error:
                raise NotFound(f"could not get container for {link.partition(':')[0]}: {error.message}") from error
        if "" in (host.volumes_from or ()):
            raise BadParameter("volumes-from specification cannot be an empty string")

    def lookup(self, reference: str) -> ContainerRecord | None:
        found = self._parts.table.find(reference)
        return found[0] if len(found) == 1 else None

    def _free(self, name: str) -> None:
        if (taken := self._parts.table.named(name)) is not None:
            raise Conflict(
                f'Conflict. The container name "/{name}" is already in use by container "{taken.id}". '
                "You have to remove (or rename) that container to be able to reuse that name."
            )

    async def _remove(self, record: ContainerRecord, *, volumes: bool) -> None:
        """Out of the table first: what a crash leaves of the folder is removed when the engine starts again."""
        parts = self._parts
        if cgroups.folders(cgroup := cgroup_path(record)):
            # Only where a launcher was killed just before it would have removed it.
            await asyncio.to_thread(processes.end_all, cgroup)
        parts.table.delete(record.id)
        folder = parts.places.containers / record.id
        doomed = Scratch.of(parts.places).name(f"container-{secrets.token_hex(4)}")
        if folder.exists():
            folder.rename(doomed)
        if volumes:
            for mount in record.mounts:
                if mount.anonymous:
                    parts.volumes.remove_anonymous(mount.point.name)
        live = parts.lifecycle.live(record.id)
        parts.events.publish("container", "destroy", record.id, event_attributes(record))
        live.resolve(("not-running", "next-exit", "removed"), ContainerWaitResponse(status_code=record.state.exit_code))
        parts.lifecycle.drop(record.id)
        if doomed.exists():
            await asyncio.to_thread(remove_tree, doomed)

    def _owner(self, record: ContainerRecord) -> tuple[int, int]:
        user = user_of(record.config, self._layers(record))
        return user.uid, user.gid

    def _layers(self, record: ContainerRecord) -> Sequence[Path]:
        return [self._parts.places.containers / record.id / "upper", *self._parts.chain(record.image_id)]

    async def _sized(self, item: ContainerSummary) -> ContainerSummary:
        written = await self._written(item.id)
        return replace(item, size_rw=written, size_root_fs=written + self._parts.image_size(item.image_id))

    async def _written(self, identity: str) -> int:
        """Bytes in the container's own layer."""
        return await asyncio.to_thread(processes.tree_size, self._parts.places.containers / identity / "upper")
