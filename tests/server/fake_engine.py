"""An engine of Python dictionaries, with processes that echo their input: enough for a client to talk to.

A module of the tests of server/ and client/. Run as a program, it is an engine process that `connect` can start.
"""

import asyncio
import itertools
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

from dockless.places import Places
from dockless.server.seam import Hijacked
from dockless.wire.archive import PathStat
from dockless.wire.auth import AuthConfig
from dockless.wire.config import ContainerConfig
from dockless.wire.containers import (
    ContainerCreateRequest,
    ContainerCreateResponse,
    ContainerInspect,
    ContainerPruneResponse,
    ContainerState,
    ContainerSummary,
    ContainerWaitResponse,
    FilesystemChange,
    TopResponse,
    UpdateRequest,
    UpdateResponse,
)
from dockless.wire.errors import Conflict, NotFound, NotModified, NotOffered
from dockless.wire.execs import ExecCreateRequest, ExecInspect, ExecProcess
from dockless.wire.filters import Filters
from dockless.wire.images import (
    BuildPruneResponse,
    DistributionInspect,
    HistoryItem,
    ImageDeleteItem,
    ImageInspect,
    ImagePruneResponse,
    ImageSummary,
    RootFS,
)
from dockless.wire.info import Info
from dockless.wire.multiplex import STDERR, STDOUT, frame
from dockless.wire.networks import (
    Network,
    NetworkConnectRequest,
    NetworkContainer,
    NetworkCreateRequest,
    NetworkCreateResponse,
    NetworkDisconnectRequest,
    NetworkPruneResponse,
)
from dockless.wire.progress import Progress, ProgressDetail
from dockless.wire.queries import AttachOptions, BuildQuery, LogOptions
from dockless.wire.stats import ContainerStats, CpuStats, CpuUsage
from dockless.wire.system import Actor, EventMessage, Version
from dockless.wire.usage import DiskUsage
from dockless.wire.volumes import Volume, VolumeCreateRequest, VolumeListResponse, VolumePruneResponse

IMAGE = "sha256:" + "1" * 64


class Container:
    """Runs `cat`: what comes in goes out; `exit N` as its input ends it with that status."""

    def __init__(self, id: str, name: str, body: ContainerCreateRequest, forget: Callable[[str], object]) -> None:
        self.forget = forget
        self.id = id
        self.name = name
        self.body = body
        self.status = "created"
        self.exit_code = 0
        self.exited = asyncio.Event()
        self.removed = asyncio.Event()
        self.started = asyncio.Event()
        self.output: list[tuple[int, bytes]] = []
        self.listeners: set[asyncio.Queue[tuple[int, bytes] | None]] = set()
        self.size = (0, 0)

    @property
    def tty(self) -> bool:
        return self.body.tty

    def say(self, stream: int, data: bytes) -> None:
        self.output.append((stream, data))
        for queue in self.listeners:
            queue.put_nowait((stream, data))

    def end(self, code: int) -> None:
        self.status, self.exit_code = "exited", code
        if self.body.host_config.auto_remove:
            self.forget(self.id)
            self.removed.set()
        for queue in self.listeners:
            queue.put_nowait(None)
        self.exited.set()

    def wrap(self, item: tuple[int, bytes]) -> bytes:
        return item[1] if self.tty else frame(*item)


class Containers:
    def __init__(self, engine: "FakeEngine") -> None:
        self.engine = engine
        self.all: dict[str, Container] = {}
        self.put: list[tuple[str, bytes, bool, bool]] = []
        self.waits_given_up = 0
        self.logs_given_up = 0
        self._ids = (f"{number:064x}" for number in itertools.count(0xABC000))

    def get(self, id: str) -> Container:
        for container in self.all.values():
            if container.name == id.lstrip("/") or container.id.startswith(id):
                return container
        raise NotFound(f"No such container: {id}")

    async def create(self, name: str | None, body: ContainerCreateRequest, *, platform: str) -> ContainerCreateResponse:
        if body.image in ("missing", "denied"):
            raise NotFound(f"No such image: {body.image}:latest")
        id = next(self._ids)
        name = name or f"fake_{id[-4:]}"
        if any(container.name == name for container in self.all.values()):
            raise Conflict(f'Conflict. The container name "/{name}" is already in use')
        self.all[id] = Container(id, name, body, self.all.pop)
        return ContainerCreateResponse(id=id, warnings=(f"platform {platform}",) if platform else ())

    async def list(self, *, all: bool, limit: int, size: bool, filters: Filters) -> Sequence[ContainerSummary]:
        return [
            ContainerSummary(
                id=found.id,
                names=(f"/{found.name}",),
                image=found.body.image,
                image_id=IMAGE,
                command=" ".join(found.body.cmd or ()),
                created=1700000000,
                labels=found.body.labels or {},
                state=found.status,
                status="Up 1 second" if found.status == "running" else "Created",
                size_rw=17 if size else None,
            )
            for found in self.all.values()
            if (all or found.status == "running")
            and filters.accepts_labels(found.body.labels)
            and filters.accepts("status", found.status)
        ][: limit or None]

    async def inspect(self, id: str, *, size: bool) -> ContainerInspect:
        found = self.get(id)
        state = ContainerState(
            status=found.status, running=found.status == "running", exit_code=found.exit_code, pid=4711
        )
        return ContainerInspect(
            id=found.id,
            name=f"/{found.name}",
            state=state,
            image=IMAGE,
            config=found.body.config,
            host_config=found.body.host_config,
            size_rw=17 if size else None,
        )

    async def start(self, id: str) -> None:
        found = self.get(id)
        if found.status == "running":
            raise NotModified("already started")
        if found.body.cmd == ("/missing",):
            found.end(127)
            raise NotFound('exec: "/missing": no such file or directory')
        found.status = "running"
        found.exited.clear()
        found.started.set()
        self.engine.system.publish("start", found)
        if found.body.cmd and found.body.cmd[0] == "echo":
            found.say(STDOUT, " ".join(found.body.cmd[1:]).encode() + b"\n")
            found.say(STDERR, b"to stderr\n")
            found.end(3)
            self.engine.system.publish("die", found)

    async def stop(self, id: str, *, timeout: int | None, signal: str | None) -> None:
        found = self.get(id)
        if found.status != "running":
            raise NotModified("already stopped")
        found.end(143 if timeout is None else timeout)

    async def restart(self, id: str, *, timeout: int | None, signal: str | None) -> None:
        found = self.get(id)
        found.end(0)
        await self.start(id)

    async def kill(self, id: str, *, signal: str) -> None:
        found = self.get(id)
        if found.status != "running":
            raise Conflict(f"Cannot kill container: {id}: Container {found.id} is not running")
        if signal != "WINCH":
            found.end(137)

    async def rename(self, id: str, *, name: str) -> None:
        self.get(id).name = name

    async def pause(self, id: str) -> None:
        self.get(id).status = "paused"

    async def unpause(self, id: str) -> None:
        self.get(id).status = "running"

    async def remove(self, id: str, *, volumes: bool, force: bool) -> None:
        found = self.get(id)
        if found.status == "running" and not force:
            raise Conflict(f"cannot remove container {found.name!r}: container is running")
        del self.all[found.id]
        found.removed.set()

    async def wait(self, id: str, *, condition: str, timeout: float | None) -> Awaitable[ContainerWaitResponse]:
        return self._wait(self.get(id), condition)

    async def _wait(self, found: Container, condition: str) -> ContainerWaitResponse:
        try:
            if condition == "listening":
                await found.started.wait()
            elif condition == "removed":
                await found.removed.wait()
            elif condition == "next-exit" or found.status == "running":
                await found.exited.wait()
        except asyncio.CancelledError:
            self.waits_given_up += 1
            raise
        return ContainerWaitResponse(status_code=found.exit_code)

    async def terminal(self, id: str) -> bool:
        return self.get(id).tty

    async def logs(self, id: str, options: LogOptions) -> AsyncIterator[bytes]:
        return self._logs(self.get(id), options)

    async def _logs(self, found: Container, options: LogOptions) -> AsyncIterator[bytes]:
        wanted = {STDOUT: options.stdout, STDERR: options.stderr}
        queue: asyncio.Queue[tuple[int, bytes] | None] = asyncio.Queue()
        found.listeners.add(queue)
        try:
            past = [item for item in found.output if wanted[item[0]]]
            for item in past if options.tail is None else past[len(past) - options.tail :]:
                yield found.wrap(item)
            while options.follow and found.status != "exited" and (item := await queue.get()):
                if wanted[item[0]]:
                    yield found.wrap(item)
        except asyncio.CancelledError:
            self.logs_given_up += 1
            raise
        finally:
            found.listeners.discard(queue)

    async def attach(self, id: str, options: AttachOptions, stream: Hijacked) -> None:
        found = self.get(id)
        queue: asyncio.Queue[tuple[int, bytes] | None] = asyncio.Queue()
        found.listeners.add(queue)
        stream.accept()
        reader = asyncio.create_task(self._feed(found, stream)) if options.stdin else None
        try:
            if options.logs:
                for item in found.output:
                    await stream.write(found.wrap(item))
            while options.stream and found.status != "exited" and (got := await queue.get()):
                await stream.write(found.wrap(got))
            while not queue.empty() and (got := queue.get_nowait()):
                await stream.write(found.wrap(got))
        finally:
            found.listeners.discard(queue)
            if reader:
                reader.cancel()

    @staticmethod
    async def _feed(found: Container, stream: Hijacked) -> None:
        await found.started.wait()
        while data := await stream.read():
            if data.startswith(b"exit "):
                found.end(int(data.split()[1]))
                return
            found.say(STDOUT, data)
        found.end(0)

    async def resize(self, id: str, *, height: int, width: int) -> None:
        self.get(id).size = (height, width)

    async def top(self, id: str, *, ps_args: str) -> TopResponse:
        return TopResponse(titles=("PID", "CMD"), processes=(("4711", f"cat {ps_args}"),))

    async def prune(self, *, filters: Filters) -> ContainerPruneResponse:
        gone = [id for id, found in self.all.items() if found.status != "running"]
        for id in gone:
            del self.all[id]
        return ContainerPruneResponse(containers_deleted=tuple(gone), space_reclaimed=12)

    async def update(self, id: str, body: UpdateRequest) -> UpdateResponse:
        self.get(id)
        return UpdateResponse(warnings=(f"memory {body.memory}",))

    async def stats(self, id: str, *, stream: bool, one_shot: bool) -> AsyncIterator[ContainerStats]:
        return self._stats(self.get(id), 3 if stream else 1)

    async def _stats(self, found: Container, count: int) -> AsyncIterator[ContainerStats]:
        for number in range(count):
            yield ContainerStats(
                id=found.id, name=f"/{found.name}", cpu_stats=CpuStats(cpu_usage=CpuUsage(total_usage=number))
            )

    async def changes(self, id: str) -> Sequence[FilesystemChange]:
        return [FilesystemChange(path="/etc", kind=0), FilesystemChange(path="/etc/new", kind=1)]

    async def export(self, id: str, *, bare: bool = False) -> AsyncIterator[bytes]:
        return _chunks(b"tar", b" of ", self.get(id).name.encode())

    async def archive_stat(self, id: str, *, path: str) -> PathStat:
        self.get(id)
        return PathStat(name=path, size=5, mode=0o644)

    async def archive_get(self, id: str, *, path: str) -> tuple[PathStat, AsyncIterator[bytes]]:
        return await self.archive_stat(id, path=path), _chunks(b"a", b"b", path.encode())

    async def archive_put(
        self,
        id: str,
        *,
        path: str,
        content: AsyncIterator[bytes],
        no_overwrite_dir_non_dir: bool,
        copy_uid_gid: bool,
    ) -> None:
        self.get(id)
        data = b"".join([chunk async for chunk in content])
        self.put.append((path, data, no_overwrite_dir_non_dir, copy_uid_gid))

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
        return f"{self.get(id).name} {repo} {tag} {comment} {author} {pause} {' '.join(changes)}"


class Execs:
    def __init__(self, containers: Containers) -> None:
        self.containers = containers
        self.all: dict[str, tuple[str, ExecCreateRequest]] = {}
        self.codes: dict[str, int] = {}
        self.size = (0, 0)

    async def create(self, container_id: str, body: ExecCreateRequest) -> str:
        found = self.containers.get(container_id)
        id = f"{len(self.all) + 1:064x}"
        self.all[id] = (found.id, body)
        return id

    async def start(
        self,
        exec_id: str,
        *,
        detach: bool,
        tty: bool,
        stream: Hijacked | None,
        console_size: tuple[int, int] | None = None,
    ) -> None:
        _, body = self._get(exec_id)
        if stream is None:
            self.codes[exec_id] = 0
            return
        stream.accept()
        if body.cmd == ("/missing",):
            self.codes[exec_id] = 127
            raise NotFound('exec failed: "/missing": no such file or directory')
        if body.attach_stdin:
            while data := await stream.read():
                await stream.write(data if tty else frame(STDOUT, data))
        else:
            text = " ".join(body.cmd or ()).encode() + b"\n"
            await stream.write(text if tty else frame(STDOUT, text))
        self.codes[exec_id] = 7

    def _get(self, exec_id: str) -> tuple[str, ExecCreateRequest]:
        if exec_id not in self.all:
            raise NotFound(f"No such exec instance: {exec_id}")
        return self.all[exec_id]

    async def resize(self, exec_id: str, *, height: int, width: int) -> None:
        self.size = (height, width)

    async def inspect(self, exec_id: str) -> ExecInspect:
        container, body = self._get(exec_id)
        process = ExecProcess(entrypoint=(body.cmd or ("",))[0], arguments=(body.cmd or ())[1:], tty=body.tty)
        code = self.codes.get(exec_id)
        return ExecInspect(id=exec_id, container_id=container, exit_code=code, process_config=process)


class Images:
    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []

    async def list(self, *, all: bool, filters: Filters) -> Sequence[ImageSummary]:
        return [ImageSummary(id=IMAGE, repo_tags=("fake:latest",), created=1700000000, size=123456)]

    async def inspect(self, name: str, *, platform: str = "") -> ImageInspect:
        if name.startswith("missing"):
            raise NotFound(f"No such image: {name}")
        config = ContainerConfig(env=("PATH=/bin",), cmd=("cat",))
        return ImageInspect(
            id=IMAGE, repo_tags=(name,), config=config, architecture="amd64", root_fs=RootFS(layers=(IMAGE,)), size=99
        )

    async def history(self, name: str, *, platform: str = "") -> Sequence[HistoryItem]:
        return [HistoryItem(id=IMAGE, created=1, created_by="CMD cat", size=9)]

    async def remove(self, name: str, *, force: bool, noprune: bool) -> Sequence[ImageDeleteItem]:
        self.asked.append(("remove", name, force, noprune))
        return [ImageDeleteItem(untagged=name), ImageDeleteItem(deleted=IMAGE)]

    async def tag(self, name: str, *, repo: str, tag: str) -> None:
        self.asked.append(("tag", name, repo, tag))

    async def pull(
        self, from_image: str, *, tag: str, platform: str, auth: AuthConfig | None, stand_ins: bool
    ) -> AsyncIterator[Progress]:
        self.asked.append(("pull", from_image, tag, platform, auth, stand_ins))
        name = from_image.rpartition("/")[2]
        if name == "denied":
            raise NotFound("pull access denied for denied")
        return self._pull(name)

    async def _pull(self, name: str) -> AsyncIterator[Progress]:
        if name == "late":
            raise NotFound("manifest unknown")
        yield Progress(status=f"Pulling from {name}", id="latest")
        yield Progress(status="Downloading", id="abc", progress_detail=ProgressDetail(current=1, total=2))
        if name == "broken":
            raise NotFound("layer is gone")
        if name == "faulty":
            raise KeyError("a fault")

    async def prune(self, *, filters: Filters) -> ImagePruneResponse:
        return ImagePruneResponse(images_deleted=(ImageDeleteItem(deleted=IMAGE),), space_reclaimed=1)

    async def build(self, context: AsyncIterator[bytes], query: BuildQuery) -> AsyncIterator[dict[str, object]]:
        size = 0
        async for chunk in context:
            size += len(chunk)
        self.asked.append(("build", query, size))
        return self._build(query)

    async def _build(self, query: BuildQuery) -> AsyncIterator[dict[str, object]]:
        yield {"stream": "Step 1/1 : FROM scratch\n"}
        if query.target == "bad":
            yield {"errorDetail": {"code": 9, "message": "it broke"}, "error": "it broke"}
            return
        yield {"aux": {"ID": IMAGE}}
        yield {"stream": f"Successfully built {IMAGE[7:19]}\n"}

    async def push(
        self, name: str, *, tag: str, auth: AuthConfig | None, platform: str = ""
    ) -> AsyncIterator[Progress]:
        self.asked.append(("push", name, tag, auth))
        return self._pull(name)

    async def save(self, names: Sequence[str], *, platform: str = "", together: bool = False) -> AsyncIterator[bytes]:
        return _chunks(*(name.encode() + b"\n" for name in names))

    async def load(self, content: AsyncIterator[bytes], *, quiet: bool) -> AsyncIterator[Progress]:
        size = sum([len(chunk) async for chunk in content])
        return self._pull(f"load {size} {quiet}")

    async def distribution(self, name: str, *, auth: AuthConfig | None) -> DistributionInspect:
        raise NotOffered("there are no registries here")

    async def build_prune(self, *, all: bool, keep_storage: int, filters: Filters) -> BuildPruneResponse:
        return BuildPruneResponse(caches_deleted=("one",), space_reclaimed=keep_storage)


class Networks:
    def __init__(self) -> None:
        self.all: dict[str, Network] = {}
        self.asked: list[object] = []

    def _get(self, id: str) -> Network:
        for found in self.all.values():
            if id in (found.name, found.id):
                return found
        raise NotFound(f"network {id} not found")

    async def create(self, body: NetworkCreateRequest) -> NetworkCreateResponse:
        id = f"{len(self.all) + 1:064x}"
        self.all[id] = Network(name=body.name, id=id, labels=body.labels or {}, internal=body.internal)
        return NetworkCreateResponse(id=id)

    async def list(self, *, filters: Filters) -> Sequence[Network]:
        return [found for found in self.all.values() if filters.accepts("name", found.name)]

    async def inspect(self, id: str) -> Network:
        found = self._get(id)
        return Network(name=found.name, id=found.id, containers={"c" * 64: NetworkContainer(name="fake")})

    async def remove(self, id: str) -> None:
        del self.all[self._get(id).id]

    async def connect(self, id: str, body: NetworkConnectRequest) -> None:
        self.asked.append((self._get(id).name, body))

    async def disconnect(self, id: str, body: NetworkDisconnectRequest) -> None:
        self.asked.append((self._get(id).name, body))

    async def prune(self, *, filters: Filters) -> NetworkPruneResponse:
        return NetworkPruneResponse(networks_deleted=("one",))


class Volumes:
    def __init__(self) -> None:
        self.all: dict[str, Volume] = {}

    async def create(self, body: VolumeCreateRequest) -> Volume:
        name = body.name or "f" * 64
        self.all[name] = Volume(name=name, labels=body.labels, mountpoint=f"/fake/{name}/_data")
        return self.all[name]

    async def list(self, *, filters: Filters) -> VolumeListResponse:
        return VolumeListResponse(volumes=tuple(self.all.values()))

    async def inspect(self, name: str) -> Volume:
        if name not in self.all:
            raise NotFound(f"get {name}: no such volume")
        return self.all[name]

    async def remove(self, name: str, *, force: bool) -> None:
        await self.inspect(name)
        del self.all[name]

    async def prune(self, *, filters: Filters) -> VolumePruneResponse:
        return VolumePruneResponse(volumes_deleted=tuple(self.all), space_reclaimed=3)


class System:
    def __init__(self) -> None:
        self.listeners: set[asyncio.Queue[EventMessage]] = set()
        self.listens_given_up = 0

    async def version(self) -> Version:
        return Version(version="0.0-fake", arch="amd64", kernel_version="6")

    async def info(self) -> Info:
        return Info(id="fake", ncpu=2, mem_total=1 << 30, name="host", server_version="0.0-fake")

    def publish(self, action: str, container: Container) -> None:
        attributes = {"name": container.name, **(container.body.labels or {})}
        actor = Actor(id=container.id, attributes=attributes)
        message = EventMessage(type="container", action=action, actor=actor, time=1, time_nano=1)
        for queue in self.listeners:
            queue.put_nowait(message)

    async def events(self, *, since: int, until: int, filters: Filters) -> AsyncIterator[EventMessage]:
        queue: asyncio.Queue[EventMessage] = asyncio.Queue()
        self.listeners.add(queue)
        return self._events(queue, filters)

    async def _events(self, queue: asyncio.Queue[EventMessage], filters: Filters) -> AsyncIterator[EventMessage]:
        try:
            while True:
                message = await queue.get()
                if filters.accepts("event", message.action):
                    yield message
        finally:
            self.listens_given_up += 1
            self.listeners.discard(queue)

    async def df(self, kinds) -> DiskUsage:
        return DiskUsage(layers_size=77)


class FakeEngine:
    def __init__(self) -> None:
        self.system = System()
        self.containers = Containers(self)
        self.execs = Execs(self.containers)
        self.images = Images()
        self.networks = Networks()
        self.volumes = Volumes()
        self.closed = False

    @property
    def idle(self) -> bool:
        return not any(found.status == "running" for found in self.containers.all.values())

    async def close(self) -> None:
        self.closed = True


async def _chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def open_fake(places: Places) -> FakeEngine:
    """Counts the engines that were started for a root, and fails where the test asks for it."""
    with (places.root / "starts").open("a") as starts:
        starts.write(f"{os.getpid()}\n")
    if Path(places.root / "fail").exists():
        raise OSError("the state is on fire")
    return FakeEngine()


if __name__ == "__main__":
    from dockless.server.__main__ import detached
    from dockless.server.engine_process import serve

    sys.exit(serve(*detached(sys.argv[1:]), open_engine=open_fake))
