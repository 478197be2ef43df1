"""Limits as each version of cgroups wants them written, and real groups where this machine has them."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from dockless.launcher.spec import Resources
from dockless.linux import cgroup_limits, cgroup_stats, cgroups

RESOURCES: Resources = {
    "memory": {"limit": 1000, "swap": 3000, "reservation": 500},
    "cpu": {"shares": 1024, "quota": 50000, "period": 100000, "cpus": "0-1"},
    "pids": {"limit": 10},
    "blockIO": {"weight": 10, "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 5}]},
}


def test_limits_of_version_1() -> None:
    asked = cgroup_limits.by_controller(RESOURCES)
    assert cgroup_limits.v1_settings("memory", asked["memory"]) == [
        ("memory.limit_in_bytes", "1000"),
        ("memory.memsw.limit_in_bytes", "3000"),
        ("memory.soft_limit_in_bytes", "500"),
    ]
    assert cgroup_limits.v1_settings("cpu", asked["cpu"]) == [
        ("cpu.shares", "1024"),
        ("cpu.cfs_period_us", "100000"),
        ("cpu.cfs_quota_us", "50000"),
    ]
    assert cgroup_limits.v1_settings("cpuset", asked["cpuset"]) == [("cpuset.cpus", "0-1")]
    assert cgroup_limits.v1_settings("blkio", asked["blkio"]) == [
        ("blkio.bfq.weight", "10"),
        ("blkio.throttle.read_bps_device", "8:0 5"),
    ]


def test_limits_of_version_2() -> None:
    asked = cgroup_limits.by_controller(RESOURCES)
    assert cgroup_limits.v2_settings("memory", asked["memory"]) == [
        ("memory.max", "1000"),
        ("memory.swap.max", "2000"),
        ("memory.low", "500"),
    ]
    assert cgroup_limits.v2_settings("cpu", asked["cpu"]) == [("cpu.weight", "39"), ("cpu.max", "50000 100000")]
    assert cgroup_limits.v2_settings("pids", {"limit": -1}) == [("pids.max", "max")]
    assert cgroup_limits.v2_settings("blkio", asked["blkio"]) == [("io.weight", "1"), ("io.max", "8:0 rbps=5")]
    assert cgroup_limits.v2_settings("memory", {"limit": 5, "swap": -1})[1] == ("memory.swap.max", "max")


def test_nothing_asked_is_no_controller() -> None:
    assert cgroup_limits.by_controller({"memory": {}, "cpu": {"shares": 0}, "devices": []}) == {}


def test_the_layout_is_read_from_mountinfo(tmp_path: Path) -> None:
    (tmp_path / "unified").mkdir()
    (tmp_path / "unified/cgroup.controllers").write_text("memory pids\n")
    (tmp_path / "cpu").mkdir()
    text = (
        f"30 1 0:1 / {tmp_path}/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
        f"31 1 0:2 / {tmp_path}/none rw - cgroup cgroup rw,name=systemd\n"
        f"32 1 0:3 / {tmp_path}/unified rw - cgroup2 cgroup2 rw\n"
    )
    found = cgroups.Layout.of(text, "0::/\n")
    assert found.v1 == {"cpu": f"{tmp_path}/cpu", "cpuacct": f"{tmp_path}/cpu"}
    assert found.v2 == f"{tmp_path}/unified"
    assert found.controllers == {"memory", "pids"}


@pytest.fixture
def group() -> "object":
    if os.getuid() != 0 or not (cgroups.layout().v2 or cgroups.layout().v1):
        pytest.skip("needs root and a cgroup hierarchy")
    path = f"/dockless-test-linux-{os.getpid()}/one"
    yield path
    cgroups.kill_all(path)
    cgroups.remove(path, patience=2)
    assert cgroups.folders(path) == []
    assert cgroups.folders(os.path.dirname(path)) == []


def test_a_group_counts_freezes_and_kills(group: str) -> None:
    created = cgroups.create(group, {"pids": {"limit": 50}})
    process = subprocess.Popen(["sh", "-c", "while :; do :; done"])
    folders = [*([created.v2] if created.v2 else []), *created.v1]
    for folder in folders:
        Path(folder, "cgroup.procs").write_text(str(process.pid))
    assert cgroups.pids(group) == [process.pid]
    cgroups.freeze(group)
    before = cgroup_stats.read_stats(group).cpu.total
    time.sleep(0.03)
    assert cgroup_stats.read_stats(group).cpu.total == before
    cgroups.thaw(group)
    while (after := cgroup_stats.read_stats(group)).cpu.total <= before:
        time.sleep(0.01)
    assert after.pids == 1
    assert after.memory.usage > 0
    assert cgroups.update(group, {"pids": {"limit": 60}}) == created.warnings
    with pytest.raises(OSError, match="Invalid argument"):
        cgroups.update(group, {"cpu": {"quota": 1}})
    cgroups.kill_all(group)
    assert process.wait() == -signal.SIGKILL


def test_a_busy_group_is_not_removed(group: str) -> None:
    created = cgroups.create(group, {})
    if created.v2 is None:
        pytest.skip("no v2 hierarchy")
    process = subprocess.Popen(["sleep", "60"])
    Path(created.v2, "cgroup.procs").write_text(str(process.pid))
    with pytest.raises(OSError, match="busy"):
        cgroups.remove(group, patience=0)
    process.kill()
    process.wait()


def _unified(folder: Path, files: dict[str, str]) -> cgroups.Layout:
    """A hierarchy of version 2 as the kernel shows it, with one group in it."""
    (folder / "one").mkdir()
    (folder / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    (folder / "cgroup.subtree_control").write_text("cpuset cpu io memory pids\n")
    for name, text in files.items():
        (folder / "one" / name).write_text(text)
    return cgroups.Layout(str(folder), {})


def test_version_2_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "cpu.stat": "usage_usec 7\nuser_usec 4\nsystem_usec 3\nnr_periods 6\nnr_throttled 2\nthrottled_usec 5\n",
        "memory.current": "8192\n",
        "memory.max": "max\n",
        "memory.stat": "anon 4096\ninactive_file 1024\n",
        "pids.current": "3\n",
        "pids.max": "50\n",
        "io.stat": "8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n8:16 rbytes=1 wbytes=2\n",
        "memory.events": "low 0\nhigh 0\nmax 9\noom 2\noom_kill 1\n",
    }
    found = _unified(tmp_path, files)
    monkeypatch.setattr(cgroups, "layout", lambda: found)
    used = cgroup_stats.read_stats("/one")
    assert used.cpu == (7000, 4000, 3000, 6, 2, 5000)
    assert (used.memory.usage, used.memory.limit) == (8192, None)
    assert used.memory.stat == {"anon": 4096, "inactive_file": 1024}
    assert (used.pids, used.pids_limit) == (3, 50)
    assert used.io_bytes == ((8, 0, "read", 10), (8, 0, "write", 20), (8, 16, "read", 1), (8, 16, "write", 2))
    assert used.io_operations == ((8, 0, "read", 1), (8, 0, "write", 2))
    assert cgroups.oom_kills("/one") == 1
    (tmp_path / "one/memory.max").write_text("16384\n")
    assert cgroup_stats.read_stats("/one").memory.limit == 16384


def test_limits_reach_the_files_of_version_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = (
        "memory.max",
        "memory.swap.max",
        "memory.low",
        "cpu.weight",
        "cpu.max",
        "cpuset.cpus",
        "pids.max",
        "io.max",
    )
    found = _unified(tmp_path, dict.fromkeys((*names, "cgroup.procs"), ""))
    monkeypatch.setattr(cgroups, "layout", lambda: found)
    # A kernel without a weight for block I/O has no such file: that is a warning.
    assert cgroups.update("/one", RESOURCES) == ["io.weight is not set: No such file or directory"]
    assert {name: (tmp_path / "one" / name).read_text() for name in names} == {
        "memory.max": "1000",
        "memory.swap.max": "2000",
        "memory.low": "500",
        "cpu.weight": "39",
        "cpu.max": "50000 100000",
        "cpuset.cpus": "0-1",
        "pids.max": "10",
        "io.max": "8:0 rbps=5",
    }
