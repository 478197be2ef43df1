"""What a plain YAML scalar means: the YAML 1.2 core schema, with the liberties of the parser that Docker Compose uses.

(`yes`/`on` are strings; `0777`, `0o777` and `0b1` are integers; `1_000` is 1000; a date is neither string nor number.)
"""

import re
from datetime import UTC, datetime
from typing import Any

_CONSTANTS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
}
_NUMERIC_START = frozenset("+-.0123456789")
_INTEGER = re.compile(r"[-+]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_DATE = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    r"(?:(?:[Tt]|[ \t]+)([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:\.([0-9]+))?[ \t]*(Z|[-+][0-9]{1,2}(?::?[0-9]{2})?)?)?"
)


class Timestamp(str):
    """A date or time that was written without quotes; its text is the canonical form (RFC 3339)."""

    __slots__ = ()


def resolve(text: str) -> Any:
    """The value of an unquoted scalar."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] not in _NUMERIC_START:
        return text
    if text[0] == ".":
        return _float(text, text)
    if (date := _DATE.fullmatch(text)) and (stamp := _timestamp(date)) is not None:
        return stamp
    plain = text.replace("_", "")
    if _INTEGER.fullmatch(plain):
        number = integer(plain)
        return number if -(1 << 63) <= number < 1 << 64 else _float(plain, text)
    return _float(plain, text)


def integer(text: str) -> int:
    """An integer in any of the notations; ValueError if it is none."""
    sign, digits = (-1, text[1:]) if text[:1] == "-" else (1, text.removeprefix("+"))
    if not _INTEGER.fullmatch(digits):
        raise ValueError(text)
    if len(digits) > 1 and digits[0] == "0" and digits[1] in "01234567":
        return sign * int(digits, 8)
    return sign * int(digits, 0)


def _float(text: str, otherwise: str) -> float | str:
    if not _FLOAT.fullmatch(text):
        return otherwise
    number = float(text)
    return otherwise if number in (float("inf"), float("-inf")) else number


def _timestamp(match: re.Match[str]) -> Timestamp | None:
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    try:
        datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), tzinfo=UTC)
    except ValueError:
        return None
    text = (
        f"{int(year):04}-{int(month):02}-{int(day):02}T{int(hour or 0):02}:{int(minute or 0):02}:{int(second or 0):02}"
    )
    if fraction and fraction.strip("0"):
        text += "." + fraction.rstrip("0")
    return Timestamp(text + (zone or "Z"))
