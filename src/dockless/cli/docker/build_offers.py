"""`build --call=outline` and `--call=targets`: what a Dockerfile offers, printed as BuildKit's client does."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

Found = Mapping[str, Any]


def show(kind: str, found: Found, text: str, form: str) -> str:
    """`found` is the `offered` event's; `text` the Dockerfile's. Without a newline at the end; "": nothing to say."""
    return _SHOWN[kind, form](found, text)


def _outline(found: Found, _: str) -> str:
    parts = []
    if found["name"] or found["description"]:
        lines = [("TARGET:", found["name"] or _DEFAULT)]
        if found["description"]:
            lines.append(("DESCRIPTION:", found["description"]))
        parts.append(_table(lines, 1))
    if found["args"]:
        rows = [(one["name"], one.get("value", ""), one.get("description", "")) for one in found["args"]]
        parts.append(_table([("BUILD ARG", "VALUE", "DESCRIPTION"), *rows], 3))
    for key, title in (("secrets", "SECRET"), ("ssh", "SSH")):
        if found[key]:
            wanted = [(one["name"], "true" if one.get("required") else "") for one in found[key]]
            parts.append(_table([(title, "REQUIRED"), *wanted], 3))
    return "\n\n".join(parts) + ("\n" if parts else "")


def _targets(found: Found, _: str) -> str:
    rows = []
    for one in found["targets"]:
        name = " ".join(part for part in (one["name"], _DEFAULT if one["default"] else "") if part)
        rows.append((name, one["description"]))
    return _table([("TARGET", "DESCRIPTION"), *rows], 1)


def _outline_json(found: Found, text: str) -> str:
    return _json(
        {
            "name": found["name"],
            "description": found["description"],
            "args": [_offered(one) for one in found["args"]],
            "secrets": [_offered(one) for one in found["secrets"]],
            "ssh": [_offered(one) for one in found["ssh"]],
            "sources": [_encoded(text)],
        }
    )


def _targets_json(found: Found, text: str) -> str:
    listed = [
        _without_empty(
            {
                **{key: one[key] for key in ("name", "default", "description", "base", "platform")},
                "location": _location(one),
            }
        )
        for one in found["targets"]
    ]
    return _json({"targets": listed, "sources": [_encoded(text)]})


_DEFAULT = "(default)"
_FOR_HTML = {ord(letter): f"\\u{ord(letter):04x}" for letter in "<>&\u2028\u2029"}  # as Go writes JSON
_SHOWN = {
    ("outline", "text"): _outline,
    ("outline", "json"): _outline_json,
    ("targets", "text"): _targets,
    ("targets", "json"): _targets_json,
}


def _offered(one: Found) -> dict[str, Any]:
    values = {key: one.get(key) for key in ("name", "description", "value", "required")}
    return _without_empty({**values, "location": _location(one)})


def _location(one: Found) -> dict[str, Any]:
    """One range for each of its lines."""
    first, last = one["lines"]
    return {"ranges": [{"start": {"line": line}, "end": {"line": line}} for line in range(first, last + 1)]}


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _without_empty(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value}


def _json(values: Mapping[str, Any]) -> str:
    return json.dumps(_without_empty(values), indent=2, ensure_ascii=False).translate(_FOR_HTML)


def _table(rows: Sequence[Sequence[str]], gap: int) -> str:
    """Columns as wide as their widest cell and a gap; the last one is not filled up."""
    widths = [max(len(row[column]) for row in rows) + gap for column in range(len(rows[0]) - 1)]
    return "\n".join(
        "".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)) + row[-1] for row in rows
    )
