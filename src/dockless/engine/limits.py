"""Changing the limits of a container (`docker update`), of a running one in its cgroup too."""

import errno
from typing import Any

import msgspec

from dockless.engine.checks import check_policy
from dockless.engine.lifecycle import cgroup_path
from dockless.engine.records import ContainerRecord, replace
from dockless.engine.resource_checks import check_resources
from dockless.engine.spec import resources
from dockless.linux import cgroups
from dockless.wire.config import HostConfig, Resources
from dockless.wire.containers import UpdateRequest
from dockless.wire.errors import BadParameter

_LIMITS = tuple(name for name in Resources.__struct_fields__ if name not in ("cgroup_parent", "devices", "ulimits"))


def updated(record: ContainerRecord, asked: UpdateRequest) -> ContainerRecord:
    """The record with what is asked for; 0 and None leave a limit as it is. Raises BadParameter."""
    host = record.host
    changed: dict[str, Any] = {name: value for name in _LIMITS if (value := getattr(asked, name))}
    if asked.memory_swappiness == 0:
        changed["memory_swappiness"] = 0
    check_resources(msgspec.structs.replace(asked, memory_swap=0))
    _check(host, changed)
    if asked.restart_policy is not None and asked.restart_policy.name:
        check_policy(asked.restart_policy)
        if host.auto_remove and asked.restart_policy.name != "no":
            raise BadParameter("Restart policy cannot be updated because AutoRemove is enabled for the container")
        changed["restart_policy"] = asked.restart_policy
    return replace(record, host=msgspec.structs.replace(host, **changed))


def apply(before: ContainerRecord, record: ContainerRecord) -> list[str]:
    """Sets a running container's limits; the answer is what could not be set. Blocking. Raises BadParameter."""
    old, wanted = resources(before.host), resources(record.host)
    if old == wanted:
        return []
    path = cgroup_path(record)
    try:
        try:
            return cgroups.update(path, wanted)
        except OSError as error:
            swap = (wanted.get("memory") or {}).get("swap")
            if error.errno != errno.EINVAL or swap is None:
                raise
            # Both rise: the limit of memory may at no time be above that of memory and swap together (cgroups v1).
            cgroups.update(path, {"memory": {"swap": swap}})
            return cgroups.update(path, wanted)
    except OSError as error:
        raise BadParameter(f"Cannot update container {record.id}: {error.filename}: {error.strerror}") from error


def _check(host: HostConfig, changed: dict[str, Any]) -> None:
    memory, swap = changed.get("memory", 0), changed.get("memory_swap", 0)
    kept_swap = swap or host.memory_swap
    if memory and 0 < kept_swap < memory:
        raise BadParameter(
            "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time"
            if not swap
            else "Minimum memoryswap limit should be larger than memory limit, see usage"
        )
    if changed.get("nano_cpus") and (changed.get("cpu_period") or changed.get("cpu_quota")):
        raise BadParameter("Conflicting options: Nano CPUs and CPU Period cannot both be set")
    if changed.get("nano_cpus") and (host.cpu_period or host.cpu_quota):
        raise BadParameter("Conflicting options: CPU quota or period is already set, and NanoCPUs cannot be updated")
    if (changed.get("cpu_period") or changed.get("cpu_quota")) and host.nano_cpus:
        raise BadParameter("Conflicting options: NanoCPUs is already set, and CPU quota or period cannot be updated")
