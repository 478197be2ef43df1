"""What a container uses, as `docker stats` shows it: samples of its cgroup, its processes and its network namespace.

Where no cgroup controller counts, /proc does: of the container's processes as they are at the moment.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from pathlib import Path

from dockless.engine.lifecycle import cgroup_path
from dockless.engine.records import ContainerRecord
from dockless.linux.cgroup_stats import Cpu, Io, read_stats
from dockless.wire.stats import (
    BlkioEntry,
    BlkioStats,
    ContainerStats,
    CpuStats,
    CpuUsage,
    MemoryStats,
    NetworkStats,
    PidsStats,
    Throttling,
)
from dockless.wire.times import rfc3339

INTERVAL = 1.0  # seconds, as Docker's
_NEVER = "0001-01-01T00:00:00Z"
_NANOSECONDS_PER_TICK = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
_NO_IO = BlkioStats(**dict.fromkeys(BlkioStats.__struct_fields__))
_MEMORY = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
_COLUMNS = ("bytes", "packets", "errors", "dropped")
_TRANSMITTED = 8  # fields of /proc/net/dev before the transmitted ones


async def samples(
    record: Callable[[], ContainerRecord | None], *, stream: bool, one_shot: bool
) -> AsyncIterator[ContainerStats]:
    """One sample a second until the container is removed; without `stream` the second one alone (so that there is
    something to take a difference of), or the first with `one_shot`. A container that does not run uses nothing.
    """
    before: ContainerStats | None = None
    while (current := record()) is not None:
        found = await asyncio.to_thread(_sample, current) if current.running else _idle(current)
        if before is not None:
            found = _after(before, found)
        if stream or one_shot or before is not None or not current.running:
            yield found
            if not stream:
                return
        before = found
        await asyncio.sleep(INTERVAL)


def _sample(record: ContainerRecord) -> ContainerStats:
    used = read_stats(cgroup_path(record))
    memory = used.memory
    return ContainerStats(
        name=f"/{record.name}",
        id=record.id,
        read=rfc3339(time.time_ns()),
        preread=_NEVER,
        pids_stats=PidsStats(current=used.pids, limit=used.pids_limit or 0),
        blkio_stats=BlkioStats(
            io_service_bytes_recursive=_counters(used.io_bytes),
            io_serviced_recursive=_counters(used.io_operations),
        ),
        cpu_stats=_cpu(used.cpu),
        memory_stats=MemoryStats(
            usage=memory.usage,
            max_usage=memory.max_usage,
            failcnt=memory.failures,
            stats=memory.stat or {"inactive_file": 0},
            limit=min(memory.limit or _MEMORY, _MEMORY),
        ),
        networks=_networks(record),
    )


def _idle(record: ContainerRecord) -> ContainerStats:
    return ContainerStats(name=f"/{record.name}", id=record.id, blkio_stats=_NO_IO)


def _after(before: ContainerStats, found: ContainerStats) -> ContainerStats:
    import msgspec

    return msgspec.structs.replace(found, preread=before.read, precpu_stats=before.cpu_stats)


def _counters(found: Iterable[Io]) -> tuple[BlkioEntry, ...]:
    return tuple(BlkioEntry(major=io.major, minor=io.minor, op=io.operation, value=io.value) for io in found)


def _cpu(used: Cpu) -> CpuStats:
    return CpuStats(
        cpu_usage=CpuUsage(total_usage=used.total, usage_in_kernelmode=used.system, usage_in_usermode=used.user),
        system_cpu_usage=_host_time(Path("/proc/stat").read_text()),
        online_cpus=len(os.sched_getaffinity(0)),
        throttling_data=Throttling(
            periods=used.periods, throttled_periods=used.throttled_periods, throttled_time=used.throttled_time
        ),
    )


def _host_time(text: str) -> int:
    """All time of all processors, idle time included, in nanoseconds; guests' time is part of user time already."""
    return sum(int(field) for field in text.split("\n", 1)[0].split()[1:9]) * _NANOSECONDS_PER_TICK


def _networks(record: ContainerRecord) -> Mapping[str, NetworkStats] | None:
    """None in the host's network, whose counters are not the container's."""
    if record.host.network_mode == "host":
        return None
    try:
        text = Path(f"/proc/{record.state.pid}/net/dev").read_text()
    except (FileNotFoundError, ProcessLookupError, OSError):
        return None
    return dict(parse_net_dev(text))


def parse_net_dev(text: str) -> Iterator[tuple[str, NetworkStats]]:
    """The interfaces of /proc/net/dev (proc(5)) but the loopback."""
    for line in text.splitlines()[2:]:
        name, _, counters = line.partition(":")
        fields = [int(field) for field in counters.split()]
        if name.strip() == "lo":
            continue
        received = {f"rx_{column}": fields[index] for index, column in enumerate(_COLUMNS)}
        sent = {f"tx_{column}": fields[_TRANSMITTED + index] for index, column in enumerate(_COLUMNS)}
        yield name.strip(), NetworkStats(**received, **sent)
