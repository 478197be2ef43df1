"""What a cgroup has used: processor time, memory, processes, block I/O, from whichever hierarchy counts it.

A container without limits is in no v1 controller; its processor time is then v2's own (which needs no controller), and
its memory and processes are counted from /proc. For the engine; the launcher does not need it.
"""

import os
from dataclasses import dataclass

from dockless.linux import cgroups

_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Stats:
    """Processor times in nanoseconds, sizes in bytes. A limit is None where there is none."""

    cpu_total: int
    cpu_user: int
    cpu_system: int
    memory_usage: int
    memory_inactive_file: int
    memory_limit: int | None
    pids: int
    pids_limit: int | None
    read_bytes: int
    write_bytes: int


def read_stats(path: str) -> Stats:
    """Of the group at `path` (as in `cgroupsPath`). Zeros for a group that is gone."""
    found = cgroups.layout()
    v2 = f"{found.v2}{path}" if found.v2 else ""
    v1 = {name: f"{folder}{path}" for name, folder in found.v1.items()}
    total, user, system = _cpu(v2, v1)
    usage, inactive, limit = _memory(path, v2, v1)
    pids, pids_limit = _pids(path, v2, v1)
    read, written = _io(v2, v1)
    return Stats(total, user, system, usage, inactive, limit, pids, pids_limit, read, written)


def _cpu(v2: str, v1: dict[str, str]) -> tuple[int, int, int]:
    values = _keyed(f"{v2}/cpu.stat")
    if "usage_usec" in values:
        return values["usage_usec"] * 1000, values["user_usec"] * 1000, values["system_usec"] * 1000
    total = _number(f"{v1.get('cpuacct', '')}/cpuacct.usage") or 0
    ticks = _keyed(f"{v1.get('cpuacct', '')}/cpuacct.stat")
    tick = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    return total, ticks.get("user", 0) * tick, ticks.get("system", 0) * tick


def _memory(path: str, v2: str, v1: dict[str, str]) -> tuple[int, int, int | None]:
    if (usage := _number(f"{v2}/memory.current")) is not None:
        return usage, _keyed(f"{v2}/memory.stat").get("inactive_file", 0), _number(f"{v2}/memory.max")
    folder = v1.get("memory", "")
    if (usage := _number(f"{folder}/memory.usage_in_bytes")) is not None:
        limit = _number(f"{folder}/memory.limit_in_bytes")
        # v1's word for no limit is the largest number of whole pages.
        unlimited = limit is None or limit >= 2**63 - _PAGE
        inactive = _keyed(f"{folder}/memory.stat").get("total_inactive_file", 0)
        return usage, inactive, None if unlimited else limit
    return sum(_resident(pid) for pid in cgroups.pids(path)), 0, None


def _resident(pid: int) -> int:
    """Without what is shared, since the processes of a container share most of that with one another."""
    fields = _text(f"/proc/{pid}/statm").split()
    return (int(fields[1]) - int(fields[2])) * _PAGE if len(fields) > 2 else 0


def _pids(path: str, v2: str, v1: dict[str, str]) -> tuple[int, int | None]:
    for folder in (v2, v1.get("pids", "")):
        if (current := _number(f"{folder}/pids.current")) is not None:
            return current, _number(f"{folder}/pids.max")
    return len(cgroups.pids(path)), None


def _io(v2: str, v1: dict[str, str]) -> tuple[int, int]:
    read = written = 0
    for line in _text(f"{v2}/io.stat").splitlines():
        values = dict(entry.split("=", 1) for entry in line.split()[1:] if "=" in entry)
        read += int(values.get("rbytes", 0))
        written += int(values.get("wbytes", 0))
    for line in _text(f"{v1.get('blkio', '')}/blkio.throttle.io_service_bytes").splitlines():
        fields = line.split()
        if len(fields) == 3:
            read += int(fields[2]) if fields[1] == "Read" else 0
            written += int(fields[2]) if fields[1] == "Write" else 0
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
