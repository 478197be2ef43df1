"""What the functions of the keys' table share: the entry that they speak of, and the table's look-up.

A function gets the entry (`Here`): the value as written, the effective one, the service and the whole stack. It says
sentences, cautions and values. A key without a function is told by its meaning and its value; keys below one are told
by their own rows (`parts`).
"""

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import msgspec

from dockless.compose import model
from dockless.compose.load.patterns import Node, table
from dockless.compose.load.units import duration_text
from dockless.explain.story import shell
from dockless.explain.story.built import State, follow
from dockless.explain.story.meanings import MEANINGS
from dockless.explain.story.origins import is_secret, masked
from dockless.explain.story.stack import Image, Stack, plain_document
from dockless.explain.story.values import MASK, Caution, Value

TABLE: "dict[str, Tell]" = {}
"""The rows, by pattern: the modules beside this one add theirs as they are imported (`keys` imports them all)."""


def tells(*patterns: str) -> "Callable[[Tell], Tell]":
    """Adds a function to the table, for the keys at these paths."""

    def add(function: Tell) -> Tell:
        TABLE.update(dict.fromkeys(patterns, function))
        return function

    return add


class Here(msgspec.Struct, frozen=True):
    """One entry of a compose file. `path` is its place in the project; `raw` the value as written there."""

    stack: Stack
    path: tuple[str | int, ...]
    raw: Any
    style: str = ""
    """The block style of a text: `>` or `|`."""

    @property
    def name(self) -> str:
        """The service's, network's or volume's key."""
        return str(self.path[1]) if len(self.path) > 1 else ""

    @property
    def service(self) -> model.Service:
        project = self.stack.project
        return (
            project.services.get(self.name) or project.disabled_services.get(self.name) or model.Service(name=self.name)
        )

    @property
    def written(self) -> model.Service:
        """The service before env files are read."""
        project = self.stack.written
        return project.services.get(self.name) or project.disabled_services.get(self.name) or self.service

    @property
    def image(self) -> Image | None:
        return self.stack.by_service.get(self.name)

    @property
    def state(self) -> State | None:
        """What the service's own Dockerfile makes."""
        image = self.image
        return follow(image.file, image.target, image.arguments).final if image else None

    def below(self, key: str | int, raw: Any) -> "Here":
        return Here(self.stack, (*self.path, key), raw)


Said = Iterator[str | Caution | Value]
Tell = Callable[[Here], Said]


def tell(here: Here) -> Said:
    """All there is to say about an entry: its row's function, or its meaning and its value; an empty entry has only
    its meaning."""
    function = row(here.path)
    said = list(function(here)) if function is not None else []
    if said:
        yield from said
        return
    yield meaning_of(here.path) or f"`{here.path[-1]}` is a name of your own."
    yield from parts(here) if function is None else ()


def row(path: tuple[str | int, ...]) -> Tell | None:
    node: Node[Tell] | None = _rows()
    for part in path:
        node = node.next(part) if node is not None else None
    return node.here if node is not None else None


@cache
def _rows() -> Node[Tell]:
    return table(TABLE)


def meaning_of(path: tuple[str | int, ...]) -> str:
    """The key's meaning in one sentence, or nothing for a name of the reader's own."""
    node: Node[str] | None = _meanings()
    for part in path:
        node = node.next(part) if node is not None else None
    return (node.here or "") if node is not None else ""


@cache
def _meanings() -> Node[str]:
    return table(MEANINGS)


def parts(here: Here) -> Said:
    """What stands below an entry, each key with its meaning: for keys whose value says enough by itself."""
    raw = plain_document(here.raw)
    if isinstance(raw, Mapping):
        for key, value in raw.items():
            below = here.below(key, value)
            function = row(below.path)
            if function is not None:
                yield from function(below)
            elif meaning := meaning_of(below.path):
                yield f"`{key}{brief(value, key)}`: {small(meaning)}"
                if isinstance(value, (Mapping, list)):
                    yield from deeper(below)
            elif isinstance(value, (Mapping, list)):
                yield from deeper(below)
            elif value is None:
                yield f"`{key}`, without a value."
            else:
                yield f"`{key}`: `{text_of(here, key, value)}`"
    elif isinstance(raw, list):
        for at, item in enumerate(raw):
            if isinstance(item, (Mapping, list)):
                yield from deeper(here.below(at, item))
            else:
                yield f"`{text_of(here, '', item)}`"
    elif raw is not None:
        yield f"Here: `{text_of(here, str(here.path[-1]), raw)}`."


def deeper(here: Here) -> Said:
    function = row(here.path)
    yield from function(here) if function is not None else parts(here)


def brief(value: Any, key: str) -> str:
    if isinstance(value, (Mapping, list)) or value is None:
        return ""
    return f": {MASK if is_secret(key) else value}"


def text_of(here: Here, name: str, value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return masked(here.stack, name, text)


def small(text: str) -> str:
    """A sentence's beginning after a colon."""
    return text[0].lower() + text[1:] if text[1:2].islower() or text[:2] == "A " else text


def listed(names: Iterable[Any]) -> str:
    """`a`, `b` and `c`."""
    return shell.listed([str(name) for name in names])


def span(nanoseconds: int) -> str:
    return duration_text(model.Duration(nanoseconds))


def command_line(words: Iterable[str]) -> str:
    """The words as one would type them."""
    return " ".join(shlex.quote(word) for word in words)
