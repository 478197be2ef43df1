"""One build while it runs: what its stages share, and how they wait for one another.

Each stage is a thread; a stage that another one needs is started by whoever asks first. The first mistake cancels the
rest.
"""

import tarfile
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from dockless.build import download
from dockless.build.cache import BuildCache, Record
from dockless.build.cachemounts import CacheMounts
from dockless.build.digests import Digests
from dockless.build.draft import Draft, lower_directories
from dockless.build.errors import BuildCancelled, BuildError
from dockless.build.events import BuildEvent, Output, Vertex
from dockless.build.handover import Handover
from dockless.build.options import BuildOptions
from dockless.build.owners import Owner
from dockless.build.plan import Plan, PlannedStage, source_stage
from dockless.build.sources import Source
from dockless.build.steps import Cancellation, StepRunner
from dockless.build.tree import Tree
from dockless.dockerfile.ignore import Ignore
from dockless.dockerfile.model import Dockerfile, Instruction
from dockless.images.layers import LayerStore
from dockless.images.store import Image
from dockless.images.trees import remove_tree
from dockless.registry.errors import ImageError
from dockless.registry.platform import Platform

_PATIENCE = 0.5  # seconds between two looks at whether the build was cancelled
IMAGE_SCHEME = "docker-image://"

_T = TypeVar("_T")

Say = Callable[[str], None]
Resolve = Callable[[str, str | None, bool, Say], Image]


class Read(msgspec.Struct, frozen=True):
    """A tree that a step reads. `diff_ids` name its content where it is an image's; None for a folder of files."""

    source: Source
    diff_ids: tuple[str, ...] | None


class Tools(msgspec.Struct, frozen=True):
    """What the builder was made with; the locks and the semaphore are the builder's, for all its builds.

    `made` are the keys of the steps that this build has carried out: without the cache they are known all the same.
    """

    layers: LayerStore
    cache: BuildCache
    runner: StepRunner
    resolve: Resolve
    cache_mounts: CacheMounts
    digests: Digests
    secrets: Path
    width: threading.Semaphore
    made: set[str]
    clock: Callable[[], float]


class Session:
    """`start` runs a stage to its end (stage.py); it is given, so that this module needs not know how."""

    def __init__(
        self,
        tools: Tools,
        dockerfile: Dockerfile,
        plan: Plan,
        options: BuildOptions,
        context: Source | None,
        handover: Handover,
        progress: Callable[[BuildEvent], None],
        cancellation: Cancellation,
        run_stage: Callable[["Session", PlannedStage], Draft],
    ) -> None:
        self.tools = tools
        self.dockerfile = dockerfile
        self.plan = plan
        self.options = options
        self.context = context
        self.handover = handover
        self.cancellation = cancellation
        self.given: Mapping[str, str] = _given(options)
        self.used_arguments: set[str] = {name for arg in dockerfile.arguments for name, _ in arg.pairs}
        self._progress = progress
        self._run_stage = run_stage
        self._guard = threading.Lock()
        self._speaking = threading.Lock()
        self._stages: dict[int, Future[Draft]] = {}
        self._images: dict[tuple[str, str], Future[Image]] = {}
        self._remotes: dict[str, Future[Path]] = {}
        self._scratch: list[Path] = []
        self._threads: list[threading.Thread] = []
        self._first_error: BaseException | None = None
        self._records: dict[str, Record] = {}

    @property
    def records(self) -> list[Record]:
        """The steps of all stages, known or made, in the order in which they were reached."""
        return list(self._records.values())

    def note(self, record: Record) -> None:
        with self._guard:
            self._records[record.key] = record

    def run(self) -> Draft:
        """Starts every stage of the plan and gives the target's result. Raises the first error of any stage."""
        for planned in self.plan.stages:
            self._start(planned)
        try:
            return self.draft_of(self.plan.target)
        except BuildCancelled:
            raise self._first_error or BuildCancelled() from None
        finally:
            self._join()

    def emit(self, event: BuildEvent) -> None:
        with self._speaking:
            self._progress(event)

    def say(self, vertex: Vertex, line: str) -> None:
        """A line about a step for the person who waits; ends the work that says it where nobody waits any more."""
        self.check()
        self.emit(Output(vertex, (line.rstrip("\n") + "\n").encode()))

    def check(self) -> None:
        """Raises `BuildCancelled` where the build is to stop."""
        if self.cancellation.cancelled:
            raise BuildCancelled

    def draft_of(self, index: int) -> Draft:
        """Waits for a stage, starting it where nobody has; the draft is not to be changed. Raises `BuildCancelled`."""
        planned = self.plan.stage(index)
        if planned is None:
            raise BuildError(f"stage {index} is not part of this build")
        try:
            return self._wait(self._start(planned))
        except BuildError as error:
            # It has been said where it happened; whoever waited for the stage only stops.
            raise BuildCancelled from error

    def image(self, reference: str, platform: str, say: Say) -> Image:
        """A base image or one copied from, looked up once for the whole build."""
        key = (reference, platform)
        with self._guard:
            known = self._images.get(key)
            mine: Future[Image] = known or self._images.setdefault(key, Future())
        if known is None:
            try:
                mine.set_result(self._resolved(reference, platform, say))
            except BaseException as error:
                mine.set_exception(error)
                raise
        return self._wait(mine)

    def found(self, reference: str, platform: str) -> Image | None:
        """The image, where the build has looked it up so far and there is one."""
        with self._guard:
            known = self._images.get((reference, platform))
        return known.result() if known is not None and known.done() and known.exception() is None else None

    def read(self, name: str, planned: PlannedStage, instruction: Instruction, say: Say) -> Read:
        """What `--from=name` means in a stage; "" is the build context. Raises `BuildError`."""
        if not name:
            if self.context is None:
                raise self.error("this build has no context to read from", instruction)
            return Read(self.context, None)
        if name in self.options.contexts:
            named = self.options.contexts[name]
            if not isinstance(named, Path) and download.is_context(named):
                named = self._fetched(named, instruction)
            if isinstance(named, Path):
                return Read(folder_source(named, f"context {name}"), None)
            name = named
        else:
            index = source_stage(self.dockerfile, planned.stage.index, name, instruction.position)
            if index is not None:
                return self._of_layers(tuple(self.draft_of(index).diff_ids), f"stage {name}")
        if name == "scratch":
            return self._of_layers((), name)
        try:
            image = self.image(name, planned.platform, say)
        except (BuildError, BuildCancelled):
            raise
        except Exception as error:  # whatever the resolver says is for the person who wrote the name
            raise self.error(with_name(name, error), instruction) from error
        return self._of_layers(tuple(image.config.rootfs.diff_ids), f"image {name}")

    def lower(self, diff_ids: list[str] | tuple[str, ...]) -> tuple[Path, ...]:
        return lower_directories(self.tools.layers, diff_ids)

    def now(self) -> str:
        """RFC 3339, or SOURCE_DATE_EPOCH where it is given."""
        epoch = self.options.epoch
        moment = datetime.fromtimestamp(self.tools.clock() if epoch is None else epoch, UTC)
        return moment.isoformat().replace("+00:00", "Z")

    def error(self, message: str, instruction: Instruction, **more: object) -> BuildError:
        return BuildError(
            message,
            name=self.dockerfile.name,
            position=instruction.position,
            instruction=instruction.text,
            text=self.dockerfile.text,
            **more,  # type: ignore[arg-type]
        )

    def _of_layers(self, diff_ids: tuple[str, ...], title: str) -> Read:
        return Read(Source(Tree(self.lower(diff_ids)), title), diff_ids)

    def _resolved(self, reference: str, platform: str, say: Say) -> Image:
        named = self.options.contexts.get(reference)
        if isinstance(named, Path) or (named and download.is_context(named)):
            raise BuildError(f"the context {reference} is no image: it can be copied from, not stood on")
        reference = (named or reference).removeprefix(IMAGE_SCHEME)
        return self.tools.resolve(reference, platform or None, self.options.pull, say)

    def _start(self, planned: PlannedStage) -> "Future[Draft]":
        index = planned.stage.index
        with self._guard:
            if index in self._stages:
                return self._stages[index]
            future: Future[Draft] = Future()
            self._stages[index] = future
            thread = threading.Thread(
                target=self._carry_out, args=(planned, future), name=f"build {planned.stage.title}", daemon=True
            )
            self._threads.append(thread)
        thread.start()
        return future

    def _carry_out(self, planned: PlannedStage, future: "Future[Draft]") -> None:
        try:
            future.set_result(self._run_stage(self, planned))
        except BaseException as error:  # noqa: BLE001 (handed on: the thread that waits for the stage raises it)
            with self._guard:
                if self._first_error is None and not isinstance(error, BuildCancelled):
                    self._first_error = error
            self.cancellation.cancel()
            future.set_exception(error)

    def _wait(self, future: "Future[_T]") -> _T:
        while True:
            try:
                return future.result(timeout=_PATIENCE)
            except FutureTimeout:
                if future.done():
                    raise
                self.check()

    def _join(self) -> None:
        """Stages that the target did not wait for in the end (it failed) stop at their next step."""
        for thread in self._threads:
            thread.join()
        for folder in self._scratch:
            remove_tree(folder)

    def _fetched(self, address: str, instruction: Instruction) -> Path:
        """The folder of a named context that lies elsewhere, fetched once for the whole build when it is first read."""
        with self._guard:
            known = self._remotes.get(address)
            mine: Future[Path] = known or self._remotes.setdefault(address, Future())
        if known is not None:
            return self._wait(mine)
        try:
            scratch = self.tools.layers.scratch.folder("context")
            with self._guard:
                self._scratch.append(scratch)
            from dockless.build.remote import fetch_context  # with what only such a build needs

            found = fetch_context(address, scratch, self.options, self.check).folder
            if found is None:
                raise download.DownloadError(f"{address}: not a tar archive")
            mine.set_result(found)
        except BaseException as error:
            told = error
            if isinstance(error, (download.DownloadError, ImageError, EOFError, tarfile.TarError)):
                told = self.error(with_name(address, error), instruction)
            mine.set_exception(told)
            raise told from error
        return found


def folder_source(folder: Path, title: str, ignore: Ignore | None = None) -> Source:
    """A folder of the host as a source: its files become root's, whoever they belong to here."""
    return Source(Tree([folder], plain=True), title, Owner(), ignore or Ignore())


def with_name(name: str, error: Exception) -> str:
    """What went wrong with an image, with its name said once."""
    said = str(error)
    return said if name in said else f"{name}: {said}"


def platform_variables(options: BuildOptions) -> dict[str, str]:
    """The predefined arguments about platforms (reference: "Automatic platform ARGs in the global scope")."""
    build = Platform.host()
    target = Platform.parse(options.platform) if options.platform else build
    variables: dict[str, str] = {}
    for prefix, platform in (("BUILD", build), ("TARGET", target)):
        variant = "" if (platform.architecture, platform.variant) == ("arm64", "v8") else platform.variant
        variables |= {
            f"{prefix}PLATFORM": "/".join(part for part in (platform.os, platform.architecture, variant) if part),
            f"{prefix}OS": platform.os,
            f"{prefix}ARCH": platform.architecture,
            f"{prefix}VARIANT": variant,
        }
    return variables


def _given(options: BuildOptions) -> dict[str, str]:
    """The `--build-arg`s with their values; one without a value takes it from the environment, if it is there."""
    given = {}
    for name, value in options.args.items():
        found = options.environ.get(name) if value is None else value
        if found is not None:
            given[name] = found
    return given
