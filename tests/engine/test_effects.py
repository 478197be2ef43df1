"""What fields of a create do, as a process inside sees it: accepted and shown is not enough."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from enginekit import Rig, with_rig

from dockless.engine import lifecycle
from dockless.engine.restarts import delay_before
from dockless.linux import cgroups
from dockless.places import Places
from dockless.wire.config import DeviceMapping, HealthConfig, RestartPolicy, Ulimit
from dockless.wire.queries import LogOptions

CASES: Mapping[str, tuple[str, str, dict[str, Any]]] = {
    # The field: what is asked inside, what must be seen, and the settings.
    "Hostname": ("hostname", "box", {"hostname": "box"}),
    "Domainname": ("cat /proc/sys/kernel/domainname", "example.test", {"domainname": "example.test"}),
    "User": ("id -u; id -g", "1234\n1234", {"user": "web"}),
    "WorkingDir": ("pwd", "/new/folder", {"working_dir": "/new/folder"}),
    "Env": ("echo $A", "one two", {"env": ("A=one two",)}),
    "GroupAdd": ("id -G", "0 7 8", {"host": {"group_add": ("7", "8")}}),
    "OomScoreAdj": ("cat /proc/self/oom_score_adj", "321", {"host": {"oom_score_adj": 321}}),
    "Ulimits": (
        "ulimit -Sn; ulimit -Hn",
        "100\n200",
        {"host": {"ulimits": (Ulimit(name="nofile", soft=100, hard=200),)}},
    ),
    "ShmSize": ("df -k /dev/shm | tail -1 | awk '{print $2}'", "3072", {"host": {"shm_size": 3 << 20}}),
    "Tmpfs": (
        "df -k /t | tail -1 | awk '{print $2}'; stat -c %a /t",
        "1024\n700",
        {"host": {"tmpfs": {"/t": "size=1m,mode=700"}}},
    ),
    "Sysctls": ("cat /proc/sys/net/ipv4/ip_forward", "1", {"host": {"sysctls": {"net.ipv4.ip_forward": "1"}}}),
    "ReadonlyRootfs": ("touch /x 2>/dev/null || echo refused", "refused", {"host": {"readonly_rootfs": True}}),
    "MaskedPaths": ("wc -c </proc/uptime", "0", {"host": {"masked_paths": ("/proc/uptime",)}}),
    "ReadonlyPaths": (
        "echo 1 2>/dev/null >/proc/self/coredump_filter || echo refused",
        "refused",
        {"host": {"readonly_paths": ("/proc",), "masked_paths": ()}},
    ),
    "CapDrop": ("chown 1 /tmp 2>/dev/null || echo refused", "refused", {"host": {"cap_drop": ("CHOWN",)}}),
    "CapAdd": ("ip link set lo down && echo done", "done", {"host": {"cap_add": ("NET_ADMIN",)}}),
    "SecurityOpt": (
        "grep NoNewPrivs /proc/self/status",
        "NoNewPrivs:\t1",
        {"host": {"security_opt": ("no-new-privileges",)}},
    ),
    "Devices": (
        "echo x >/dev/other && echo written",
        "written",
        {"host": {"devices": (DeviceMapping(path_on_host="/dev/null", path_in_container="/dev/other"),)}},
    ),
    "ExtraHosts": ("grep -w far /etc/hosts", "192.0.2.9\tfar", {"host": {"extra_hosts": ("far:192.0.2.9",)}}),
}


def test_a_field_is_seen_inside(places: Places) -> None:
    async def work(rig: Rig) -> None:
        seen = {}
        for field, (command, _, settings) in CASES.items():
            await rig.run(field, command, **{**settings, "host": dict(settings.get("host", {}))})
            await rig.finished(field)
            seen[field] = await _said(rig, field)
        assert seen == {field: wanted for field, (_, wanted, _) in CASES.items()}

    with_rig(places, work)


def test_a_container_out_of_memory_is_said_to_be(places: Places) -> None:
    if "memory" not in cgroups.controllers():
        pytest.skip("no memory controller here")

    async def work(rig: Rig) -> None:
        await rig.run("fat", "head -c 100000000 /dev/zero | tail -c 100000000; exit $?", host={"memory": 8 << 20})
        await rig.finished("fat")
        assert (await rig.inspect("fat")).state.oom_killed
        await rig.run("killed", "kill -9 $$", host={"memory": 8 << 20})
        await rig.finished("killed")
        assert not (await rig.inspect("killed")).state.oom_killed

    with_rig(places, work)


def test_the_pause_before_a_restart_doubles_up_to_a_minute() -> None:
    assert [delay_before(restarts) for restarts in (0, 1, 2, 3, 9, 10, 50)] == [0.1, 0.2, 0.4, 0.8, 51.2, 60, 60]


def test_restarts_in_a_row_are_counted_until_a_run_lasts(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    async def restarted(rig: Rig, name: str, times: int) -> int:
        """The exponent of the next pause once it has been restarted so often."""
        identity = await rig.run(name, "exit 1", host={"restart_policy": RestartPolicy(name="always")})
        while (await rig.inspect(name)).restart_count < times:
            await asyncio.sleep(0.01)
        found = rig.engine._lifecycle.live(identity).restarts
        await rig.containers.remove(name, volumes=False, force=True)
        return found

    async def work(rig: Rig) -> None:
        assert await restarted(rig, "in-a-row", 3) >= 3
        monkeypatch.setattr(lifecycle, "LASTED", 0)
        assert await restarted(rig, "lasting", 3) == 1

    with_rig(places, work)


def test_the_start_interval_holds_in_the_start_period(places: Places) -> None:
    hour = 3600 * 1_000_000_000
    check = HealthConfig(
        test=("CMD-SHELL", "test -e /ready || { touch /ready; exit 1; }"),
        interval=hour,
        start_period=hour,
        start_interval=10_000_000,
        retries=1,
    )

    async def work(rig: Rig) -> None:
        """By the interval alone the first check would come in an hour; its failure would be one too many."""
        await rig.run("box", "sleep 1000", healthcheck=check)
        while (health := (await rig.inspect("box")).state.health) is None or health.status == "starting":
            await asyncio.sleep(0.01)
        assert (health.status, [result.exit_code for result in health.log]) == ("healthy", [1, 0])

    with_rig(places, work)


def test_a_container_that_stands_still_is_not_asked_how_it_is(places: Places) -> None:
    """As with Docker it counts as unhealthy until it is asked again, and the checks of before are still told."""
    interval = 20_000_000
    check = HealthConfig(test=("CMD", "true"), interval=interval, start_interval=interval)

    async def work(rig: Rig) -> None:
        async def until(status: str) -> list[str]:
            while (found := (await rig.inspect("box")).state.health) is None or found.status != status:
                await asyncio.sleep(0.01)
            return [result.start for result in found.log]

        await rig.run("box", "sleep 1000", healthcheck=check)
        await until("healthy")
        await rig.containers.pause("box")
        before = await until("unhealthy")
        await asyncio.sleep(10 * interval / 1e9)
        assert await until("unhealthy") == before != []
        await rig.containers.unpause("box")
        assert (await until("healthy"))[-1] > before[-1]
        await rig.stop("box")
        assert (await until("unhealthy"))[-1] > before[-1]

    with_rig(places, work)


async def _said(rig: Rig, name: str) -> str:
    options = LogOptions(stdout=True, stderr=True)
    frames = b"".join([chunk async for chunk in await rig.containers.logs(name, options)])
    text = b""
    while frames:
        size = int.from_bytes(frames[4:8], "big")
        text, frames = text + frames[8 : 8 + size], frames[8 + size :]
    return text.decode().strip()
