"""What every test stands on: that it leaves nothing behind.

Each test is looked at from outside, before and after: processes, mounts, network interfaces, namespaces that something
holds, the host's packet filter, cgroups, and the runtime folder. What is on its way out is given a little time.
"""

import errno
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeVar

import pytest

from dockless.linux.netlink import NetlinkSocket, attributes

T = TypeVar("T")

PATIENCE = 60.0  # seconds for engine, launcher and relay to end by themselves
NETLINK_NETFILTER = 12
NFT_LISTS = {"table": 0x0A01, "chain": 0x0A04, "rule": 0x0A07}  # NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GET…
CGROUPS = Path("/sys/fs/cgroup")
RUNTIME = Path("/run/dockless")


@dataclass(frozen=True)
class World:
    """What a test could leave behind, as sets that can be subtracted."""

    processes: frozenset[str]
    mounts: frozenset[str]
    interfaces: frozenset[str]
    namespaces: frozenset[str]
    filters: frozenset[str]
    cgroups: frozenset[str]
    runtime: frozenset[str]

    @classmethod
    def look(cls) -> "World":
        processes, namespaces = _processes()
        return cls(
            processes=processes,
            mounts=frozenset(line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()),
            interfaces=frozenset(os.listdir("/sys/class/net")),
            namespaces=namespaces,
            filters=_filters(),
            cgroups=frozenset(str(path) for path in _cgroups() if _ours(path)),
            runtime=frozenset(_names(RUNTIME)),
        )

    def without(self, other: "World") -> "World":
        return World(*(getattr(self, field.name) - getattr(other, field.name) for field in fields(self)))

    def still_in(self, other: "World") -> "World":
        return World(*(getattr(self, field.name) & getattr(other, field.name) for field in fields(self)))

    @property
    def things(self) -> dict[str, list[str]]:
        return {field.name: sorted(found) for field in fields(self) if (found := getattr(self, field.name))}


@pytest.fixture(autouse=True)
def nothing_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """The one check for all tests. A test that shares something for longer says so with `pytest.mark.keeps`."""
    if request.node.get_closest_marker("keeps"):
        yield
        return
    with _all_gone():
        yield


@pytest.fixture(scope="module")
def nothing_left_of_module() -> Iterator[None]:
    """The same check for what the tests of a module share, after it was taken away."""
    with _all_gone():
        yield


@contextmanager
def _all_gone() -> Iterator[None]:
    before = World.look()
    yield
    left = World.look().without(before)
    deadline = time.monotonic() + PATIENCE
    while left.things and time.monotonic() < deadline:
        time.sleep(0.1)
        # What comes and goes meanwhile is another lane's; what this test left stays.
        left = left.still_in(World.look())
    assert not left.things, f"left behind: {left.things}"


_missing: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    # The corpus of projects is data that may lie beside the repository, not a program that could be installed.
    if report.skipped and "peer" in report.keywords and "beside the repository" not in str(report.longrepr):
        _missing.append(report.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where the peers are said to be there, a cross-test that skipped did not do what it is for."""
    if _missing and os.environ.get("DOCKLESS_TEST_PEERS") == "required":
        print("\nskipped although the peers are required:", *_missing, sep="\n  ")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture
def root_only() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")


def _processes() -> tuple[frozenset[str], frozenset[str]]:
    """All processes but kernel threads and zombies, and the namespaces they are in."""
    processes, namespaces = set(), set()
    for name in os.listdir("/proc"):
        if not name.isdecimal() or int(name) == os.getpid():
            continue
        try:
            stat = Path(f"/proc/{name}/stat").read_text()
            state = stat[stat.rindex(")") + 2]
            command = Path(f"/proc/{name}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if state == "Z" or not command:
                continue
            processes.add(f"{name} {command.strip()}")
            for kind in ("net", "mnt", "pid", "user"):
                namespaces.add(os.readlink(f"/proc/{name}/ns/{kind}"))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return frozenset(processes), frozenset(namespaces)


def _filters() -> frozenset[str]:
    """The host's nftables: every table, chain and rule, as the kernel lists them."""
    if os.geteuid() != 0:
        return frozenset()
    found = set()
    with NetlinkSocket(NETLINK_NETFILTER) as socket:
        for what, kind in NFT_LISTS.items():
            for _, body in socket.dump(kind, bytes(4)):
                named = attributes(body, 4)
                inner = {"table": b"", "chain": named.get(3, b""), "rule": named.get(2, b"") + named.get(3, b"")}[what]
                found.add(f"{what} {body[0]} {named[1]!r} {inner!r}")
    return frozenset(found)


def _cgroups() -> list[Path]:
    """All of dockless's, on every hierarchy."""
    return _steady(lambda: [path for path in CGROUPS.glob("**/dockless/*") if path.is_dir()])


def _ours(cgroup: Path) -> bool:
    """Not one with processes of another pid namespace (they read as 0): another lane's tests are at work there."""
    try:
        return "0" not in (cgroup / "cgroup.procs").read_text().split()
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENODEV):  # gone before it was opened, or before it was read
            return False
        raise


def _names(folder: Path) -> list[str]:
    """Sockets and pids below the runtime folder; locks and empty folders do not count."""
    if not folder.exists():
        return []
    return _steady(lambda: [str(path) for path in folder.rglob("*") if not path.is_dir() and path.suffix != ".lock"])


def _steady(look: Callable[[], T]) -> T:
    """Looks again where a folder vanishes while we look."""
    while True:
        try:
            return look()
        except FileNotFoundError:
            continue
