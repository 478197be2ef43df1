"""The functions of a template: the language's own, and those that Docker's command line adds.

`and` and `or` are the evaluator's: they stop early.
"""

import html
from collections.abc import Callable, Mapping
from urllib.parse import quote_plus

from dockless.cli.template.errors import TemplateError
from dockless.cli.template.printf import sprintf
from dockless.cli.template.values import NO_LIST, NO_TEXT, Null, shown, to_json, truth, type_name

LAZY = ("and", "or")


def _length(value: object) -> int:
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, Null) and value.text in ("[]", "map[]", ""):
        return 0
    if isinstance(value, Mapping | list | tuple):
        return len(value)
    raise TemplateError(f"len of type {type_name(value)}" if value is not None else "len of nil pointer")


def _index(value: object, *keys: object) -> object:
    for key in keys:
        value = _item(value, key)
    return value


def _item(value: object, key: object) -> object:
    match value:
        case Null(text="map[]"):
            return NO_TEXT
        case Null(text="[]"):
            raise TemplateError(f"index out of range: {shown(key)}")
        case None | Null():
            raise TemplateError("index of untyped nil")
        case Mapping():
            if key not in value:
                # Docker's maps are of text, but for those of ports, whose values are lists.
                return NO_TEXT if all(isinstance(each, str) for each in value.values()) else NO_LIST
            return NO_LIST if value[key] is None else value[key]
        case list() | tuple() | str():
            if not isinstance(key, int) or isinstance(key, bool):
                raise TemplateError(f"cannot index slice/array with type {type_name(key)}")
            if not 0 <= key < len(value):
                raise TemplateError(f"index out of range: {key}")
            return ord(value[key]) if isinstance(value, str) else value[key]
    raise TemplateError(f"can't index item of type {type_name(value)}")


def _slice(value: object, *bounds: object) -> object:
    if not isinstance(value, str | list | tuple):
        raise TemplateError(f"can't slice item of type {type_name(value)}")
    numbers = [bound for bound in bounds if isinstance(bound, int)]
    for number in numbers:
        if not 0 <= number <= len(value):
            raise TemplateError(f"index out of range: {number}")
    return value[slice(*numbers)] if len(numbers) != 1 else value[numbers[0] :]


def _print(*values: object) -> str:
    """Spaces stand between operands of which neither is a text."""
    parts: list[str] = []
    for position, value in enumerate(values):
        if position and not isinstance(value, str) and not isinstance(values[position - 1], str):
            parts.append(" ")
        parts.append(shown(value, top=False))
    return "".join(parts)


def _equal(first: object, *others: object) -> bool:
    if not others:
        raise TemplateError("missing argument for comparison")
    return any(_comparable(first, other) and _plain(first) == _plain(other) for other in others)


def _plain(value: object) -> object:
    return {NO_TEXT: ""}.get(value) if isinstance(value, Null) else value


def _comparable(first: object, other: object) -> bool:
    kinds = [type_name(_plain(value)) for value in (first, other)]
    if kinds[0] != kinds[1] and "<nil>" not in kinds:
        raise TemplateError("incompatible types for comparison")
    return True


def _less(first: object, other: object) -> bool:
    if isinstance(first, int | float) and isinstance(other, int | float):
        return first < other
    left, right = _plain(first), _plain(other)
    if not (isinstance(left, str) and isinstance(right, str)):
        raise TemplateError("incompatible types for comparison")
    return left < right


def _text(value: object) -> str:
    plain = _plain(value)
    if not isinstance(plain, str):
        raise TemplateError(f"wrong type for value; expected string; got {type_name(value)}")
    return plain


def _join(values: object, separator: object) -> str:
    if isinstance(values, Null) and values.text == "[]":
        return ""
    if not isinstance(values, list | tuple):
        raise TemplateError(f"wrong type for value; expected []string; got {type_name(values)}")
    return _text(separator).join(_text(each) for each in values)


def _title(value: object) -> str:
    text = _text(value)
    starts = [
        position == 0 or not (text[position - 1].isalnum() or text[position - 1] in "_'")
        for position in range(len(text))
    ]
    return "".join(letter.upper() if start else letter for letter, start in zip(text, starts, strict=True))


def _pad(value: object, before: int, behind: int) -> str:
    text = _text(value)
    return f"{' ' * before}{text}{' ' * behind}" if text else text


FUNCTIONS: Mapping[str, Callable[..., object]] = {
    "and": lambda *values: next((value for value in values if not truth(value)), values[-1]),
    "or": lambda *values: next((value for value in values if truth(value)), values[-1]),
    "not": lambda value: not truth(value),
    "len": _length,
    "index": _index,
    "slice": _slice,
    "print": _print,
    "printf": lambda template, *values: sprintf(_text(template), *values),
    "println": lambda *values: " ".join(shown(value, top=False) for value in values) + "\n",
    "html": lambda *values: html.escape(_print(*values)).replace("&quot;", "&#34;").replace("&#x27;", "&#39;"),
    "urlquery": lambda *values: quote_plus(_print(*values)),
    "js": lambda *values: to_json(_print(*values))[1:-1].replace("'", "\\'"),
    "eq": _equal,
    "ne": lambda first, other: not _equal(first, other),
    "lt": _less,
    "le": lambda first, other: not _less(other, first),
    "gt": lambda first, other: _less(other, first),
    "ge": lambda first, other: not _less(first, other),
    "json": to_json,
    "split": lambda text, separator: _text(text).split(_text(separator)) if _text(separator) else list(_text(text)),
    "join": _join,
    "title": _title,
    "lower": lambda text: _text(text).lower(),
    "upper": lambda text: _text(text).upper(),
    "pad": _pad,
    "truncate": lambda text, length: _text(text)[:length],
}

HEADER_FUNCTIONS: Mapping[str, Callable[..., object]] = {
    **FUNCTIONS,
    **{
        name: lambda value, *_: value
        for name in ("json", "split", "join", "title", "lower", "upper", "pad", "truncate")
    },
}
"""For the head of a table: a column's name stays as it is, whatever is done with its values."""
