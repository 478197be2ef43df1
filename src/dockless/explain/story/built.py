"""What a Dockerfile's stages make, as far as the file itself tells: folder, user, command, ports, and what was copied.

The values of `ARG` and `ENV` are followed; what the base image brings is unknown, unless it is an earlier stage.
"""

import posixpath
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from dockless.dockerfile import Dockerfile, Instruction, Stage
from dockless.dockerfile import model as language
from dockless.dockerfile.words import WordError, expand
from dockless.explain.story.official import parse_reference


class Copied(msgspec.Struct, frozen=True):
    """Files that came into the stage. `from_` is a stage or image; empty: the build context."""

    sources: tuple[str, ...]
    target: str
    from_: str
    line: int


class State(msgspec.Struct, frozen=True):
    """A stage at one of its instructions. `workdir` is "" where only the base image knows it."""

    base: str = ""
    workdir: str = ""
    user: str = ""
    variables: Mapping[str, str] = {}
    arguments: frozenset[str] = frozenset()
    command: language.CommandLine | None = None
    entrypoint: language.CommandLine | None = None
    ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    copied: tuple[Copied, ...] = ()
    healthcheck: language.Healthcheck | None = None
    stopsignal: str = ""
    shell: tuple[str, ...] = ()

    @property
    def folder(self) -> str:
        """Where relative paths start: `/` unless something says otherwise."""
        return self.workdir or "/"

    def expanded(self, word: str) -> str:
        """The word with the variables that are known; as written where it cannot be expanded."""
        try:
            return expand(word, self.variables)
        except WordError:
            return word

    def path(self, word: str) -> str:
        """A path of an instruction, absolute."""
        return posixpath.normpath(posixpath.join(self.folder, self.expanded(word)))


class Built(msgspec.Struct, frozen=True):
    """`before` has the state before each instruction by its line; `ends` the state at each stage's end."""

    before: Mapping[int, State]
    ends: tuple[State, ...]
    target: int
    needed: frozenset[int]

    @property
    def final(self) -> State:
        return self.ends[self.target]


def follow(file: Dockerfile, target: str = "", given: Mapping[str, str | None] | None = None) -> Built:
    """Follows all stages. `given` are the build's arguments."""
    given = given or {}
    before: dict[int, State] = {}
    ends: list[State] = []
    header: dict[str, str] = {}
    for argument in file.arguments:
        _declare(header, argument, given)
    for stage in file.stages:
        base = _word(stage.from_.base, header)
        earlier = _stage(file, base, stage.index)
        state = msgspec.structs.replace(ends[earlier.index], base=base) if earlier else State(base=base)
        for instruction in stage.instructions:
            before[instruction.position.line] = state
            step = _STEPS.get(type(instruction))
            if step is not None:
                state = step(state, instruction, header, given)
        ends.append(state)
    last = file.stage(target) if target else None
    index = last.index if last else len(file.stages) - 1
    return Built(before, tuple(ends), index, needed_stages(file, index))


def needed_stages(file: Dockerfile, target: int) -> frozenset[int]:
    """The stages that the target is made of; the others are not built."""
    found: set[int] = set()
    queue = [target]
    while queue:
        index = queue.pop()
        if index in found:
            continue
        found.add(index)
        stage = file.stages[index]
        names = [stage.from_.base]
        for instruction in stage.instructions:
            if isinstance(instruction, language.Copy):
                names.append(instruction.from_)
            elif isinstance(instruction, language.Run):
                names += [
                    part[5:] for mount in instruction.mounts for part in mount.split(",") if part.startswith("from=")
                ]
        queue += [other.index for name in names if name and (other := _stage(file, name, index))]
    return frozenset(found)


def base_of(file: Dockerfile, stage: Stage, given: Mapping[str, str | None] | None = None) -> str:
    """The stage's base with the arguments before the first FROM filled in."""
    header: dict[str, str] = {}
    for argument in file.arguments:
        _declare(header, argument, given or {})
    return _word(stage.from_.base, header)


def earlier_stage(file: Dockerfile, name: str, before: int) -> Stage | None:
    return _stage(file, name, before)


def _stage(file: Dockerfile, name: str, before: int) -> Stage | None:
    found = file.stage(name)
    return found if found is not None and found.index < before else None


def _word(word: str, variables: Mapping[str, str]) -> str:
    try:
        return expand(word, variables)
    except WordError:
        return word


def _declare(into: dict[str, str], argument: language.Arg, given: Mapping[str, str | None]) -> None:
    for name, default in argument.pairs:
        value = given.get(name)
        if value is not None:
            into[name] = value
        elif default is not None:
            into[name] = _word(default, into)


_Step = Callable[[State, Any, Mapping[str, str], Mapping[str, str | None]], State]
_change = msgspec.structs.replace


def _arg(state: State, arg: language.Arg, header: Mapping[str, str], given: Mapping[str, str | None]) -> State:
    variables = dict(state.variables)
    for name, default in arg.pairs:
        if name in variables and name not in state.arguments:
            continue  # ENV goes before ARG
        if (value := given.get(name)) is not None or (
            value := header.get(name) if default is None else None
        ) is not None:
            variables[name] = value
        elif default is not None:
            variables[name] = state.expanded(default)
    return _change(state, variables=variables, arguments=state.arguments | {name for name, _ in arg.pairs})


def _env(state: State, env: language.Env, _h: Any, _g: Any) -> State:
    added = {name: state.expanded(value) for name, value in env.pairs}
    return _change(state, variables={**state.variables, **added}, arguments=state.arguments - set(added))


def _copy(state: State, copy: language.Copy, _h: Any, _g: Any) -> State:
    sources = tuple(state.expanded(source) for source in copy.sources)
    came = Copied(sources, state.path(copy.destination), copy.from_, copy.position.line)
    return _change(state, copied=(*state.copied, came))


def _add(state: State, add: language.Add, _h: Any, _g: Any) -> State:
    sources = tuple(state.expanded(source) for source in add.sources)
    return _change(state, copied=(*state.copied, Copied(sources, state.path(add.destination), "", add.position.line)))


def _entrypoint(state: State, entrypoint: language.Entrypoint, _h: Any, _g: Any) -> State:
    return _change(state, entrypoint=entrypoint.command, command=None if state.command is None else state.command)


_STEPS: dict[type[Instruction], _Step] = {
    language.Arg: _arg,
    language.Env: _env,
    language.Copy: _copy,
    language.Add: _add,
    language.Entrypoint: _entrypoint,
    language.Workdir: lambda state, each, _h, _g: _change(state, workdir=state.path(each.path)),
    language.User: lambda state, each, _h, _g: _change(state, user=state.expanded(each.user)),
    language.Cmd: lambda state, each, _h, _g: _change(state, command=each.command),
    language.Expose: lambda state, each, _h, _g: _change(
        state, ports=(*state.ports, *(state.expanded(port) for port in each.ports))
    ),
    language.Volume: lambda state, each, _h, _g: _change(
        state, volumes=(*state.volumes, *(state.expanded(path) for path in each.paths))
    ),
    language.Healthcheck: lambda state, each, _h, _g: _change(state, healthcheck=each),
    language.Stopsignal: lambda state, each, _h, _g: _change(state, stopsignal=each.signal),
    language.Shell: lambda state, each, _h, _g: _change(state, shell=each.words),
}


def known_ports(image: str, state: State | None) -> tuple[str, ...]:
    """The ports that a service listens on as far as its image tells: EXPOSE, else what is known of the base."""
    if state is not None:
        ports = tuple(port.removesuffix("/tcp") for port in state.ports)
        if ports:
            return ports
        image = state.base
    official = parse_reference(image).official
    return tuple(map(str, official.ports)) if official else ()
