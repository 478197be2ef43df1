"""The OCI specification's resources → the files of cgroup controllers, v1 and v2. Pure.

Units are the specification's: bytes, microseconds, and shares and weights of v1.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    Settings = list[tuple[str, str]]

V2_NAMES = {"memory": "memory", "cpu": "cpu", "cpuset": "cpuset", "pids": "pids", "blkio": "io"}
"""v1's names of the controllers → v2's."""

V1_CONTROLLERS = frozenset({"memory", "cpu", "cpuacct", "cpuset", "pids", "blkio", "freezer", "devices"})

_CPUSET = ("cpus", "mems")
_THROTTLES = {
    "throttleReadBpsDevice": ("blkio.throttle.read_bps_device", "rbps"),
    "throttleWriteBpsDevice": ("blkio.throttle.write_bps_device", "wbps"),
    "throttleReadIOPSDevice": ("blkio.throttle.read_iops_device", "riops"),
    "throttleWriteIOPSDevice": ("blkio.throttle.write_iops_device", "wiops"),
}


def by_controller(resources: "Mapping[str, Any]") -> "dict[str, Mapping[str, Any]]":
    """v1's controller → the values that ask for it; only controllers that something asks for."""
    cpu = {key: value for key, value in (resources.get("cpu") or {}).items() if value}
    asked: dict[str, Mapping[str, Any]] = {
        "memory": {key: value for key, value in (resources.get("memory") or {}).items() if value is not None},
        "cpu": {key: value for key, value in cpu.items() if key not in _CPUSET},
        "cpuset": {key: value for key, value in cpu.items() if key in _CPUSET},
        "pids": {key: value for key, value in (resources.get("pids") or {}).items() if value},
        "blkio": {key: value for key, value in (resources.get("blockIO") or {}).items() if value},
    }
    return {controller: values for controller, values in asked.items() if values}


def v1_settings(controller: str, values: "Mapping[str, Any]") -> "Settings":
    """(file, value), in the order in which the kernel takes them."""
    if controller == "memory":
        # The memory limit must never be above the limit of memory and swap together: a fresh group has none of either.
        return _named(
            values,
            limit="memory.limit_in_bytes",
            swap="memory.memsw.limit_in_bytes",
            reservation="memory.soft_limit_in_bytes",
            swappiness="memory.swappiness",
        ) + ([("memory.oom_control", "1")] if values.get("disableOOMKiller") else [])
    if controller == "cpu":
        return _named(
            values,
            shares="cpu.shares",
            period="cpu.cfs_period_us",
            quota="cpu.cfs_quota_us",
            realtimePeriod="cpu.rt_period_us",
            realtimeRuntime="cpu.rt_runtime_us",
        )
    if controller == "cpuset":
        return _named(values, cpus="cpuset.cpus", mems="cpuset.mems")
    if controller == "pids":
        return [("pids.max", _or_max(values["limit"]))]
    settings = [("blkio.bfq.weight", str(values["weight"]))] if "weight" in values else []
    settings += [
        ("blkio.bfq.weight_device", f"{entry['major']}:{entry['minor']} {entry['weight']}")
        for entry in values.get("weightDevice", ())
    ]
    for key, (file, _) in _THROTTLES.items():
        settings += [(file, f"{entry['major']}:{entry['minor']} {entry['rate']}") for entry in values.get(key, ())]
    return settings


def v2_settings(controller: str, values: "Mapping[str, Any]") -> "Settings":
    """(file, value), with the shares and weights of v1 translated as runc does."""
    if controller == "memory":
        settings = [("memory.max", _or_max(values["limit"]))] if values.get("limit") else []
        if values.get("swap"):
            alone = values["swap"] - values.get("limit", 0) if values["swap"] > 0 else -1
            settings.append(("memory.swap.max", "max" if alone < 0 else str(alone)))
        if values.get("reservation"):
            settings.append(("memory.low", _or_max(values["reservation"])))
        return settings
    if controller == "cpu":
        settings = []
        if values.get("shares"):
            settings.append(("cpu.weight", str(1 + (max(2, min(values["shares"], 262144)) - 2) * 9999 // 262142)))
        if values.get("quota") or values.get("period"):
            settings.append(("cpu.max", f"{_or_max(values.get('quota', -1))} {values.get('period', 100000)}"))
        return settings
    if controller == "cpuset":
        return _named(values, cpus="cpuset.cpus", mems="cpuset.mems")
    if controller == "pids":
        return [("pids.max", _or_max(values["limit"]))]
    settings = [("io.weight", str(1 + (values["weight"] - 10) * 9999 // 990))] if "weight" in values else []
    settings += [
        ("io.weight", f"{entry['major']}:{entry['minor']} {1 + (entry['weight'] - 10) * 9999 // 990}")
        for entry in values.get("weightDevice", ())
    ]
    for key, (_, name) in _THROTTLES.items():
        settings += [
            ("io.max", f"{entry['major']}:{entry['minor']} {name}={entry['rate']}") for entry in values.get(key, ())
        ]
    return settings


def _named(values: "Mapping[str, Any]", **files: str) -> "Settings":
    return [(file, str(values[key])) for key, file in files.items() if values.get(key) is not None]


def _or_max(value: int) -> str:
    return "max" if value <= 0 else str(value)
