"""What the server asks of an engine: the methods that the routes call, and nothing else.

All methods raise `ApiError` for what a client did wrong. A method that gives an iterator is awaited first: what it
raises then becomes a plain answer; what the iterator raises later breaks off the answer (or, in progress messages, ends
it with an error message). The server closes an iterator (`aclose`) when its client goes away.
"""

from collections.abc import AsyncIterator, Awaitable, Collection, Sequence
from typing import Any, Protocol

from dockless.wire.archive import PathStat
from dockless.wire.auth import AuthConfig, AuthResponse
from dockless.wire.config import ContainerConfig
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
from dockless.wire.execs import ExecCreateRequest, ExecInspect
from dockless.wire.filters import Filters
from dockless.wire.images import (
    BuildPruneResponse,
    DistributionInspect,
    HistoryItem,
    ImageDeleteItem,
    ImageInspect,
    ImagePruneResponse,
    ImageSummary,
    SearchResult,
    StandIn,
)
from dockless.wire.info import Info
from dockless.wire.networks import (
    Network,
    NetworkConnectRequest,
    NetworkCreateRequest,
    NetworkCreateResponse,
    NetworkDisconnectRequest,
    NetworkPruneResponse,
)
from dockless.wire.progress import Progress
from dockless.wire.queries import AttachOptions, BuildQuery, LogOptions
from dockless.wire.stats import ContainerStats
from dockless.wire.system import EventMessage, Version
from dockless.wire.usage import DiskUsage
from dockless.wire.volumes import Volume, VolumeCreateRequest, VolumeListResponse, VolumePruneResponse

ProgressMessages = AsyncIterator[Progress] | AsyncIterator[dict[str, Any]]


class Hijacked(Protocol):
    """A client's connection that has become a stream of bytes both ways."""

    content_type: str
    """Of the output, as the client is told; set before it is accepted."""

    @property
    def accepted(self) -> bool: ...

    def accept(self) -> None:
        """Answers the client that the stream is open; before it, an `ApiError` is still answered as an error.

        Must be called once everything is registered (clients start the container only after it); read and write do
        it by themselves.
        """

    async def read(self) -> bytes:
        """The next bytes from the client; b"" when it will send no more, or is gone."""

    async def write(self, data: bytes) -> None:
        """Sends, waiting while the client does not keep up; raises ConnectionError when it is gone."""

    def write_eof(self) -> None: ...
    def close(self) -> None: ...


class Containers(Protocol):
    async def create(
        self, name: str | None, body: ContainerCreateRequest, *, platform: str
    ) -> ContainerCreateResponse: ...
    async def list(self, *, all: bool, limit: int, size: bool, filters: Filters) -> Sequence[ContainerSummary]:
        """`limit` 0: no limit; else the newest so many, running or not."""

    async def inspect(self, id: str, *, size: bool) -> ContainerInspect: ...
    async def start(self, id: str) -> None: ...
    async def stop(self, id: str, *, timeout: int | None, signal: str | None) -> None:
        """`timeout` in seconds, -1: for ever, `None`: the container's own."""

    async def restart(self, id: str, *, timeout: int | None, signal: str | None) -> None: ...
    async def kill(self, id: str, *, signal: str) -> None: ...
    async def rename(self, id: str, *, name: str) -> None: ...
    async def pause(self, id: str) -> None: ...
    async def unpause(self, id: str) -> None: ...
    async def remove(self, id: str, *, volumes: bool, force: bool) -> None: ...
    async def wait(self, id: str, *, condition: str, timeout: float | None) -> Awaitable[ContainerWaitResponse]:
        """Registers and gives what is then waited for: the server sends the headers in between.

        `condition`: `not-running`, `next-exit`, `removed`, and ours `listening`, for which alone there is a
        `timeout` in seconds.
        """

    async def terminal(self, id: str) -> bool:
        """Whether it has one: its output is then not multiplexed."""

    async def logs(self, id: str, options: LogOptions) -> AsyncIterator[bytes]:
        """Frames already multiplexed, or raw bytes of a terminal."""

    async def attach(self, id: str, options: AttachOptions, stream: Hijacked) -> None:
        """Returns when the streams are done or the client is gone; the server then closes the connection."""

    async def resize(self, id: str, *, height: int, width: int) -> None: ...
    async def top(self, id: str, *, ps_args: str) -> TopResponse: ...
    async def prune(self, *, filters: Filters) -> ContainerPruneResponse: ...
    async def update(self, id: str, body: UpdateRequest) -> UpdateResponse: ...
    async def stats(self, id: str, *, stream: bool, one_shot: bool) -> AsyncIterator[ContainerStats]: ...
    async def changes(self, id: str) -> Sequence[FilesystemChange]: ...
    async def export(self, id: str, *, bare: bool = False) -> AsyncIterator[bytes]: ...
    async def archive_stat(self, id: str, *, path: str) -> PathStat: ...
    async def archive_get(self, id: str, *, path: str) -> tuple[PathStat, AsyncIterator[bytes]]: ...
    async def archive_put(
        self,
        id: str,
        *,
        path: str,
        content: AsyncIterator[bytes],
        no_overwrite_dir_non_dir: bool,
        copy_uid_gid: bool,
    ) -> None: ...
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
        """The new image's id."""


class Execs(Protocol):
    async def create(self, container_id: str, body: ExecCreateRequest) -> str: ...
    async def start(
        self,
        exec_id: str,
        *,
        detach: bool,
        tty: bool,
        stream: Hijacked | None,
        console_size: tuple[int, int] | None = None,
    ) -> None:
        """With a stream it returns when the process has ended and its exit status is recorded.

        `console_size` (height, width) goes before that of the create.
        """

    async def resize(self, exec_id: str, *, height: int, width: int) -> None: ...
    async def inspect(self, exec_id: str) -> ExecInspect: ...


class Images(Protocol):
    async def list(self, *, all: bool, filters: Filters) -> Sequence[ImageSummary]: ...
    async def inspect(self, name: str, *, platform: str = "") -> ImageInspect: ...
    async def history(self, name: str, *, platform: str = "") -> Sequence[HistoryItem]: ...
    async def remove(self, name: str, *, force: bool, noprune: bool) -> Sequence[ImageDeleteItem]: ...
    async def tag(self, name: str, *, repo: str, tag: str) -> None: ...
    async def pull(
        self, from_image: str, *, tag: str, platform: str, auth: AuthConfig | None, stand_ins: bool
    ) -> ProgressMessages:
        """`stand_ins`: whether one may take the place of an image that cannot be pulled."""

    async def prune(self, *, filters: Filters) -> ImagePruneResponse: ...
    async def build(self, context: AsyncIterator[bytes], query: BuildQuery) -> ProgressMessages:
        """`context`: a tar archive, as the client sent it (plain, gzip, bzip2, xz or zstd)."""

    async def push(self, name: str, *, tag: str, auth: AuthConfig | None, platform: str = "") -> ProgressMessages: ...
    async def save(self, names: Sequence[str], *, platform: str = "", together: bool = False) -> AsyncIterator[bytes]:
        """`together`: as one index without a name."""

    async def load(self, content: AsyncIterator[bytes], *, quiet: bool) -> ProgressMessages: ...
    async def search(self, term: str, *, limit: int, filters: Filters) -> Sequence[SearchResult]: ...
    def fetched(self, url: str) -> AsyncIterator[bytes]:
        """The content of a URL, for `import_`."""

    async def import_(
        self,
        content: AsyncIterator[bytes],
        *,
        repo: str,
        tag: str,
        message: str,
        changes: Sequence[str],
        platform: str = "",
    ) -> ProgressMessages: ...
    async def build_prune(self, *, all: bool, keep_storage: int, filters: Filters) -> BuildPruneResponse: ...
    async def stand_ins(self) -> Sequence[StandIn]: ...
    async def distribution(self, name: str, *, auth: AuthConfig | None) -> DistributionInspect: ...


class Networks(Protocol):
    async def create(self, body: NetworkCreateRequest) -> NetworkCreateResponse: ...
    async def list(self, *, filters: Filters) -> Sequence[Network]: ...
    async def inspect(self, id: str) -> Network: ...
    async def remove(self, id: str) -> None: ...
    async def connect(self, id: str, body: NetworkConnectRequest) -> None: ...
    async def disconnect(self, id: str, body: NetworkDisconnectRequest) -> None: ...
    async def prune(self, *, filters: Filters) -> NetworkPruneResponse: ...


class Volumes(Protocol):
    async def create(self, body: VolumeCreateRequest) -> Volume: ...
    async def list(self, *, filters: Filters) -> VolumeListResponse: ...
    async def inspect(self, name: str) -> Volume: ...
    async def remove(self, name: str, *, force: bool) -> None: ...
    async def prune(self, *, filters: Filters) -> VolumePruneResponse: ...


class System(Protocol):
    async def version(self) -> Version: ...
    async def info(self) -> Info: ...
    async def events(self, *, since: int, until: int, filters: Filters) -> AsyncIterator[EventMessage]:
        """Registered when this returns. Times in nanoseconds since 1970, 0: none."""

    async def df(self, kinds: Collection[str]) -> DiskUsage:
        """`kinds`: `container`, `image`, `volume`, `build-cache`; what is not asked for is `None`."""

    async def auth(self, body: AuthConfig) -> AuthResponse: ...


class Engine(Protocol):
    @property
    def containers(self) -> Containers: ...
    @property
    def execs(self) -> Execs: ...
    @property
    def images(self) -> Images: ...
    @property
    def networks(self) -> Networks: ...
    @property
    def volumes(self) -> Volumes: ...
    @property
    def system(self) -> System: ...
    @property
    def idle(self) -> bool:
        """Nothing runs: no container, no build, no exec. The process may end."""

    async def close(self) -> None: ...
