"""Tables from path patterns (`services.*.ports`) to functions, and the walk that applies one to a tree.

`*` stands for any key or index. The walk goes only where some pattern leads, replaces the value at each path that a
pattern names by what its function returns, and then goes on into the result.
"""

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from msgspec import Struct, field

from dockless.compose.errors import Problem
from dockless.compose.load.tree import Files, Path, Trouble, dotted

T = TypeVar("T")
Step = Callable[[Any], Any]


class Node(Struct, Generic[T]):
    """One place in a table: what its pattern says, and where further patterns lead."""

    here: T | None = None
    below: "dict[str, Node[T]]" = field(default_factory=dict)
    each: "Node[T] | None" = None

    def next(self, key: str | int) -> "Node[T] | None":
        return self.below.get(key, self.each) if type(key) is str else self.each


def table(rows: Mapping[str, T]) -> Node[T]:
    """Compiles a table. A key named in one pattern may also be covered by another's `*`: rows are joined."""
    root: Node[T] = Node()
    for pattern, value in rows.items():
        node = root
        for part in pattern.split("."):
            if part == "*":
                node.each = node.each or Node()
                node = node.each
            else:
                node = node.below.setdefault(part, Node())
        node.here = value
    return root


def apply(rows: Node[Step], tree: Any, files: Files) -> None:
    """Changes the tree in place. A function raises Trouble for what it refuses; all of it makes one ComposeError."""
    problems: list[Problem] = []

    def refuse(path: Path, trouble: Trouble) -> None:
        trouble.message = f"{dotted((*path, *trouble.path))}: {trouble.message}"
        problems.append(files.problem_in(tree, path, trouble))

    _descend(rows, tree, (), refuse)
    files.fail(problems)


def _descend(node: Node[Step], value: Any, path: Path, refuse: Callable[[Path, Trouble], None]) -> None:
    if isinstance(value, dict):
        if node.each is None:
            for name, child in node.below.items():
                if name in value:
                    _visit(child, value, name, path, refuse)
        else:
            for name in list(value):
                _visit(node.below.get(name, node.each), value, name, path, refuse)
    elif isinstance(value, list) and node.each is not None:
        for index in range(len(value)):
            _visit(node.each, value, index, path, refuse)


def _visit(node: Node[Step], holder: Any, key: Any, path: Path, refuse: Callable[[Path, Trouble], None]) -> None:
    value = holder[key]
    if node.here is not None:
        try:
            result = node.here(value)
        except Trouble as trouble:
            refuse((*path, key), trouble)
            return
        if result is not value:
            holder[key] = value = result
    if (node.below or node.each) and isinstance(value, (dict, list)):
        _descend(node, value, (*path, key), refuse)
