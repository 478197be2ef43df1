"""Rules about how a Dockerfile is written: letter case, names of stages, comments, what is deprecated.

They hold for every line, whatever the target of the build is.
"""

import re
from collections.abc import Iterator

from dockless.dockerfile.checks.rules import Finding
from dockless.dockerfile.errors import Position
from dockless.dockerfile.model import Arg, Dockerfile, From, Instruction, Maintainer

_RESERVED = ("context", "scratch")
_AS = re.compile(r"\s(as)\s+(\S+)\s*$", re.IGNORECASE)


def check_spelling(dockerfile: Dockerfile) -> Iterator[Finding]:
    for position in dockerfile.empty_continuations:
        yield Finding("NoEmptyContinuation", "Empty continuation line", Position(position.last))
    yield from _stage_names(dockerfile)
    yield from _casing(dockerfile)
    for instruction in _instructions(dockerfile):
        if isinstance(instruction, Maintainer):
            message = "Maintainer instruction is deprecated in favor of using label"
            yield Finding("MaintainerDeprecated", message, instruction.position)
    yield from _descriptions(dockerfile)


def written_keyword(instruction: Instruction) -> str:
    """The keyword as it stands in the file."""
    return instruction.original[: len(instruction.keyword)]


def _instructions(dockerfile: Dockerfile) -> Iterator[Instruction]:
    for stage in dockerfile.stages:
        yield stage.from_
        yield from stage.instructions


def _stage_names(dockerfile: Dockerfile) -> Iterator[Finding]:
    taken: set[str] = set()
    for stage in dockerfile.stages:
        position = stage.from_.position
        named = _AS.search(stage.from_.original) if stage.name else None
        if stage.name is None or named is None:
            continue
        if named[2] != named[2].lower():
            yield Finding("StageNameCasing", f"Stage name '{named[2]}' should be lowercase", position)
        keyword = written_keyword(stage.from_)
        if named[1] != {"FROM": "AS", "from": "as"}.get(keyword, named[1]):
            yield Finding("FromAsCasing", f"'{named[1]}' and '{keyword}' keywords' casing do not match", position)
        if stage.name in _RESERVED:
            message = f'Stage name should not use the same name as reserved stage "{stage.name}"'
            yield Finding("ReservedStageName", message, position)
        if stage.name in taken:
            message = f'Duplicate stage name "{stage.name}", stage names should be unique'
            yield Finding("DuplicateStageName", message, position)
        taken.add(stage.name)


def _casing(dockerfile: Dockerfile) -> Iterator[Finding]:
    """Keywords are all in capitals, or all in small letters, as most of them are."""
    keywords = [(written_keyword(instruction), instruction) for instruction in _instructions(dockerfile)]
    small = sum(keyword.islower() for keyword, _ in keywords)
    large = sum(keyword.isupper() for keyword, _ in keywords)
    lower = small > large
    for keyword, instruction in keywords:
        if keyword != (keyword.lower() if lower else keyword.upper()):
            majority = "lowercase" if lower else "uppercase"
            message = f"Command '{keyword}' should match the case of the command majority ({majority})"
            yield Finding("ConsistentInstructionCasing", message, instruction.position)


def _descriptions(dockerfile: Dockerfile) -> Iterator[Finding]:
    """The comment right above an ARG or a named stage describes it, and begins with its name."""
    for instruction in (*dockerfile.arguments, *_instructions(dockerfile)):
        names: tuple[str, ...] = ()
        if isinstance(instruction, Arg):
            names = tuple(name for name, _ in instruction.pairs)
        elif isinstance(instruction, From) and instruction.stage_name:
            names = (instruction.stage_name,)
        if not names or not instruction.comments or instruction.comments[-1].split(" ")[0] in names:
            continue
        name = names[0] if len(names) == 1 else "<arg_key>"
        message = f"Comment for {instruction.keyword} should follow the format: `# {name} <description>`"
        yield Finding("InvalidDefinitionDescription", message, instruction.position)
