"""What may stand in a list only once: a later entry with the same key takes the place of the earlier one."""

from collections.abc import Callable, Mapping
from typing import Any

from dockless.compose.load import short
from dockless.compose.load.patterns import Step, apply, table
from dockless.compose.load.text import go_text
from dockless.compose.load.tree import Files, Seq, Trouble

Index = Callable[[Any], str]


def enforce(tree: dict[str, Any], files: Files, *, checked: bool) -> None:
    """Changes the tree in place. In a tree that has not been checked yet, lists with unusable entries stay as they are.

    Raises ComposeError.
    """
    apply(_ROWS if checked else _LENIENT, tree, files)


def _lenient(step: Step) -> Step:
    def attempt(value: Any) -> Any:
        try:
            return step(value)
        except Trouble:
            return value

    return attempt


def _unique(index: Index) -> Step:
    def once(value: Any) -> Any:
        if not isinstance(value, list):
            return value
        last: dict[str, int] = {}
        for at, entry in enumerate(value):
            try:
                last.setdefault(index(entry), at)
            except Trouble as trouble:
                raise Trouble(trouble.message, (at,)) from None
        if len(last) == len(value):
            return value
        places = {key: at for at, key in enumerate(last)}
        kept = Seq()
        marks = value.marks if isinstance(value, Seq) and len(value.marks) == len(value) else None
        for at, entry in enumerate(value):
            place = places[index(entry)]
            if place == len(kept):
                kept.append(entry)
                if marks:
                    kept.marks.append(marks[at])
            else:
                kept[place] = entry
                if marks:
                    kept.marks[place] = marks[at]
        return kept

    return once


def _key(entry: Any) -> str:
    return go_text(entry).partition("=")[0]


def _target(entry: Any) -> str:
    if isinstance(entry, dict):
        if not isinstance(target := entry.get("target"), str):
            raise Trouble("the mount target is missing")
        return target
    target = short.volume(entry)["target"] if isinstance(entry, str) else go_text(entry)
    return str(target)


def _device(entry: Any) -> str:
    if isinstance(entry, dict):
        return _target(entry)
    parts = entry.split(":") if isinstance(entry, str) else [go_text(entry)]
    return parts[1] if len(parts) > 1 else parts[0]


def _granted(folder: str) -> Index:
    def index(entry: Any) -> str:
        if isinstance(entry, dict):
            return go_text(entry["target"]) if "target" in entry else f"{folder}/{go_text(entry.get('source'))}"
        return f"{folder}/{go_text(entry)}"

    return index


def _port(entry: Any) -> str:
    if not isinstance(entry, dict):
        return go_text(entry)
    if "target" not in entry:
        raise Trouble("the target port is missing")
    address, protocol = entry.get("host_ip", "0.0.0.0"), entry.get("protocol", "tcp")
    # A number is not the same as its text here: so it is in Docker Compose, whose config hash ours must equal.
    return f"{address}:{entry.get('published')!r}:{entry['target']!r}/{protocol}"


def _exposed(entry: Any) -> str:
    if isinstance(entry, float):
        raise Trouble(f"{go_text(entry)} is not a port")
    return go_text(entry)


def _path(entry: Any) -> str:
    return go_text(entry.get("path")) if isinstance(entry, dict) else go_text(entry)


_INDEXES: Mapping[str, Index] = {
    "networks.*.labels": _key,
    "networks.*.ipam.options": _key,
    "services.*.annotations": _key,
    "services.*.build.args": _key,
    "services.*.build.additional_contexts": _key,
    "services.*.build.platform": _key,
    "services.*.build.tags": _key,
    "services.*.build.labels": _key,
    "services.*.cap_add": _key,
    "services.*.cap_drop": _key,
    "services.*.devices": _device,
    "services.*.configs": _granted(""),
    "services.*.deploy.labels": _key,
    "services.*.dns": _key,
    "services.*.dns_opt": _key,
    "services.*.dns_search": _key,
    "services.*.environment": _key,
    "services.*.env_file": _path,
    "services.*.expose": _exposed,
    "services.*.labels": _key,
    "services.*.links": _key,
    "services.*.networks.*.aliases": _key,
    "services.*.networks.*.link_local_ips": _key,
    "services.*.ports": _port,
    "services.*.profiles": _key,
    "services.*.secrets": _granted("/run/secrets"),
    "services.*.sysctls": _key,
    "services.*.tmpfs": _key,
    "services.*.volumes": _target,
}
_ROWS = table({pattern: _unique(index) for pattern, index in _INDEXES.items()})
_LENIENT = table({pattern: _lenient(_unique(index)) for pattern, index in _INDEXES.items()})
