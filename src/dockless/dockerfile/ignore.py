"""`.dockerignore`: which paths of a context stay out, by Docker's rules (reference: ".dockerignore file"). Pure.

Patterns are Go's `filepath.Match` plus `**`; a later `!pattern` takes back; what matches a folder matches all below it.
"""

import posixpath
import re
from collections.abc import Iterable

import msgspec

_BOM = "\ufeff"
_SPECIAL = re.compile(r"[*?\[\]\\]")


class IgnoreError(Exception):
    """A pattern that means nothing; the message names it and its line."""


class _Pattern(msgspec.Struct, frozen=True):
    negated: bool
    found: re.Pattern[str]  # of the path itself or of anything below it
    literal: str | None  # the path, where the pattern has no wildcard


class Ignore:
    """A list of patterns, in order. Paths are relative to the context, with slashes, without a leading one."""

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        self._patterns = tuple(_compiled(pattern) for pattern in patterns)
        self._exceptions = [pattern for pattern in self._patterns if pattern.negated]

    @classmethod
    def parse(cls, text: str) -> "Ignore":
        """Reads the file's text. Raises `IgnoreError`."""
        return cls(read_patterns(text))

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def ignored(self, path: str) -> bool:
        """Whether the patterns leave `path` out. The context's root never is."""
        out = False
        for pattern in self._patterns:
            if pattern.negated == out and pattern.found.match(path):
                out = not pattern.negated
        return out

    def prunes(self, folder: str) -> bool:
        """Whether nothing below `folder`, which is ignored, can be taken back: it need not be read."""
        below = folder + "/"
        return not any(
            pattern.literal is None or (pattern.literal + "/").startswith(below) for pattern in self._exceptions
        )


def read_patterns(text: str) -> list[str]:
    """The patterns of a `.dockerignore`: comments and blank lines gone, paths cleaned, a leading slash dropped."""
    patterns: list[str] = []
    for line in text.removeprefix(_BOM).split("\n"):
        if line.startswith("#"):
            continue
        pattern = line.strip()
        if not pattern:
            continue
        negated = pattern.startswith("!")
        if negated:
            pattern = pattern[1:].strip()
        if pattern:
            pattern = _cleaned(pattern)
            if len(pattern) > 1 and pattern.startswith("/"):
                pattern = pattern[1:]
        patterns.append("!" + pattern if negated else pattern)
    return patterns


def _cleaned(pattern: str) -> str:
    """As Go's `filepath.Clean`: `./a//b/../c` is `a/c`, and a path above the context stays what it is."""
    return posixpath.normpath("/" + pattern.lstrip("/")) if pattern.startswith("/") else posixpath.normpath(pattern)


def _compiled(pattern: str) -> _Pattern:
    negated = pattern.startswith("!")
    body = pattern[1:] if negated else pattern
    if not body:
        raise IgnoreError(f'illegal exclusion pattern: "{pattern}"')
    if body.startswith("**") and not _SPECIAL.search(body[2:]):
        expression = _suffix(body[2:])
    else:
        expression = _expression(body)
    try:
        found = re.compile(f"(?:{expression})(?:/.*)?\\Z", re.DOTALL)
    except re.error as error:
        raise IgnoreError(f'syntax error in pattern: "{pattern}" ({error})') from error
    return _Pattern(negated, found, None if _SPECIAL.search(body) else body)


def _suffix(rest: str) -> str:
    """`**` followed by plain text: whatever ends in that text; `**/x` is also `x` itself."""
    if rest.startswith("/"):
        return f"(?:.*/)?{re.escape(rest[1:])}"
    return f".*{re.escape(rest)}"


def _expression(pattern: str) -> str:
    parts: list[str] = []
    at = 0
    while at < len(pattern):
        letter = pattern[at]
        at += 1
        if letter == "*" and pattern.startswith("*", at):
            at += 1
            if pattern.startswith("/", at):
                at += 1
            parts.append("(?:.*/)?" if at < len(pattern) else ".*")
        elif letter == "*":
            parts.append("[^/]*")
        elif letter == "?":
            parts.append("[^/]")
        elif letter == "\\":
            if at == len(pattern):
                raise IgnoreError(f'syntax error in pattern: "{pattern}"')
            parts.append(re.escape(pattern[at]))
            at += 1
        elif letter == "[":
            bracket, at = _bracket(pattern, at)
            parts.append(bracket)
        else:
            parts.append(re.escape(letter))
    return "".join(parts)


def _bracket(pattern: str, at: int) -> tuple[str, int]:
    """A character class, from just after its `[`: letters and ranges, `[^a-z\\]]`. Never empty, never open."""
    negated = pattern.startswith("^", at)
    at += negated
    ranges: list[str] = []
    while not (ranges and pattern.startswith("]", at)):
        first, at = _class_letter(pattern, at)
        last = ""
        if pattern.startswith("-", at):
            last, at = _class_letter(pattern, at + 1)
        ranges.append(f"{re.escape(first)}-{re.escape(last)}" if last else re.escape(first))
    return f"[{'^' if negated else ''}{''.join(ranges)}]", at + 1


def _class_letter(pattern: str, at: int) -> tuple[str, int]:
    """One letter of a class, perhaps escaped; a bare "-" or "]" is none."""
    if pattern.startswith("\\", at):
        at += 1
    elif pattern.startswith(("-", "]"), at):
        raise IgnoreError(f'syntax error in pattern: "{pattern}"')
    if at >= len(pattern):
        raise IgnoreError(f'syntax error in pattern: "{pattern}"')
    return pattern[at], at + 1


def has_wildcard(component: str) -> bool:
    """Whether a path's component is a pattern of COPY or ADD rather than a name."""
    skip = False
    for letter in component:
        if skip:
            skip = False
        elif letter == "\\":
            skip = True
        elif letter in "*?[":
            return True
    return False


def component_pattern(component: str) -> re.Pattern[str]:
    """Go's `filepath.Match` for one component, to be matched whole. Raises `IgnoreError`."""
    return re.compile(_expression(re.sub(r"\*+", "*", component)), re.DOTALL)
