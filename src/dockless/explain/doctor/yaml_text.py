"""Changes in YAML text that leave the rest of it as it is: entries removed, added, or another scalar written.

Only what is written in block style is changed; what is not (a mapping in braces) is left to the reader.
"""

import re

from dockless.compose.load.tree import Mark
from dockless.explain.doctor.findings import Edit, Text

_PLAIN_END = re.compile(r"\s+#|\s*$|(?<=\S)(?=[,\]}])|:\s")


def indent_of(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def begins_line(text: Text, mark: Mark) -> bool:
    """Whether only blanks (or a list's dashes) stand before a place: it is written in block style."""
    return not text.line(mark.line + 1)[: mark.column].strip(" -")


def last_line(text: Text, mark: Mark) -> int:
    """The last line (from 1) of what begins at a key or a list item: empty lines and comments behind it are not its."""
    first = mark.line + 1
    line = text.line(first)
    is_item = "-" in line[: mark.column]
    own = line.index("-") if is_item else mark.column
    last = number = first
    for following in text.lines[first:]:
        number += 1
        bare = following.strip()
        if not bare or bare.startswith("#"):
            continue
        indent = indent_of(following)
        list_of_key = not is_item and indent == own and bare.startswith("- ")
        if indent <= own and not list_of_key:
            break
        last = number
    return last


def removed(text: Text, mark: Mark) -> Edit | None:
    """The key or list item that begins there goes, with its value; so does one of two empty lines that would meet."""
    if not begins_line(text, mark) or (text.line(mark.line + 1)[: mark.column].count("-") > 1):
        return None
    first, last = mark.line + 1, last_line(text, mark)
    before, after = text.line(first - 1).strip(), text.line(last + 1).strip()
    if not after and (not before or first == 1) and text.offset(last + 1) < len(text.content):
        last += 1
    return Edit(text.path, text.offset(first), text.offset(last + 1), "")


def scalar(text: Text, mark: Mark) -> tuple[int, int] | None:
    """Where a scalar on one line stands, quotes and all; None for what is longer."""
    line = text.line(mark.line + 1)
    rest = line[mark.column :]
    start = text.offset(mark.line + 1, mark.column + 1)
    if not rest or rest[0] in "|>{[&*!":
        return None
    if rest[0] in "'\"":
        close = re.compile(r"'(?:[^']|'')*'" if rest[0] == "'" else r'"(?:[^"\\]|\\.)*"').match(rest)
        return (start, start + close.end()) if close else None
    found = _PLAIN_END.search(rest)
    length = found.start() if found else len(rest)
    return (start, start + length) if length else None


def rewritten(text: Text, mark: Mark, value: str) -> Edit | None:
    """Another value for a scalar on one line, in the quotes that it had."""
    span = scalar(text, mark)
    if span is None:
        return None
    quote = text.content[span[0]]
    if quote == "'":
        value = "'" + value.replace("'", "''") + "'"
    elif quote == '"' or re.search(
        r"^[\s\-?:,\[\]{}#&*!|>'\"%@`]|: |\s#|^(?:true|false|yes|no|on|off|null|~|\d[\d.:]*)$", value
    ):
        value = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return Edit(text.path, *span, value)


def appended(text: Text, key: Mark, lines: list[str]) -> Edit | None:
    """More lines at the end of the mapping that is the value of the key at that place, indented as its entries are.

    The lines are given without that indentation.
    """
    if not begins_line(text, key):
        return None
    last = last_line(text, key)
    entries = [
        line
        for line in text.lines[key.line + 1 : last]
        if line.strip() and not line.lstrip().startswith("#") and indent_of(line) > key.column
    ]
    if not entries:
        return None
    margin = " " * indent_of(entries[0])
    at = text.offset(last + 1)
    ending = "" if text.content[:at].endswith("\n") else "\n"
    return Edit(text.path, at, at, ending + "".join(f"{margin}{line}\n" for line in lines))


def step(text: Text) -> int:
    """How many blanks the file indents by."""
    found = [indent_of(line) for line in text.lines if line.startswith(" ") and line.strip()]
    return min(found, default=2)
