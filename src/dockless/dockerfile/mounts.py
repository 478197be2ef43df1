"""The value of `RUN --mount=…`: comma-separated keys, expanded and checked into a `Mount`."""

import csv
import re
from collections.abc import Callable
from typing import Any

from dockless.dockerfile.model import Mount

TYPES = ("bind", "cache", "tmpfs", "secret", "ssh")
SHARINGS = ("shared", "private", "locked")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgtp]?)i?b?$", re.IGNORECASE)
_ALIASES = {"src": "source", "dst": "target", "destination": "target", "ro": "readonly", "rw": "readwrite"}
_TRUE = ("1", "t", "T", "TRUE", "true", "True")
_FALSE = ("0", "f", "F", "FALSE", "false", "False")


class MountError(Exception):
    """A `--mount` that means nothing; the message says which key."""


def parse_mount(text: str, expand: Callable[[str], str]) -> Mount:
    """Reads one mount; `expand` replaces the variables in values. Raises `MountError`, and what `expand` raises."""
    try:
        rows = list(csv.reader([text], strict=True))
    except csv.Error as error:
        raise MountError(f"failed to parse csv mounts: {error}") from error
    if len(rows) != 1:
        raise MountError(f"failed to parse csv mounts: {text}")
    values: dict[str, Any] = {"type": "bind"}
    readonly: bool | None = None
    for field in rows[0]:
        key, equals, value = field.partition("=")
        key = _ALIASES.get(key.lower(), key.lower())
        if equals and key == "from" and re.search(r"\$.", value):
            raise MountError("'from' doesn't support variable expansion, define alias stage instead")
        value = expand(value) if equals else ""
        if not equals and key not in ("readonly", "readwrite", "required"):
            raise MountError(f"invalid field '{field}' must be a key=value pair")
        if key in ("readonly", "readwrite"):
            said = _boolean(key, value) if equals else True
            readonly = said if key == "readonly" else not said
        elif key == "required":
            values[key] = _boolean(key, value) if equals else True
        else:
            name, read = _reader(key, field)
            values[name] = read(value)
    return _checked(values, readonly)


def parse_size(text: str) -> int:
    """Bytes of `64m`, `1.5g`, `1024`; units are powers of 1024, as Docker's. Raises `ValueError`."""
    found = _SIZE.match(text.strip())
    if found is None:
        raise ValueError(f"invalid size: '{text}'")
    return int(float(found[1]) * 1024 ** " kmgtp".index(found[2].lower() or " "))


def _reader(key: str, field: str) -> tuple[str, Callable[[str], Any]]:
    readers: dict[str, tuple[str, Callable[[str], Any]]] = {
        "type": ("type", lambda value: _one_of("unsupported mount type", value, TYPES)),
        "from": ("from_", str),
        "source": ("source", str),
        "target": ("target", str),
        "id": ("id", str),
        "env": ("env", str),
        "sharing": ("sharing", lambda value: _one_of("unsupported sharing value", value, SHARINGS)),
        "size": ("size", lambda value: _number("size", value, parse_size)),
        "mode": ("mode", lambda value: _number("mode", value, lambda text: int(text, 8))),
        "uid": ("uid", lambda value: _number("uid", value, _unsigned)),
        "gid": ("gid", lambda value: _number("gid", value, _unsigned)),
    }
    if key not in readers:
        raise MountError(f"unexpected key '{key}' in '{field}'")
    return readers[key]


def _checked(values: dict[str, Any], readonly: bool | None) -> Mount:
    kind = values["type"]
    allowed = {
        "required": ("secret", "ssh"),
        "size": ("tmpfs",),
        "sharing": ("cache",),
        "mode": ("cache", "secret", "ssh"),
        "uid": ("cache", "secret", "ssh"),
        "gid": ("cache", "secret", "ssh"),
        "env": ("secret",),
        "from_": ("bind", "cache", "tmpfs", "ssh"),
    }
    for key, kinds in allowed.items():
        if key in values and kind not in kinds:
            raise MountError(f"unexpected key '{key.rstrip('_')}' for mount type '{kind}'")
    if kind == "secret":
        if not any(values.get(key) for key in ("source", "target", "id")):
            raise MountError("invalid secret mount. one of source, target required")
        if values.get("source") and values.get("id"):
            raise MountError("both source and id can't be set")
    elif kind != "ssh" and not values.get("target"):
        raise MountError(f"a mount of type {kind} needs a target")
    values["readonly"] = kind not in ("cache", "tmpfs") if readonly is None else readonly
    return Mount(**values)


def _one_of(what: str, value: str, known: tuple[str, ...]) -> str:
    lowered = value.lower()
    if lowered not in known:
        raise MountError(f'{what} "{value}" (known: {", ".join(known)})')
    return lowered


def _number(key: str, value: str, read: Callable[[str], int]) -> int:
    try:
        return read(value)
    except (ValueError, OverflowError):
        raise MountError(f"invalid value for {key}: {value}") from None


def _unsigned(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(text)
    return int(text)


def _boolean(key: str, value: str) -> bool:
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise MountError(f"invalid value for {key}: {value}")
