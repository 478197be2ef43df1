"""The model as plain values in the shape that `config` prints: JSON and YAML differ in what they leave out."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from msgspec import Raw, Struct

from dockless.compose import model
from dockless.compose.errors import ComposeError
from dockless.compose.load.scalars import Timestamp
from dockless.compose.load.text import go_text, natural, single
from dockless.compose.load.units import duration_text


class Form(Struct, frozen=True):
    """How one of the formats differs: fields that are always there, other names, whether `x-` keys are shown, and the
    order of the user's own keys."""

    always: Mapping[Any, frozenset[str]]
    names: Mapping[Any, Mapping[str, str]]
    extensions: bool
    order: Callable[[Iterable[str]], list[str]]


_ALWAYS = {
    model.Dependency: frozenset({"condition", "required"}),
    model.WatchTrigger: frozenset({"path", "action"}),
    model.DiscreteResource: frozenset({"kind", "value"}),
    model.WeightDevice: frozenset({"path", "weight"}),
    model.ThrottleDevice: frozenset({"path", "rate"}),
}
JSON = Form(
    always={
        **_ALWAYS,
        model.Service: frozenset({"command", "entrypoint"}),
        model.Hook: frozenset({"command"}),
        model.WatchTrigger: frozenset({"path", "action", "exec"}),
        model.Deploy: frozenset({"resources", "placement"}),
        model.Network: frozenset({"ipam"}),
    },
    names={
        model.WeightDevice: {"path": "Path", "weight": "Weight"},
        model.ThrottleDevice: {"path": "Path", "rate": "Rate"},
    },
    extensions=False,
    order=sorted,
)
YAML = Form(always=_ALWAYS, names={}, extensions=True, order=natural)

_HIDDEN: Mapping[Any, frozenset[str]] = {
    model.Service: frozenset({"name", "pull_refresh_after"}),
    model.Ipam: frozenset({"options"}),
    model.FileObject: frozenset({"value"}),
}
"""What Docker Compose reads but does not print."""


def plain(value: Any, form: Form) -> Any:
    """Dicts, lists, strings, numbers, booleans and None. Fields keep the model's order, the user's keys are sorted."""
    if isinstance(value, Struct):
        return _ulimit(value, form) if type(value) is model.Ulimit else struct(value, form)
    if isinstance(value, Mapping):
        return {key: plain(value[key], form) for key in form.order(value)}
    if isinstance(value, (tuple, list)):
        return [plain(entry, form) for entry in value]
    kind = type(value)
    if kind is model.Bytes:
        return str(int(value))
    if kind is model.Duration:
        return duration_text(value)
    if kind is model.FileMode:
        return f"0{value:o}"
    if kind is Timestamp and not form.extensions:
        return str(value)
    if kind is float and not form.extensions:
        if abs(_finite(value)) >= _EXPONENT:
            return Raw(repr(value).encode())  # Go, as Python, writes the exponent's sign
        if value.is_integer():
            return int(value) if abs(value) < _EXACT else int(_decimal(repr(value)))
    return value


def struct(value: Any, form: Form) -> dict[str, Any]:
    """One struct of the model."""
    found: dict[str, Any] = {}
    kind: Any = type(value)
    for name, shown, default, keeps in _fields(kind, form.extensions):
        entry = getattr(value, name)
        if entry == default and not keeps:
            continue
        if type(entry) is float:
            entry = single(entry)
        found[shown] = _SHAPES[name](entry) if name in _SHAPES else plain(entry, form)
    if form.extensions and (own := getattr(value, "extensions", None)):
        found.update(plain(own, form))
    return found


@cache
def _fields(kind: type[Struct], is_yaml: bool) -> tuple[tuple[str, str, Any, bool], ...]:
    """Of each field the name, the printed name, the value with which it is left out, and whether it never is."""
    form = YAML if is_yaml else JSON
    always, names = form.always.get(kind, frozenset()), form.names.get(kind, {})
    hidden = _HIDDEN.get(kind, frozenset()) | {"extensions"}
    absent = kind()
    return tuple(
        (name, names.get(name, name), getattr(absent, name), name in always)
        for name in kind.__struct_fields__
        if name not in hidden
    )


def _finite(value: float) -> float:
    if value != value or value in (float("inf"), float("-inf")):
        raise ComposeError(f"JSON has no number for {go_text(value)}: print the project as YAML")
    return value


def extensions(value: Any, form: Form) -> Any:
    """The value of an `x-` key. An empty list is null in JSON."""
    if isinstance(value, dict):
        return {key: extensions(value[key], form) for key in form.order(value)}
    if isinstance(value, list) and (value or form.extensions):
        return [extensions(entry, form) for entry in value]
    return None if isinstance(value, list) else plain(value, form)


def _ulimit(value: model.Ulimit, form: Form) -> Any:
    if value.single:
        return value.single
    limits = {"soft": value.soft, "hard": value.hard}
    return limits if form.extensions else {key: limit for key, limit in limits.items() if limit}


def _decimal(text: str) -> str:
    """`1e+18`, `9.2e+18` → the digits, without an exponent."""
    mantissa, _, power = text.partition("e")
    whole, _, fraction = mantissa.partition(".")
    return whole + fraction.rstrip("0").ljust(int(power or 0), "0")


def _hosts(value: Mapping[str, tuple[str, ...]]) -> list[str]:
    return sorted(f"{host}={address}" for host, addresses in value.items() for address in addresses)


def _keys(value: Mapping[str, str]) -> list[str]:
    return sorted(f"{key}={path}" if path else key for key, path in value.items())


def _env_files(value: tuple[model.EnvFile, ...]) -> list[Any]:
    """A path, where nothing more is to be said."""
    return [
        entry.path
        if entry.required
        else {"path": entry.path, "required": False, **({"format": entry.format} if entry.format else {})}
        for entry in value
    ]


_EXPONENT, _EXACT = 1e21, 2**53
_SHAPES: Mapping[str, Callable[[Any], Any]] = {"extra_hosts": _hosts, "ssh": _keys, "env_file": _env_files}
