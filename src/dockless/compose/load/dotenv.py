"""Env files: `KEY=value` lines with quotes, comments, `export` and variables in the values; and the `raw` format."""

import re
from collections.abc import Callable

from dockless.compose.load.template import Lookup, TemplateError, substitute

_SPACE = "\t\v\f\r \x85\xa0"
_ESCAPE = re.compile(r"\\(?:[abcfnrtv$\"\\]|0\d{0,3})")
_ESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", '"': '"', "\\": "\\"}
_EXPORT = re.compile(r"export\s+")


class EnvFileError(ValueError):
    """The text is no env file; `line` counts from 1."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def parse(text: str, lookup: Lookup, unset: Callable[[str], None]) -> dict[str, str]:
    """The variables that a file sets. `lookup` goes before what the file has set above.

    Raises EnvFileError.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    found: dict[str, str] = {}

    def known(name: str) -> str | None:
        value = lookup(name)
        return found.get(name) if value is None else value

    at = 0
    while (at := _statement(text, at)) < len(text):
        key, at, inherited = _key(text, at)
        if " " in key:
            raise EnvFileError("key cannot contain a space", _line(text, at))
        if inherited:
            value = lookup(key)
        else:
            line = _line(text, at)
            raw, at, expands = _value(text, at)
            try:
                value = substitute(raw, known, unset) if expands else raw
            except TemplateError as wrong:
                raise EnvFileError(str(wrong), line) from None
        if value is not None:
            found[key] = value
    return found


def parse_raw(text: str, lookup: Lookup) -> dict[str, str]:
    """`format: raw`: each line's value is what follows the first `=`, taken as it is. Raises EnvFileError."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        stripped = line.lstrip()
        if not stripped or stripped.startswith("#"):
            continue
        key, equals, value = stripped.partition("=")
        if not key:
            raise EnvFileError(f"no variable name on line {line!r}", number)
        if any(character.isspace() for character in key):
            raise EnvFileError(f"variable {key!r} contains whitespaces", number)
        if equals:
            found[key] = value
        elif (inherited := lookup(key)) is not None:
            found[key] = inherited
    return found


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def _statement(text: str, at: int) -> int:
    """Where the next statement begins: past blanks and comment lines."""
    while at < len(text):
        if text[at].isspace():
            at += 1
        elif text[at] == "#":
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
        else:
            break
    return at


def _key(text: str, at: int) -> tuple[str, int, bool]:
    """The key, where its value begins, and whether it has none on its line (then it is inherited)."""
    if match := _EXPORT.match(text, at):
        at = match.end()
    start = at
    while at < len(text):
        character = text[at]
        if character in "=:\n":
            key = text[start:at].rstrip()
            at += 1
            while at < len(text) and text[at] in _SPACE:
                at += 1
            return key, at, character == "\n"
        if character not in _SPACE and character not in "_.-[]" and not (character.isalpha() or character.isnumeric()):
            shown = text[start:].split("\n")[0]
            raise EnvFileError(f"unexpected character {character!r} in variable name {shown!r}", _line(text, at))
        at += 1
    return text[start:].rstrip(), at, True


def _value(text: str, at: int) -> tuple[str, int, bool]:
    """The value as written, where it ends, and whether variables in it count."""
    quote = text[at : at + 1]
    if quote not in ("'", '"'):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        return text[at:end].partition(" #")[0].rstrip(), end + 1, True
    characters: list[str] = []
    position, escaped = at + 1, False
    while position < len(text):
        character = text[position]
        position += 1
        if character == quote and not escaped:
            value = "".join(characters)
            return (_ESCAPE.sub(_unescape, value), position, True) if quote == '"' else (value, position, False)
        if character == "\\" and not escaped:
            escaped = True
            continue
        if escaped and character != quote:
            characters.append("\\")
        escaped = False
        characters.append(character)
    shown = text[at:].split("\n")[0]
    raise EnvFileError(f"unterminated quoted value {shown}", _line(text, at))


def _unescape(match: re.Match[str]) -> str:
    code = match.group()[1:]
    if code == "$":
        return "$$"
    if code[0] == "0":
        digits = code[1:]
        return chr(int(digits, 8)) if len(digits) == 3 and int(digits, 8) < 256 else match.group()
    return _ESCAPED.get(code, match.group())
