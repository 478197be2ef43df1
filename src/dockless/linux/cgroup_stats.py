"""What a cgroup has used: processor time, memory, processes, block I/O, from whichever hierarchy counts it.

A container without limits is in no v1 controller; its processor time is then v2's own (which needs no controller), and
its memory, processes and block I/O are counted from /proc. For the engine; the launcher does not need it.
"""

import os
from collections.abc import Mapping
from typing import NamedTuple

from dockless.linux import cgroups

_PAGE = os.sysconf("SC_PAGE_SIZE")


class Cpu(NamedTuple):
    """Times in nanoseconds; periods of the quota, as long as there is one."""

    total: int
    user: int
    system: int
    periods: int = 0
    throttled_periods: int = 0
    throttled_time: int = 0


class Memory(NamedTuple):
    """Sizes in bytes; `stat` is memory.stat as it stands, empty where nobody counts. `limit` None: there is none."""

    usage: int
    limit: int | None = None
    max_usage: int = 0
    failures: int = 0
    stat: Mapping[str, int] = {}


class Io(NamedTuple):
    """A device's counter; `operation` in the kernel's words (`Read`, `Total` …; v2: `read`, `write`)."""

    major: int
    minor: int
    operation: str
    value: int


class Stats(NamedTuple):
    """`io_bytes`, `io_operations`: by device, or of all (device 0:0) where it is counted from the processes."""

    cpu: Cpu
    memory: Memory
    pids: int
    pids_limit: int | None
    io_bytes: tuple[Io, ...]
    io_operations: tuple[Io, ...]


def read_stats(path: str) -> Stats:
    """Of the group at `path` (as in `cgroupsPath`). Zeros for a group that is gone."""
    found = cgroups.layout()
    v2 = f"{found.v2}{path}" if found.v2 else ""
    v1 = {name: f"{folder}{path}" for name, folder in found.v1.items()}
    pids, pids_limit = _pids(path, v2, v1)
    return Stats(_cpu(v2, v1), _memory(path, v2, v1), pids, pids_limit, *_io(path, v2, v1))


def _cpu(v2: str, v1: dict[str, str]) -> Cpu:
    values = _keyed(f"{v2}/cpu.stat")
    limited = values if "nr_periods" in values else _keyed(f"{v1.get('cpu', '')}/cpu.stat")
    throttled = limited.get("throttled_usec", 0) * 1000 or limited.get("throttled_time", 0)
    periods = (limited.get("nr_periods", 0), limited.get("nr_throttled", 0), throttled)
    if "usage_usec" in values:
        times = (values["usage_usec"] * 1000, values["user_usec"] * 1000, values["system_usec"] * 1000)
        return Cpu(*times, *periods)
    total = _number(f"{v1.get('cpuacct', '')}/cpuacct.usage") or 0
    ticks = _keyed(f"{v1.get('cpuacct', '')}/cpuacct.stat")
    tick = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    return Cpu(total, ticks.get("user", 0) * tick, ticks.get("system", 0) * tick, *periods)


def _memory(path: str, v2: str, v1: dict[str, str]) -> Memory:
    if (usage := _number(f"{v2}/memory.current")) is not None:
        return Memory(usage, _number(f"{v2}/memory.max"), stat=_keyed(f"{v2}/memory.stat"))
    folder = v1.get("memory", "")
    if (usage := _number(f"{folder}/memory.usage_in_bytes")) is not None:
        limit = _number(f"{folder}/memory.limit_in_bytes")
        # v1's word for no limit is the largest number of whole pages.
        unlimited = limit is None or limit >= 2**63 - _PAGE
        largest, failures = (_number(f"{folder}/memory.{name}") or 0 for name in ("max_usage_in_bytes", "failcnt"))
        return Memory(usage, None if unlimited else limit, largest, failures, _keyed(f"{folder}/memory.stat"))
    return Memory(sum(_resident(pid) for pid in cgroups.pids(path)))


def _resident(pid: int) -> int:
    """Without what is shared, since the processes of a container share most of that with one another."""
    fields = _text(f"/proc/{pid}/statm").split()
    return (int(fields[1]) - int(fields[2])) * _PAGE if len(fields) > 2 else 0


def _pids(path: str, v2: str, v1: dict[str, str]) -> tuple[int, int | None]:
    for folder in (v2, v1.get("pids", "")):
        if (current := _number(f"{folder}/pids.current")) is not None:
            return current, _number(f"{folder}/pids.max")
    return len(cgroups.pids(path)), None


def _io(path: str, v2: str, v1: dict[str, str]) -> tuple[tuple[Io, ...], tuple[Io, ...]]:
    folder = v1.get("blkio", "")
    if v2 and os.path.exists(f"{v2}/io.stat"):
        text = _text(f"{v2}/io.stat")
        return _of_v2(text, {"read": "rbytes", "write": "wbytes"}), _of_v2(text, {"read": "rios", "write": "wios"})
    if folder and os.path.isdir(folder):
        names = ("io_service_bytes", "io_serviced")
        counted, operations = (_of_v1(_text(f"{folder}/blkio.throttle.{name}")) for name in names)
        return counted, operations
    read, written = _io_of_processes(cgroups.pids(path))
    return (Io(0, 0, "read", read), Io(0, 0, "write", written)), ()


def _of_v2(text: str, names: Mapping[str, str]) -> tuple[Io, ...]:
    """Of lines like `8:0 rbytes=10 wbytes=20`."""
    found = []
    for line in text.splitlines():
        device, *entries = line.split()
        values = dict(entry.split("=", 1) for entry in entries if "=" in entry)
        found += [_counter(device, word, values[name]) for word, name in names.items() if name in values]
    return tuple(found)


def _of_v1(text: str) -> tuple[Io, ...]:
    """Of lines like `8:0 Read 10`; the last one is the sum of all and names no device."""
    lines = (line.split() for line in text.splitlines())
    return tuple(_counter(*fields) for fields in lines if len(fields) == 3)


def _counter(device: str, operation: str, value: str) -> Io:
    major, _, minor = device.partition(":")
    return Io(int(major), int(minor), operation, int(value))


def _io_of_processes(pids: list[int]) -> tuple[int, int]:
    read = written = 0
    for pid in pids:
        pairs = (line.split(": ", 1) for line in _text(f"/proc/{pid}/io").splitlines())
        values = dict(pair for pair in pairs if len(pair) == 2)
        read += int(values.get("read_bytes", 0))
        written += int(values.get("write_bytes", 0))
    return read, written


def _keyed(file: str) -> dict[str, int]:
    pairs = (line.split() for line in _text(file).splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def _number(file: str) -> int | None:
    text = _text(file).strip()
    return int(text) if text.isdigit() else None


def _text(file: str) -> str:
    try:
        with open(file, encoding="ascii", errors="replace") as opened:  # noqa: PTH123 (pathlib costs what this saves)
            return opened.read()
    except (FileNotFoundError, ProcessLookupError, NotADirectoryError):
        return ""
