"""A stage while its steps are walked: which variables there are, and what an instruction does to them.

As the builder would do it, but nothing is read or run; what a step reads from its stage is only its variables.
"""

from collections.abc import Callable, Iterator, Mapping

import msgspec

from dockless.dockerfile.errors import Position
from dockless.dockerfile.model import (
    Add,
    Arg,
    Copy,
    Env,
    Instruction,
    Label,
    Run,
    Shell,
    Stopsignal,
    User,
    Volume,
    Workdir,
)
from dockless.dockerfile.mounts import MountError, parse_mount

Expand = Callable[[str], str]


class State(msgspec.Struct):
    """`variables` in the order of their making; `known` is false over a base of which nothing is known.

    `last` is where each keyword stood last; `shell` whether there was a SHELL, `workdir` whether there was a WORKDIR.
    """

    variables: dict[str, str]
    known: bool = True
    arguments: set[str] = msgspec.field(default_factory=set)
    shell: bool = False
    workdir: bool = False
    last: dict[str, Position] = msgspec.field(default_factory=dict)

    def copy(self) -> "State":
        """For a stage that stands on this one."""
        return msgspec.structs.replace(self, variables=dict(self.variables), arguments=set(self.arguments), last={})

    def take(
        self, instruction: Instruction, expand: Expand, given: Mapping[str, str], global_variables: Mapping[str, str]
    ) -> None:
        """What the instruction leaves behind for those after it. Raises `WordError`."""
        match instruction:
            case Env():
                self.variables |= {expand(name): expand(value) for name, value in instruction.pairs}
            case Arg():
                for name, default in instruction.pairs:
                    value = given.get(name)
                    if value is None:
                        value = global_variables.get(name) if default is None else expand(default)
                    self.arguments.add(name)
                    if value is not None:
                        self.variables[name] = value
            case Workdir():
                self.workdir = True
            case Shell():
                self.shell = True
        self.last[instruction.keyword] = instruction.position


def words_of(instruction: Instruction, given: Mapping[str, str]) -> Iterator[tuple[str, bool]]:
    """The words in which the builder replaces variables, and whether quotes mean something in them."""
    match instruction:
        case Env() | Label():
            yield from ((word, True) for pair in instruction.pairs for word in pair)
        case Arg():
            yield from ((default, True) for name, default in instruction.pairs if default and name not in given)
        case Copy() | Add():
            words = [instruction.chown, instruction.chmod, *instruction.sources, instruction.destination]
            if isinstance(instruction, Add):
                words.append(instruction.checksum)
            yield from ((word, True) for word in words)
            yield from ((document.body, False) for document in instruction.documents if document.expand)
        case Run():
            yield from ((word, True) for mount in instruction.mounts for word in _mount_words(mount))
        case Stopsignal():
            yield instruction.signal, True
        case User():
            yield instruction.user, True
        case Volume():
            yield from ((path, True) for path in instruction.paths)
        case Workdir():
            yield instruction.path, True


def _mount_words(text: str) -> list[str]:
    words: list[str] = []

    def collect(word: str) -> str:
        words.append(word)
        return "0" if word.startswith("$") else word

    try:
        parse_mount(text, collect)
    except MountError:
        return words  # what is wrong with it is said by the build, with its line
    return words
