"""A RUN's lines as shell commands whose words know where they stand, enough of the grammar to see what is run.

No shell: nothing is expanded. Quotes, continuations (with the comment lines that a Dockerfile allows between them),
substitutions and redirections are told apart, so that a word in a string is not taken for a command.
"""

import re
from collections.abc import Iterator

import msgspec

_LEADERS = frozenset({"if", "then", "else", "elif", "do", "while", "until", "!", "{", "(", "time", "exec", "command"})
_PREFIXES = frozenset({"sudo", "env", "nice", "nohup"})
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=")
_OPERATOR = re.compile(r"&&|\|\||\|&|;;|[;|&\n()]")
_REDIRECTION = re.compile(r"(?:\d*|&)(?:>>|>\||>|<<-?|<)(?:&\d?-?)?")


class Word(msgspec.Struct, frozen=True):
    """`text` is without quotes, `raw` as written, at `start` to `end` of the text that was read."""

    text: str
    raw: str
    start: int
    end: int


class Command(msgspec.Struct, frozen=True):
    """A simple command; `before` and `after` are the operators beside it (empty at the ends)."""

    words: tuple[Word, ...]
    before: str
    after: str

    @property
    def start(self) -> int:
        return self.words[0].start

    @property
    def end(self) -> int:
        return self.words[-1].end

    @property
    def program(self) -> Word:
        """The word that names the program: after keywords, assignments and `sudo`."""
        return self.words[self._index()]

    @property
    def name(self) -> str:
        return self.program.text.rsplit("/", 1)[-1]

    @property
    def arguments(self) -> tuple[Word, ...]:
        return self.words[self._index() + 1 :]

    @property
    def options(self) -> frozenset[str]:
        return frozenset(word.text.partition("=")[0] for word in self.arguments if word.text.startswith("-"))

    @property
    def operands(self) -> tuple[Word, ...]:
        return tuple(word for word in self.arguments if not word.text.startswith("-"))

    def says(self, *texts: str) -> bool:
        """Whether the program and its first operands are these: `says("apt-get", "install")`."""
        first, *rest = texts
        return self.name == first and [word.text for word in self.operands[: len(rest)]] == rest

    def has(self, letter: str, *longs: str) -> bool:
        """Whether it has that one-letter option (`-y`, `-qy`) or one of the long ones."""
        options = self.options
        short = any(letter in option[1:] for option in options if option[:1] == "-" and option[:2] != "--")
        return (bool(letter) and short) or any(option in options for option in longs)

    def _index(self) -> int:
        for index, word in enumerate(self.words):
            if word.text in _LEADERS or _ASSIGNMENT.match(word.raw):
                continue
            if word.text in _PREFIXES and index + 1 < len(self.words):
                continue
            return index
        return 0


def commands(text: str, start: int = 0, end: int | None = None, *, escape: str = "\\") -> tuple[Command, ...]:
    """The commands in `text[start:end]`, in order. What is in `$(…)` belongs to its word."""
    return tuple(_grouped(_pieces(text, start, len(text) if end is None else end, escape)))


def _grouped(pieces: Iterator[Word | str]) -> Iterator[Command]:
    words: list[Word] = []
    before = ""
    for piece in pieces:
        if isinstance(piece, Word):
            words.append(piece)
            continue
        if words:
            yield Command(tuple(words), before, piece)
            words = []
            before = piece
        elif piece != "\n":
            before = piece
    if words:
        yield Command(tuple(words), before, "")


def _pieces(text: str, at: int, end: int, escape: str) -> Iterator[Word | str]:
    skip_next = False
    while at < end:
        at = _past_blanks(text, at, end, escape)
        if at >= end:
            return
        if text[at] == "#":
            newline = text.find("\n", at, end)
            at = end if newline < 0 else newline
            continue
        if found := _REDIRECTION.match(text, at, end):
            at = found.end()
            skip_next = not found[0].endswith("-") and not re.search(r"&\d?$", found[0])
            continue
        if found := _OPERATOR.match(text, at, end):
            yield found[0]
            at = found.end()
            continue
        word = _word(text, at, end, escape)
        at = word.end
        if not skip_next:
            yield word
        skip_next = False


def _past_blanks(text: str, at: int, end: int, escape: str) -> int:
    while at < end:
        if text[at] in " \t\r":
            at += 1
        elif continued := _continuation(text, at, end, escape):
            at = continued
        else:
            break
    return at


def _continuation(text: str, at: int, end: int, escape: str) -> int:
    """Behind an escaped line end and the comment lines that follow it; 0 where there is none."""
    if text[at] != escape:
        return 0
    after = at + 1
    while after < end and text[after] in " \t\r":
        after += 1
    if after >= end or text[after] != "\n":
        return 0
    after += 1
    while (line := re.compile(r"[ \t]*(#[^\n]*)?\n").match(text, after, end)) is not None:
        after = line.end()
    return after


def _word(text: str, start: int, end: int, escape: str) -> Word:
    at = start
    plain: list[str] = []
    while at < end:
        letter = text[at]
        if letter in " \t\r\n;&|<>()":
            break
        if letter == "'":
            close = text.find("'", at + 1, end)
            close = end if close < 0 else close
            plain.append(text[at + 1 : close])
            at = close + 1
        elif letter == '"':
            close = _quoted(text, at + 1, end)
            plain.append(text[at + 1 : close].replace('\\"', '"'))
            at = close + 1
        elif letter == "$" and text[at + 1 : at + 2] in ("(", "{"):
            close = _balanced(text, at + 1, end)
            plain.append(text[at:close])
            at = close
        elif letter == "`":
            close = text.find("`", at + 1, end)
            close = end if close < 0 else close + 1
            plain.append(text[at:close])
            at = close
        elif letter == escape or letter == "\\":
            if continued := _continuation(text, at, end, letter):
                at = continued
                continue
            plain.append(text[at + 1 : at + 2])
            at += 2
        else:
            plain.append(letter)
            at += 1
    at = max(min(at, end), start + 1)
    return Word("".join(plain), text[start:at], start, at)


def _quoted(text: str, at: int, end: int) -> int:
    while at < end and text[at] != '"':
        if text[at] == "$" and text[at + 1 : at + 2] == "(":
            at = _balanced(text, at + 1, end)
            continue
        at += 2 if text[at] == "\\" else 1
    return min(at, end)


def _balanced(text: str, at: int, end: int) -> int:
    """Behind the bracket that closes the one at `at`."""
    opening = text[at]
    closing = {"(": ")", "{": "}"}[opening]
    depth = 0
    while at < end:
        letter = text[at]
        if letter == "\\":
            at += 1
        elif letter == "'" and opening == "(":
            close = text.find("'", at + 1, end)
            at = end if close < 0 else close
        elif letter == opening:
            depth += 1
        elif letter == closing:
            depth -= 1
            if depth == 0:
                return at + 1
        at += 1
    return end
