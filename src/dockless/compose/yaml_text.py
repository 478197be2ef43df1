"""Plain values → YAML as Docker Compose writes it: block style, two spaces, lists indented, few quotes."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from dockless.compose.load.scalars import Timestamp, resolve
from dockless.compose.load.text import go_float

_OLD_BOOLEANS = frozenset(
    text for word in ("y", "yes", "on", "n", "no", "off") for text in (word, word.capitalize(), word.upper())
)
_BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
_NOT_PLAIN = re.compile(r"""[ \t\r\n#,\[\]{}&*!|>'"%@`]|[-?:](?:[ \t]|$)|---|\.\.\.""")
_NOT_PLAIN_INSIDE = re.compile(r":(?:[ \t]|$)| #| $")
_SPECIAL_ASCII = re.compile("[^\\n\\t\\x20-\\x7e]")
_ESCAPES = {
    "\0": "0", "\a": "a", "\b": "b", "\t": "t", "\n": "n", "\v": "v", "\f": "f", "\r": "r", "\x1b": "e",
    '"': '"', "\\": "\\", "\x85": "N", "\xa0": "_", "\u2028": "L", "\u2029": "P",
}  # fmt: skip
_LONGEST_KEY = 128


def dump(value: Any) -> str:
    """The document's text, ending with a newline."""
    if isinstance(value, (dict, list)) and value:
        return "".join(f"{line}\n" for line in _block(value, 0))
    return f"{_inline(value)}\n"


def _block(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, dict):
        for key, entry in value.items():
            name = _scalar(key, is_key=True)
            if len(name) > _LONGEST_KEY:
                yield f"? {name}"
                name = ""
            yield from _entry(f"{name}:", entry, depth)
    else:
        for entry in value:
            yield from _item(entry, depth)


def _entry(head: str, value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, (dict, list)) and value:
        yield head
        for line in _block(value, depth + 1):
            yield f"  {line}" if line else line
    else:
        yield from _lines(f"{head} {_inline(value)}")


def _item(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, (dict, list)) and value:
        lead = "- "
        for line in _block(value, depth + 1):
            yield f"{lead}{line}" if line else line
            lead = "  "
    else:
        yield from _lines(f"- {_inline(value)}")


def _lines(text: str) -> Iterator[str]:
    """A literal block's lines stand two columns in from the key or dash that they belong to."""
    first, *rest = text.split("\n")
    yield first
    for line in rest:
        yield f"  {line}" if line else line


def _inline(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{}"
    if isinstance(value, list):
        return "[]"
    if isinstance(value, float):
        return {"NaN": ".nan", "+Inf": ".inf", "-Inf": "-.inf"}.get(text := go_float(value), text)
    if isinstance(value, str) and not isinstance(value, Timestamp):
        return _scalar(value, is_key=False)
    return str(value)


def _special(text: str) -> bool:
    """Whether there is a character in it that has to be escaped."""
    return bool(_SPECIAL_ASCII.search(text)) and (text.isascii() or bool(_beyond_ascii().search(text)))


@cache
def _beyond_ascii() -> re.Pattern[str]:
    # Made when it is needed: so wide a set takes longer to compile than all the other patterns together.
    return re.compile("[^\\n\\t\\x20-\\x7e\\xa0-\\ud7ff\\ue000-\\ufefe\\uff00-\\ufffd]")


def _scalar(text: str, *, is_key: bool) -> str:
    if "\n" in text:
        return _double(text) if is_key or not _is_literal(text) else _literal(text)
    resolved = resolve(text)
    if (
        not isinstance(resolved, str)
        or isinstance(resolved, Timestamp)
        or text in _OLD_BOOLEANS
        or _BASE_60.fullmatch(text)
    ):
        return _double(text)
    if text == "<<" and not is_key:
        return text
    if _special(text) or "\t" in text or "\u2028" in text or "\u2029" in text:
        return _double(text)
    if _NOT_PLAIN.match(text) or _NOT_PLAIN_INSIDE.search(text):
        return "'" + text.replace("'", "''") + "'"
    return text


def _is_literal(text: str) -> bool:
    return not (_special(text) or " \n" in text or text.endswith(" "))


def _literal(text: str) -> str:
    hint = "2" if text[0] in " \n" else ""
    if not text.endswith("\n"):
        chomp, body = "-", text
    elif text.endswith("\n\n") or text == "\n":
        chomp, body = "+", text[:-1]
    else:
        chomp, body = "", text[:-1]
    return f"|{hint}{chomp}\n{body}"


def _double(text: str) -> str:
    escape = _code if text.startswith("\ufeff") else _escaped
    return '"' + "".join(map(escape, text)) + '"'


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return "\\" + _ESCAPES[character]
    if not _special(character):
        return character
    return _code(character)


def _code(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02X}" if code < 0x100 else f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"
