"""Rules about FROM: arguments in the image's name, and the platform."""

import re
from collections.abc import Iterator, Mapping

from dockless.dockerfile.arguments import global_variables
from dockless.dockerfile.checks.near import near
from dockless.dockerfile.checks.rules import Finding
from dockless.dockerfile.checks.situation import Situation
from dockless.dockerfile.errors import DockerfileError
from dockless.dockerfile.model import Dockerfile, Stage
from dockless.dockerfile.words import WordError, expand

_TARGET_PLATFORM = "TARGETPLATFORM"
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST = r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\[[0-9a-fA-F:]+\])(?::[0-9]+)?"
# The grammar of image names (distribution's "reference"), as far as a check needs it.
_REFERENCE = re.compile(
    rf"(?:{_HOST}/)?{_COMPONENT}(?:/{_COMPONENT})*(?::\w[\w.-]{{0,127}})?(?:@[A-Za-z][\w.+-]*:[0-9a-fA-F]{{32,}})?",
    re.ASCII,
)


def check_bases(dockerfile: Dockerfile, situation: Situation) -> Iterator[Finding]:
    try:
        defaults = global_variables(dockerfile, {}, situation.predefined)
        variables = global_variables(dockerfile, situation.given, situation.predefined)
    except DockerfileError:
        return  # the build says it, with its line
    declared = {name for argument in dockerfile.arguments for name, _ in argument.pairs}
    for stage in dockerfile.stages:
        try:
            yield from _default(dockerfile, stage, defaults)
            yield from _undeclared(dockerfile, stage, variables, declared)
            yield from _platform(dockerfile, stage, variables)
        except WordError:
            continue  # the build says it, with its line


def _default(dockerfile: Dockerfile, stage: Stage, defaults: Mapping[str, str]) -> Iterator[Finding]:
    name = expand(stage.from_.base, defaults, escape=dockerfile.escape)
    if not _REFERENCE.fullmatch(name) and not _is_stage(dockerfile, stage, name):
        message = f"Default value for ARG {stage.from_.base} results in empty or invalid base image name"
        yield Finding("InvalidDefaultArgInFrom", message, stage.from_.position)


def _is_stage(dockerfile: Dockerfile, stage: Stage, name: str) -> bool:
    return any(earlier.name == name.lower() for earlier in dockerfile.stages[: stage.index] if earlier.name)


def _undeclared(
    dockerfile: Dockerfile, stage: Stage, variables: Mapping[str, str], declared: set[str]
) -> Iterator[Finding]:
    for word in (stage.from_.base, stage.from_.platform):
        unset: set[str] = set()
        expand(word, variables, escape=dockerfile.escape, unset=unset)
        for name in sorted(unset - declared):
            hint = near(name, (*declared, *variables), " (did you mean {}?)")
            message = f"FROM argument '{name}' is not declared{hint}"
            yield Finding("UndefinedArgInFrom", message, stage.from_.position)


def _platform(dockerfile: Dockerfile, stage: Stage, variables: Mapping[str, str]) -> Iterator[Finding]:
    said = stage.from_.platform
    if not said:
        return
    names: set[str] = set()
    expand(said, {}, escape=dockerfile.escape, unset=names)
    value = expand(said, variables, escape=dockerfile.escape)
    if names == {_TARGET_PLATFORM} and value == variables.get(_TARGET_PLATFORM):
        message = f"Setting platform to predefined {said} in FROM is redundant as this is the default behavior"
        yield Finding("RedundantTargetPlatform", message, stage.from_.position)
    if names or any(part in (stage.name or "") for part in _named_after(value)):
        return
    message = f'FROM --platform flag should not use constant value "{value}"'
    yield Finding("FromPlatformFlagConstDisallowed", message, stage.from_.position)


def _named_after(platform: str) -> tuple[str, ...]:
    """The parts of a platform after which a stage may be named: it is meant for that platform then."""
    parts = platform.split("/")
    return tuple(parts[:2])
