"""The language of the templates: `@{name}` is a value, and a line that ends in `#[flag]` stays only where it holds.

Flags are the names of values that are not empty; `!` denies one, `&` joins several.
"""

import re
from collections.abc import Mapping
from importlib.resources import files

_MARK = re.compile(r"[ \t]*#\[([\w!&]+)\]$")
_VALUE = re.compile(r"@\{(\w+)\}")


def render(name: str, values: Mapping[str, str]) -> str:
    """The template of that name with its values. Raises `KeyError` for a value that is not there."""
    text = (files(__package__) / "templates" / name).read_text(encoding="utf-8")
    lines = [kept for line in text.splitlines() if (kept := _line(line, values)) is not None]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n") + "\n"


def _line(line: str, values: Mapping[str, str]) -> str | None:
    if match := _MARK.search(line):
        if not all(_holds(flag, values) for flag in match[1].split("&")):
            return None
        line = line[: match.start()]
    return _VALUE.sub(lambda found: values[found[1]], line).rstrip()


def _holds(flag: str, values: Mapping[str, str]) -> bool:
    if flag.startswith("!"):
        return not values.get(flag[1:])
    return bool(values.get(flag))
