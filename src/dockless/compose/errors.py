"""What loading says when a project cannot be loaded: where, what, and what to do.

A `ComposeError` holds every problem that was found at once; its text is what the user sees.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import Struct

_WIDEST = 160
_SHOWN = dict.fromkeys((*range(32), *range(127, 160)), "�") | {ord("\t"): " "}
"""A terminal takes control characters for orders: the lines of files are shown without."""


class Problem(Struct, frozen=True):
    """One mistake. `line` and `column` count from 1 (0: the place is not known); `source` is that line's text."""

    message: str
    file: str = ""
    line: int = 0
    column: int = 0
    source: str = ""
    hint: str = ""

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part)
        text = f"{place}: {self.message}" if place else self.message
        if self.source and self.column:
            shown, column = _around(self.source.translate(_SHOWN), self.column - 1)
            text += f"\n    {shown}\n    {' ' * column}^"
        return f"{text}\n    {self.hint}" if self.hint else text


def _around(line: str, column: int) -> tuple[str, int]:
    """A line that can be shown, and the column in it: of one that is longer than screens are, what is around it."""
    if len(line) <= _WIDEST:
        return line, column
    start = max(0, min(column - _WIDEST // 2, len(line) - _WIDEST))
    end = start + _WIDEST
    before, after = "…" if start else "", "…" if end < len(line) else ""
    return f"{before}{line[start:end]}{after}", column - start + len(before)


class ComposeError(Exception):
    """The project's files are wrong (or missing): `problems` is never empty."""

    def __init__(self, *problems: Problem | str) -> None:
        self.problems = tuple(Problem(problem) if isinstance(problem, str) else problem for problem in problems)
        super().__init__("\n".join(map(str, self.problems)))


@contextmanager
def gathered(problems: list[Problem]) -> Iterator[None]:
    """What is found inside is added to the list instead of being raised."""
    try:
        yield
    except ComposeError as error:
        problems.extend(error.problems)


class NoConfigurationError(ComposeError):
    """No compose file was named and none was found."""
