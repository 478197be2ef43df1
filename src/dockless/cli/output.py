"""What is printed: tables, human sizes and durations, and JSON lines. Templates are in `formats.py`.

Pure text in, text out, except `echo`, which writes to standard output and treats a closed pipe as the end of the job.
"""

import sys
from collections.abc import Mapping, Sequence

import msgspec

Row = Mapping[str, object]


def echo(text: str) -> None:
    """One line on standard output."""
    sys.stdout.write(text + "\n")


def note(text: str) -> None:
    """One line on standard error: what a person should know, and a pipe should not get."""
    sys.stdout.flush()
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, minimum: int = 0, gap: int = 3) -> str:
    """Columns as Docker aligns them: each as wide as its widest cell plus `gap` spaces, the last one ragged.

    `minimum`: of a column's width, with the spaces.
    """
    cells = [list(headers), *[list(row) for row in rows]]
    widths = [max(minimum - gap, *(len(line[column]) for line in cells)) for column in range(len(headers))]
    lines = ((" " * gap).join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in cells)
    return "\n".join(line.rstrip() for line in lines)


def to_json(value: object) -> str:
    """Compact JSON."""
    return msgspec.json.encode(value).decode()


def json_line(row: Row) -> str:
    """Without the methods that templates alone see."""
    return to_json({name: value for name, value in row.items() if not callable(value)})


def print_rows(
    rows: Sequence[Row], columns: Mapping[str, str], format_: str, *, minimum: int = 10, template_status: int = 64
) -> None:
    """Prints rows as a table (`columns`: header → the row's field), as JSON lines, or by a Go template.

    `format_` is `table`, `json`, `table TEMPLATE` or `TEMPLATE`; `minimum` is as `table` has it. A row's value may be a
    function: a method that only templates call. Raises `Failure`, for a template with `template_status`.
    """
    if format_ == "table":
        echo(table(list(columns), [[str(row[field]) for field in columns.values()] for row in rows], minimum=minimum))
    elif format_ == "json":
        for row in rows:
            echo(json_line(row))
    else:
        from dockless.cli.formats import format_rows

        for line in format_rows(rows, columns, format_, status=template_status):
            echo(line)


def human_size(size: float, *, precision: int = 3) -> str:
    """Bytes as Docker prints them: powers of 1000, `precision` significant digits (`1.98MB`)."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            return f"{size:.{precision}g}{unit}" if size < 1000 else f"{size:.0f}{unit}"
        size /= 1000
    raise AssertionError("unreachable")


def human_bytes(size: float, *, precision: int = 4) -> str:
    """Bytes in powers of 1024, as in `stats` (`12.5MiB`)."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if size < 1024 or unit == "TiB":
            return f"{size:.{precision}g}{unit}"
        size /= 1024
    raise AssertionError("unreachable")


def human_duration(seconds: float) -> str:
    """A span of time as Docker words it: `Less than a second`, `About a minute`, `3 weeks`."""
    whole = int(seconds)
    minutes, hours = whole // 60, round(whole / 3600)
    if whole < 1:
        return "Less than a second"
    if whole == 1:
        return "1 second"
    if whole < 60:
        return f"{whole} seconds"
    if minutes == 1:
        return "About a minute"
    if minutes < 46:
        return f"{minutes} minutes"
    if hours == 1:
        return "About an hour"
    if hours < 48:
        return f"{hours} hours"
    if hours < 24 * 7 * 2:
        return f"{hours // 24} days"
    if hours < 24 * 30 * 2:
        return f"{hours // 24 // 7} weeks"
    if hours < 24 * 365 * 2:
        return f"{hours // 24 // 30} months"
    return f"{whole // 3600 // 24 // 365} years"


def shorten(text: str, width: int) -> str:
    """At most `width` characters, the last of them an ellipsis when something is cut."""
    return text if len(text) <= width else text[: width - 1] + "…"


def short_id(identifier: str) -> str:
    """The twelve characters by which people know an object."""
    return identifier.removeprefix("sha256:")[:12]
