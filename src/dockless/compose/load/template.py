"""Variables in text: `$A`, `${A}` and the operators `:-` `-` `:?` `?` `:+` `+`, which nest; `$$` is a dollar sign."""

import re
from collections.abc import Callable, Iterator, Mapping

from msgspec import Struct

_VARIABLE = re.compile(
    r"\$(?i:(?P<escaped>\$)|(?P<named>[_a-z][_a-z0-9]*)|\{(?:(?P<braced>[_a-z][_a-z0-9]*(?::?[-+?](?:.*))?)\}|(?P<invalid>)))"
)
_BRACED = re.compile(r"(?i:([_a-z][_a-z0-9]*))(:?[-+?])?((?:.|\n)*)")

Lookup = Callable[[str], str | None]


class TemplateError(ValueError):
    """The text is no template, or a variable that it requires is missing."""


class Variable(Struct, frozen=True):
    """A variable that a file refers to; `default` and `alternate` as written after `-` and `+`."""

    name: str
    default: str = ""
    alternate: str = ""
    required: bool = False


def substitute(text: str, lookup: Lookup, unset: Callable[[str], None]) -> str:
    """The text with its variables replaced; `unset` is told each name that has no value and no default.

    Raises TemplateError.
    """
    if "$" not in text:
        return text
    return _VARIABLE.sub(lambda match: _replace(match.group(), text, lookup, unset), text)


def variables(text: str) -> Iterator[Variable]:
    """The variables that a text refers to, outermost only; of two on a line Docker Compose tells the first one last."""
    for match in _VARIABLE.finditer(text):
        found, rest = _split(match.group())
        match = _VARIABLE.match(found) or match
        yield from variables(rest)
        expression = match["named"] or match["braced"]
        if not match["escaped"] and expression:
            name, operator, word = _parts(expression)
            sign = operator[-1:]
            yield Variable(name, word if sign == "-" else "", word if sign == "+" else "", sign == "?")


def _replace(found: str, text: str, lookup: Lookup, unset: Callable[[str], None]) -> str:
    found, rest = _split(found)
    match = _VARIABLE.match(found)
    if match is None or not (match["escaped"] or match["named"] or match["braced"]):
        raise TemplateError(f"invalid interpolation format: {text!r}; you may need to escape any $ with another $")
    if match["escaped"]:
        return "$"
    name, operator, word = _parts(match["named"] or match["braced"])
    value = lookup(name)
    if operator:
        substituted = substitute(word, lookup, unset)
        return _OPERATORS[operator](name, value, substituted) + substitute(rest, lookup, unset)
    if value is None:
        unset(name)
    return value or ""


def _parts(expression: str) -> tuple[str, str, str]:
    match = _BRACED.fullmatch(expression)
    if match is None:
        raise TemplateError(f"invalid interpolation format: {expression!r}")
    return match[1], match[2] or "", match[3]


def _split(found: str) -> tuple[str, str]:
    """What the pattern has found, which reaches to the last brace of the line, up to the expression's own brace; and
    what follows, which is text again.
    """
    end = _closing_brace(found)
    return (found[: end + 1], found[end + 1 :]) if end >= 0 else (found, "")


def _closing_brace(text: str) -> int:
    depth, index = 0, 0
    while index < len(text):
        if text[index] == "}":
            depth -= 1
            if depth == 0:
                return index
        if text[index] == "{":
            depth += 1
            index += 1
        index += 1
    return -1


def _required(name: str, value: str | None, word: str) -> str:
    if value is None:
        raise TemplateError(f"required variable {name} is missing a value" + (f": {word}" if word else ""))
    return value


_OPERATORS: Mapping[str, Callable[[str, str | None, str], str]] = {
    "-": lambda _, value, word: word if value is None else value,
    ":-": lambda _, value, word: value or word,
    "+": lambda _, value, word: "" if value is None else word,
    ":+": lambda _, value, word: word if value else "",
    "?": _required,
    ":?": lambda name, value, word: _required(name, value or None, word),
}
