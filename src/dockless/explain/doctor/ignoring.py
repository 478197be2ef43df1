"""What the reader does not want to hear of: comments in the files that name rules.

In a Dockerfile and in YAML `# dockless ignore=DF001,CF005` speaks of the instruction or entry that follows, or of the
line that it ends; `# dockless global ignore=…` of the whole file. hadolint's `# hadolint ignore=` and
`# hadolint global ignore=` and BuildKit's `# check=skip=` are understood in Dockerfiles, with the names that those
tools have for the rules. `all` names every rule. A compose file may also list rules under `x-dockless-doctor:
{ignore: […]}`.
"""

import re
from collections.abc import Mapping

from dockless.explain.doctor.findings import Finding, Text
from dockless.explain.doctor.recipe import Recipe
from dockless.explain.doctor.table import Rule
from dockless.explain.doctor.yaml_text import indent_of

_COMMENT = re.compile(r"#\s*(?:dockless|hadolint)\s+(global\s+)?ignore\s*=\s*([\w,\s-]+)")
_CHECK = re.compile(r"#\s*check\s*=\s*(?:[^;]*;)?\s*skip\s*=\s*([\w,\s]+)")


class Ignored:
    """The comments of one file."""

    def __init__(self, text: Text, recipe: Recipe | None) -> None:
        self._everywhere: set[str] = set()
        self._lines: list[tuple[int, int, set[str]]] = []
        for number, line in enumerate(text.lines, 1):
            if "#" not in line:
                continue
            if found := _CHECK.search(line):
                self._everywhere |= _names(found[1])
            for found in _COMMENT.finditer(line):
                if found[1]:
                    self._everywhere |= _names(found[2])
                else:
                    first = number if line[: found.start()].strip() else _following(text, number)
                    last = _end_in(recipe, first) if recipe else _block_end(text, first)
                    self._lines.append((first, last, _names(found[2])))

    def covers(self, finding: Finding, rule: Rule) -> bool:
        names = {finding.rule.lower(), "all", *(name.lower() for name in rule.also)}
        if names & self._everywhere:
            return True
        return any(first <= finding.line <= last and names & ignored for first, last, ignored in self._lines)


def configured(extensions: Mapping[str, object]) -> frozenset[str]:
    """The rules that `x-dockless-doctor` of a compose file leaves out."""
    found = extensions.get("x-dockless-doctor")
    listed = found.get("ignore") if isinstance(found, Mapping) else None
    return frozenset(str(name).lower() for name in listed) if isinstance(listed, (list, tuple)) else frozenset()


def _names(text: str) -> set[str]:
    return {name.strip().lower() for name in re.split(r"[,\s]+", text) if name.strip()}


def _following(text: Text, number: int) -> int:
    """The next line that is neither empty nor a comment."""
    lines = text.lines
    while number < len(lines) and (not lines[number].strip() or lines[number].lstrip().startswith("#")):
        number += 1
    return number + 1


def _end_in(recipe: Recipe, line: int) -> int:
    for stage in recipe.parsed.stages:
        for instruction in (stage.from_, *stage.instructions):
            if instruction.position.line <= line <= instruction.position.last:
                return instruction.position.last
    return line


def _block_end(text: Text, first: int) -> int:
    """The last line of the YAML entry that begins on a line."""
    own = indent_of(text.line(first))
    last = first
    for number, line in enumerate(text.lines[first:], first + 1):
        if line.strip() and not line.lstrip().startswith("#"):
            if indent_of(line) <= own:
                break
            last = number
    return last
