"""How Go prints a value (`fmt`), and which values count as nothing (`text/template`: "empty")."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec


@dataclass(frozen=True)
class Null:
    """Nothing where Docker's type has a list, a map or a pointer: how it is printed."""

    text: str


NO_LIST, NO_MAP, NO_POINTER, NO_TEXT = Null("[]"), Null("map[]"), Null("<nil>"), Null("")


def truth(value: object) -> bool:
    return not (value is None or isinstance(value, Null)) and bool(value)


def shown(value: object, *, top: bool = True) -> str:
    """As `{{…}}` and `%v` print it."""
    match value:
        case None:
            return "<no value>" if top else "<nil>"
        case Null():
            return value.text
        case bool():
            return "true" if value else "false"
        case float():
            return _float(value)
        case str() | int():
            return str(value)
        case Mapping():
            return "map[" + " ".join(f"{key}:{_inside(key, value[key])}" for key in sorted(value)) + "]"
        case Sequence():
            return "[" + " ".join(shown(item, top=False) for item in value) + "]"
    return str(value)


def to_json(value: object) -> str:
    """Without the methods that a row may have."""
    if isinstance(value, Mapping):
        value = {key: each for key, each in value.items() if not callable(each)}
    return msgspec.json.encode(None if isinstance(value, Null) else value).decode()


def type_name(value: object) -> str:
    match value:
        case None | Null():
            return "<nil>"
        case bool():
            return "bool"
        case int():
            return "int"
        case float():
            return "float64"
        case str():
            return "string"
        case Mapping():
            return "map[string]interface {}"
    return "[]interface {}"


def _inside(key: object, value: object) -> str:
    """A port that is not published has a list of its own, an empty one."""
    if value is None and re.match(r"\d+/", str(key)):
        return NO_LIST.text
    return shown(value, top=False)


def _float(value: float) -> str:
    """Go's `%v`: the shortest digits, an exponent below -4 and from 21 on."""
    if value != value or value in (float("inf"), float("-inf")):
        return {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}[str(value)]
    if value == 0 or 1e-4 <= abs(value) < 1e21:
        text = f"{value:.0f}" if value == int(value) else repr(value)
        return text if "e" not in text else f"{value:f}".rstrip("0")
    mantissa, _, exponent = repr(value).partition("e")
    if not exponent:
        mantissa, _, exponent = f"{value:e}".partition("e")
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa.removesuffix('.0')}e{int(exponent):+03d}"
