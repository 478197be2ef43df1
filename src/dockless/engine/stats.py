"""What a container uses, as `docker stats` shows it: samples of its cgroup, its processes and its network namespace.

Where no cgroup controller counts, /proc does: of the container's processes as they are at the moment.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

from dockless.engine.lifecycle import cgroup_path
from dockless.engine.records import ContainerRecord
from dockless.linux import cgroups
from dockless.linux.cgroup_stats import Stats, read_stats
from dockless.wire.stats import (
    BlkioEntry,
    BlkioStats,
    ContainerStats,
    CpuStats,
    CpuUsage,
    MemoryStats,
    NetworkStats,
    PidsStats,
)
from dockless.wire.times import rfc3339

INTERVAL = 1.0  # seconds, as Docker's
_NEVER = "0001-01-01T00:00:00Z"
_NANOSECONDS_PER_TICK = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
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
    path = cgroup_path(record)
    used = read_stats(path)
    read, written = (used.read_bytes, used.write_bytes) if _io_counted(path) else _io_of_processes(cgroups.pids(path))
    return ContainerStats(
        name=f"/{record.name}",
        id=record.id,
        read=rfc3339(time.time_ns()),
        preread=_NEVER,
        pids_stats=PidsStats(current=used.pids, limit=used.pids_limit or 0),
        blkio_stats=BlkioStats(
            io_service_bytes_recursive=(
                BlkioEntry(op="read", value=read),
                BlkioEntry(op="write", value=written),
            )
        ),
        cpu_stats=_cpu(used),
        memory_stats=MemoryStats(
            usage=used.memory_usage,
            stats={"inactive_file": used.memory_inactive_file},
            limit=min(used.memory_limit or _MEMORY, _MEMORY),
        ),
        networks=_networks(record),
    )


def _idle(record: ContainerRecord) -> ContainerStats:
    return ContainerStats(name=f"/{record.name}", id=record.id)


def _after(before: ContainerStats, found: ContainerStats) -> ContainerStats:
    import msgspec

    return msgspec.structs.replace(found, preread=before.read, precpu_stats=before.cpu_stats)


def _cpu(used: Stats) -> CpuStats:
    return CpuStats(
        cpu_usage=CpuUsage(
            total_usage=used.cpu_total, usage_in_kernelmode=used.cpu_system, usage_in_usermode=used.cpu_user
        ),
        system_cpu_usage=_host_time(Path("/proc/stat").read_text()),
        online_cpus=len(os.sched_getaffinity(0)),
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


def _io_counted(path: str) -> bool:
    found = cgroups.layout()
    v2, v1 = found.v2, found.v1.get("blkio")
    return bool((v2 and os.path.exists(f"{v2}{path}/io.stat")) or (v1 and os.path.isdir(f"{v1}{path}")))


def _io_of_processes(pids: list[int]) -> tuple[int, int]:
    read = written = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/io").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue  # ended meanwhile
        values = dict(line.split(": ", 1) for line in lines)
        read += int(values["read_bytes"])
        written += int(values["write_bytes"])
    return read, written
