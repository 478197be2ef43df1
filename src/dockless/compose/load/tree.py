"""The tree that the passes work on: plain values in `Map`s and `Seq`s that remember where each entry stands.

A place (`Mark`) is the YAML parser's own: file name, line and column from 0. Passes may put plain dicts and lists into
the tree; a place inside them is that of the nearest entry above.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from dockless.compose.errors import ComposeError, Problem

Path = tuple[str | int, ...]


class Mark(Protocol):
    """Where something begins."""

    @property
    def name(self) -> str: ...
    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


class Map(dict[str, Any]):
    """A mapping; `marks` holds for each key the places of the key and of the value."""

    __slots__ = ("marks",)

    def __init__(self) -> None:
        self.marks: dict[str, tuple[Mark, Mark]] = {}


class Seq(list[Any]):
    """A sequence; `marks` holds the place of each item."""

    __slots__ = ("marks",)

    def __init__(self) -> None:
        self.marks: list[Mark] = []


class Trouble(Exception):
    """A pass cannot go on with a value; `path` leads from that value to the culprit inside it."""

    def __init__(self, message: str, path: Path = (), *, hint: str = "", key: bool = False) -> None:
        super().__init__(message)
        self.message, self.path, self.hint, self.key = message, path, hint, key


class Files:
    """The texts of all files of one load, for showing the line that a problem is in."""

    def __init__(self) -> None:
        self._texts: dict[str, bytes] = {}

    def add(self, name: str, text: bytes) -> None:
        self._texts[name] = text

    def text(self, name: str) -> bytes:
        """The text of a file that this load has read; empty for another."""
        return self._texts.get(name, b"")

    def problem(self, message: str, mark: Mark | None, hint: str = "") -> Problem:
        """A problem at that place; the file is named as absolute as it was opened."""
        if mark is None:
            return Problem(message, hint=hint)
        lines = self._texts.get(mark.name, b"").splitlines()
        shown = lines[mark.line].decode("utf-8", "replace") if mark.line < len(lines) else ""
        return Problem(message, mark.name, mark.line + 1, mark.column + 1, shown, hint)

    def problem_in(self, tree: Any, path: Path, trouble: Trouble) -> Problem:
        """A pass's trouble with the value at `path`, placed."""
        return self.problem(trouble.message, locate(tree, path + trouble.path, key=trouble.key), trouble.hint)

    def fail(self, problems: Iterable[Problem]) -> None:
        """Raises ComposeError if there is any problem; they are told in the order of the files' lines."""
        if found := sorted(problems, key=lambda problem: (problem.file, problem.line, problem.column)):
            raise ComposeError(*found)


def locate(tree: Any, path: Path, *, key: bool = False) -> Mark | None:
    """The place of the entry at `path` (of its key if asked), or of the nearest one above it that is known."""
    mark: Mark | None = None
    for part in path:
        if isinstance(tree, Map) and part in tree.marks:
            key_mark, value_mark = tree.marks[part]
            mark = key_mark if key or tree.get(part) is None else value_mark
        elif isinstance(tree, Seq) and isinstance(part, int) and part < len(tree.marks):
            mark = tree.marks[part]
        if isinstance(tree, Mapping):
            tree = tree.get(part)
        elif isinstance(tree, list) and isinstance(part, int) and part < len(tree):
            tree = tree[part]
        else:
            break
    return mark


def dotted(path: Path) -> str:
    """The path as messages name it: `services.web.ports.0`."""
    return ".".join(map(str, path))


def clone(value: Any) -> Any:
    """A copy that can be changed without changing the original; places are kept."""
    if isinstance(value, Map):
        copied = Map()
        for name, entry in value.items():
            copied[name] = clone(entry) if isinstance(entry, (dict, list)) else entry
        copied.marks.update(value.marks)
        return copied
    if isinstance(value, Seq):
        items = Seq()
        items.extend(clone(entry) if isinstance(entry, (dict, list)) else entry for entry in value)
        items.marks.extend(value.marks)
        return items
    if isinstance(value, dict):
        return {name: clone(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [clone(entry) for entry in value]
    return value
