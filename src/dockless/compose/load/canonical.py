"""The canonical form of a document: each short syntax written out long, one row for each place that has one."""

from collections.abc import Callable
from typing import Any

from dockless.compose.load import short
from dockless.compose.load.patterns import Step, apply, table
from dockless.compose.load.tree import Files, Map, Seq, Trouble


def canonical(tree: dict[str, Any], files: Files, warn: Callable[[str], None], *, lenient: bool = False) -> None:
    """Changes the tree in place; raises ComposeError. `lenient` leaves what cannot be read as it is."""
    rows = dict(_ROWS)
    for kind in ("volumes", "networks", "secrets", "configs"):
        rows[f"{kind}.*"] = _external(kind, warn)
    if lenient:
        rows = {pattern: _lenient(step) for pattern, step in rows.items()}
    apply(table(rows), tree, files)


def _lenient(step: Step) -> Step:
    def attempt(value: Any) -> Any:
        try:
            return step(value)
        except Trouble:
            return value

    return attempt


def _wrap(key: str) -> Step:
    """A bare string stands for a mapping with that key."""
    return lambda value: {key: value} if isinstance(value, str) else value


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _key_values(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    found: dict[str, str] = {}
    for index, item in enumerate(value):
        key, equals, text = str(item).partition("=")
        if not equals:
            raise Trouble(f"invalid value {key!r}: expected key=value", (index,))
        found[key] = text
    return found


def _mapped(names: list[Any], value: Callable[[], Any]) -> Map:
    """A mapping from the names in a list, each in its place."""
    mapping = Map()
    marks = names.marks if isinstance(names, Seq) and len(names.marks) == len(names) else None
    for index, name in enumerate(names):
        mapping[str(name)] = value()
        if marks:
            mapping.marks[str(name)] = (marks[index], marks[index])
    return mapping


def _depends_on(value: Any) -> Any:
    if isinstance(value, list):
        return _mapped(value, lambda: {"condition": "service_started", "required": True})
    for entry in value.values() if isinstance(value, dict) else ():
        if isinstance(entry, dict):
            entry.setdefault("required", True)
    return value


def _env_file(value: Any) -> Any:
    entries = _listed(value)
    if not isinstance(entries, list):
        return value
    for index, entry in enumerate(entries):
        if isinstance(entry, str):
            entries[index] = {"path": entry, "required": True}
        elif isinstance(entry, dict):
            entry.setdefault("required", True)
    return entries


def _gpus(value: Any) -> Any:
    # A project's own files have been checked: in one that is extended, Docker Compose takes any text for `all`.
    return [{"count": "all"}] if isinstance(value, str) else value


def _named(value: Any) -> Any:
    return _mapped(value, lambda: None) if isinstance(value, list) else value


def _ports(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    found: list[Any] = []
    for index, entry in enumerate(value):
        if isinstance(entry, dict):
            found.append(entry)
            continue
        if isinstance(entry, bool) or not isinstance(entry, (int, str)):
            raise Trouble(f"invalid port {entry!r}", (index,))
        try:
            found.extend(short.ports(str(entry)))
        except Trouble as trouble:
            raise Trouble(trouble.message, (index,), hint=trouble.hint) from None
    return found


def _volume(value: Any) -> Any:
    return short.volume(value) if isinstance(value, str) else value


def _device(value: Any) -> Any:
    return short.device(value) if isinstance(value, str) else value


def _ssh(value: Any) -> Any:
    """Keys of the build: a list of `default` and `id=path`, or a mapping."""
    if isinstance(value, list):
        return {key: text if equals else None for key, equals, text in (str(item).partition("=") for item in value)}
    return {value: None} if isinstance(value, str) else value


def _external(kind: str, warn: Callable[[str], None]) -> Step:
    def resource(value: Any) -> Any:
        if not isinstance(value, dict) or not isinstance(external := value.get("external"), dict):
            return value
        name = external.get("name")
        if name is not None:
            warn(f"{kind}: external.name is deprecated. Please set name and external: true")
            if value.get("name", name) != name:
                raise Trouble("name and external.name conflict; only use name", ("name",))
            value["name"] = name
        value["external"] = True
        return value

    return resource


_ROWS: dict[str, Step] = {
    "services.*.build": _wrap("context"),
    "services.*.build.additional_contexts": _key_values,
    "services.*.build.secrets.*": _wrap("source"),
    "services.*.build.ssh": _ssh,
    "services.*.configs.*": _wrap("source"),
    "services.*.depends_on": _depends_on,
    "services.*.devices.*": _device,
    "services.*.dns": _listed,
    "services.*.env_file": _env_file,
    "services.*.extends": _wrap("service"),
    "services.*.gpus": _gpus,
    "services.*.label_file": _listed,
    "services.*.models": _named,
    "services.*.networks": _named,
    "services.*.ports": _ports,
    "services.*.secrets.*": _wrap("source"),
    "services.*.volumes.*": _volume,
    "include.*": _wrap("path"),
}
