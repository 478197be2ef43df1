"""Limits of processors, processes and disks: what a container feels of them, or what the kernel holds for it."""

import asyncio
import os
from pathlib import Path

import pytest
from enginekit import Rig, with_rig

from dockless.engine.lifecycle import cgroup_path
from dockless.linux import cgroups
from dockless.places import Places
from dockless.wire.config import ThrottleDevice
from dockless.wire.queries import LogOptions


async def said(rig: Rig, name: str) -> str:
    """What it has written when it has ended; from a terminal, so without frames."""
    await rig.finished(name)
    chunks = [chunk async for chunk in await rig.containers.logs(name, LogOptions(stdout=True, stderr=True))]
    return b"".join(chunks).decode().replace("\r", "")


def needs(*controllers: str) -> None:
    missing = set(controllers) - cgroups.controllers()
    if missing:
        pytest.skip(f"no cgroup controller here for {missing}")


def held(rig: Rig, name: str, controller: str, v1: str, v2: str) -> str:
    """The text of the group's file."""
    layout = cgroups.layout()
    path = cgroup_path(rig.containers.find(name))
    folder, file = (layout.v1[controller], v1) if controller in layout.v1 else (layout.v2, v2)
    return Path(f"{folder}{path}/{file}").read_text().strip()


def test_a_container_has_the_processors_of_its_set_alone(places: Places) -> None:
    needs("cpuset")
    chosen = str(min(os.sched_getaffinity(0)))

    async def work(rig: Rig) -> None:
        command = "nproc; grep Cpus_allowed_list /proc/self/status"
        await rig.run("box", command, tty=True, host={"cpuset_cpus": chosen, "cpuset_mems": "0"})
        assert await said(rig, "box") == f"1\nCpus_allowed_list:\t{chosen}\n"

    with_rig(places, work)


def test_a_quota_holds_a_busy_container_back(places: Places) -> None:
    needs("cpu")

    async def work(rig: Rig) -> None:
        await rig.run("box", "while :; do :; done", host={"cpu_quota": 2000, "cpu_period": 100_000, "cpu_shares": 512})
        held_back = 0
        while not held_back:
            samples = [one async for one in await rig.containers.stats("box", stream=False, one_shot=True)]
            held_back = samples[0].cpu_stats.throttling_data.throttled_periods
            await asyncio.sleep(0.01)
        assert samples[0].cpu_stats.throttling_data.throttled_time > 0
        assert held(rig, "box", "cpu", "cpu.shares", "cpu.weight") in ("512", "20")

    with_rig(places, work)


def test_a_container_makes_no_more_processes_than_it_may(places: Places) -> None:
    needs("pids")
    many = "for i in 1 2 3 4 5 6 7 8 9; do sleep 100 & done; echo all of them"

    async def work(rig: Rig) -> None:
        await rig.run("few", many, tty=True, host={"pids_limit": 5})
        await rig.run("more", many, tty=True, host={"pids_limit": 15})
        assert "can't fork" in await said(rig, "few")
        assert await said(rig, "more") == "all of them\n"

    with_rig(places, work)


def test_throttles_of_a_disk_are_the_kernels(places: Places) -> None:
    needs("blkio")
    disks = [path for entry in Path("/sys/block").iterdir() if (path := Path("/dev", entry.name)).is_block_device()]
    if not disks:
        pytest.skip("no disk here")
    disk = str(min(disks))
    status = os.stat(disk)
    number = f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"

    async def work(rig: Rig) -> None:
        limits = {
            "blkio_device_read_bps": (ThrottleDevice(path=disk, rate=1 << 20),),
            "blkio_device_write_iops": (ThrottleDevice(path=disk, rate=77),),
        }
        await rig.run("box", "sleep 1000", host=limits)
        read = held(rig, "box", "blkio", "blkio.throttle.read_bps_device", "io.max")
        written = held(rig, "box", "blkio", "blkio.throttle.write_iops_device", "io.max")
        assert read.startswith(number) and str(1 << 20) in read
        assert written.startswith(number) and "77" in written

    with_rig(places, work)
