"""What a story is made of: entries (some lines of a file and what they mean) and chapters (what follows from all).

Texts are sentences with `code` in backticks and **weight** in double asterisks: `show/` turns both into what its
medium has.
"""

from typing import Literal

import msgspec

MASK = "••••••"
"""What stands in place of a secret."""


def worded(text: str) -> str:
    """A sentence with words where its markup would show nothing: an empty value, or a backtick."""
    return text.replace("```", "a backtick").replace("``", "(empty)")


class Caution(msgspec.Struct, frozen=True):
    """What readers often get wrong, or should mind."""

    text: str


class Value(msgspec.Struct, frozen=True):
    """An effective value and where it comes from: `docker-compose.yml:7`, `.env:3`, `the shell`, `default`."""

    name: str
    text: str
    origin: str = ""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """Lines `line` to `last` of `file` (counted from 1) and what they say.

    `key` is the path of a compose key (`services.web.ports`) or an instruction's keyword; `service` the service that
    it speaks of. `cautions` are what readers of such lines often get wrong.
    """

    file: str
    line: int
    last: int
    key: str
    title: str
    service: str = ""
    says: tuple[str, ...] = ()
    values: tuple[Value, ...] = ()
    cautions: tuple[str, ...] = ()


class FileStory(msgspec.Struct, frozen=True, kw_only=True):
    """One file, entry by entry in the order of its lines. `text` is the file itself, for showing it beside them."""

    file: str
    kind: Literal["compose", "dockerfile"]
    title: str
    text: str
    lead: tuple[str, ...] = ()
    entries: tuple[Entry, ...] = ()


class Table(msgspec.Struct, frozen=True, tag="table"):
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Steps(msgspec.Struct, frozen=True, tag="steps"):
    """What happens, in this order. `title` names the occasion."""

    title: str
    steps: tuple[str, ...]


class Points(msgspec.Struct, frozen=True, tag="points"):
    points: tuple[str, ...]


class Code(msgspec.Struct, frozen=True, tag="code"):
    """Text to be taken as it is, such as a script."""

    text: str
    language: str = "sh"


class Chapter(msgspec.Struct, frozen=True, kw_only=True):
    """What the files mean together, in one respect. `key` is how programs know the chapter."""

    key: str
    title: str
    lead: str = ""
    blocks: tuple[Table | Steps | Points | Code, ...] = ()


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """All that there is to say about a stack."""

    project: str
    folder: str
    summary: tuple[str, ...]
    files: tuple[FileStory, ...]
    chapters: tuple[Chapter, ...] = ()
    warnings: tuple[str, ...] = ()
