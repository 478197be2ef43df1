"""Defaults that the specification gives to absent keys, and rules about values that its schema cannot say."""

from collections.abc import Callable
from typing import Any

from dockless.compose.load.patterns import Step, apply, table
from dockless.compose.load.short import is_address
from dockless.compose.load.tree import Files, Trouble


def set_defaults(tree: dict[str, Any], files: Files) -> None:
    """Changes the tree in place."""
    apply(_DEFAULTS, tree, files)


def drop_fractions(tree: dict[str, Any], files: Files, warn: Callable[[str], None]) -> None:
    """Changes the tree in place. A size with a fraction is none to Docker Compose, whose model this must equal; the
    user is told of it."""
    apply(table({pattern: _size(pattern.rpartition(".")[2], warn) for pattern in _SIZES}), tree, files)


def check_values(tree: dict[str, Any], files: Files) -> None:
    """Raises ComposeError with all that is wrong."""
    apply(_CHECKS, tree, files)


def _defaults(**values: Any) -> Step:
    def fill(value: Any) -> Any:
        if isinstance(value, dict):
            for key, default in values.items():
                value.setdefault(key, default)
        return value

    return fill


def _size(key: str, warn: Callable[[str], None]) -> Step:
    """A size with a fraction is none to Docker Compose, whose model this must equal; it is not dropped in silence."""

    def without_fraction(value: Any) -> Any:
        if isinstance(value, float):
            warn(f"{key}: {value!r} is a number with a fraction, so it is ignored: write whole bytes or add a unit")
            return None
        return value

    return without_fraction


def _build_context(value: Any) -> Any:
    if isinstance(value, dict):
        value.setdefault("context", ".")
    return value


def _without_empty(value: Any) -> Any:
    """A variable that is not set names no server."""
    return [entry for entry in value if entry != ""] if isinstance(value, list) else value


def _secret_target(value: Any) -> Any:
    if isinstance(value, dict) and value.get("target") is None:
        value["target"] = f"/run/secrets/{value.get('source')}"
    return value


def _all_devices(value: Any) -> Any:
    if isinstance(value, dict) and value.get("count") is None and value.get("device_ids") is None:
        value["count"] = "all"
    return value


def _external_only(value: Any) -> Any:
    if isinstance(value, dict) and value.get("external") is True:
        for key in value:
            if key not in ("name", "external") and not key.startswith("x-"):
                raise Trouble(f"conflicting parameters 'external' and {key!r} specified", (key,), key=True)
    return value


def _one_source(*keys: str) -> Step:
    def check(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        named = [key for key in keys if key in value]
        if len(named) > 1:
            raise Trouble(f"{' and '.join(repr(key) for key in named)} are mutually exclusive", (named[1],), key=True)
        if not named and "external" not in value and "driver" not in value:
            raise Trouble(f"one of {', '.join(repr(key) for key in keys)} must be set")
        return value

    return check


def _host_ip(value: Any) -> Any:
    if isinstance(value, dict) and (address := value.get("host_ip")) is not None and not is_address(address):
        raise Trouble(f"invalid IP address {address!r}", ("host_ip",))
    return value


def _watched_path(value: Any) -> Any:
    if value == "":
        raise Trouble("the path to watch can't be blank")
    return value


def _count_or_ids(value: Any) -> Any:
    if isinstance(value, dict) and value.get("count") is not None and value.get("device_ids") is not None:
        raise Trouble("'count' and 'device_ids' are mutually exclusive", ("device_ids",), key=True)
    return value


def _not_negative(value: Any) -> Any:
    if isinstance(value, (int, float)) and not 0 <= value < 1 << 63:
        raise Trouble("must be greater than or equal to 0")
    return value


def _bind_source(value: Any) -> Any:
    if isinstance(value, dict) and value.get("type") == "bind" and "source" not in value:
        raise Trouble("a mount of type 'bind' needs a source")
    return value


_DEVICES = "services.*.deploy.resources.reservations.devices.*"
_DEFAULTS = table(
    {
        "services.*.build": _build_context,
        "services.*.dns": _without_empty,
        "services.*.secrets.*": _secret_target,
        "services.*.ports.*": _defaults(protocol="tcp", mode="ingress"),
        _DEVICES: _all_devices,
        "services.*.gpus.*": _all_devices,
    }
)
_CHECKS = table(
    {
        "volumes.*": _external_only,
        "configs.*": _one_source("file", "environment", "content"),
        "secrets.*": _one_source("file", "environment"),
        "services.*.ports.*": _host_ip,
        "services.*.scale": _not_negative,
        "services.*.deploy.replicas": _not_negative,
        "services.*.volumes.*": _bind_source,
        "services.*.develop.watch.*.path": _watched_path,
        _DEVICES: _count_or_ids,
        "services.*.gpus.*": _count_or_ids,
    }
)
_SIZES = (
    "services.*.mem_limit",
    "services.*.mem_reservation",
    "services.*.mem_swappiness",
    "services.*.memswap_limit",
    "services.*.shm_size",
    "services.*.build.shm_size",
    "services.*.blkio_config.device_read_bps.*.rate",
    "services.*.blkio_config.device_read_iops.*.rate",
    "services.*.blkio_config.device_write_bps.*.rate",
    "services.*.blkio_config.device_write_iops.*.rate",
    "services.*.volumes.*.tmpfs.size",
)
