"""YAML text → trees with places, one for each document.

The C parser's events are made into values directly. Refused here: text that is no YAML, a key twice in one mapping,
keys that are no strings, aliases without end. `!reset` and `!override` stay in the tree as `Reset` and `Override`.
"""

import base64
import binascii
import io
from collections.abc import Callable, Iterator
from typing import Any

from dockless.compose.load import scalars
from dockless.compose.load.late_patterns import late_patterns
from dockless.compose.load.tree import Files, Map, Mark, Path, Seq, clone

with late_patterns():
    import yaml

try:
    from yaml._yaml import CParser as _Parser
except ImportError:  # PyYAML built without libyaml: the same events from Python

    class _Parser(yaml.reader.Reader, yaml.scanner.Scanner, yaml.parser.Parser):  # type: ignore[no-redef]
        def __init__(self, stream: Any) -> None:
            yaml.reader.Reader.__init__(self, stream)
            yaml.scanner.Scanner.__init__(self)
            yaml.parser.Parser.__init__(self)


_SHORT = "tag:yaml.org,2002:"
_DEEPEST = 100
_MOST_ALIASED = 200_000
"""Entries that aliases may copy in one file: beyond that it is an attack, not a project."""


class Reset:
    """`!reset`: what the files before say at this place is dropped."""

    __slots__ = ()


class Override:
    """`!override`: this value replaces what the files before say, instead of being merged."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class _Unreadable(Exception):
    def __init__(self, message: str, mark: Mark | None, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.mark, self.hint = message, mark, hint


def read(text: bytes, name: str, files: Files) -> Iterator[Any]:
    """Yields each document's value; raises ComposeError. `name` is how messages call the file."""
    files.add(name, text)
    try:
        yield from _Builder(text, name).documents()
    except _Unreadable as wrong:
        files.fail([files.problem(wrong.message, wrong.mark, wrong.hint)])
    except yaml.MarkedYAMLError as wrong:
        message = " ".join(filter(None, (wrong.context, wrong.problem)))
        files.fail([files.problem(f"not valid YAML: {message}", wrong.problem_mark or wrong.context_mark)])
    except yaml.reader.ReaderError as wrong:
        files.fail([files.problem(f"not valid YAML: {_unreadable(wrong)}", _Place(name, text, wrong.position))])
    except (yaml.YAMLError, UnicodeDecodeError) as wrong:
        files.fail([files.problem(f"{name}: not valid YAML: {' '.join(str(wrong).split())}", None)])


def _unreadable(wrong: yaml.reader.ReaderError) -> str:
    if "control" in wrong.reason or "special" in wrong.reason:
        return f"the control character U+{int(wrong.character):04X} is not allowed"
    return f"the byte {int(wrong.character):#04x} is not UTF-8: {wrong.reason}"


class _Place:
    """The place of a byte."""

    def __init__(self, name: str, text: bytes, at: int) -> None:
        before = text[:at].split(b"\n")
        self.name, self.line, self.column = name, len(before) - 1, len(before[-1].decode("utf-8", "replace"))


class _Builder:
    """Turns the events of one file into values."""

    def __init__(self, text: bytes, name: str) -> None:
        stream = io.BytesIO(text)
        stream.name = name  # the parser puts it into every mark
        parser: Any = _Parser(stream)
        self._next = parser.get_event
        self._anchors: dict[str, Any] = {}
        self._aliased = 0

    def documents(self) -> Iterator[Any]:
        self._next()
        while True:
            event = self._next()
            if event is None or type(event) is yaml.StreamEndEvent:
                return
            self._anchors = {}
            value, _ = self._value(self._next(), 0)
            self._next()
            yield value

    def _value(self, event: Any, depth: int) -> tuple[Any, Mark]:
        kind = type(event)
        if kind is yaml.ScalarEvent:
            value = self._scalar(event)
        elif kind is yaml.AliasEvent:
            return self._alias(event), event.start_mark
        elif depth > _DEEPEST:
            raise _Unreadable("nested too deeply", event.start_mark)
        else:
            if event.anchor is not None:
                self._anchors[event.anchor] = _UNFINISHED
            value = self._mapping(depth) if kind is yaml.MappingStartEvent else self._sequence(depth)
            if event.tag == "!override":
                value = Override(value)
            elif event.tag == "!reset":
                value = _RESET
        if event.anchor is not None:
            self._anchors[event.anchor] = value
        return value, event.start_mark

    def _scalar(self, event: Any) -> Any:
        tag = event.tag
        if tag is None:
            return scalars.resolve(event.value) if event.implicit[0] else event.value
        if tag == "!reset":
            return _RESET
        if tag == "!override":
            return Override(scalars.resolve(event.value) if event.style is None else event.value)
        if tag not in _TAGS:  # a tag of the user's own says nothing about the value
            return scalars.resolve(event.value) if event.style is None else event.value
        try:
            return _TAGS[tag](event.value)
        except (ValueError, binascii.Error):
            shown = tag.replace(_SHORT, "!!")
            raise _Unreadable(f"cannot read {event.value!r} as {shown}", event.start_mark) from None

    def _alias(self, event: Any) -> Any:
        if event.anchor not in self._anchors:
            raise _Unreadable(f"unknown anchor {event.anchor!r}", event.start_mark)
        value = self._anchors[event.anchor]
        if value is _UNFINISHED:
            raise _Unreadable(f"anchor {event.anchor!r} contains itself", event.start_mark)
        if isinstance(value, (dict, list)):
            self._aliased += _size(value)
            if self._aliased > _MOST_ALIASED:
                raise _Unreadable("aliases expand to too much content", event.start_mark)
            return clone(value)
        return value

    def _sequence(self, depth: int) -> Seq:
        items = Seq()
        marks = items.marks
        while type(event := self._next()) is not yaml.SequenceEndEvent:
            value, mark = self._value(event, depth + 1)
            if value is not _RESET:
                items.append(value)
                marks.append(mark)
        return items

    def _mapping(self, depth: int) -> Map:
        mapping = Map()
        marks = mapping.marks
        merged: tuple[Any, Mark] | None = None
        while type(event := self._next()) is not yaml.MappingEndEvent:
            key, is_merge = self._key(event)
            mark = event.start_mark
            if key in marks or (is_merge and merged is not None):
                first = marks[key][0].line + 1 if key in marks else mark.line + 1
                raise _Unreadable(f"mapping key {key!r} already defined at line {first}", mark)
            value, value_mark = self._value(self._next(), depth + 1)
            if is_merge:
                merged = (value, value_mark)
            else:
                mapping[key] = value
                marks[key] = (mark, value_mark)
        if merged is not None:
            _merge(mapping, *merged)
        return mapping

    def _key(self, event: Any) -> tuple[str, bool]:
        kind = type(event)
        if kind is yaml.AliasEvent:
            value = self._alias(event)
        elif kind is yaml.ScalarEvent:
            if event.value == "<<" and event.implicit[0]:
                return "<<", True
            value = self._scalar(event)
            if event.anchor is not None:
                self._anchors[event.anchor] = value
        else:
            raise _Unreadable("a mapping or a sequence cannot be a key", event.start_mark)
        if type(value) is not str:
            shown = getattr(event, "value", value)
            raise _Unreadable(f"non-string key {shown}", event.start_mark, f'put it in quotes: "{shown}"')
        return value, False


def _merge(mapping: Map, value: Any, mark: Mark) -> None:
    """A merge key: what the mapping says itself goes first, then earlier sources before later ones."""
    for source in value if isinstance(value, list) else [value]:
        if not isinstance(source, Map):
            raise _Unreadable("a merge key (<<) requires a mapping or a sequence of mappings", mark)
        for key, entry in source.items():
            if key not in mapping:
                mapping[key] = entry
                mapping.marks[key] = source.marks[key]


def _size(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + sum(map(_size, value.values()))
    return 1 + sum(map(_size, value)) if isinstance(value, list) else 1


def strip_tags(tree: Any) -> tuple[Any, list[Path]]:
    """Takes `Reset` and `Override` out of a document; returns it with the paths that they stood at."""
    paths: list[Path] = []
    return _strip(tree, (), paths), paths


def _strip(value: Any, path: Path, paths: list[Path]) -> Any:
    if isinstance(value, Override):
        paths.append(path)
        return _strip(value.value, path, []) if isinstance(value.value, (dict, list)) else value.value
    if isinstance(value, dict):
        for key, entry in list(value.items()):
            if entry is _RESET:
                paths.append((*path, key))
                del value[key]
            elif isinstance(entry, (dict, list, Override)):
                value[key] = _strip(entry, (*path, key), paths)
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            if isinstance(entry, (dict, list, Override)):
                value[index] = _strip(entry, (*path, index), paths)
    return value


def _boolean(text: str) -> bool:
    value = scalars.resolve(text)
    if not isinstance(value, bool):
        raise ValueError(text)
    return value


def _null(text: str) -> None:
    if scalars.resolve(text) is not None:
        raise ValueError(text)


def _timestamp(text: str) -> scalars.Timestamp:
    value = scalars.resolve(text)
    if not isinstance(value, scalars.Timestamp):
        raise ValueError(text)
    return value


_UNFINISHED = object()
_RESET = Reset()
_TAGS: dict[str, Callable[[str], Any]] = {
    "!": str,
    f"{_SHORT}str": str,
    f"{_SHORT}int": scalars.integer,
    f"{_SHORT}float": float,
    f"{_SHORT}bool": _boolean,
    f"{_SHORT}null": _null,
    f"{_SHORT}timestamp": _timestamp,
    f"{_SHORT}binary": lambda text: base64.b64decode(text).decode("utf-8"),
}
