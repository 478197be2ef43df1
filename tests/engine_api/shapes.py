"""What an answer looks like: its keys and the types of its values, whatever the values are."""

import json
from collections.abc import Iterator
from typing import Any

from api_http import Answer

# Objects whose keys are data, not fields.
MAPS = frozenset(
    (
        *("Labels", "Networks", "Ports", "Attributes", "Annotations", "Containers", "Options", "DriverOpts", "Volumes"),
        *("ExposedPorts", "PortBindings", "Sysctls", "Tmpfs", "Runtimes", "IndexConfigs", "networks", "stats", "Data"),
        "Details",
    )
)


def differences(theirs: Answer, ours: Answer) -> list[str]:
    """What differs between two answers that are not errors, by the place where it does."""
    if theirs.status >= 300 or ours.status >= 300:
        return []
    if theirs.kind != ours.kind:
        return [f"Content-Type: {theirs.kind!r} there, {ours.kind!r} here"]
    if theirs.kind != "application/json" or not (theirs.body and ours.body):
        return (
            [] if bool(theirs.body) == bool(ours.body) else [f"body: {len(theirs.body)} there, {len(ours.body)} here"]
        )
    try:
        there, here = shape(_values(theirs.body)), shape(_values(ours.body))
    except ValueError:
        return []  # cut off on purpose
    return list(_compare("", there, here))


def shape(value: Any, name: str = "") -> Any:
    """A dictionary for an object, a list of one shape for an array; for a scalar the name of its type."""
    if isinstance(value, dict):
        if name in MAPS:
            return {"*": _merged([shape(item) for item in value.values()])}
        return {key: shape(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [_merged([shape(item) for item in value])]
    return {bool: "boolean", int: "number", float: "number", str: "string", type(None): "null"}[type(value)]


def _merged(shapes: list[Any]) -> Any:
    """One shape that has what any of them has; "nothing" where there is none."""
    merged: Any = "nothing"
    for one in shapes:
        merged = _merge(merged, one)
    return merged


def _merge(first: Any, second: Any) -> Any:
    if first in ("nothing", "null"):
        return second
    if second in ("nothing", "null"):
        return first
    if isinstance(first, dict) and isinstance(second, dict):
        return {key: _merge(first.get(key, "nothing"), second.get(key, "nothing")) for key in first | second}
    if isinstance(first, list) and isinstance(second, list):
        return [_merge(first[0], second[0])]
    return first


def _compare(place: str, theirs: Any, ours: Any) -> Iterator[str]:
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in theirs | ours:
            where = f"{place}.{key}" if place else key
            if key not in ours:
                yield f"{where}: missing here"
            elif key not in theirs:
                yield f"{where}: missing there"
            else:
                yield from _compare(where, theirs[key], ours[key])
    elif isinstance(theirs, list) and isinstance(ours, list):
        yield from _compare(f"{place}[]", theirs[0], ours[0])
    elif theirs != ours:
        yield f"{place}: {_word(theirs)} there, {_word(ours)} here"


def _word(shape_: Any) -> str:
    return "object" if isinstance(shape_, dict) else "array" if isinstance(shape_, list) else str(shape_)


def _values(body: bytes) -> Any:
    """The JSON value, or the merged messages of a stream of them."""
    text = body.decode()
    decoder = json.JSONDecoder()
    found, at = [], 0
    while at < len(text.rstrip()):
        value, at = decoder.raw_decode(text, at)
        found.append(value)
        while at < len(text) and text[at] in "\r\n ":
            at += 1
    return found[0] if len(found) == 1 else found
