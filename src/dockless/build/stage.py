"""One stage, instruction by instruction: from its base to the draft that it leaves behind.

What only changes the configuration is `metadata`'s; what makes a layer has a key, and is carried out (`run`,
`transfer`) only where the cache does not know that key.
"""

import posixpath
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from dockless.build import metadata, run, transfer
from dockless.build.cache import Record, make_key
from dockless.build.download import DownloadError
from dockless.build.draft import Draft
from dockless.build.errors import BuildCancelled, BuildError
from dockless.build.events import Failed, Finished, Started, Vertex, Warned
from dockless.build.metadata import BadValue, Scope
from dockless.build.owners import Owner, parse_owner
from dockless.build.plan import SCRATCH, PlannedStage, show
from dockless.build.session import Session, with_name
from dockless.build.sources import SourceError
from dockless.build.target import SourceChanged, TargetError, clamp_times
from dockless.build.tree import clean
from dockless.dockerfile import DockerfileError, parse_trigger
from dockless.dockerfile.ignore import IgnoreError
from dockless.dockerfile.model import Add, Copy, Instruction, Run, Workdir
from dockless.dockerfile.mounts import MountError
from dockless.dockerfile.words import WordError
from dockless.launcher.users import UnknownUser
from dockless.registry.errors import ImageError
from dockless.registry.platform import Platform

_ATTEMPTS = 3  # how often a COPY is begun anew when its files change while they are read

# Mistakes of whoever wrote the Dockerfile, or of the files he names: shown with the line.
_MISTAKES = (
    BadValue,
    DockerfileError,
    DownloadError,
    IgnoreError,
    ImageError,
    MountError,
    SourceError,
    TargetError,
    UnknownUser,
    WordError,
    ValueError,
)


def run_stage(session: Session, planned: PlannedStage) -> Draft:
    """Raises `BuildError` for whatever goes wrong with an instruction, `BuildCancelled`."""
    return _StageRun(session, planned).run()


class _StageRun:
    def __init__(self, session: Session, planned: PlannedStage) -> None:
        self.session = session
        self.planned = planned
        self.draft = Draft.scratch(Platform.host())
        self.scope = Scope(session.dockerfile.escape, session.given, session.plan.variables)
        self.no_cache = session.options.no_cache or planned.stage.title in session.options.no_cache_filter

    def run(self) -> Draft:
        first, *vertices = self.planned.vertices
        self.step(self.planned.stage.from_, first, self.base)
        for trigger in self.draft.take_triggers():
            self.trigger(trigger, first)
        for instruction, vertex in zip(self.planned.stage.instructions, vertices, strict=True):
            self.step(instruction, vertex, self.apply)
        return self.draft

    def step(
        self, instruction: Instruction, vertex: Vertex, act: Callable[[Instruction, Vertex], Record | None]
    ) -> None:
        """One instruction with its events; mistakes become `BuildError`s that know their line."""
        self.session.check()
        self.session.emit(Started(vertex))
        begun = time.monotonic()
        try:
            record = act(instruction, vertex)
        except BuildCancelled:
            raise
        except BuildError as error:
            self.session.emit(Failed(vertex, error.message))
            raise
        except (*_MISTAKES, OSError) as error:
            message = _said(error, instruction)
            self.session.emit(Failed(vertex, message))
            raise self.session.error(message, instruction) from error
        cached = record is not None and record.uses > 0
        layer = record.diff_id if record else ""
        self.session.emit(Finished(vertex, cached=cached, seconds=time.monotonic() - begun, layer=layer))

    def base(self, instruction: Instruction, vertex: Vertex) -> None:
        planned = self.planned
        if planned.base_stage is not None:
            self.draft = self.session.draft_of(planned.base_stage).copy()
            return
        if planned.base == SCRATCH:
            self.draft = Draft.scratch(Platform.parse(planned.platform) if planned.platform else Platform.host())
            return
        try:
            image = self.session.image(planned.base, planned.platform, lambda line: self.session.say(vertex, line))
        except BuildError:
            raise
        except Exception as error:  # whatever the resolver says is for the person who wrote the FROM
            raise self.session.error(with_name(planned.base, error), instruction) from error
        self.draft = Draft.of_image(image.config)

    def trigger(self, trigger: str, vertex: Vertex) -> None:
        """An ONBUILD of the base: carried out as if it stood after FROM, and blamed on FROM's line."""
        first = self.planned.stage.from_
        try:
            instruction = parse_trigger(trigger)
        except DockerfileError as error:
            raise self.session.error(f"ONBUILD of the base image: {error.message}", first) from error
        shown = msgspec.structs.replace(vertex, id=f"{vertex.id}.{trigger}", text=f"ONBUILD {show(instruction)}")
        self.step(msgspec.structs.replace(instruction, position=first.position), shown, self.apply)

    def apply(self, instruction: Instruction, vertex: Vertex) -> Record | None:
        match instruction:
            case Run():
                return self.run_command(instruction, vertex)
            case Copy() | Add():
                return self.transfer_files(instruction, vertex)
            case Workdir():
                return self.working_folder(instruction)
        metadata.apply(instruction, self.draft, self.scope)
        return None

    def run_command(self, instruction: Run, vertex: Vertex) -> Record:
        prepared = run.prepare(self.session, self.planned, self.draft, instruction, vertex)

        def make(folder: Path) -> Path:
            return run.carry_out(self.session, prepared, self.draft, vertex, folder)

        return self.layered("run", prepared.key, instruction, run.history_line(prepared, self.draft), make)

    def transfer_files(self, instruction: Copy | Add, vertex: Vertex) -> Record:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with transfer.prepared(
                    self.session, self.planned, self.draft, self.scope, instruction, vertex
                ) as prepared:
                    for source in prepared.unmatched:
                        self.warn(f"{source}: matches no file", instruction)
                    lower = self.session.lower(self.draft.diff_ids)

                    def make(folder: Path, prepared: transfer.PreparedTransfer = prepared) -> Path:
                        return prepared.write(folder, lower)  # noqa: B023 (called before the next turn)

                    return self.layered("copy", prepared.key, instruction, prepared.created_by, make)
            except SourceChanged as error:
                if attempt == _ATTEMPTS:
                    message = f"{error}: the file keeps changing while it is copied"
                    raise self.session.error(message, instruction) from error
        raise AssertionError("unreachable")

    def working_folder(self, instruction: Workdir) -> Record | None:
        said = self.scope.expand(instruction.path, self.draft)
        path = clean(posixpath.join("/", self.draft.config.working_dir, said))
        shown = f"{path}/" if said.endswith("/") and path != "/" else path  # Docker keeps a slash at the end
        self.draft.change(working_dir=shown)
        if path == "/":
            self.draft.add_history(f"WORKDIR {path}")
            return None
        lower = self.session.lower(self.draft.diff_ids)
        try:
            owner = parse_owner(self.draft.config.user, lower)
        except UnknownUser:
            owner = Owner()  # said by the first RUN as this user, as BuildKit does; there may be none

        def make(folder: Path) -> Path:
            target = transfer.new_target(folder, lower)
            target.make_folder(target.tree.resolve(path)[0], owner)
            target.finish()
            return folder / "upper"

        values = {"path": path, "owner": [owner.uid, owner.gid]}
        return self.layered("workdir", values, instruction, f"WORKDIR {shown}", make)

    def layered(
        self, kind: str, values: dict[str, Any], instruction: Instruction, created_by: str, make: Callable[[Path], Path]
    ) -> Record:
        """The layer of these values over the draft's: known, or made by `make` (folder → upper directory)."""
        tools = self.session.tools
        if self.session.options.epoch is not None:
            values = {**values, "epoch": self.session.options.epoch}
        key = make_key(kind, self.draft.diff_ids, values)
        with tools.cache.step(key, self.session.check):
            record = None if self.no_cache and key not in tools.made else tools.cache.find(key)
            if record is not None and not tools.layers.has(record.diff_id):
                tools.cache.forget(key)
                record = None
            if record is None:
                record = self.made(key, show(instruction), make)
                tools.made.add(key)
        self.session.note(record)
        self.draft.add_layer(record.diff_id, created_by, record.created)
        return record

    def made(self, key: str, description: str, make: Callable[[Path], Path]) -> Record:
        """Carries the step out and keeps its layer at once, so that an interrupted build loses nothing."""
        tools = self.session.tools
        folder = tools.layers.scratch.folder("step")
        try:
            upper = make(folder)
            if self.session.options.epoch is not None:
                clamp_times(upper, self.session.options.epoch)
            layer = tools.layers.adopt(upper)
            return tools.cache.add(key, layer.diff_id, layer.size, description, self.session.now())
        finally:
            shutil.rmtree(folder)

    def warn(self, message: str, instruction: Instruction) -> None:
        self.session.emit(Warned(message, f"{self.session.dockerfile.name}:{instruction.position.line}"))


def _said(error: Exception, instruction: Instruction) -> str:
    if isinstance(error, OSError) and not isinstance(error, ImageError):
        return f"{error.filename or show(instruction)}: {error.strerror or error}"
    return str(error)
