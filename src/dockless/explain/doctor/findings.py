"""What the doctor says: a finding with its place, its reason, what it costs and the change, which is made of edits."""

from collections.abc import Mapping
from typing import Literal

import msgspec

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
"""From the worst: what does not work or gives a secret away, what will hurt, what could be better."""


class Text(msgspec.Struct, frozen=True):
    """A file's text. `path` is absolute, `name` is how people call it. Lines and columns count from 1."""

    path: str
    name: str
    content: str

    @property
    def lines(self) -> list[str]:
        return self.content.split("\n")

    def line(self, number: int) -> str:
        """The text of a line without its end; empty where there is no such line."""
        lines = self.lines
        return lines[number - 1].rstrip("\r") if 0 < number <= len(lines) else ""

    def offset(self, line: int, column: int = 1) -> int:
        """Where a place is in the text; the text's end for a line behind the last."""
        at = 0
        for _ in range(line - 1):
            end = self.content.find("\n", at)
            if end < 0:
                return len(self.content)
            at = end + 1
        return min(at + column - 1, len(self.content))

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset."""
        before = self.content[:offset]
        return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1


class Edit(msgspec.Struct, frozen=True, order=True):
    """Puts `text` in place of what stands from `start` to `end` (offsets) in a file; one that is not there is empty."""

    path: str
    start: int
    end: int
    text: str


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule's function finds. `change` says what to do, `edits` do it.

    An edit is safe where what ran before runs as before, but for the fault; `severity` is the rule's own if empty.
    """

    text: Text
    line: int
    column: int = 1
    message: str
    change: str = ""
    edits: tuple[Edit, ...] = ()
    safe: bool = True
    severity: Severity | Literal[""] = ""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A hit with what its rule says; `path` is absolute, `file` is how people call it."""

    rule: str
    severity: Severity
    file: str
    line: int
    column: int
    message: str
    costs: str
    fix: str
    source: str
    path: str
    title: str = ""
    edits: tuple[Edit, ...] = ()
    safe: bool = True

    @property
    def mendable(self) -> Literal["safe", "unsafe", ""]:
        """Whether the doctor can make the change itself."""
        if not self.edits:
            return ""
        return "safe" if self.safe else "unsafe"

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Report(msgspec.Struct, frozen=True):
    """All findings in the order of files and lines, the files that were read, and how many findings were ignored.

    `texts` are what was read, by absolute path: the edits' offsets count in them.
    """

    findings: tuple[Finding, ...]
    files: tuple[str, ...] = ()
    ignored: int = 0
    texts: Mapping[str, Text] = {}

    def count(self, severity: Severity) -> int:
        return sum(finding.severity == severity for finding in self.findings)
