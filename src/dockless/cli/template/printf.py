"""Go's `printf`: verbs, flags, widths and what it says of arguments that do not fit (`fmt`, "Printing")."""

import re
from collections.abc import Callable

from dockless.cli.template.values import Null, shown, to_json, type_name

_VERB = re.compile(r"%(?P<flags>[-+# 0]*)(?P<width>\d+|\*)?(?:\.(?P<precision>\d*|\*))?(?P<verb>.?)", re.DOTALL)


def sprintf(template: str, *arguments: object) -> str:
    given = list(arguments)

    def star(text: str | None) -> str | None:
        return str(given.pop(0)) if text == "*" and given else text

    def one(match: re.Match[str]) -> str:
        flags, verb = match["flags"], match["verb"]
        width, precision = star(match["width"]), star(match["precision"])
        if verb == "%":
            return "%"
        if not verb:
            return "%!(NOVERB)"
        if not given:
            return f"%!{verb}(MISSING)"
        return _padded(_verb(verb, given.pop(0), flags, precision), flags, width, verb)

    text = _VERB.sub(one, template)
    if given:
        text += "%!(EXTRA " + ", ".join(f"{type_name(each)}={shown(each, top=False)}" for each in given) + ")"
    return text


def _padded(text: str, flags: str, width: str | None, verb: str) -> str:
    if width is None:
        return text
    if "-" in flags or width.startswith("-"):
        return text.ljust(int(width.lstrip("-")))
    if "0" in flags and verb in "dxXobeEfFgG":
        return text.zfill(int(width))
    return text.rjust(int(width))


def _verb(verb: str, value: object, flags: str, precision: str | None) -> str:
    digits = None if precision is None else int(precision or 0)
    if verb == "v":
        return shown(value, top=False)
    if verb == "T":
        return type_name(value)
    if verb in "sqx" and isinstance(value, list | tuple):
        return "[" + " ".join(_verb(verb, each, flags, precision) for each in value) + "]"
    for kinds, table in _TABLES:
        if isinstance(value, kinds) and not (isinstance(value, bool) and bool not in kinds) and verb in table:
            return table[verb](value, flags, digits)
    return f"%!{verb}({type_name(value)}={shown(value, top=False)})"


def _sign(value: float, flags: str) -> str:
    return "+" if "+" in flags and value >= 0 else " " if " " in flags and value >= 0 else ""


def _integer(base: str) -> Callable[[int, str, int | None], str]:
    return lambda value, flags, _: _sign(value, flags) + format(value, ("#" if "#" in flags else "") + base)


def _real(form: str) -> Callable[[float, str, int | None], str]:
    def text(value: float, flags: str, digits: int | None) -> str:
        if digits is None and form in "gG":
            return _sign(value, flags) + shown(float(value))
        return _sign(value, flags) + format(value, f".{6 if digits is None else digits}{form}")

    return text


def _string(value: str, _: str, digits: int | None) -> str:
    return value if digits is None else value[:digits]


_TABLES: tuple[tuple[tuple[type, ...], dict[str, Callable[..., str]]], ...] = (
    ((bool,), {"t": lambda value, *_: "true" if value else "false"}),
    (
        (int,),
        {
            **{verb: _integer(verb) for verb in "dxXob"},
            "c": lambda value, *_: chr(value),
            "q": lambda value, *_: f"'{chr(value)}'",
            "U": lambda value, *_: f"U+{value:04X}",
        },
    ),
    ((float,), {verb: _real(verb) for verb in "eEfFgG"}),
    (
        (str,),
        {
            "s": _string,
            "q": lambda value, *_: to_json(value),
            "x": lambda value, *_: value.encode().hex(),
            "X": lambda value, *_: value.encode().hex().upper(),
        },
    ),
    ((Null,), {"s": lambda value, *_: value.text}),
)
