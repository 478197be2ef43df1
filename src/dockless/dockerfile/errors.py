"""What is wrong with a Dockerfile, as a person wants to read it: file, line, column, the line, and the mistake."""

import msgspec


class Position(msgspec.Struct, frozen=True, order=True):
    """Where something stands: line and column count from 1; `end_line` is the last line it takes."""

    line: int
    column: int = 1
    end_line: int = 0

    @property
    def last(self) -> int:
        return max(self.line, self.end_line)


class DockerfileError(Exception):
    """A mistake in a Dockerfile. `str()` is the whole message of several lines; the parts are attributes."""

    def __init__(self, message: str, *, name: str = "Dockerfile", position: Position | None = None, text: str = ""):
        super().__init__(message)
        self.message = message
        self.name = name
        self.position = position
        self.text = text

    @property
    def where(self) -> str:
        """`Dockerfile:7:1`, or only the name where no line is to blame."""
        if self.position is None:
            return self.name
        return f"{self.name}:{self.position.line}:{self.position.column}"

    def __str__(self) -> str:
        shown = f"{self.where}: {self.message}"
        if self.position is None or not self.text:
            return shown
        return f"{shown}\n{excerpt(self.text, self.position)}"


def excerpt(text: str, position: Position) -> str:
    """The lines that `position` covers, numbered, with a caret under the column of the first.

    7 | RUN --mount=type=nonsense true
      | ^
    """
    lines = text.split("\n")
    numbers = range(position.line, min(position.last, len(lines)) + 1)
    width = len(str(position.last))
    shown = []
    for number in numbers:
        line = lines[number - 1].rstrip("\r")
        shown.append(f"  {number:>{width}} | {line}".rstrip())
        if number == position.line:
            margin = "".join("\t" if letter == "\t" else " " for letter in line[: position.column - 1])
            shown.append(f"  {'':>{width}} | {margin}^")
    return "\n".join(shown)
