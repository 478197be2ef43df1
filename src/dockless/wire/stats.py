"""What a container uses, as `stats` streams it. Times of CPU in nanoseconds, sizes in bytes."""

from collections.abc import Mapping

from dockless.wire.base import Message, always
from dockless.wire.config import Empty


class CpuUsage(Message, rename=None, frozen=True, kw_only=True):
    total_usage: int = always(0)
    usage_in_kernelmode: int = always(0)
    usage_in_usermode: int = always(0)


class Throttling(Message, rename=None, frozen=True, kw_only=True):
    periods: int = always(0)
    throttled_periods: int = always(0)
    throttled_time: int = always(0)


class CpuStats(Message, rename=None, frozen=True, kw_only=True):
    """`system_cpu_usage` is the host's whole time; a client's percentage is the share of the differences."""

    cpu_usage: CpuUsage = always(CpuUsage())
    system_cpu_usage: int = 0
    online_cpus: int = 0
    throttling_data: Throttling = always(Throttling())


class MemoryStats(Message, rename=None, frozen=True, kw_only=True):
    """`stats` are the cgroup's own figures (`inactive_file` is what clients take off `usage`)."""

    usage: int = 0
    max_usage: int = 0
    stats: Mapping[str, int] | None = None
    failcnt: int = 0
    limit: int = 0


class PidsStats(Message, rename=None, frozen=True, kw_only=True):
    current: int = 0
    limit: int = 0


class NetworkStats(Message, rename=None, frozen=True, kw_only=True):
    rx_bytes: int = always(0)
    rx_packets: int = always(0)
    rx_errors: int = always(0)
    rx_dropped: int = always(0)
    tx_bytes: int = always(0)
    tx_packets: int = always(0)
    tx_errors: int = always(0)
    tx_dropped: int = always(0)


class BlkioEntry(Message, rename=None, frozen=True, kw_only=True):
    major: int = always(0)
    minor: int = always(0)
    op: str = always("")
    value: int = always(0)


class BlkioStats(Message, rename=None, frozen=True, kw_only=True):
    io_service_bytes_recursive: tuple[BlkioEntry, ...] | None = always(())
    io_serviced_recursive: tuple[BlkioEntry, ...] | None = always(())
    io_queue_recursive: tuple[BlkioEntry, ...] | None = always(())
    io_service_time_recursive: tuple[BlkioEntry, ...] | None = always(())
    io_wait_time_recursive: tuple[BlkioEntry, ...] | None = always(())
    io_merged_recursive: tuple[BlkioEntry, ...] | None = always(())
    io_time_recursive: tuple[BlkioEntry, ...] | None = always(())
    sectors_recursive: tuple[BlkioEntry, ...] | None = always(())


class ContainerStats(Message, rename=None, frozen=True, kw_only=True):
    """One sample; `precpu_stats` is the sample before it, from `preread`."""

    name: str = always("")
    id: str = always("")
    read: str = always("0001-01-01T00:00:00Z")
    preread: str = always("0001-01-01T00:00:00Z")
    pids_stats: PidsStats = always(PidsStats())
    blkio_stats: BlkioStats = always(BlkioStats())
    num_procs: int = always(0)
    storage_stats: Empty = always(Empty())
    cpu_stats: CpuStats = always(CpuStats())
    precpu_stats: CpuStats = always(CpuStats())
    memory_stats: MemoryStats = always(MemoryStats())
    networks: Mapping[str, NetworkStats] | None = None
