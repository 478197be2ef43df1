"""What a Dockerfile offers to whoever builds it: its targets, and a target's arguments, secrets and agents.

As BuildKit answers `--call=targets` and `--call=outline`: nothing is built or pulled, and of base images that are not
here neither the environment nor the triggers are known.
"""

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress

import msgspec

from dockless.build.plan import Plan
from dockless.dockerfile.checks import Base, Situation
from dockless.dockerfile.checks.state import State
from dockless.dockerfile.errors import DockerfileError, Position
from dockless.dockerfile.model import Arg, Dockerfile, From, Instruction, Onbuild, Run, Stage
from dockless.dockerfile.mounts import MountError, parse_mount
from dockless.dockerfile.parser import parse_trigger
from dockless.dockerfile.words import WordError, expand


class Offered(msgspec.Struct, frozen=True, omit_defaults=True):
    """An argument with its value and what the comment above it says, a secret, or an agent; `lines` first and last."""

    name: str
    lines: tuple[int, int]
    description: str = ""
    value: str = ""
    required: bool = False


class Outline(msgspec.Struct, frozen=True):
    """`name` and `description` are the stage's; the rest in the order of its lines."""

    name: str
    description: str
    args: tuple[Offered, ...]
    secrets: tuple[Offered, ...]
    ssh: tuple[Offered, ...]


class Target(msgspec.Struct, frozen=True):
    """A stage: `name` is "" where it has none, `base` and `platform` are as written."""

    name: str
    description: str
    default: bool
    base: str
    platform: str
    lines: tuple[int, int]


def targets(dockerfile: Dockerfile) -> tuple[Target, ...]:
    last = dockerfile.stages[-1]
    return tuple(
        Target(
            name=stage.name or "",
            description=_description(stage.from_, stage.name or ""),
            default=stage is last,
            base=stage.from_.base,
            platform=stage.from_.platform,
            lines=_lines(stage.from_.position),
        )
        for stage in dockerfile.stages
    )


def outline(dockerfile: Dockerfile, plan: Plan, situation: Situation) -> Outline:
    """Of the plan's target. Raises `DockerfileError` for what cannot be expanded."""
    stages = _Stages(dockerfile, plan, situation)
    for planned in plan.stages:
        stages.walk(planned.stage)
    chain = list(stages.from_target())
    target = dockerfile.stages[plan.target]
    return Outline(
        name=target.name or "",
        description=_description(target.from_, target.name or ""),
        args=_merged(stages.ended[index].used_arguments() for index in chain),
        secrets=_merged(stages.ended[index].secrets.values() for index in chain),
        ssh=_merged(stages.ended[index].ssh.values() for index in chain),
    )


class _Ended(msgspec.Struct):
    """A stage that was walked: `arguments` are the global ones and its own, `needs` what global ones are made of."""

    state: State
    arguments: dict[str, Offered]
    needs: Mapping[str, Iterable[str]]
    used: dict[str, None] = msgspec.field(default_factory=dict)
    secrets: dict[str, Offered] = msgspec.field(default_factory=dict)
    ssh: dict[str, Offered] = msgspec.field(default_factory=dict)

    def used_arguments(self) -> Iterator[Offered]:
        pending, seen = list(self.used), set[str]()
        while pending:
            name = pending.pop(0)
            if name not in seen:
                seen.add(name)
                pending += self.needs.get(name, ())
                if name in self.arguments:
                    yield self.arguments[name]


class _Stages:
    def __init__(self, dockerfile: Dockerfile, plan: Plan, situation: Situation) -> None:
        self.dockerfile = dockerfile
        self.plan = plan
        self.situation = situation
        self.ended: dict[int, _Ended] = {}
        self.arguments: dict[str, Offered] = {}
        self.needs: dict[str, list[str]] = {}
        for argument in dockerfile.arguments:
            for name, default in argument.pairs:
                self.arguments[name] = _argument(argument, name, plan.variables.get(name, ""))
                self.needs[name] = self.names(default or "", plan.variables, argument)

    def from_target(self) -> Iterator[int]:
        """The target, what it stands on, and what it copies from, each once, the nearest first."""
        pending, seen = [self.plan.target], set[int]()
        while pending:
            index = pending.pop(0)
            planned = self.plan.stage(index)
            if planned is None or index in seen:
                continue
            seen.add(index)
            yield index
            pending += [*([] if planned.base_stage is None else [planned.base_stage]), *sorted(planned.waits)]

    def walk(self, stage: Stage) -> None:
        planned = self.plan.stage(stage.index)
        assert planned is not None
        triggers: tuple[str, ...] = ()
        state = State({})
        if planned.base_stage is not None:
            state = self.ended[planned.base_stage].state.copy()
            below = self.dockerfile.stages[planned.base_stage].instructions
            triggers = tuple(one.trigger for one in below if isinstance(one, Onbuild))
        else:
            base = self.situation.base(planned.base, planned.platform) or Base()
            state.variables |= base.variables
            triggers = base.triggers
        ended = self.ended[stage.index] = _Ended(state, dict(self.arguments), self.needs)
        for word in (stage.from_.base, stage.from_.platform):
            ended.used |= dict.fromkeys(self.names(word, self.plan.variables, stage.from_))
        for trigger in triggers:
            with suppress(DockerfileError):  # the build says it, with its line
                self.take(msgspec.structs.replace(parse_trigger(trigger), position=stage.from_.position), ended)
        for instruction in stage.instructions:
            self.take(instruction, ended)

    def take(self, instruction: Instruction, ended: _Ended) -> None:
        def word(text: str) -> str:
            return expand(text, ended.state.variables, escape=self.dockerfile.escape)

        try:
            ended.state.take(instruction, word, self.situation.given, self.plan.variables)
            if isinstance(instruction, Arg):
                self.declare(instruction, ended)
            elif isinstance(instruction, Run):
                for text in instruction.mounts:
                    _mount(text, word, instruction, ended)
        except (WordError, MountError) as error:
            raise self.error(error, instruction) from error

    def declare(self, instruction: Arg, ended: _Ended) -> None:
        for name, default in instruction.pairs:
            ended.used[name] = None
            said = default is not None or name in self.situation.given
            if said or name not in self.plan.variables:
                value = ended.state.variables[name] if said else ""
                ended.arguments[name] = _argument(instruction, name, value)

    def names(self, word: str, variables: Mapping[str, str], instruction: Instruction) -> list[str]:
        """The variables that a word uses."""
        asked = _Asked(variables)
        try:
            expand(word, asked, escape=self.dockerfile.escape)
        except WordError as error:
            raise self.error(error, instruction) from error
        return list(asked.names)

    def error(self, error: Exception, instruction: Instruction) -> DockerfileError:
        return DockerfileError(
            str(error), name=self.dockerfile.name, position=instruction.position, text=self.dockerfile.text
        )


class _Asked(dict[str, str]):
    """Variables that remember which of them somebody wanted."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        super().__init__(variables)
        self.names: dict[str, None] = {}

    def get(self, key: str, default: str | None = None) -> str | None:  # type: ignore[override]
        self.names[key] = None
        return super().get(key, default)


def _mount(text: str, word: Callable[[str], str], instruction: Run, ended: _Ended) -> None:
    mount = parse_mount(text, word)
    lines = _lines(instruction.position)
    if mount.type == "secret":
        name = mount.source or mount.id or posixpath.basename(mount.target)
        ended.secrets.setdefault(name, Offered(name, lines, required=mount.required))
    elif mount.type == "ssh":
        name = mount.id or "default"
        ended.ssh.setdefault(name, Offered(name, lines, required=mount.required))


def _merged(found: Iterable[Iterable[Offered]]) -> tuple[Offered, ...]:
    """Of two with one name the nearer one, and all in the order of their lines."""
    nearest: dict[str, Offered] = {}
    for some in found:
        for one in some:
            nearest.setdefault(one.name, one)
    return tuple(sorted(nearest.values(), key=lambda one: one.lines[0]))


def _argument(instruction: Arg, name: str, value: str) -> Offered:
    return Offered(name, _lines(instruction.position), description=_description(instruction, name), value=value)


def _description(instruction: Arg | From, name: str) -> str:
    """`# NAME is this and that`, in the comment right above."""
    for comment in instruction.comments if name else ():
        if comment.startswith(f"{name} "):
            return comment[len(name) + 1 :]
    return ""


def _lines(position: Position) -> tuple[int, int]:
    return position.line, position.last
