"""A Dockerfile and what was asked → the graph of what the target needs, as a value that can be printed. Pure.

Only what does not depend on base images is decided here: which stages are needed, what each waits for, and the list of
steps to show. Triggers (ONBUILD) in base images add their steps later, and may want a stage that nothing else does.
"""

import re
from collections.abc import Mapping

import msgspec

from dockless.build.errors import BuildError
from dockless.build.events import Vertex
from dockless.build.options import BuildOptions
from dockless.dockerfile.arguments import global_variables
from dockless.dockerfile.errors import Position
from dockless.dockerfile.model import Add, Copy, Dockerfile, Instruction, Onbuild, Run, Stage, Workdir
from dockless.dockerfile.mounts import MountError, parse_mount
from dockless.dockerfile.parser import parse_trigger
from dockless.dockerfile.words import WordError, expand

SCRATCH = "scratch"


class PlannedStage(msgspec.Struct, frozen=True):
    """A stage with its FROM resolved as far as the file itself goes.

    `base` is an image's reference, "scratch", or "" where `base_stage` is the index of an earlier stage. `waits` are
    the stages that it copies from or mounts; `images` the images and named contexts that it copies from.
    """

    stage: Stage
    base: str
    base_stage: int | None
    platform: str
    waits: frozenset[int]
    images: tuple[str, ...]
    vertices: tuple[Vertex, ...]


class Plan(msgspec.Struct, frozen=True):
    """`stages` are those that the target needs, in the file's order; `spare` the others, for triggers of base images.

    `variables` are the global arguments' values.
    """

    stages: tuple[PlannedStage, ...]
    target: int
    variables: Mapping[str, str]
    spare: tuple[PlannedStage, ...] = ()

    def stage(self, index: int) -> PlannedStage | None:
        return next((planned for planned in (*self.stages, *self.spare) if planned.stage.index == index), None)

    @property
    def vertices(self) -> tuple[Vertex, ...]:
        return tuple(vertex for planned in self.stages for vertex in planned.vertices)

    def lines(self) -> list[str]:
        """The graph for a person: each stage with what it stands on and waits for, and its steps."""
        titles = {planned.stage.index: planned.stage.title for planned in self.stages}
        lines = []
        for planned in self.stages:
            base = titles[planned.base_stage] if planned.base_stage is not None else planned.base
            waits = sorted(titles[index] for index in planned.waits) + list(planned.images)
            after = f", after {', '.join(waits)}" if waits else ""
            mark = " (target)" if planned.stage.index == self.target else ""
            lines.append(f"{planned.stage.title} on {base}{after}{mark}")
            lines += [f"  {vertex.title}" for vertex in planned.vertices]
        return lines


def make_plan(dockerfile: Dockerfile, options: BuildOptions, platform_variables: Mapping[str, str]) -> Plan:
    """Raises `BuildError` for a target that is not there, a stage that comes too late, a FROM that is empty,
    `DockerfileError` for an ARG before the first FROM that cannot be expanded."""
    predefined = {**platform_variables, "TARGETSTAGE": options.target or "default"}
    given = {name: value for name, value in options.args.items() if value is not None}
    variables = global_variables(dockerfile, given, predefined)
    target = _target(dockerfile, options)
    drafts = {stage.index: _draft(dockerfile, stage, options, variables) for stage in dockerfile.stages}
    needed = _needed(drafts, target)
    chosen = [draft for index, draft in drafts.items() if index in needed]
    total = sum(len(draft.vertices) for draft in chosen)
    numbered: list[PlannedStage] = []
    ordinal = 0
    for draft in chosen:
        vertices = []
        for vertex in draft.vertices:
            ordinal += 1
            vertices.append(msgspec.structs.replace(vertex, ordinal=ordinal, ordinals=total))
        numbered.append(msgspec.structs.replace(draft, vertices=tuple(vertices)))
    spare = tuple(draft for index, draft in drafts.items() if index not in needed)
    return Plan(tuple(numbered), target, variables, spare)


def show(instruction: Instruction) -> str:
    """An instruction on one line, as progress shows it; a here-document by its first line."""
    text = re.sub(r"\s+", " ", instruction.original).strip()
    if not instruction.heredocs:
        return text
    lines = instruction.heredocs[0].content.strip().splitlines() or [""]
    return f"{text} ({lines[0]}{'...' if len(lines) > 1 else ''})"


def makes_layer(instruction: Instruction) -> bool:
    return isinstance(instruction, Run | Copy | Add | Workdir)


def sources_of(instruction: Instruction) -> list[str]:
    """The stages, images or contexts, by the names written, from which an instruction reads."""
    if isinstance(instruction, Copy):
        return [instruction.from_] if instruction.from_ else []
    if not isinstance(instruction, Run):
        return []
    found = []
    for text in instruction.mounts:
        try:
            mount = parse_mount(text, _as_written)
        except (MountError, WordError):
            continue  # said with its line when the step is prepared
        if mount.from_:
            found.append(mount.from_)
    return found


def _as_written(value: str) -> str:
    return "0" if value.startswith("$") else value


def _target(dockerfile: Dockerfile, options: BuildOptions) -> int:
    if not options.target:
        return len(dockerfile.stages) - 1
    found = dockerfile.stage(options.target)
    if found is None:
        known = ", ".join(stage.name for stage in dockerfile.stages if stage.name) or "the file names none"
        raise BuildError(f'target stage "{options.target}" could not be found (stages: {known})', name=dockerfile.name)
    return found.index


def _draft(dockerfile: Dockerfile, stage: Stage, options: BuildOptions, variables: Mapping[str, str]) -> PlannedStage:
    position = stage.from_.position
    base = _expanded(stage.from_.base, variables, dockerfile, position)
    if not base:
        message = f"base name ({stage.from_.base}) should not be blank"
        raise BuildError(message, name=dockerfile.name, position=position, text=dockerfile.text)
    earlier = _earlier(dockerfile, stage, base)
    waits: set[int] = set()
    images: list[str] = []
    for instruction in (*_triggers(dockerfile, earlier, position), *stage.instructions):
        for name in sources_of(instruction):
            index = source_stage(dockerfile, stage.index, name, instruction.position)
            if index is None:
                images.append(name)
            else:
                waits.add(index)
    return PlannedStage(
        stage=stage,
        base="" if earlier is not None else base,
        base_stage=earlier,
        platform=_expanded(stage.from_.platform, variables, dockerfile, position) or options.platform,
        waits=frozenset(waits),
        images=tuple(dict.fromkeys(images)),
        vertices=_vertices(stage),
    )


def _triggers(dockerfile: Dockerfile, base_stage: int | None, position: Position) -> list[Instruction]:
    """What the ONBUILDs of a stage of this file add to the one that stands on it, whose FROM is at `position`."""
    if base_stage is None:
        return []
    return [
        msgspec.structs.replace(parse_trigger(instruction.trigger), position=position)
        for instruction in dockerfile.stages[base_stage].instructions
        if isinstance(instruction, Onbuild)
    ]


def source_stage(dockerfile: Dockerfile, reader: int, name: str, position: Position) -> int | None:
    """The stage that `--from=name` means in stage `reader`, None for an image or a context. Raises `BuildError`."""
    found = dockerfile.stage(name)
    if found is None:
        if name.isascii() and name.isdigit():
            raise BuildError(
                f"invalid stage index {name}", name=dockerfile.name, position=position, text=dockerfile.text
            )
        return None
    if found.index >= reader:
        message = f'cannot copy from stage "{name}", it needs to be defined before current stage'
        raise BuildError(message, name=dockerfile.name, position=position, text=dockerfile.text)
    return found.index


def _earlier(dockerfile: Dockerfile, stage: Stage, base: str) -> int | None:
    for other in reversed(dockerfile.stages[: stage.index]):
        if other.name is not None and other.name == base.lower():
            return other.index
    return None


def _needed(drafts: Mapping[int, PlannedStage], target: int) -> set[int]:
    needed: set[int] = set()
    pending = [target]
    while pending:
        index = pending.pop()
        if index in needed:
            continue
        needed.add(index)
        draft = drafts[index]
        pending += draft.waits
        if draft.base_stage is not None:
            pending.append(draft.base_stage)
    return needed


def _vertices(stage: Stage) -> tuple[Vertex, ...]:
    """The stage's steps: FROM and what makes layers are numbered within it; the others only change configuration."""
    instructions: list[Instruction] = [stage.from_, *stage.instructions]
    layered = [instruction is stage.from_ or makes_layer(instruction) for instruction in instructions]
    total = sum(layered)
    number = 0
    vertices = []
    for position, (instruction, counted) in enumerate(zip(instructions, layered, strict=True)):
        number += counted
        vertices.append(
            Vertex(
                id=f"{stage.index}.{position}",
                stage=stage.title,
                number=number if counted else 0,
                total=total if counted else 0,
                text=show(instruction),
                line=instruction.position.line,
                ordinal=0,
                ordinals=0,
            )
        )
    return tuple(vertices)


def _expanded(word: str, variables: Mapping[str, str], dockerfile: Dockerfile, position: Position) -> str:
    try:
        return expand(word, variables, escape=dockerfile.escape)
    except WordError as error:
        raise BuildError(str(error), name=dockerfile.name, position=position, text=dockerfile.text) from error
