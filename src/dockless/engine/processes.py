"""Looking at a container's processes and files from outside."""

import contextlib
import fcntl
import os
import pwd
import struct
import subprocess
import termios
import time
from collections.abc import Sequence
from pathlib import Path

from dockless.linux import cgroups
from dockless.wire.containers import TopResponse
from dockless.wire.errors import BadParameter

TITLES = ("UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD")
DEFAULT_ARGUMENTS = "-ef"
_PTS_MAJORS = range(136, 144)
_PATIENCE_WITH_KILLED = 10.0  # seconds


def end_all(cgroup: str) -> None:
    """What a launcher does at a container's end, for one that was killed itself: whatever still runs in the cgroup is
    killed, and the cgroup removed. Blocking. Raises OSError where a process does not end.
    """
    # A launcher that lives may take it away at the same time.
    with contextlib.suppress(FileNotFoundError):
        cgroups.kill_all(cgroup)
        cgroups.remove(cgroup, patience=_PATIENCE_WITH_KILLED)


def resize(terminal: int, rows: int, columns: int) -> None:
    """Sets a terminal's size; its foreground process is told by the kernel. `terminal` is the pty's master."""
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def top(members: Sequence[int], arguments: str) -> TopResponse:
    """The processes `members` as the host sees them: as `ps -ef` lists them, or what the host's `ps` makes of other
    arguments. Blocking. Raises BadParameter."""
    if arguments.split() != [DEFAULT_ARGUMENTS]:
        return _asked_of_ps(members, arguments)
    boot = time.time() - float(Path("/proc/uptime").read_text().split()[0])
    rows = []
    for pid in members:
        try:
            rows.append(_row(Path(f"/proc/{pid}"), boot))
        except (FileNotFoundError, ProcessLookupError):
            continue  # ended while we looked
    return TopResponse(titles=TITLES, processes=tuple(rows))


def in_namespace(pid: int) -> list[int]:
    """All processes in the pid namespace of `pid`."""
    namespace = os.readlink(f"/proc/{pid}/ns/pid")
    found = []
    for name in os.listdir("/proc"):
        if not name.isdecimal():
            continue
        try:
            if os.readlink(f"/proc/{name}/ns/pid") == namespace:
                found.append(int(name))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # ended while we looked, or somebody else's: not in the container
    return sorted(found)


def tree_size(folder: Path) -> int:
    """Bytes of all files below a folder; what goes away meanwhile does not count."""
    total = 0
    for base, _, files in os.walk(folder):
        for name in files:
            with contextlib.suppress(FileNotFoundError):
                total += os.lstat(os.path.join(base, name)).st_size
    return total


def _asked_of_ps(members: Sequence[int], arguments: str) -> TopResponse:
    """As Docker: the host's ps is asked for these processes or, since some options do not go with that, for all; those
    of the container are picked by the column PID."""
    command = ["ps", *arguments.split()]
    try:
        for chosen in (["-q", ",".join(map(str, members))], []):
            done = subprocess.run([*command, *chosen], capture_output=True, text=True, timeout=10, check=False)
            if done.returncode == 0:
                break
    except FileNotFoundError:
        raise BadParameter("other columns than those of ps -ef are the host's ps's, and there is none") from None
    if done.returncode != 0:
        raise BadParameter(f"ps: {done.stderr.strip()}")
    head, *lines = done.stdout.splitlines()
    titles = tuple(head.split())
    if "PID" not in titles:
        raise BadParameter("Couldn't find PID field in ps output")
    column, wanted = titles.index("PID"), {str(pid) for pid in members}
    rows = [tuple(line.split(None, len(titles) - 1)) for line in lines]
    return TopResponse(titles=titles, processes=tuple(row for row in rows if row[column] in wanted))


def _row(entry: Path, boot: float) -> tuple[str, ...]:
    stat = (entry / "stat").read_text()
    fields = stat[stat.rindex(")") + 2 :].split()
    ticks = os.sysconf("SC_CLK_TCK")
    used = (int(fields[11]) + int(fields[12])) / ticks
    begun = boot + int(fields[19]) / ticks
    share = min(int(100 * used / max(time.time() - begun, 1)), 99)
    today = time.localtime(begun)[:3] == time.localtime()[:3]
    started = time.strftime("%H:%M" if today else "%b%d", time.localtime(begun))
    command = (entry / "cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace")
    name = stat[stat.index("(") + 1 : stat.rindex(")")]
    shown = f"[{name}] <defunct>" if fields[0] == "Z" else command or f"[{name}]"
    clock = f"{int(used) // 3600:02d}:{int(used) // 60 % 60:02d}:{int(used) % 60:02d}"
    user = _user_name(entry.stat().st_uid)
    return user, entry.name, fields[1], str(share), started, _terminal(int(fields[4])), clock, shown


def _terminal(number: int) -> str:
    major = number >> 8 & 0xFFF
    minor = number & 0xFF | number >> 12 & 0xFFF00
    return f"pts/{minor + 256 * (major - _PTS_MAJORS[0])}" if major in _PTS_MAJORS else "?"


def _user_name(uid: int) -> str:
    """The host's name for the id, as ps shows it, cut as ps cuts it."""
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
    return name if len(name) <= 8 else f"{name[:7]}+"
