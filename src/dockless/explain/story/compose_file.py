"""The story of a compose file: its keys in the order of its lines, each with its effective value.

An entry takes the lines from its key to the next entry. Below a service each key is an entry; what stands deeper is
told there.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from dockless.compose.load.tree import Map, locate
from dockless.explain.place import Place
from dockless.explain.story import keys
from dockless.explain.story.here import Here, meaning_of
from dockless.explain.story.origins import mentioned, variable
from dockless.explain.story.stack import ComposeFile, Stack, plain_document
from dockless.explain.story.values import Caution, Entry, FileStory, Value, worded

_SECTIONS = ("services", "networks", "volumes", "secrets", "configs", "models")
_BLOCK = re.compile(r":\s*(?:[&!]\S+\s+)*([>|])[-+0-9]*\s*(?:#.*)?$")


def tell_file(stack: Stack, file: ComposeFile) -> FileStory:
    """All entries of one compose file."""
    found = sorted(_entries(file), key=lambda each: each[0])
    lines = file.text.split("\n")
    starts = sorted({line for line, _, _ in found})
    entries = []
    for line, path, raw in found:
        after = next((start for start in starts if start > line), len(lines) + 1)
        entries.append(_entry(stack, file, path, raw, line, _last(lines, line, after)))
    return FileStory(
        file=file.path,
        kind="compose",
        title="Compose file",
        text=file.text,
        lead=tuple(_lead(stack, file)),
        entries=tuple(entries),
    )


def _lead(stack: Stack, file: ComposeFile) -> Iterator[str]:
    given = [path for path in stack.project.compose_files if path != "-"]
    if file.how == "included":
        yield "It is taken into the project by `include`."
    elif file.how == "extended":
        yield "Services of the project are made from services in it (`extends`); its other services take no part."
    elif len(given) > 1 and file.path != given[0]:
        yield (
            "It is merged over the files before it: what it says goes before what they say, and most lists are joined."
        )
    else:
        yield f"Defines the services, networks and volumes of the project `{stack.project.name}`."


def _entries(file: ComposeFile) -> Iterator[tuple[int, tuple[str, ...], Any]]:
    """The line, path and value of every entry."""
    for key, value in file.document.items():
        yield _line(file.document, key), (key,), value
        section = plain_document(value)
        if key not in _SECTIONS or not isinstance(section, Mapping):
            continue
        for name, entry in section.items():
            yield _line(section, name), (key, name), entry
            fields = plain_document(entry)
            if key == "services" and isinstance(fields, Mapping):
                for field, held in fields.items():
                    yield _line(fields, field), (key, name, field), held


def _line(holder: Any, key: str) -> int:
    if isinstance(holder, Map) and key in holder.marks:
        return holder.marks[key][0].line + 1
    return 1


def _last(lines: list[str], line: int, after: int) -> int:
    """The last line of an entry: without the blank and comment lines before the next one."""
    last = min(after - 1, len(lines))
    while last > line and (not lines[last - 1].strip() or lines[last - 1].lstrip().startswith("#")):
        last -= 1
    return last


def _entry(stack: Stack, file: ComposeFile, path: tuple[str, ...], raw: Any, line: int, last: int) -> Entry:
    style = ""
    if (lines := file.text.split("\n")) and line <= len(lines) and (match := _BLOCK.search(lines[line - 1])):
        style = match[1]
    says: list[str] = []
    cautions: list[str] = []
    values: list[Value] = []
    for each in _said(Here(stack, path, raw, style)):
        target: list[Any] = cautions if isinstance(each, Caution) else values if isinstance(each, Value) else says
        text = each.text if isinstance(each, Caution) else each
        target.append(worded(text) if isinstance(text, str) else text)
    if len(path) == 3 or path[0] not in _SECTIONS:
        used = [variable(stack, name) for name in mentioned(raw)]
        values += [value for value in used if value not in values]
    says += _elsewhere(stack, file, path)
    return Entry(
        file=file.path,
        line=line,
        last=last,
        key=".".join(path),
        title=path[-1],
        service=path[1] if path[0] == "services" and len(path) > 1 else "",
        says=tuple(dict.fromkeys(says)),
        values=tuple(dict.fromkeys(values)),
        cautions=tuple(dict.fromkeys(cautions)),
    )


def _said(here: Here) -> Iterator[str | Caution | Value]:
    if here.path[-1].__class__ is str and str(here.path[-1]).startswith("x-"):
        yield "An extension: Compose does not read it, but other places of the file can take its content (`<<: *…`)."
        return
    if here.path[0] == "services" and len(here.path) > 1 and not _takes_part(here):
        yield meaning_of(here.path) or "A service that others are made from; by itself it takes no part."
        return
    yield from keys.tell(here)


def _takes_part(here: Here) -> bool:
    return here.name in here.stack.project.services or here.name in here.stack.project.disabled_services


def _elsewhere(stack: Stack, file: ComposeFile, path: tuple[str, ...]) -> Iterator[str]:
    """Where the effective value stands, when a later file has replaced this one's."""
    if len(path) != 3 or stack.traced is None or not locate(stack.traced.tree, path):
        return
    mark = locate(stack.traced.tree, path, key=True)
    if mark is not None and mark.name != file.path and file.how == "given":
        given = list(stack.project.compose_files)
        if mark.name in given and file.path in given and given.index(mark.name) > given.index(file.path):
            yield f"What holds in the end is set in {Place(mark.name, mark.line + 1).shown(stack.folder)}."
