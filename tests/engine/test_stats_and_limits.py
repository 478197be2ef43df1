"""What containers use, and limits that change while they run."""

import asyncio

import pytest
from enginekit import Rig, with_rig

from dockless.engine.limits import updated
from dockless.engine.stats import parse_net_dev
from dockless.linux import cgroups
from dockless.places import Places
from dockless.wire.config import RestartPolicy
from dockless.wire.containers import UpdateRequest
from dockless.wire.errors import BadParameter
from dockless.wire.filters import Filters
from dockless.wire.stats import ContainerStats

NET_DEV = """Inter-|   Receive                                      |  Transmit
 face |bytes packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo colls carrier compressed
    lo:   10       1    0    0    0     0          0         0    10       1    0    0    0     0       0          0
  eth0: 1000      20    3    4    0     0          0         0  5000      60    7    8    0     0       0          0
"""


async def sample(rig: Rig, name: str, *, one_shot: bool = False) -> ContainerStats:
    found = [one async for one in await rig.containers.stats(name, stream=False, one_shot=one_shot)]
    assert len(found) == 1
    return found[0]


def test_a_running_container_uses_something_and_a_stopped_one_nothing(places: Places) -> None:
    async def work(rig: Rig) -> None:
        await rig.run("box", "while :; do :; done", network_mode="bridge")
        found = await sample(rig, "box")
        assert found.name == "/box"
        assert found.precpu_stats.cpu_usage.total_usage < found.cpu_stats.cpu_usage.total_usage
        assert found.precpu_stats.system_cpu_usage < found.cpu_stats.system_cpu_usage
        assert found.memory_stats.usage > 0
        assert found.memory_stats.limit > found.memory_stats.usage
        assert found.pids_stats.current == 1
        assert list(found.networks or {}) == ["eth0"]
        await rig.stop("box")
        assert (await sample(rig, "box")).cpu_stats.cpu_usage.total_usage == 0

    with_rig(places, work)


def test_a_stream_of_samples_ends_with_the_container(places: Places) -> None:
    async def work(rig: Rig) -> None:
        await rig.run("box", "sleep 1000")
        count = 0
        async for _ in await rig.containers.stats("box", stream=True, one_shot=False):
            count += 1
            if count == 2:
                await rig.containers.remove("box", volumes=False, force=True)
        assert count == 2

    with_rig(places, work)


def test_interfaces_are_read_without_the_loopback() -> None:
    ((name, counters),) = parse_net_dev(NET_DEV)
    assert (name, counters.rx_bytes, counters.rx_dropped, counters.tx_bytes, counters.tx_errors) == (
        "eth0",
        1000,
        4,
        5000,
        7,
    )


def test_limits_of_a_running_container_change_in_its_cgroup(places: Places) -> None:
    async def work(rig: Rig) -> None:
        if not ({"memory", "pids"} <= cgroups.layout().controllers | set(cgroups.layout().v1)):
            pytest.skip("no memory and pids controllers")
        await rig.run("box", "sleep 1000")
        await rig.containers.update("box", UpdateRequest(memory=64 << 20, pids_limit=50))
        first = await sample(rig, "box", one_shot=True)
        assert (first.memory_stats.limit, first.pids_stats.limit) == (64 << 20, 50)
        await rig.containers.update("box", UpdateRequest(memory=512 << 20, memory_swap=1 << 30))
        second = await sample(rig, "box", one_shot=True)
        assert (second.memory_stats.limit, second.pids_stats.limit) == (512 << 20, 50)
        host = (await rig.inspect("box")).host_config
        assert (host.memory, host.memory_swap, host.pids_limit) == (512 << 20, 1 << 30, 50)

    with_rig(places, work)


def test_limits_that_contradict_each_other_are_refused_and_nothing_changes(places: Places) -> None:
    async def work(rig: Rig) -> None:
        await rig.create("box", host={"memory": 64 << 20, "memory_swap": 64 << 20})
        with pytest.raises(BadParameter, match="memoryswap"):
            await rig.containers.update("box", UpdateRequest(memory=128 << 20))
        assert (await rig.inspect("box")).host_config.memory == 64 << 20
        record = rig.containers.find("box")
        policy = updated(record, UpdateRequest(restart_policy=RestartPolicy(name="always"))).host.restart_policy
        assert policy.name == "always"

    with_rig(places, work)


def test_top_lists_the_containers_processes_as_ps_would(places: Places) -> None:
    async def work(rig: Rig) -> None:
        await rig.run("box", "sleep 1000 & wait")
        pid = (await rig.inspect("box")).state.pid
        found = await rig.containers.top("box", ps_args="-ef")
        while [row[7] for row in found.processes] != ["sh -c sleep 1000 & wait", "sleep 1000"]:
            await asyncio.sleep(0.01)
            found = await rig.containers.top("box", ps_args="-ef")
        assert found.titles == ("UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD")
        assert [row[0] for row in found.processes] == ["root", "root"]
        assert found.processes[0][1] == str(pid) == found.processes[1][2]
        chosen = await rig.containers.top("box", ps_args="-o pid,args")
        assert chosen.titles == ("PID", "COMMAND")
        assert chosen.processes[0] == (str(pid), "sh -c sleep 1000 & wait")
        with pytest.raises(BadParameter, match="PID"):
            await rig.containers.top("box", ps_args="-o user")

    with_rig(places, work)


def test_disk_usage_counts_volumes_with_their_containers(places: Places) -> None:
    async def work(rig: Rig) -> None:
        await rig.run("box", "echo 12345 >/vol/f", host={"binds": ("vol:/vol",)})
        await rig.finished("box")
        usage = await rig.engine.system.df(("container", "image", "volume"))
        (volume,) = usage.volumes or ()
        assert volume.usage_data is not None
        assert (volume.usage_data.size, volume.usage_data.ref_count) == (6, 1)
        assert usage.layers_size > 0
        pruned = await rig.engine.images.build_prune(all=True, keep_storage=0, filters=Filters())
        assert pruned.caches_deleted is None

    with_rig(places, work)
