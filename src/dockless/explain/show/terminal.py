"""A story for a terminal: explanations beside the lines that they explain, as wide as the terminal is.

Colour carries meaning only (what is code, what is a caution) and is left out where it is not wanted.
"""

import os
import unicodedata
from collections.abc import Iterator

from dockless.explain.show.spans import Kind, spans
from dockless.explain.story.values import Chapter, Code, Entry, FileStory, Points, Steps, Story, Table

_STYLES = {"code": "36", "strong": "1", "caution": "33", "quiet": "2", "heading": "1", "source": "34"}
_BESIDE = 96
"""From this width on the explanation stands beside the source, below it else."""

Piece = tuple[str, str]
"""A style (or none) and a text."""
Line = list[Piece]


class Terminal:
    """Renders for one width. `colour` says whether styles are written at all."""

    def __init__(self, width: int, *, colour: bool) -> None:
        self._width, self._colour = max(width, 40), colour

    def story(self, story: Story) -> str:
        return "\n".join(self._story(story)) + "\n"

    def _story(self, story: Story) -> Iterator[str]:
        for text in story.summary:
            yield from self._paragraph(text)
        for file in story.files:
            yield ""
            yield from self._file(file, story.folder)
        for chapter in story.chapters:
            yield ""
            yield from self._chapter(chapter)
        if story.warnings:
            yield ""
            for warning in story.warnings:
                yield from self._paragraph(warning, first=[("caution", "! ")], indent=2)

    # files

    def _file(self, file: FileStory, folder: str) -> Iterator[str]:
        name = os.path.relpath(file.file, folder) if os.path.isabs(file.file) else file.file
        name = file.file if name.startswith("../..") else name
        yield self._heading(name)
        for text in file.lead:
            yield from self._paragraph(text)
        lines = file.text.split("\n")
        digits = len(str(len(lines)))
        left = self._left(file, lines, digits)
        for entry in file.entries:
            yield ""
            yield from self._entry(entry, lines, digits, left)

    def _heading(self, name: str) -> str:
        rule = "─" * max(self._width - _cells(name) - 5, 2)
        return self._render([("quiet", "── "), ("heading", name), ("quiet", f" {rule}")])

    def _left(self, file: FileStory, lines: list[str], digits: int) -> int:
        """The width of the source's column: what the lines shown need, from two fifths to a half; or all of it."""
        if self._width < _BESIDE:
            return self._width
        shown = [text for entry in file.entries for text in lines[entry.line - 1 : entry.last]]
        longest = max((_cells(text.rstrip().expandtabs(4)) for text in shown), default=0)
        return min(max(longest + digits + 2, self._width * 2 // 5), self._width // 2)

    def _entry(self, entry: Entry, lines: list[str], digits: int, left: int) -> Iterator[str]:
        beside = left < self._width
        source = list(self._source(entry, lines, digits, left))
        right = self._width - left - 3 if beside else self._width - 4
        said = list(self._said(entry, right))
        if not beside:
            yield from map(self._render, source)
            yield from ("    " + self._render(line) for line in said)
            return
        for at in range(max(len(source), len(said))):
            shown = source[at] if at < len(source) else []
            padding = " " * (left - sum(_cells(text) for _, text in shown))
            text = said[at] if at < len(said) else []
            yield self._render([*shown, ("", padding), ("quiet", " │ "), *text]).rstrip()

    def _source(self, entry: Entry, lines: list[str], digits: int, width: int) -> Iterator[Line]:
        room = width - digits - 2
        for number in range(entry.line, min(entry.last, len(lines)) + 1):
            text = lines[number - 1].rstrip().expandtabs(4)
            shown = f"{number:>{digits}}  "
            while _cells(text) > room:
                cut = text.rfind(" ", room // 2, room)
                cut = cut if cut > 0 else room
                yield [("quiet", shown), ("", text[:cut])]
                text, shown = text[cut:], " " * (digits + 2)
            yield [("quiet", shown), ("", text)]

    def _said(self, entry: Entry, width: int) -> Iterator[Line]:
        for text in entry.says:
            yield from self._wrapped(text, width, hang=_hang(text))
        if entry.values:
            names = min(max(_cells(value.name) for value in entry.values), width // 3)
            for value in entry.values:
                yield from self._value(value.name, value.text, value.origin, names, width)
        for text in entry.cautions:
            yield from self._wrapped(text, width, first=[("caution", "! ")], hang=2)

    def _value(self, name: str, text: str, origin: str, names: int, width: int) -> Iterator[Line]:
        origin = f"  ({origin})" if origin else ""
        room = max(width - names - 4 - _cells(origin), 8)
        shown = _cut(text.replace("\n", "⏎"), room)
        yield [("", "  "), ("code", _cut(name, names).ljust(names)), ("", f"  {shown}"), ("quiet", origin)]

    # chapters

    def _chapter(self, chapter: Chapter) -> Iterator[str]:
        yield self._heading(chapter.title)
        if chapter.lead:
            yield from self._paragraph(chapter.lead)
        for block in chapter.blocks:
            if isinstance(block, Table):
                yield from self._table(block)
            elif isinstance(block, Steps):
                yield self._render([("strong", block.title)])
                for number, text in enumerate(block.steps, 1):
                    yield from self._paragraph(text, first=[("quiet", f"  {number}. ")], indent=len(str(number)) + 4)
            elif isinstance(block, Points):
                for text in block.points:
                    yield from self._paragraph(text, first=[("quiet", "  • ")], indent=4)
            elif isinstance(block, Code):
                yield ""
                yield from (f"    {line}" for line in block.text.rstrip().split("\n"))

    def _table(self, table: Table) -> Iterator[str]:
        """Columns as wide as they need to be, the last one wrapped; where that does not fit, row by row."""
        rows = [[list(self._pieces(cell)) for cell in row] for row in (table.headers, *table.rows)]
        wide = [
            max(sum(_cells(text) for _, text in row[column]) for row in rows) for column in range(len(table.headers))
        ]
        room = self._width - 2 - sum(wide[:-1]) - 2 * (len(wide) - 1)
        if room < min(wide[-1], 24):
            yield from self._records(table)
            return
        for at, row in enumerate(rows):
            cells = [self._cell(cell, wide[column], heading=at == 0) for column, cell in enumerate(row[:-1])]
            last = _flow(row[-1], min(wide[-1], room), [], 0)
            for number, line in enumerate(last or [[]]):
                margin = "  ".join(cells) if number == 0 else " " * (sum(wide[:-1]) + 2 * (len(wide) - 2))
                shown = [("quiet", text) for _, text in line] if at == 0 else line
                yield f"  {margin}  {self._render(shown)}".rstrip()

    def _cell(self, cell: Line, width: int, *, heading: bool) -> str:
        shown = [("quiet", text) for _, text in cell] if heading else cell
        return self._render(shown) + " " * (width - sum(_cells(text) for _, text in cell))

    def _records(self, table: Table) -> Iterator[str]:
        for row in table.rows:
            yield from self._paragraph(row[0], first=[("quiet", "  • ")], indent=4)
            for header, cell in zip(table.headers[1:], row[1:], strict=True):
                yield from self._paragraph(cell, first=[("quiet", f"    {header}: ")], indent=6)

    def _paragraph(self, text: str, *, first: Line | None = None, indent: int = 0) -> Iterator[str]:
        for line in self._wrapped(text, self._width, first=first or [], hang=indent):
            yield self._render(line)

    def _pieces(self, text: str) -> Iterator[Piece]:
        """A text's pieces with their styles; where there is no colour, code keeps its backticks."""
        styles: dict[Kind, str] = {"plain": "", "code": "code", "strong": "strong"}
        for kind, piece in spans(text):
            yield (styles[kind], piece) if self._colour or kind != "code" else ("", f"`{piece}`")

    def _wrapped(self, text: str, width: int, *, first: Line | None = None, hang: int = 0) -> list[Line]:
        return _flow(list(self._pieces(text)), width, first or [], hang)

    def _render(self, line: Line) -> str:
        if not self._colour:
            return "".join(text for _, text in line)
        return "".join(
            f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if style in _STYLES and text else text for style, text in line
        )


def _hang(text: str) -> int:
    """How far the second line of a numbered sentence stands in."""
    number, dot, _ = text.partition(". ")
    return len(number) + 2 if dot and number.isdigit() else 0


def _cells(text: str) -> int:
    """How many columns a text takes."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _cut(text: str, width: int) -> str:
    if _cells(text) <= width:
        return text
    while text and _cells(text) > width - 1:
        text = text[:-1]
    return text + "…"


def _flow(pieces: Line, width: int, first: Line, hang: int) -> list[Line]:
    """Breaks styled text into lines at blanks; a word longer than a line is cut into pieces."""
    lines: list[Line] = []
    line: Line = list(first)
    used = sum(_cells(text) for _, text in first)
    empty = True
    for word in _words(pieces):
        size = sum(_cells(text) for _, text in word)
        if not empty and used + 1 + size > width:
            lines.append(line)
            line, used, empty = [("", " " * hang)], hang, True
        if not empty:
            line.append(("", " "))
            used += 1
        for style, text in word:
            while used + _cells(text) > width:
                cut = max(width - used, 0 if used > hang else 1)
                lines.append([*line, (style, text[:cut])])
                text, line, used = text[cut:], [("", " " * hang)], hang
            line.append((style, text))
            used += _cells(text)
        empty = False
    if not empty:
        lines.append(line)
    return lines


def _words(pieces: Line) -> Iterator[Line]:
    """What stands between blanks: one piece, or several that must stay together."""
    word: Line = []
    for style, text in pieces:
        for at, part in enumerate(text.split(" ")):
            if at and word:
                yield word
                word = []
            if part:
                word.append((style, part))
    if word:
        yield word
