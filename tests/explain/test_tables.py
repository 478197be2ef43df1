"""The tables have a row for everything that the languages have."""

from collections.abc import Iterator
from typing import Any

import pytest

from dockless.compose.load.check import schema
from dockless.dockerfile import model as language
from dockless.dockerfile.parser import parse
from dockless.explain.story import keys
from dockless.explain.story.here import TABLE
from dockless.explain.story.instructions import INSTRUCTIONS
from dockless.explain.story.meanings import MEANINGS

_FREE = ("list_or_dict", "string_or_list", "list_of_strings", "command", "extra_hosts", "label_file")


def _paths(spec: Any, path: tuple[str, ...] = (), seen: tuple[str, ...] = ()) -> Iterator[str]:
    """Every key of the specification's schema, as a pattern."""
    if "$ref" in spec:
        name = spec["$ref"].rpartition("/")[2]
        if name not in seen and name not in _FREE:
            yield from _paths(schema()["definitions"][name], path, (*seen, name))
        return
    for option in spec.get("oneOf", ()):
        yield from _paths(option, path, seen)
    for key, below in (spec.get("properties") or {}).items():
        yield ".".join((*path, key))
        yield from _paths(below, (*path, key), seen)
    each = [below for key, below in (spec.get("patternProperties") or {}).items() if not key.startswith("^x-")]
    each += [spec[word] for word in ("items", "additionalProperties") if isinstance(spec.get(word), dict)]
    for below in each:
        yield from _paths(below, (*path, "*"), seen)


SPECIFIED = frozenset(_paths(schema()))


def test_every_key_of_the_specification_has_a_meaning() -> None:
    assert len(SPECIFIED) > 300
    assert SPECIFIED - MEANINGS.keys() == set()


def test_no_meaning_is_of_a_key_that_the_specification_lacks() -> None:
    assert MEANINGS.keys() - SPECIFIED == set()


def test_every_row_is_of_a_key_that_there_is() -> None:
    assert keys.tell is not None
    sections = {f"{name}.*" for name in ("services", "networks", "volumes", "secrets", "configs")}
    assert TABLE.keys() - SPECIFIED - sections == set()


@pytest.mark.parametrize("kind", language.Instruction.__subclasses__(), ids=lambda kind: kind.__name__)
def test_every_instruction_has_a_row(kind: type) -> None:
    assert kind in INSTRUCTIONS


def test_the_parser_knows_no_instruction_beyond_these() -> None:
    known = {kind.__name__.upper() for kind in INSTRUCTIONS}
    text = "FROM a\n" + "".join(f"{word} {_ARGUMENTS.get(word, 'x')}\n" for word in sorted(known - {"FROM"}))
    assert {each.keyword for each in parse(text, name="Dockerfile").stages[0].instructions} | {"FROM"} == known


_ARGUMENTS = {
    "ADD": "a b",
    "COPY": "a b",
    "ENV": "A=b",
    "LABEL": "a=b",
    "HEALTHCHECK": "NONE",
    "SHELL": '["sh"]',
    "ONBUILD": "RUN x",
    "EXPOSE": "80",
    "STOPSIGNAL": "TERM",
}
