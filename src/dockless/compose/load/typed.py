"""The last pass: a checked, canonical tree becomes the frozen model.

How a value is read follows from the type of the model's field; the rows of `_FIELDS` name the fields that are read in a
way of their own. Each type's readers are made when it is first met.
"""

import collections.abc
import re
import types
import typing
from collections.abc import Callable
from functools import cache
from typing import Any, Union, get_args, get_origin

import msgspec

from dockless.compose import model
from dockless.compose.load import units
from dockless.compose.load.text import go_text, single
from dockless.compose.load.tree import Trouble, dotted

Reader = Callable[[Any], Any]


def read(kind: Any, value: dict[str, Any]) -> Any:
    """An instance of the Struct `kind`; raises Trouble with the path of what cannot be read."""
    readers = _readers(kind)
    fields: dict[str, Any] = {}
    extensions: dict[str, Any] | None = None
    for key, entry in value.items():
        reader = readers.get(key)
        if reader is None:
            if key.startswith("x-"):
                extensions = extensions or {}
                extensions[key] = entry
            continue
        if entry is None and key not in _NULLABLE:
            continue
        try:
            fields[key] = reader(entry)
        except Trouble as trouble:
            raise Trouble(trouble.message, (key, *trouble.path), hint=trouble.hint) from None
        except ValueError as wrong:
            raise Trouble(str(wrong), (key,)) from None
    if extensions is not None and "extensions" in kind.__struct_fields__:
        fields["extensions"] = extensions
    return kind(**fields)


@cache
def _readers(kind: Any) -> dict[str, Reader]:
    special = _FIELDS.get(kind, {})
    hints = typing.get_type_hints(kind)
    return {name: special.get(name) or _reader(hints[name]) for name in kind.__struct_fields__ if name != "extensions"}


@cache
def _reader(hint: Any) -> Reader:
    """The reader for a type."""
    if hint in _SCALARS:
        return _SCALARS[hint]
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _reader(next(part for part in get_args(hint) if part is not type(None)))
    if origin is tuple:
        return _list(_reader(get_args(hint)[0]))
    if origin is collections.abc.Mapping:
        inner = get_args(hint)[1]
        if inner is str:
            return _mapping
        if inner == (str | None):
            return _environment
        return _entries(_reader(inner), optional=type(None) in get_args(inner))
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return lambda value: read(hint, value if isinstance(value, dict) else {})
    raise TypeError(f"no reader for {hint}")


def _no_float(value: Any) -> str:
    if isinstance(value, float):
        raise ValueError(f"{go_text(value)} is a number with a fraction: write an integer or put it in quotes")
    return _text(value)


def _text(value: Any) -> str:
    return str(value) if isinstance(value, str) else go_text(value)


def _boolean(value: Any) -> bool:
    if isinstance(value, str):
        lowered = value.lower()
        if lowered in ("true", "y", "yes", "on"):
            return True
        if lowered in ("false", "n", "no", "off"):
            return False
        raise ValueError(f"invalid boolean: {value}")
    return bool(value)


def _integer(value: Any) -> int:
    if isinstance(value, str):
        try:
            return units_integer(value)
        except ValueError:
            raise ValueError(f"{value!r} is not an integer") from None
    return (int(value) + (1 << 63)) % (1 << 64) - (1 << 63)  # as 64 bits hold it


def units_integer(text: str) -> int:
    """A decimal integer in ASCII digits; ValueError for all else."""
    if not text.lstrip("+-").isascii() or not text.lstrip("+-").isdigit():
        raise ValueError(text)
    return int(text)


def _unsigned(bits: int) -> Reader:
    def read_unsigned(value: Any) -> int:
        if isinstance(value, str):
            raise ValueError(f"{value!r} must be a number")
        if not 0 <= value < 1 << bits:
            raise ValueError(f"{value} must be at least 0 and below {1 << bits}")
        return int(value)

    return read_unsigned


def _number(value: Any) -> float:
    try:
        return single(units.number(value) if isinstance(value, str) else float(value))
    except (ValueError, OverflowError):
        raise ValueError(f"{value!r} is not a number") from None


def _bytes(value: Any) -> model.Bytes:
    return model.Bytes(units.size(value) if isinstance(value, str) else int(value))


def _duration(value: Any) -> model.Duration:
    return model.Duration(units.duration(value if isinstance(value, str) else go_text(value)))


def _mode(value: Any) -> model.FileMode:
    """Octal as text, as it stands as a number."""
    if isinstance(value, float):
        raise ValueError(f"{value} is not a file mode")
    if not isinstance(value, str):
        return model.FileMode(value)
    try:
        return model.FileMode(int(_OCTAL.fullmatch(value)[0], 8))  # type: ignore[index]
    except TypeError:
        raise ValueError(f"{value!r} is not an octal file mode") from None


def _list(item: Reader) -> Reader:
    def read_list(value: Any) -> tuple[Any, ...]:
        entries = value if isinstance(value, list) else [value]
        found = []
        for index, entry in enumerate(entries):
            try:
                found.append(item(entry))
            except Trouble as trouble:
                raise Trouble(trouble.message, (index, *trouble.path), hint=trouble.hint) from None
            except ValueError as wrong:
                raise Trouble(str(wrong), (index,)) from None
        return tuple(found)

    return read_list


def _entries(item: Reader, *, optional: bool) -> Reader:
    def read_entries(value: Any) -> dict[str, Any]:
        found = {}
        for key, entry in (value if isinstance(value, dict) else dict.fromkeys(value)).items():
            try:
                found[key] = None if entry is None and optional else item(entry)
            except Trouble as trouble:
                raise Trouble(trouble.message, (key, *trouble.path), hint=trouble.hint) from None
            except ValueError as wrong:
                raise Trouble(str(wrong), (key,)) from None
        return found

    return read_entries


def _plain_options(value: Any) -> dict[str, str]:
    return {key: "" if entry is None else _no_float(entry) for key, entry in value.items()}


def _mapping(value: Any) -> dict[str, str]:
    """A mapping, or a list of `key=value`; without a value it is empty."""
    if isinstance(value, dict):
        return {key: "" if entry is None else _text(entry) for key, entry in value.items()}
    return {key: text for key, _, text in (_text(entry).partition("=") for entry in value)}


def _environment(value: Any) -> dict[str, str | None]:
    """The same, but no value is told from an empty one."""
    if isinstance(value, dict):
        return {key: None if entry is None else _text(entry) for key, entry in value.items()}
    found: dict[str, str | None] = {}
    for key, equals, text in (_text(entry).partition("=") for entry in value):
        if key != key.rstrip():
            raise ValueError(f"variable {key!r} is declared with a trailing space")
        found[key] = text if equals else None
    return found


def _command(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(units.words(value))
    return tuple(map(_text, value))


def _test(value: Any) -> tuple[str, ...]:
    return ("CMD-SHELL", value) if isinstance(value, str) else tuple(map(_text, value))


def _hosts(value: Any) -> dict[str, tuple[str, ...]]:
    """`host=address`, `host:address`, or a mapping of one or more addresses; brackets around IPv6 go."""
    pairs: list[tuple[str, str]] = []
    found: dict[str, tuple[str, ...]] = {}
    if isinstance(value, dict):
        for host, addresses in value.items():
            listed = addresses if isinstance(addresses, list) else [addresses]
            if not listed:
                found[host] = ()
            pairs.extend((host, "" if address is None else _text(address)) for address in listed)
    else:
        for entry in map(_text, value):
            host, equals, address = entry.partition("=")
            if not equals:
                host, equals, address = entry.partition(":")
            if not equals:
                raise ValueError(f"invalid additional host, missing IP: {entry}")
            pairs.append((host, address))
    for host, address in pairs:
        if not host:
            raise ValueError(f"invalid additional host {host}={address}")
        bare = address[1:-1] if len(address) > 2 and address[0] == "[" and address[-1] == "]" else address
        found[host] = (*found.get(host, ()), bare)
    return found


def _ssh(value: Any) -> dict[str, str]:
    if isinstance(value, str):
        return {value: ""}
    return {key: "" if entry is None else _text(entry) for key, entry in value.items()}


def _ulimit(value: Any) -> model.Ulimit:
    if isinstance(value, dict):
        return typing.cast(model.Ulimit, read(model.Ulimit, value))
    return model.Ulimit(single=_whole(value))


def _whole(value: Any) -> int:
    if not isinstance(value, int):
        raise ValueError(f"{value!r} is not an integer")
    return value


def _device_count(value: Any) -> int:
    return -1 if isinstance(value, str) and value.lower() == "all" else _integer(value)


def _external(value: Any) -> bool:
    return True if isinstance(value, dict) else _boolean(value)


def _options(value: Any) -> dict[str, tuple[str, ...]]:
    return {
        key: tuple(map(_text, entry)) if isinstance(entry, list) else (_text(entry),)
        for key, entry in value.items()
        if entry != []
    }


def described(trouble: Trouble, at: tuple[str | int, ...]) -> str:
    """What a reader's trouble says, with the whole path."""
    return f"{dotted((*at, *trouble.path))}: {trouble.message}"


_OCTAL = re.compile("[-+]?[0-7]+")
_NULLABLE = frozenset({"networks", "models"})
_SCALARS: dict[Any, Reader] = {
    str: _text,
    bool: _boolean,
    int: _integer,
    float: _number,
    model.Bytes: _bytes,
    model.Duration: _duration,
    model.FileMode: _mode,
    model.Ulimit: _ulimit,
    Any: lambda value: value,
}
_FIELDS: dict[Any, dict[str, Reader]] = {
    model.Service: {"command": _command, "entrypoint": _command, "extra_hosts": _hosts, "group_add": _list(_no_float)},
    model.Hook: {"command": _command},
    model.Build: {"extra_hosts": _hosts, "ssh": _ssh},
    model.Ulimit: {"soft": _whole, "hard": _whole},
    model.Healthcheck: {"test": _test, "retries": _unsigned(64)},
    model.DeviceRequest: {"count": _device_count},
    model.Provider: {"options": _options},
    model.TmpfsOptions: {"mode": _unsigned(32)},
    model.BlkioConfig: {"weight": _unsigned(16)},
    model.WeightDevice: {"weight": _unsigned(16)},
    model.UpdateConfig: {"parallelism": _unsigned(64)},
    model.RestartPolicy: {"max_attempts": _unsigned(64)},
    model.Placement: {"max_replicas_per_node": _unsigned(64)},
    model.Port: {"target": _unsigned(32), "published": _no_float},
    model.Network: {"external": _external},
    model.Volume: {"external": _external},
    model.FileObject: {"external": _external, "driver_opts": _plain_options},
}
