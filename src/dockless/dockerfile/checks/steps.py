"""Rules about what a step does in its stage: variables, working folders, commands, ports, secrets, ignored files."""

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from dockless.dockerfile.arguments import global_variables
from dockless.dockerfile.checks.near import near
from dockless.dockerfile.checks.rules import Finding
from dockless.dockerfile.checks.situation import Base, Situation
from dockless.dockerfile.checks.state import Expand, State, words_of
from dockless.dockerfile.errors import DockerfileError
from dockless.dockerfile.ignore import has_wildcard
from dockless.dockerfile.model import (
    Add,
    Arg,
    Cmd,
    Copy,
    Dockerfile,
    Entrypoint,
    Env,
    Expose,
    Healthcheck,
    Instruction,
    Label,
    Stage,
    Workdir,
)
from dockless.dockerfile.parser import parse_trigger
from dockless.dockerfile.words import WordError, expand, expand_words, first_blank, split_words

_SCRATCH = "scratch"
_WHOLE = r"(?:^|_)(?:{})(?:_|$)"
_SECRET = re.compile(_WHOLE.format("apikey|auth|credentials?|key|passwd|password|pword|secret|token"), re.IGNORECASE)
_PUBLIC = re.compile(_WHOLE.format("public"), re.IGNORECASE)


class _Step(msgspec.Struct, frozen=True):
    """An instruction in its stage, before it is carried out."""

    instruction: Any
    state: State
    expand: Expand
    situation: Situation
    escape: str


def check_steps(dockerfile: Dockerfile, situation: Situation) -> Iterator[Finding]:
    try:
        variables = global_variables(dockerfile, situation.given, situation.predefined)
    except DockerfileError:
        return  # the build says it, with its line
    walk = _Walk(dockerfile, situation, variables)
    for stage in dockerfile.stages:
        yield from walk.stage(stage)


class _Walk:
    def __init__(self, dockerfile: Dockerfile, situation: Situation, variables: Mapping[str, str]) -> None:
        self.dockerfile = dockerfile
        self.situation = situation
        self.variables = variables
        self.ended: dict[int, State] = {}

    def stage(self, stage: Stage) -> list[Finding]:
        found: list[Finding] = []
        state = self.ended[stage.index] = self.begun(stage, found)
        try:
            for instruction in stage.instructions:
                found += self.step(instruction, state)
        except WordError:
            # The build says it, with its line; what follows in the stage cannot be judged.
            state.known = False
        return found if self.situation.judges(stage.index) else []

    def begun(self, stage: Stage, found: list[Finding]) -> State:
        try:
            name = expand(stage.from_.base, self.variables, escape=self.dockerfile.escape)
            platform = expand(stage.from_.platform, self.variables, escape=self.dockerfile.escape)
        except WordError:
            return State({}, known=False)
        for earlier in reversed(self.dockerfile.stages[: stage.index]):
            if earlier.name and earlier.name == name.lower():
                return self.ended[earlier.index].copy()
        if name == _SCRATCH:
            return State({"PATH": ""})
        base = self.situation.base(name, platform) if name and self.situation.judges(stage.index) else None
        if base is None:
            return State({}, known=False)
        expected = platform or self.variables.get("TARGETPLATFORM", "")
        if base.platform and expected and base.platform.split("/")[:2] != expected.split("/")[:2]:
            message = f'Base image {name} was pulled with platform "{base.platform}", expected "{expected}"'
            found.append(
                Finding("InvalidBaseImagePlatform", f"{message} for current build", stage.from_.position)
            )  # fmt: skip
        return self.over(base)

    def over(self, base: Base) -> State:
        """After the base's triggers, which are not this file's to answer for."""
        state = State({"PATH": "", **base.variables}, shell=base.shell)
        for trigger in base.triggers:
            try:
                self.step(parse_trigger(trigger), state)
            except (DockerfileError, WordError):
                state.known = False
        return msgspec.structs.replace(state, last={})

    def step(self, instruction: Instruction, state: State) -> list[Finding]:
        """Raises `WordError`."""

        def word(text: str) -> str:
            return expand(text, state.variables, escape=self.dockerfile.escape)

        step = _Step(instruction, state, word, self.situation, self.dockerfile.escape)
        found = list(self.undefined(instruction, state))
        for rule in _RULES.get(type(instruction), ()):
            found += rule(step)
        state.take(instruction, word, self.situation.given, self.variables)
        return found

    def undefined(self, instruction: Instruction, state: State) -> Iterator[Finding]:
        names: dict[str, None] = {}
        for text, quotes in words_of(instruction, self.situation.given):
            unset: set[str] = set()
            expand(text, state.variables, escape=self.dockerfile.escape, quotes=quotes, unset=unset)
            names |= dict.fromkeys(sorted(unset - state.arguments))
        for name in names if state.known else ():
            hint = near(name, state.variables, " (did you mean ${}?)")
            yield Finding("UndefinedVar", f"Usage of undefined variable '${name}'{hint}", instruction.position)


def _relative(step: _Step) -> Iterator[Finding]:
    path = step.expand(step.instruction.path)
    if not path.startswith("/") and not step.state.workdir:
        message = f'Relative workdir "{path}" can have unexpected results if the base image changes'
        yield Finding("WorkdirRelativePath", message, step.instruction.position)


def _shell_form(step: _Step) -> Iterator[Finding]:
    if step.instruction.command.shell and step.instruction.command.words and not step.state.shell:
        message = f"JSON arguments recommended for {step.instruction.keyword}"
        message += " to prevent unintended behavior related to OS signals"
        yield Finding("JSONArgsRecommended", message, step.instruction.position)


def _overruled(step: _Step) -> Iterator[Finding]:
    """The one that a later one overrules is to blame."""
    keyword = step.instruction.keyword
    if keyword in step.state.last:
        message = f"Multiple {keyword} instructions should not be used in the same stage"
        message += " because only the last one will be used"
        yield Finding("MultipleInstructionsDisallowed", message, step.state.last[keyword])


def _legacy(step: _Step) -> Iterator[Finding]:
    """`ENV name value`, without the sign between them."""
    keyword = step.instruction.keyword
    parts = first_blank(step.instruction.original)
    words = split_words(parts[1], step.escape) if parts else []
    if words and "=" not in words[0]:
        message = f'"{keyword} key=value" should be used instead of legacy "{keyword} key value" format'
        yield Finding("LegacyKeyValueFormat", message, step.instruction.position)


def _secrets(step: _Step) -> Iterator[Finding]:
    keyword = step.instruction.keyword
    for name, _ in step.instruction.pairs:
        shown = name if keyword == "ARG" else step.expand(name)
        if _SECRET.search(shown) and not _PUBLIC.search(shown):
            message = f'Do not use ARG or ENV instructions for sensitive data ({keyword} "{shown}")'
            yield Finding("SecretsUsedInArgOrEnv", message, step.instruction.position)


def _ports(step: _Step) -> Iterator[Finding]:
    position = step.instruction.position
    for text in step.instruction.ports:
        for port in expand_words(text, step.state.variables, escape=step.escape):
            protocol = port.partition("/")[2]
            if protocol != protocol.lower():
                message = f"Defined protocol '{port}' in EXPOSE instruction should be lowercase"
                yield Finding("ExposeProtoCasing", message, position)
            if ":" in port:
                message = f"EXPOSE instruction should not define an IP address or host-port mapping, found '{port}'"
                yield Finding("ExposeInvalidFormat", message, position)


def _ignored(step: _Step) -> Iterator[Finding]:
    ignore = step.situation.ignore
    if ignore is None or (isinstance(step.instruction, Copy) and step.instruction.from_):
        return
    for source in map(step.expand, step.instruction.sources):
        plain = not has_wildcard(source) and "://" not in source
        if plain and ignore.ignored(source.rstrip("/")):
            verb = step.instruction.keyword.capitalize()
            message = f'Attempting to {verb} file "{source}" that is excluded by .dockerignore'
            yield Finding("CopyIgnoredFile", message, step.instruction.position)


_Judge = Callable[[_Step], Iterator[Finding]]
_RULES: Mapping[type[Instruction], tuple[_Judge, ...]] = MappingProxyType(
    {
        Add: (_ignored,),
        Arg: (_secrets,),
        Cmd: (_shell_form, _overruled),
        Copy: (_ignored,),
        Entrypoint: (_shell_form, _overruled),
        Env: (_legacy, _secrets),
        Expose: (_ports,),
        Healthcheck: (_overruled,),
        Label: (_legacy,),
        Workdir: (_relative,),
    }
)
