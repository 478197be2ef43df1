"""Word expansion of the Dockerfile language: quotes, escapes, `$name` and `${name…}` with every modifier.

The rules are the reference's "Environment replacement": `${v:-w}`, `${v-w}`, `${v:+w}`, `${v+w}`, `${v:?w}`, `${v?w}`,
`${v#p}`, `${v##p}`, `${v%p}`, `${v%%p}`, `${v/p/r}`, `${v//p/r}`. Pure: the variables are given.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

import msgspec

_NOTHING: Mapping[str, str] = MappingProxyType({})
_SPECIAL = "@*#?-$!0"
_BLANKS = re.compile(r"[\t\v\f\r ]+")


class WordError(Exception):
    """A word that cannot be expanded; the message says why, in Docker's words where Docker has some."""


def expand(
    word: str,
    variables: Mapping[str, str],
    *,
    escape: str = "\\",
    quotes: bool = True,
    unset: set[str] | None = None,
) -> str:
    """`word` with its variables replaced and, unless `quotes` is false, its quotes removed.

    Names that have no value become empty and are added to `unset`. Raises `WordError`.
    """
    scanner = _Scanner(word, variables, escape, process_quotes=quotes)
    result, _ = scanner.whole()
    if unset is not None:
        unset |= scanner.unset
    return result


def expand_words(
    word: str, variables: Mapping[str, str], *, escape: str = "\\", unset: set[str] | None = None
) -> list[str]:
    """Like `expand`, then split at blanks that are neither quoted nor escaped (as in EXPOSE). Raises `WordError`."""
    scanner = _Scanner(word, variables, escape)
    _, words = scanner.whole()
    if unset is not None:
        unset |= scanner.unset
    return words


def shell_words(line: str, *, keep_quotes: bool = True, keep_escapes: bool = True) -> list[str]:
    """The words of a line of shell, nothing expanded: where here-documents are looked for. Raises `WordError`."""
    scanner = _Scanner(line, _NOTHING, "\\", raw_quotes=keep_quotes, raw_escapes=keep_escapes, keep_unset=True)
    _, words = scanner.whole()
    return words


def split_words(rest: str, escape: str) -> list[str]:
    """The words of ENV, LABEL and ARG: split at blanks outside quotes; quotes and escapes stay, for `expand`."""
    words: list[str] = []
    word: list[str] = []
    started = False
    quote = ""
    at = 0
    while at < len(rest):
        letter = rest[at]
        at += 1
        if not quote and letter.isspace():
            if started:
                words.append("".join(word))
            word, started = [], False
            continue
        if letter == escape and quote != "'":
            if at == len(rest):
                break
            word.append(letter + rest[at])
            started = True
            at += 1
            continue
        if not quote and letter in "'\"":
            quote = letter
        elif letter == quote:
            quote = ""
        word.append(letter)
        started = True
    if started:
        words.append("".join(word))
    return words


def split_blanks(rest: str) -> list[str]:
    """Words between blanks, without any quoting (COPY, EXPOSE, FROM)."""
    return [word for word in _BLANKS.split(rest) if word]


def first_blank(rest: str) -> tuple[str, str] | None:
    """What stands before and after the first run of blanks, None where there is no blank."""
    parts = _BLANKS.split(rest, maxsplit=1)
    return (parts[0], parts[1]) if len(parts) == 2 else None


class _Words(msgspec.Struct):
    """Collects the words while the result is built: only blanks that come unquoted split."""

    done: list[str] = msgspec.field(default_factory=list)
    current: str = ""

    def take(self, text: str) -> None:
        for letter in text:
            if not letter.isspace():
                self.current += letter
            elif self.current:
                self.done.append(self.current)
                self.current = ""

    def take_raw(self, text: str) -> None:
        self.current += text

    def end(self) -> list[str]:
        if self.current:
            self.done.append(self.current)
            self.current = ""
        return self.done


class _Scanner:
    def __init__(
        self,
        text: str,
        variables: Mapping[str, str],
        escape: str,
        *,
        process_quotes: bool = True,
        raw_quotes: bool = False,
        raw_escapes: bool = False,
        keep_unset: bool = False,
    ) -> None:
        self.text = text
        self.at = 0
        self.variables = variables
        self.escape = escape
        self.process_quotes = process_quotes
        self.raw_quotes = raw_quotes
        self.raw_escapes = raw_escapes
        self.keep_unset = keep_unset
        self.unset: set[str] = set()

    def whole(self) -> tuple[str, list[str]]:
        try:
            return self.until("", self.raw_escapes)
        except WordError as error:
            raise WordError(f"failed to process {_quoted(self.text)}: {error}") from error

    def peek(self) -> str:
        return self.text[self.at] if self.at < len(self.text) else ""

    def next(self) -> str:
        letter = self.peek()
        self.at += 1
        return letter

    def until(self, stop: str, raw_escapes: bool) -> tuple[str, list[str]]:
        """Up to the unquoted `stop` (or the end, for ""): the result, and the same as words."""
        before, self.raw_escapes = self.raw_escapes, raw_escapes
        try:
            return self._until(stop)
        finally:
            self.raw_escapes = before

    def _until(self, stop: str) -> tuple[str, list[str]]:
        result: list[str] = []
        words = _Words()
        while letter := self.peek():
            if letter == stop:
                self.at += 1
                return "".join(result), words.end()
            if letter == "$":
                piece = self.dollar()
                words.take(piece)
            elif letter in "'\"" and self.process_quotes:
                piece = self.single_quoted() if letter == "'" else self.double_quoted()
                words.take_raw(piece)
            elif letter == "<" and self.keep_unset and self.text.startswith("<<", self.at):
                piece = self.heredoc_mark()
                words.take_raw(piece)
            elif letter == self.escape:
                piece = self.escaped()
                words.take_raw(piece)
            else:
                piece = self.next()
                words.take(piece)
            result.append(piece)
        if stop:
            raise WordError(f"unexpected end of statement while looking for matching {stop}")
        return "".join(result), words.end()

    def escaped(self) -> str:
        mark = self.next()
        letter = self.next()
        return (mark if self.raw_escapes else "") + letter

    def heredoc_mark(self) -> str:
        """`<<` with the blanks after it, which belong to the word that follows."""
        start = self.at
        self.at += 2
        while self.peek() in (" ", "\t") and self.peek():
            self.at += 1
        return self.text[start : self.at]

    def single_quoted(self) -> str:
        end = self.text.find("'", self.at + 1)
        if end < 0:
            self.at = len(self.text)
            raise WordError("unexpected end of statement while looking for matching single-quote")
        inner = self.text[self.at + 1 : end]
        self.at = end + 1
        return f"'{inner}'" if self.raw_quotes else inner

    def double_quoted(self) -> str:
        self.next()
        result = ['"'] if self.raw_quotes else []
        while letter := self.peek():
            if letter == '"':
                self.at += 1
                if self.raw_quotes:
                    result.append(letter)
                return "".join(result)
            if letter == "$":
                result.append(self.dollar())
                continue
            self.at += 1
            if letter == self.escape:
                if self.raw_escapes:
                    result.append(letter)
                following = self.peek()
                if not following:
                    continue
                if following in ('"', "$", self.escape):
                    letter = self.next()
            result.append(letter)
        raise WordError("unexpected end of statement while looking for matching double-quote")

    def dollar(self) -> str:
        self.next()
        if self.peek() == "{":
            self.next()
            return self.braced()
        name = self.name()
        if not name:
            return "$"
        value = self.value_of(name)
        if value is None:
            return f"${name}" if self.keep_unset else ""
        return value

    def braced(self) -> str:
        if not self.peek():
            raise WordError("syntax error: missing '}'")
        if self.peek() in "{}:":
            raise WordError("syntax error: bad substitution")
        name = self.name()
        sign = self.next()
        if sign == "}":
            value = self.value_of(name)
            if value is None:
                return f"${{{name}}}" if self.keep_unset else ""
            return value
        if sign == "/":
            return self.replaced(name)
        colon = sign == ":"
        if colon:
            sign = self.next()
        shown = (":" if colon else "") + sign
        if not sign:
            raise WordError("syntax error: missing '}'")
        if sign not in "-+?#%":
            raise WordError(f"unsupported modifier ({shown}) in substitution")
        word = self.operand("}", sign in "#%", "syntax error: missing '}'")
        value = self.value_of(name)
        if value is None and self.keep_unset:
            return f"${{{name}{shown}{word}}}"
        return self.modified(name, value, sign, colon, word)

    def modified(self, name: str, value: str | None, sign: str, colon: bool, word: str) -> str:
        missing = value is None or (colon and value == "")
        match sign:
            case "-":
                return word if missing else value or ""
            case "+":
                return "" if missing else word
            case "?":
                if missing:
                    raise WordError(
                        f"{name}: {word or 'is not allowed to be ' + ('unset' if value is None else 'empty')}"
                    )
                return value or ""
        greedy = word.startswith(sign)
        return _trimmed(value or "", word[1:] if greedy else word, sign == "%", greedy)

    def replaced(self, name: str) -> str:
        every = self.peek() == "/"
        if every:
            self.next()
        pattern = self.operand("/", True, "syntax error: missing '/' in ${}")
        replacement = self.operand("}", True, "syntax error: missing '}'")
        value = self.value_of(name)
        if value is None and self.keep_unset:
            return f"${{{name}/{'/' if every else ''}{pattern}/{replacement}}}"
        found = _regex(_tokens(pattern), greedy=True)
        return found.sub(lambda _: replacement, value or "", count=0 if every else 1)

    def operand(self, stop: str, raw_escapes: bool, missing: str) -> str:
        try:
            word, _ = self.until(stop, raw_escapes)
        except WordError:
            if not self.peek():
                raise WordError(missing) from None
            raise
        return word

    def value_of(self, name: str) -> str | None:
        value = self.variables.get(name)
        if value is None:
            self.unset.add(name)
        return value

    def name(self) -> str:
        start = self.at
        first = self.peek()
        if first.isdigit():
            while self.peek().isdigit():
                self.at += 1
        elif first and first in _SPECIAL:
            self.at += 1
        else:
            while self.peek().isalnum() or self.peek() == "_":
                self.at += 1
        return self.text[start : self.at]


def _tokens(pattern: str) -> list[str]:
    """Regular expressions for each element of a shell pattern (`*`, `?`, literals; no brackets)."""
    tokens: list[str] = []
    letters = iter(pattern)
    for letter in letters:
        if letter in "*?":
            tokens.append(letter)
            continue
        if letter == "\\":
            letter = next(letters, "")
            if letter == "" or letter not in "*?\\}/":
                raise WordError(f"invalid pattern ({pattern}) in substitution: invalid escape '\\{letter}'")
        tokens.append(re.escape(letter))
    return tokens


def _regex(tokens: list[str], *, greedy: bool) -> re.Pattern[str]:
    """What stands between two stars is taken where it comes first, and never looked for again: the end of the match
    depends on the last star alone, and many stars (`${v%%***…}`) cost no more than one."""
    pieces = [""]
    for token in tokens:
        if token == "*":
            pieces.append("")
        else:
            pieces[-1] += "." if token == "?" else token
    first, *between = pieces
    if not between:
        return re.compile(first)
    *middle, last = between
    inner = "".join(f"(?>.*?{piece})" for piece in middle if piece)
    return re.compile(f"{first}{inner}{'.*' if greedy else '.*?'}{last}")


def _trimmed(value: str, pattern: str, at_end: bool, greedy: bool) -> str:
    """Without the shortest (or, greedy, longest) prefix or suffix that matches; a suffix is a prefix read backwards."""
    tokens = _tokens(pattern)
    if at_end:
        found = _regex(tokens[::-1], greedy=greedy).match(value[::-1])
        return value[: len(value) - found.end()] if found else value
    found = _regex(tokens, greedy=greedy).match(value)
    return value[found.end() :] if found else value


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
