"""The Dockerfile's text as logical lines: directives read, comments dropped, continuations joined, here-documents cut.

Only the outer form is decided here; what an instruction's arguments mean is `parser`'s.
"""

import re
from collections.abc import Callable, Iterator

import msgspec

from dockless.dockerfile.errors import DockerfileError, Position
from dockless.dockerfile.model import Heredoc
from dockless.dockerfile.words import WordError, shell_words

_DIRECTIVE = re.compile(r"#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$")
_DIRECTIVES = ("escape", "syntax", "check")
_HEREDOC = re.compile(r"(\d*)<<(-?)\s*([^<]*)$", re.DOTALL)
_BOM = "\ufeff"


class LogicalLine(msgspec.Struct, frozen=True):
    """One instruction's line, continuations joined, with its here-documents and the comment lines just before it."""

    text: str
    position: Position
    heredocs: tuple[Heredoc, ...]
    comments: tuple[str, ...]


class Source(msgspec.Struct, frozen=True):
    lines: tuple[LogicalLine, ...]
    directives: dict[str, str]
    escape: str
    empty_continuations: tuple[Position, ...]


def read_source(text: str, name: str, takes_heredocs: Callable[[str], bool]) -> Source:
    """Cuts `text` into logical lines. `takes_heredocs` says of a logical line whether `<<` means something in it.

    Raises `DockerfileError` for a wrong or repeated directive and for a here-document without an end.
    """
    return _Reader(text, name, takes_heredocs).read()


def heredoc_of(word: str) -> Heredoc | None:
    """The here-document that a word opens (`<<EOF`, `3<<-"EOF"`), without its content. Raises `WordError`."""
    found = _HEREDOC.match(word)
    if found is None or not found[3]:
        return None
    plain = shell_words(found[3], keep_quotes=False, keep_escapes=False)
    if len(plain) != 1:
        return None
    quoted = shell_words(found[3], keep_quotes=True, keep_escapes=False)
    expand = _quotes(plain[0]) == sum(map(_quotes, quoted))
    return Heredoc(plain[0], "", expand, found[2] == "-", int(found[1] or 0))


def _quotes(word: str) -> int:
    return word.count("'") + word.count('"')


class _Reader:
    def __init__(self, text: str, name: str, takes_heredocs: Callable[[str], bool]) -> None:
        self.text = text
        self.name = name
        self.takes_heredocs = takes_heredocs
        self.lines = text.removeprefix(_BOM).split("\n")
        if self.lines[-1] == "":
            self.lines.pop()
        self.at = 0  # index of the next physical line, so also the number of the last one taken
        self.directives: dict[str, str] = {}
        self.directives_over = False
        self.escape = "\\"
        self.empty_continuations: list[Position] = []

    def read(self) -> Source:
        lines: list[LogicalLine] = []
        comments: list[str] = []
        while self.at < len(self.lines):
            line = self.take().lstrip()
            if line.startswith("#"):
                self.comment(line, comments)
                continue
            self.directives_over = True
            if line == "":
                continue
            lines.append(self.logical(line, tuple(comments)))
            comments.clear()
        return Source(tuple(lines), self.directives, self.escape, tuple(self.empty_continuations))

    def take(self) -> str:
        line = self.lines[self.at].rstrip("\r")
        self.at += 1
        return line

    def comment(self, line: str, comments: list[str]) -> None:
        if not self.directives_over and self.directive(line):
            return
        self.directives_over = True
        said = line[1:].strip()
        if said:
            comments.append(said)
        else:
            comments.clear()

    def directive(self, line: str) -> bool:
        """Parser directives stand before everything else, one on a line (reference: "Parser directives")."""
        found = _DIRECTIVE.match(line)
        if found is None or found[1].lower() not in _DIRECTIVES:
            return False
        key = found[1].lower()
        if key in self.directives:
            raise self.error(f"only one {key} parser directive can be used", Position(self.at))
        self.directives[key] = found[2]
        if key == "escape":
            if found[2] not in ("\\", "`"):
                raise self.error(f"invalid escape token '{found[2]}' does not match ` or \\", Position(self.at))
            self.escape = found[2]
        return True

    def logical(self, line: str, comments: tuple[str, ...]) -> LogicalLine:
        start = self.at
        raw = self.lines[start - 1].removeprefix(_BOM)
        column = len(raw) - len(raw.lstrip()) + 1
        line, more = self.cut(line)
        pieces = [line]
        empty_line = False
        while more and self.at < len(self.lines):
            following = self.take()
            if following.lstrip().startswith("#"):
                continue
            if not following.strip():
                empty_line = True
                continue
            following, more = self.cut(following)
            pieces.append(following)
        whole = "".join(pieces)
        position = Position(start, column, self.at)
        if empty_line:
            self.empty_continuations.append(position)
        heredocs = tuple(self.heredocs(whole, position)) if "<<" in whole and self.takes_heredocs(whole) else ()
        return LogicalLine(whole, Position(start, column, self.at), heredocs, comments)

    def cut(self, line: str) -> tuple[str, bool]:
        """The line without its continuation mark, and whether it had one. A doubled mark at the end is none."""
        bare = line.rstrip(" \t")
        if not bare.endswith(self.escape) or bare.endswith(self.escape * 2):
            return line, False
        return bare[:-1], True

    def heredocs(self, line: str, position: Position) -> Iterator[Heredoc]:
        try:
            opened = [document for word in shell_words(line) if (document := heredoc_of(word))]
        except WordError:
            # Not for us to judge: the line is a shell's, and an unbalanced quote in it may be right there.
            return
        for document in opened:
            content: list[str] = []
            while True:
                if self.at == len(self.lines):
                    raise self.error(f"unterminated heredoc: no line is just {document.name}", position)
                raw = self.lines[self.at]
                self.at += 1
                ended = raw.rstrip("\r")
                if (ended.lstrip("\t") if document.chomp else ended) == document.name:
                    break
                content.append(raw + "\n")
            yield Heredoc(document.name, "".join(content), document.expand, document.chomp, document.descriptor)

    def error(self, message: str, position: Position) -> DockerfileError:
        return DockerfileError(message, name=self.name, position=position, text=self.text)
