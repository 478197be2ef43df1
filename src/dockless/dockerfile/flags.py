"""The options of an instruction (`--chown=1000`, `--link`, `--mount=…`): cut off the line, then read by their kinds."""

from collections.abc import Mapping, Sequence

import msgspec


class FlagError(Exception):
    """An option that is unknown, repeated or without its value."""


class Flags(msgspec.Struct, frozen=True):
    """The options of one instruction, by name."""

    values: Mapping[str, tuple[str, ...]]

    def text(self, name: str) -> str:
        found = self.values.get(name)
        return found[0] if found else ""

    def many(self, name: str) -> tuple[str, ...]:
        return self.values.get(name, ())

    def yes(self, name: str) -> bool | None:
        """None where the option is not there."""
        found = self.values.get(name)
        return None if found is None else found[0] == "true"


def split_flags(line: str) -> tuple[list[str], str]:
    """The leading `--words` of an instruction's arguments, unquoted, and the rest of the line.

    A bare `--` ends them. Backslash escapes here whatever the file's escape character is.
    """
    found: list[str] = []
    at = 0
    while True:
        while at < len(line) and line[at].isspace():
            at += 1
        if not line.startswith("--", at):
            return found, line[at:].strip()
        word, at = _word(line, at)
        if word == "--":
            return found, line[at:].strip()
        found.append(word)


def read_flags(words: Sequence[str], kinds: Mapping[str, str], keyword: str) -> Flags:
    """Checks `words` against the instruction's options: kind "text" (a value), "yes" (bare, true or false), "many".

    Raises `FlagError`.
    """
    values: dict[str, tuple[str, ...]] = {}
    for word in words:
        name, equals, value = word[2:].partition("=")
        kind = kinds.get(name)
        if kind is None:
            raise FlagError(_unknown(name, kinds, keyword))
        if kind == "yes":
            value = (value if equals else "true").lower()
            if value not in ("true", "false"):
                raise FlagError(f"expecting boolean value for flag {name}, not: {value}")
        elif not equals:
            raise FlagError(f"missing a value on flag: {name}")
        if name in values and kind != "many":
            raise FlagError(f"duplicate flag specified: {name}")
        values[name] = (*values.get(name, ()), value)
    return Flags(values)


def _unknown(name: str, kinds: Mapping[str, str], keyword: str) -> str:
    import difflib

    near = difflib.get_close_matches(name, kinds, n=1)
    hint = f" (did you mean --{near[0]}?)" if near else ""
    known = f"; {keyword} takes {', '.join('--' + kind for kind in kinds)}" if kinds else f"; {keyword} takes none"
    return f"unknown flag: {name}{hint or known}"


def _word(line: str, at: int) -> tuple[str, int]:
    word: list[str] = []
    quote = ""
    while at < len(line):
        letter = line[at]
        if not quote and letter.isspace():
            break
        at += 1
        if letter == "\\":
            if at < len(line):
                word.append(line[at])
                at += 1
        elif not quote and letter in "'\"":
            quote = letter
        elif letter == quote:
            quote = ""
        else:
            word.append(letter)
    return "".join(word), at
