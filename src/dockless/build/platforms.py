"""One build for several platforms: a plan for each, shown as one graph, and carried out side by side.

What does not depend on the platform has the same key for each of them, so it is done once: by whoever comes first.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import msgspec

from dockless.build.errors import BuildCancelled
from dockless.build.events import BuildEvent, Vertex, Warned
from dockless.build.options import BuildOptions
from dockless.build.plan import Plan, PlannedStage
from dockless.build.session import Resolve, Say
from dockless.build.steps import Cancellation
from dockless.images.store import Image
from dockless.registry.platform import Platform

_T = TypeVar("_T")


class Part(msgspec.Struct, frozen=True):
    """The build for one platform; `options` name no other."""

    platform: Platform
    options: BuildOptions
    plan: Plan


def parts_of(options: BuildOptions, make_plan: Callable[[BuildOptions], Plan]) -> list[Part]:
    """One, or one for each of `options.platforms`. Raises `InvalidPlatform`, and what `make_plan` raises."""
    wanted = list(dict.fromkeys(Platform.parse(text).normal() for text in options.platforms))
    if not wanted:
        platform = Platform.parse(options.platform) if options.platform else Platform.host()
        return [Part(platform, options, make_plan(options))]
    parts = []
    for platform in wanted:
        own = msgspec.structs.replace(options, platform=str(platform), platforms=())
        parts.append(Part(platform, own, make_plan(own)))
    return parts if len(parts) == 1 else _numbered([_titled(part) for part in parts])


def carried_out(parts: Sequence[Part], act: Callable[[Part], _T], cancellation: Cancellation) -> list[_T]:
    """`act` for each, side by side. The first mistake ends the others, and is raised."""
    if len(parts) == 1:
        return [act(parts[0])]

    def one(part: Part) -> _T:
        try:
            return act(part)
        except BaseException:
            cancellation.cancel()
            raise

    with ThreadPoolExecutor(len(parts), thread_name_prefix="build-platform") as pool:
        jobs = [pool.submit(one, part) for part in parts]
    errors = [error for job in jobs if (error := job.exception()) is not None]
    for error in sorted(errors, key=lambda error: isinstance(error, BuildCancelled)):
        raise error
    return [job.result() for job in jobs]


class Telling:
    """Passes on what several builds say: one at a time, and what the Dockerfile deserves to be warned of once."""

    def __init__(self, progress: Callable[[BuildEvent], None]) -> None:
        self._progress = progress
        self._lock = threading.Lock()
        self._warned: set[Warned] = set()

    def __call__(self, event: BuildEvent) -> None:
        with self._lock:
            if isinstance(event, Warned):
                if event in self._warned:
                    return
                self._warned.add(event)
            self._progress(event)


class ResolvedOnce:
    """Base images for several builds: each is looked up by the first that wants it."""

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._guard = threading.Lock()
        self._locks: dict[tuple[str, str | None], threading.Lock] = {}
        self._found: dict[tuple[str, str | None], Image] = {}

    def __call__(self, reference: str, platform: str | None, pull: bool, say: Say) -> Image:
        key = (reference, platform)
        with self._guard:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            if key not in self._found:
                self._found[key] = self._resolve(reference, platform, pull, say)
            return self._found[key]


def _titled(part: Part) -> Part:
    """With the platform before each step, as BuildKit shows it: `[linux/amd64->arm64 tool 2/3] RUN make`."""
    stages = tuple(
        msgspec.structs.replace(planned, vertices=tuple(_vertex(part, planned, vertex) for vertex in planned.vertices))
        for planned in part.plan.stages
    )
    return msgspec.structs.replace(part, plan=msgspec.structs.replace(part.plan, stages=stages))


def _vertex(part: Part, planned: PlannedStage, vertex: Vertex) -> Vertex:
    own = Platform.parse(planned.platform).normal()
    target = "" if own == part.platform else f"->{str(part.platform).removeprefix(f'{own.os}/')}"
    return msgspec.structs.replace(vertex, id=f"{part.platform}:{vertex.id}", stage=f"{own}{target} {vertex.stage}")


def _numbered(parts: Sequence[Part]) -> list[Part]:
    total = sum(len(part.plan.vertices) for part in parts)
    found, ordinal = [], 0
    for part in parts:
        stages = []
        for planned in part.plan.stages:
            vertices = []
            for vertex in planned.vertices:
                ordinal += 1
                vertices.append(msgspec.structs.replace(vertex, ordinal=ordinal, ordinals=total))
            stages.append(msgspec.structs.replace(planned, vertices=tuple(vertices)))
        found.append(msgspec.structs.replace(part, plan=msgspec.structs.replace(part.plan, stages=tuple(stages))))
    return found
