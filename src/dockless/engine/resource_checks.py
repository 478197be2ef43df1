"""Limits that make no sense, refused by name: those of a create, and of an update (`docker update`) alike.

Docker's bounds and words. What this machine has no controller for is no mistake of the client's: it is told as a
warning (`checks.warnings`).
"""

import os
from collections.abc import Iterator
from pathlib import Path

from dockless.linux import cgroups
from dockless.wire.config import Resources
from dockless.wire.errors import BadParameter

_LEAST_MEMORY = 6 * 1024 * 1024
_ULIMITS = (
    *("as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss"),
    *("rtprio", "rttime", "sigpending", "stack"),
)


def check_resources(asked: Resources) -> None:
    """Raises BadParameter for the first limit that cannot be."""
    for fault in _faults(asked):
        raise BadParameter(fault)


def _faults(asked: Resources) -> Iterator[str]:
    yield from _memory(asked)
    yield from _cpu(asked)
    yield from _block_io(asked)
    for limit in asked.ulimits or ():
        if limit.name not in _ULIMITS:
            yield f"invalid ulimit type: {limit.name}"
        if limit.hard != -1 and (limit.soft > limit.hard or limit.soft == -1):
            yield f"ulimit soft limit must be less than or equal to hard limit: {limit.name}"


def _memory(asked: Resources) -> Iterator[str]:
    memory, swap = asked.memory, asked.memory_swap
    if memory and memory < _LEAST_MEMORY:
        yield "Minimum memory limit allowed is 6MB"
    if memory and 0 < swap < memory:
        yield "Minimum memoryswap limit should be larger than memory limit, see usage"
    if swap > 0 and not memory:
        yield "You should always set the Memory limit when using Memoryswap limit, see usage"
    if asked.memory_swappiness is not None and not -1 <= asked.memory_swappiness <= 100:
        yield f"Invalid value: {asked.memory_swappiness}, valid memory swappiness range is 0-100"
    if asked.memory_reservation and asked.memory_reservation < _LEAST_MEMORY:
        yield "Minimum memory reservation allowed is 6MB"
    if memory and asked.memory_reservation > memory:
        yield "Minimum memory limit can not be less than memory reservation limit, see usage"
    if asked.kernel_memory or asked.kernel_memory_tcp:
        yield "KernelMemory and KernelMemoryTCP are limits that newer kernels do not have any more"


def _cpu(asked: Resources) -> Iterator[str]:
    if asked.nano_cpus and (asked.cpu_period or asked.cpu_quota):
        yield "Conflicting options: Nano CPUs and CPU Period or CPU Quota cannot both be set"
    processors = os.cpu_count() or 1
    if asked.nano_cpus < 0 or asked.nano_cpus > processors * 1_000_000_000:
        yield (f"Range of CPUs is from 0.01 to {processors}.00, as there are only {processors} CPUs available")
    if asked.cpu_shares < 0:
        yield f"invalid CPU shares ({asked.cpu_shares}): value must be a positive integer"
    if asked.cpu_period and not 1000 <= asked.cpu_period <= 1_000_000:
        yield "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)"
    if 0 < asked.cpu_quota < 1000:
        yield "CPU cfs quota can not be less than 1ms (i.e. 1000)"
    if (asked.cpu_realtime_period or asked.cpu_realtime_runtime) and "cpu" not in cgroups.layout().v1:
        yield "Your kernel does not support CPU real-time scheduler"
    for kind, text, there in (("CPUs", asked.cpuset_cpus, "cpu"), ("memory nodes", asked.cpuset_mems, "node")):
        yield from _set(kind, text, there)


def _set(kind: str, text: str, there: str) -> Iterator[str]:
    """A list such as `0-3,7` of what the machine has."""
    if not text:
        return
    try:
        wanted = numbers(text)
    except ValueError:
        yield f"Invalid value {text} for cpuset {'cpus' if there == 'cpu' else 'mems'}: invalid format: {text}"
        return
    available = _online(there)
    if available and not wanted <= numbers(available):
        yield f"Requested {kind} are not available - requested {text}, available: {available}"


def _online(kind: str) -> str:
    """Empty on a kernel that does not say."""
    file = Path(f"/sys/devices/system/{kind}/online")
    return file.read_text().strip() if file.exists() else ""


def numbers(text: str) -> frozenset[int]:
    """`0-3,7` as numbers. Raises ValueError."""
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or len(first) > 5 or len(last) > 5:
            raise ValueError(text)
        begin, end = int(first), int(last or first)
        if begin > end:
            raise ValueError(text)
        found.update(range(begin, end + 1))
    return frozenset(found)


def _block_io(asked: Resources) -> Iterator[str]:
    if asked.blkio_weight and not 10 <= asked.blkio_weight <= 1000:
        yield "Range of blkio weight is from 10 to 1000"
    for device in asked.blkio_weight_device or ():
        if not 10 <= device.weight <= 1000:
            yield f"Range of blkio weight is from 10 to 1000: {device.path}"
    for throttles in (
        asked.blkio_device_read_bps,
        asked.blkio_device_write_bps,
        asked.blkio_device_read_iops,
        asked.blkio_device_write_iops,
    ):
        for throttle in throttles or ():
            if throttle.rate < 0:
                yield f"invalid rate {throttle.rate} for device {throttle.path}: must not be negative"
