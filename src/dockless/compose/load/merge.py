"""Merging one document over another (the specification's "Merge and override"), and what may stand in a list only once.

Maps merge key by key, lists are joined, all else is replaced; the rows of `_SPECIALS` differ.
"""

from collections.abc import Callable
from typing import Any

from dockless.compose.load.patterns import Node, table
from dockless.compose.load.text import go_text
from dockless.compose.load.tree import Files, Map, Path, Seq, Trouble, dotted

Merger = Callable[[Any, Any, Path, "Node[Any] | None"], Any]


def merge(base: Any, over: Any, files: Files, prefix: Path = ()) -> Any:
    """`over` merged into `base`, which is changed; raises ComposeError. `prefix` is where both stand in a project."""
    node: Node[Merger] | None = _SPECIALS
    for part in prefix:
        node = node.next(part) if node is not None else None
    try:
        return _maps(base, over, prefix, node)
    except Trouble as trouble:
        path = trouble.path[len(prefix) :]
        return files.fail([files.problem_in(over, path, Trouble(trouble.message))])


def _value(base: Any, over: Any, path: Path, node: "Node[Merger] | None") -> Any:
    if node is not None and node.here is not None:
        return node.here(base, over, path, node)
    if over is None:
        return base
    if isinstance(base, dict):
        if not isinstance(over, dict):
            raise Trouble(f"cannot override {dotted(path)}: a mapping cannot be replaced by something else", path)
        return _maps(base, over, path, node)
    if isinstance(base, list):
        if not isinstance(over, list):
            raise Trouble(f"cannot override {dotted(path)}: a list cannot be replaced by something else", path)
        return _joined(base, over)
    return over


def _maps(base: dict[str, Any], over: dict[str, Any], path: Path, node: "Node[Merger] | None") -> Any:
    marks = over.marks if isinstance(over, Map) else {}
    base_marks = base.marks if isinstance(base, Map) else {}
    for key, value in over.items():
        if key not in base:
            base[key] = value
        else:
            kept = base[key]
            merged = _value(kept, value, (*path, key), node.next(key) if node is not None else None)
            base[key] = merged
            if merged is kept:
                continue
        if key in marks:
            base_marks[key] = marks[key]
    return base


def _joined(base: list[Any], over: list[Any]) -> list[Any]:
    joined = Seq()
    joined.extend(base)
    joined.extend(over)
    if isinstance(base, Seq) and isinstance(over, Seq) and len(base.marks) == len(base):
        joined.marks = [*base.marks, *over.marks]
    return joined


def _replace(_base: Any, over: Any, _path: Path, _node: Any) -> Any:
    return over


def _logging(base: Any, over: Any, path: Path, node: Any) -> Any:
    """Options are those of one driver: another driver brings its own."""
    if not isinstance(base, dict) or not isinstance(over, dict):
        return over
    drivers = {driver for driver in (base.get("driver"), over.get("driver")) if driver is not None}
    return _maps(base, over, path, node) if len(drivers) < 2 else over


def _build(base: Any, over: Any, path: Path, node: Any) -> Any:
    return _maps(_build_map(base), _build_map(over), path, node)


def _build_map(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        return {"context": value}
    return value if isinstance(value, dict) else {}


def _depends_on(base: Any, over: Any, path: Path, node: Any) -> Any:
    return _maps(
        _mapping(base, {"condition": "service_started", "required": True}),
        _mapping(over, {"condition": "service_started", "required": True}),
        path,
        node,
    )


def _names(base: Any, over: Any, path: Path, node: Any) -> Any:
    return _maps(_mapping(base, None), _mapping(over, None), path, node)


def _mapping(value: Any, default: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    if isinstance(value, list):
        return {str(item): dict(default) if default else default for item in value}
    return {}


def _sequence(base: Any, over: Any, _path: Path, _node: Any) -> Any:
    return _joined(_pairs(base), _pairs(over))


def _pairs(value: Any) -> list[Any]:
    """`key=value` entries: the form in which a mapping and a list can be joined."""
    if isinstance(value, dict):
        return sorted(key if entry is None else f"{key}={go_text(entry)}" for key, entry in value.items())
    if isinstance(value, list):
        return value
    return [value] if isinstance(value, str) else []


def _extra_hosts(base: Any, over: Any, _path: Path, _node: Any) -> Any:
    first = _host_pairs(base)
    return _joined(first, [pair for pair in _host_pairs(over) if pair not in first])


def _host_pairs(value: Any) -> list[Any]:
    if not isinstance(value, dict):
        return _pairs(value)
    return sorted(
        f"{host}={address}"
        for host, addresses in value.items()
        for address in (addresses if isinstance(addresses, list) else [addresses])
    )


def _ulimit(base: Any, over: Any, path: Path, node: Any) -> Any:
    return _maps(base, over, path, node) if isinstance(base, dict) and isinstance(over, dict) else over


def _pools(base: Any, over: Any, path: Path, node: Any) -> Any:
    """Address pools are known by their subnet."""
    if not isinstance(base, list) or not isinstance(over, list):
        return over
    pools = [pool for pool in base if isinstance(pool, dict)]
    merged: list[Any] = []

    def index(subnet: Any) -> int:
        return next((at for at, pool in enumerate(merged) if pool.get("subnet") == subnet), -1)

    for pool in pools:
        for other in over:
            if not isinstance(other, dict):
                continue
            if other.get("subnet") != pool.get("subnet") and index(other.get("subnet")) < 0:
                merged.append(other)
                continue
            result = _maps(pool, other, path, node)
            at = index(result.get("subnet"))
            if at >= 0:
                merged[at] = result
            else:
                merged.append(result)
    return merged


_SPECIALS: Node[Merger] = table(
    {
        "networks.*.ipam.config": _pools,
        "networks.*.labels": _sequence,
        "volumes.*.labels": _sequence,
        "services.*.annotations": _sequence,
        "services.*.build": _build,
        "services.*.build.args": _sequence,
        "services.*.build.additional_contexts": _sequence,
        "services.*.build.extra_hosts": _extra_hosts,
        "services.*.build.labels": _sequence,
        "services.*.command": _replace,
        "services.*.depends_on": _depends_on,
        "services.*.deploy.labels": _sequence,
        "services.*.dns": _sequence,
        "services.*.dns_opt": _sequence,
        "services.*.dns_search": _sequence,
        "services.*.entrypoint": _replace,
        "services.*.env_file": _sequence,
        "services.*.label_file": _sequence,
        "services.*.environment": _sequence,
        "services.*.extra_hosts": _extra_hosts,
        "services.*.healthcheck.test": _replace,
        "services.*.labels": _sequence,
        "services.*.models": _names,
        "services.*.volumes.*.volume.labels": _sequence,
        "services.*.logging": _logging,
        "services.*.networks": _names,
        "services.*.sysctls": _sequence,
        "services.*.tmpfs": _sequence,
        "services.*.ulimits.*": _ulimit,
    }
)
