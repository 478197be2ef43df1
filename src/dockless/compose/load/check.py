"""The check of a document against the specification's schema: every fault at once, each where it stands.

A small validator for the words that this schema uses; it is compiled once, definition by definition, when first needed.
"""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

import msgspec

from dockless.compose.load.scalars import Timestamp
from dockless.compose.load.tree import Files, Path, Trouble, dotted

Report = Callable[[Path, Trouble], None]
Rule = Callable[[Any, Path, Report], None]

_NAMES = {
    "object": "a mapping",
    "array": "a list",
    "string": "a string",
    "number": "a number",
    "integer": "an integer",
    "boolean": "a boolean",
    "null": "empty",
}


def check(tree: dict[str, Any], files: Files) -> None:
    """Raises ComposeError with all that is wrong."""
    problems = []

    def report(path: Path, trouble: Trouble) -> None:
        problems.append(files.problem_in(tree, path, trouble))

    _root()(tree, (), report)
    files.fail(problems)


@cache
def schema() -> Any:
    """The specification's schema, decoded."""
    path = os.path.join(os.path.dirname(__file__), "data", "compose-spec.schema.json")
    with open(path, "rb") as file:  # noqa: PTH123
        return msgspec.json.decode(file.read())


@cache
def _root() -> Rule:
    return _compile(schema())


@cache
def _definition(name: str) -> Rule:
    return _compile(schema()["definitions"][name])


def _compile(spec: Mapping[str, Any]) -> Rule:
    """One schema → one function. Types are judged first: what has the wrong one is not looked into."""
    if "$ref" in spec:
        name = spec["$ref"].rpartition("/")[2]
        return lambda value, path, report: _definition(name)(value, path, report)
    if "oneOf" in spec:
        return _one_of(spec["oneOf"])
    rules: list[Rule] = []
    if "properties" in spec or "patternProperties" in spec or "additionalProperties" in spec:
        rules.append(_properties(spec))
    for word, make in _WORDS.items():
        if word in spec:
            rules.append(make(spec[word]))
    kinds = spec.get("type")
    wanted = [kinds] if isinstance(kinds, str) else list(kinds or ())

    def rule(value: Any, path: Path, report: Report) -> None:
        if wanted and not any(_is(value, kind) for kind in wanted):
            report(
                path, Trouble(f"{dotted(path)} must be {_either(_NAMES[kind] for kind in wanted)}", hint=_advice(value))
            )
            return
        for part in rules:
            part(value, path, report)

    return rule


def _is(value: Any, kind: str) -> bool:
    if kind == "string":
        return isinstance(value, str) and not isinstance(value, Timestamp)
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "object":
        return isinstance(value, dict)
    if kind == "array":
        return isinstance(value, list)
    if kind == "null":
        return value is None
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (isinstance(value, float) and (kind == "number" or value.is_integer()))


def _either(names: Iterable[str]) -> str:
    listed = list(dict.fromkeys(names))
    return listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} or {listed[-1]}"


def _advice(value: Any) -> str:
    return "put the date in quotes" if isinstance(value, Timestamp) else ""


def _one_of(options: list[Mapping[str, Any]]) -> Rule:
    rules = [(_compile(option), _kinds(option)) for option in options]
    names = [_NAMES[kind] for option in options for kind in _kinds(option)]

    def rule(value: Any, path: Path, report: Report) -> None:
        fitting = [one for one, kinds in rules if not kinds or any(_is(value, kind) for kind in kinds)]
        if not fitting:
            report(path, Trouble(f"{dotted(path)} must be {_either(names)}", hint=_advice(value)))
            return
        faults: list[tuple[Path, Trouble]] = []
        for one in fitting:
            found: list[tuple[Path, Trouble]] = []
            one(value, path, lambda *fault, found=found: found.append(fault))
            if not found:
                return
            faults = faults or found
        for fault in faults:
            report(*fault)

    return rule


def _kinds(spec: Mapping[str, Any]) -> list[str]:
    if "$ref" in spec:
        return _kinds(schema()["definitions"][spec["$ref"].rpartition("/")[2]])
    if "oneOf" in spec:
        return [kind for option in spec["oneOf"] for kind in _kinds(option)]
    kinds = spec.get("type", [])
    return [kinds] if isinstance(kinds, str) else list(kinds)


def _properties(spec: Mapping[str, Any]) -> Rule:
    known = {name: _compile(part) for name, part in spec.get("properties", {}).items()}
    patterns = [(re.compile(text).search, _compile(part)) for text, part in spec.get("patternProperties", {}).items()]
    closed = spec.get("additionalProperties") is False
    otherwise = patterns[0][1] if patterns and not known else None
    """Where the schema leaves names open (networks, models), their values must be of the same kind all the same."""

    def rule(value: Any, path: Path, report: Report) -> None:
        if not isinstance(value, dict):
            return
        for name, entry in value.items():
            part = known.get(name)
            if part is not None:
                part(entry, (*path, name), report)
                continue
            for matches, pattern_rule in patterns:
                if matches(name):
                    pattern_rule(entry, (*path, name), report)
                    break
            else:
                if not closed and otherwise is not None:
                    otherwise(entry, (*path, name), report)
                elif closed:
                    report((*path, name), _unknown(name, known, path))

    return rule


def _unknown(name: str, known: Mapping[str, Rule], path: Path) -> Trouble:
    where = dotted(path) or "top level"
    if not known:
        return Trouble(f"{where}: invalid name {name!r}", key=True, hint="use letters, digits, '.', '_' and '-'")
    import difflib  # only a mistake pays for it

    near = difflib.get_close_matches(name, known, 1, 0.6)
    hint = f"did you mean {near[0]!r}?" if near else "keys of your own begin with 'x-'"
    return Trouble(f"{where}: unknown key {name!r}", key=True, hint=hint)


def _required(names: list[str]) -> Rule:
    def rule(value: Any, path: Path, report: Report) -> None:
        for name in names if isinstance(value, dict) else ():
            if name not in value:
                report(path, Trouble(f"{dotted(path)} needs the key {name!r}"))

    return rule


def _items(spec: Mapping[str, Any]) -> Rule:
    item = _compile(spec)

    def rule(value: Any, path: Path, report: Report) -> None:
        for index, entry in enumerate(value if isinstance(value, list) else ()):
            item(entry, (*path, index), report)

    return rule


def _unique(wanted: bool) -> Rule:
    def rule(value: Any, path: Path, report: Report) -> None:
        if not wanted or not isinstance(value, list) or len(value) < 2:
            return
        seen: dict[Any, int] = {}
        for index, entry in enumerate(value):
            key = _comparable(entry)
            if seen.setdefault(key, index) != index:
                report((*path, index), Trouble(f"{dotted(path)}: items {seen[key]} and {index} are equal"))

    return rule


def _comparable(value: Any) -> Any:
    """Equal for values that are equal in JSON, where 1 is 1.0 and not true."""
    if isinstance(value, dict):
        return tuple((key, _comparable(value[key])) for key in sorted(value))
    if isinstance(value, list):
        return ("list", *map(_comparable, value))
    return (type(value) is bool, value)


def _enum(allowed: list[Any]) -> Rule:
    shown = ", ".join(map(str, allowed))

    def rule(value: Any, path: Path, report: Report) -> None:
        if value not in allowed:
            report(path, Trouble(f"{dotted(path)} must be one of {shown}"))

    return rule


def _pattern(text: str) -> Rule:
    matches = re.compile(text).search

    def rule(value: Any, path: Path, report: Report) -> None:
        if isinstance(value, str) and not matches(value):
            report(path, Trouble(f"{dotted(path)} does not match pattern {text}"))

    return rule


def _limit(sign: int, word: str) -> Callable[[float], Rule]:
    def make(bound: float) -> Rule:
        def rule(value: Any, path: Path, report: Report) -> None:
            if isinstance(value, (int, float)) and sign * value < sign * bound:
                report(path, Trouble(f"{dotted(path)} must be {word} {bound}"))

        return rule

    return make


_WORDS: Mapping[str, Callable[[Any], Rule]] = {
    "required": _required,
    "items": _items,
    "uniqueItems": _unique,
    "enum": _enum,
    "pattern": _pattern,
    "minimum": _limit(1, "at least"),
    "maximum": _limit(-1, "at most"),
}
