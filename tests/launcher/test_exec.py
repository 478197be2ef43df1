"""A second process in a running container, and containers that share namespaces. Real ones; root only."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from launcher_lab import Lab, Play, capabilities, process

from dockless.launcher.client import LaunchError
from dockless.launcher.spec import ConsoleSize, Mount, User
from dockless.linux import namespaces


def test_an_exec_is_in_every_namespace_of_its_container(lab: Play) -> None:
    async def scenario(lab: Lab) -> None:
        started = await lab.start(["sleep", "60"])
        script = "readlink /proc/1/ns/pid; readlink /proc/self/ns/pid; hostname; cat /proc/self/cgroup"
        result = await lab.exec_shell(started.id, script)
        lines = result.output.splitlines()
        assert lines[0] == lines[1] != os.readlink("/proc/self/ns/pid")
        assert lines[2] == started.id
        assert "0::/" in lines
        inside = os.stat(f"/proc/{started.pid}/ns/cgroup").st_ino
        mine = await lab.exec_shell(started.pid, "readlink /proc/self/ns/cgroup")
        assert mine.output.strip() == f"cgroup:[{inside}]"
        await lab.kill(started)

    lab(scenario)


def test_an_exec_is_as_restricted_as_its_container(lab: Play) -> None:
    async def scenario(lab: Lab) -> None:
        started = await lab.start(["sleep", "60"], oom_score_adj=77)
        script = "grep -E 'Seccomp:|CapEff' /proc/self/status; cat /proc/self/oom_score_adj; unshare -m true"
        result = await lab.exec_shell(started.id, script)
        assert result.output.split() == ["CapEff:", "00000000a80425fb", "Seccomp:", "2", "77"]
        assert result.status.code == 1
        await lab.kill(started)

    lab(scenario)


def test_an_exec_has_its_own_user_folder_and_environment(lab: Play) -> None:
    async def scenario(lab: Lab) -> None:
        started = await lab.start(["sleep", "60"])
        fields = {
            "user": User(uid=1000, gid=1001, additionalGids=[1001, 7]),
            "cwd": "/etc",
            "env": ["PATH=/bin", "A=b c"],
            "capabilities": capabilities("CAP_CHOWN"),
        }
        result = await lab.exec_shell(
            started.id, 'id -u; id -G; pwd; echo "$A"; grep CapBnd /proc/self/status', **fields
        )
        assert result.output.splitlines() == ["1000", "1001 7", "/etc", "b c", "CapBnd:\t0000000000000001"]
        await lab.kill(started)

    lab(scenario)


def test_an_exec_may_have_a_terminal(lab: Play) -> None:
    async def scenario(lab: Lab) -> None:
        started = await lab.start(["sleep", "60"])
        asked = process("tty; stty size", terminal=True, consoleSize=ConsoleSize(height=10, width=20))
        second = await lab.launcher.exec("x", started.id, asked)
        assert second.terminal is not None
        assert (await lab.exited("x")).code == 0
        text = await asyncio.to_thread(os.read, second.terminal.read, 4096)
        assert text.split() == [b"/dev/pts/0", b"10", b"20"]
        await lab.forget(second)
        await lab.kill(started)

    lab(scenario)


def test_a_program_that_an_exec_does_not_find_is_told(lab: Play) -> None:
    async def scenario(lab: Lab) -> None:
        started = await lab.start(["sleep", "60"])
        with pytest.raises(LaunchError) as caught:
            await lab.launcher.exec("x", started.id, process("", args=["missing"]))
        assert caught.value.exit_status == 127
        with pytest.raises(LaunchError, match=r'chdir to cwd \("/missing"\)'):
            await lab.launcher.exec("x", started.id, process("", cwd="/missing"))
        await lab.kill(started)
        with pytest.raises(LaunchError, match="is not running"):
            await lab.launcher.exec("x", started.id, process(""))

    lab(scenario)


def test_an_exec_ends_with_its_container(lab: Play) -> None:
    async def scenario(lab: Lab) -> None:
        started = await lab.start(["sleep", "60"])
        second = await lab.launcher.exec("x", started.id, process("sleep 60"))
        assert (await lab.kill(started)).code == 137
        assert (await lab.exited("x")).code == 137
        await lab.forget(second)

    lab(scenario)


@pytest.mark.parametrize("kind", ["network", "pid", "ipc", "uts"])
def test_a_namespace_of_another_container_can_be_joined(lab: Play, kind: str) -> None:
    async def scenario(lab: Lab) -> None:
        started = await lab.start(["sleep", "60"])
        descriptor = namespaces.open_namespace(started.pid, kind)
        name = namespaces.FILES[kind]

        def no_hostname(spec: Any) -> None:
            if kind == "uts":
                del spec["hostname"]

        try:
            result = await lab.shell(
                f"readlink /proc/self/ns/{name}", namespaces={kind: descriptor}, change=no_hostname
            )
        finally:
            os.close(descriptor)
        assert result.output.strip() == os.readlink(f"/proc/{started.pid}/ns/{name}")
        assert os.readlink(f"/proc/{started.pid}/ns/{name}") != os.readlink(f"/proc/self/ns/{name}")
        await lab.kill(started)

    lab(scenario)


def test_namespaces_may_be_the_hosts(lab: Play) -> None:
    async def scenario(lab: Lab) -> None:
        result = await lab.shell(
            "for kind in net ipc pid; do readlink /proc/self/ns/$kind; done", host_namespaces=["network", "ipc", "pid"]
        )
        assert result.output.split() == [os.readlink(f"/proc/self/ns/{kind}") for kind in ("net", "ipc", "pid")]

    lab(scenario)


def test_with_the_hosts_pid_namespace_nothing_outlives_the_container(lab: Play) -> None:
    async def scenario(lab: Lab) -> None:
        started = await lab.start(["sh", "-c", "sleep 61.25 & echo $!; wait"], host_namespaces=["pid"])
        assert started.stdout is not None
        child = int(await asyncio.to_thread(os.read, started.stdout.read, 100))
        assert is_alive(child)
        await lab.kill(started)
        while is_alive(child):
            await asyncio.sleep(0.01)

    lab(scenario)


def is_alive(pid: int) -> bool:
    """A zombie, which waits for this machine's init, is not."""
    try:
        return b"\nState:\tZ" not in Path(f"/proc/{pid}/status").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_mounts_of_the_host_arrive_where_propagation_asks_for_it(lab: Play, tmp_path: Any) -> None:
    (tmp_path / "later").mkdir()
    mounts = [
        Mount(destination="/slave", source=str(tmp_path), options=["rbind", "rslave"]),
        Mount(destination="/private", source=str(tmp_path), options=["rbind"]),
    ]

    async def scenario(lab: Lab) -> None:
        os.system(f"mount -t tmpfs shared {tmp_path} && mount --make-shared {tmp_path} && mkdir {tmp_path}/later")
        try:
            started = await lab.start(["sleep", "60"], mounts=mounts)
            os.system(f"mount -t tmpfs x {tmp_path}/later && touch {tmp_path}/later/seen")
            result = await lab.exec_shell(started.id, "ls /slave/later; echo -; ls /private/later")
            assert result.output == "seen\n-\n"
            await lab.kill(started)
        finally:
            os.system(f"umount {tmp_path}/later; umount {tmp_path}")

    lab(scenario)
