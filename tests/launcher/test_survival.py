"""What the launcher keeps when engines come and go, and what a new launcher can take over. Real ones; root only."""

import asyncio
import os
import shutil
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from launcher_lab import Lab, Play, close, launcher_processes, process, wait_until_gone

from dockless.launcher.client import ExitStatus, Launcher, LauncherLost, LaunchError
from dockless.linux.mounts import clone_read_only, make_private_namespace
from dockless.places import Places


def test_output_and_status_wait_for_the_next_engine(lab: Play) -> None:
    async def scenario(lab: Lab) -> None:
        started = await lab.start(["sh", "-c", "echo one; read line; echo two; exit 3"], stdin=True)
        assert started.stdin is not None
        into = os.dup(started.stdin)
        close(started)
        await lab.launcher.close()
        os.write(into, b"go on\n")
        os.close(into)
        second = await Launcher.connect(lab.places)
        while (found := (await second.list())[0]).exit is None:
            close(found)
            await asyncio.sleep(0.01)
        assert (found.id, found.pid, found.start_time) == (started.id, started.pid, started.start_time)
        assert found.exit == ExitStatus(3)
        assert found.stdout is not None
        assert os.read(found.stdout.read, 100) == b"one\ntwo\n"
        await second.forget(found.id)
        assert await second.list() == []
        close(found)
        await second.close()

    lab(scenario)


def test_an_engine_hears_of_the_end_of_what_another_started(lab: Play) -> None:
    async def scenario(lab: Lab) -> None:
        started = await lab.start(["sleep", "60"])
        second = await Launcher.connect(lab.places)
        heard: asyncio.Future[tuple[str, ExitStatus]] = asyncio.get_running_loop().create_future()
        second.on_exit = lambda id, status: heard.set_result((id, status))
        (found,) = await second.list()
        signal.pidfd_send_signal(found.pidfd, signal.SIGTERM)
        signal.pidfd_send_signal(found.pidfd, signal.SIGKILL)
        assert await asyncio.wait_for(heard, 60) == (started.id, ExitStatus(137, 9, False))
        await second.close()
        close(found)
        await lab.exited(started.id)
        await lab.forget(started)

    lab(scenario)


def test_bytes_in_the_staging_pipe_survive_an_engine(lab: Play) -> None:
    async def scenario(lab: Lab) -> None:
        started = await lab.start(["sleep", "60"])
        assert started.stdout is not None
        os.write(started.stdout.staging_write, b"on the way to the log")
        close(started)
        (found,) = await lab.launcher.list()
        assert found.stdout is not None
        assert os.read(found.stdout.staging_read, 100) == b"on the way to the log"
        await lab.kill(found)

    lab(scenario)


def test_a_dead_engine_is_started_again_while_containers_live(lab: Play, tmp_path: Path) -> None:
    marker = tmp_path / "started"
    engine = [sys.executable, "-c", f"import os; open({str(marker)!r}, 'a').write(os.environ['WHO'] + chr(10))"]

    async def scenario(lab: Lab) -> None:
        os.environ["WHO"] = "the engine"
        try:
            first = await Launcher.connect(lab.places, engine_argv=engine)
        finally:
            del os.environ["WHO"]
        started = await lab.start(["sleep", "60"])
        await lab.launcher.close()
        await first.close(bye=False)
        for _ in range(6000):
            if marker.exists() and marker.read_text().count("the engine\n") >= 2:
                break
            await asyncio.sleep(0.01)
        # It ended without introducing itself, so it was started once more.
        assert marker.read_text().startswith("the engine\nthe engine\n")
        last = await Launcher.connect(lab.places)
        (found,) = await last.list()
        assert found.pid == started.pid
        signal.pidfd_send_signal(found.pidfd, signal.SIGKILL)
        while not (await held(last))[0].exit:
            await asyncio.sleep(0.01)
        await last.forget(found.id)
        close(found)
        close(started)
        await last.close()

    lab(scenario)


async def held(launcher: Launcher) -> list[Any]:
    found = await launcher.list()
    for one in found:
        close(one)
    return found


def test_a_goodbye_is_no_reason_to_start_the_engine(lab: Play, tmp_path: Path) -> None:
    marker = tmp_path / "started"
    engine = [sys.executable, "-c", f"open({str(marker)!r}, 'w')"]

    async def scenario(lab: Lab) -> None:
        first = await Launcher.connect(lab.places, engine_argv=engine)
        started = await lab.start(["sleep", "60"])
        await first.close(bye=True)
        await asyncio.sleep(0.2)
        assert not marker.exists()
        await lab.kill(started)

    lab(scenario)


def test_nonsense_and_broken_clients_harm_nobody(lab: Play) -> None:
    async def scenario(lab: Lab) -> None:
        started = await lab.start(["sleep", "60"])
        for payload in (
            b"\xff\xfe",
            b"[]",
            b"long",
            b'{"op":"run","seq":1}',
            b'{"op":"no such","seq":1}',
            b'{"seq":1}',
        ):
            other = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            other.connect(str(lab.places.launcher_socket))
            other.send(payload)
            other.close()
        with pytest.raises(LaunchError):
            await lab.launcher._call("run", id="x", spec={})
        assert [one.id for one in await held(lab.launcher)] == [started.id]
        await lab.kill(started)
        lab.places.engine_log.write_text("")

    lab(scenario)


def test_a_large_environment_passes(lab: Play) -> None:
    async def scenario(lab: Lab) -> None:
        env = [f"V{number}={'x' * 1000}" for number in range(200)]
        result = await lab.shell("env | grep -c '^V'", env=env)
        assert result.output == "200\n"

    lab(scenario)


def test_a_client_that_does_not_read_stops_nobody(lab: Play) -> None:
    async def scenario(lab: Lab) -> None:
        slow = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        slow.connect(str(lab.places.launcher_socket))
        slow.send(b'{"op":"hello","seq":1}')
        started = await lab.start(["sleep", "60"])
        slow.setblocking(False)
        for number in range(400):
            try:
                slow.send(b'{"op":"list","seq":%d}' % number)
            except BlockingIOError:
                await asyncio.sleep(0.005)
        result = await lab.shell("echo still here")
        assert result.output == "still here\n"
        slow.close()
        await lab.kill(started)

    lab(scenario)


def test_an_id_is_held_once_and_a_running_one_not_forgotten(lab: Play) -> None:
    async def scenario(lab: Lab) -> None:
        started = await lab.start(["sleep", "60"], id="one")
        with pytest.raises(LaunchError, match="held already"):
            await lab.launcher.exec("one", "one", process("true"))
        with pytest.raises(LaunchError, match="is running"):
            await lab.launcher.forget("one")
        await lab.kill(started)

    lab(scenario)


def test_containers_outlive_a_killed_launcher_and_are_adopted(lab: Play, places: Places) -> None:
    async def scenario(lab: Lab) -> None:
        lost = asyncio.Event()
        lab.launcher.on_lost = lost.set
        started = await lab.start(["sh", "-c", "read line; echo last words; exit 5"], stdin=True)
        other = await lab.start(["sleep", "60"])
        (pid,) = launcher_processes(places)
        os.kill(pid, signal.SIGKILL)
        await asyncio.wait_for(lost.wait(), 60)
        with pytest.raises(LauncherLost):
            await lab.launcher.list()
        second = await Launcher.connect(places)
        heard: dict[str, asyncio.Future[ExitStatus]] = {
            id: asyncio.get_running_loop().create_future() for id in (started.id, other.id)
        }
        second.on_exit = lambda id, status: heard[id].set_result(status)
        for one in (started, other):
            assert await second.adopt(one, lab.cgroup(one.id))
        assert started.stdout is not None and started.stdin is not None
        os.write(started.stdin, b"go on\n")
        assert await asyncio.to_thread(os.read, started.stdout.read, 100) == b"last words\n"
        inside = await second.exec("x", other.id, process("hostname"))
        assert inside.stdout is not None
        assert (await asyncio.to_thread(os.read, inside.stdout.read, 100)).decode().strip() == other.id
        # 255 where the kernel tells a stranger nothing.
        assert (await asyncio.wait_for(heard[started.id], 60)).code in (5, 255)
        signal.pidfd_send_signal(other.pidfd, signal.SIGKILL)
        assert (await asyncio.wait_for(heard[other.id], 60)).code in (137, 255)
        while (exited := [one for one in await held(second) if one.exit]) and len(exited) < 3:
            await asyncio.sleep(0.01)
        for one in (started, other, inside):
            await second.forget(one.id)
            close(one)
        await second.close()

    lab(scenario)


def test_nobody_is_adopted_who_is_somebody_else(lab: Play) -> None:
    async def scenario(lab: Lab) -> None:
        from dataclasses import replace

        started = await lab.start(["sleep", "60"])
        assert not await lab.launcher.adopt(replace(started, id="y", start_time=started.start_time + 1))
        await lab.kill(started)

    lab(scenario)


def test_the_launchers_interpreter_cannot_be_written_to(lab: Play, places: Places, tmp_path: Path) -> None:
    async def scenario(lab: Lab) -> None:
        (pid,) = launcher_processes(places)
        assert mount_of(f"/proc/{pid}/exe") != mount_of(os.path.realpath(sys.executable)), "a mount of its own"

    lab(scenario)
    (tmp_path / "program").write_text("")
    descriptor = clone_read_only(str(tmp_path / "program"))
    with pytest.raises(OSError, match="Read-only"):
        os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY)
    os.close(descriptor)


def mount_of(path: str) -> str:
    descriptor = os.open(path, os.O_PATH)
    try:
        lines = Path(f"/proc/self/fdinfo/{descriptor}").read_text().splitlines()
        return next(line for line in lines if line.startswith("mnt_id"))
    finally:
        os.close(descriptor)


def test_a_second_launcher_for_the_same_folder_gives_way(lab: Play, places: Places) -> None:
    async def scenario(lab: Lab) -> None:
        second = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "dockless.launcher", str(places.runtime), stdout=asyncio.subprocess.DEVNULL
        )
        assert await second.wait() == 0
        await asyncio.sleep(0.1)
        assert len(launcher_processes(places)) == 1
        assert (await lab.shell("echo ok")).output == "ok\n"

    lab(scenario)


def test_the_launcher_ends_when_it_holds_nothing(places: Places) -> None:
    async def scenario() -> None:
        launcher = await Launcher.connect(places)
        assert len(launcher_processes(places)) == 1
        await launcher.close()

    asyncio.run(scenario())
    assert wait_until_gone(places) == []
    assert sorted(entry.name for entry in places.runtime.iterdir()) == ["launcher.lock"]


def test_the_launcher_lives_in_the_mount_namespace_that_it_is_given(places: Places) -> None:
    async def scenario() -> None:
        host = os.open("/proc/self/ns/mnt", os.O_RDONLY)
        # In a process of its own, since this one must stay where it is.
        child = os.fork()
        if child == 0:
            try:
                make_private_namespace()
                asyncio.run(connect_only(host))
            finally:
                os._exit(0)
        os.close(host)
        os.waitpid(child, 0)

    async def connect_only(host: int) -> None:
        launcher = await Launcher.connect(places, mount_namespace=host)
        (pid,) = launcher_processes(places)
        (places.runtime / "seen").write_text(os.readlink(f"/proc/{pid}/ns/mnt"))
        await launcher.close()

    asyncio.run(scenario())
    assert (places.runtime / "seen").read_text() == os.readlink("/proc/self/ns/mnt")
    assert wait_until_gone(places) == []


def test_the_launcher_is_found_again_when_its_runtime_folder_was_swept(lab: Play, places: Places) -> None:
    async def scenario(lab: Lab) -> None:
        started = await lab.start(["sleep", "60"])
        (pid,) = launcher_processes(places)
        shutil.rmtree(places.runtime)
        while not places.launcher_socket.exists():
            await asyncio.sleep(0.05)
        second = await Launcher.connect(places)
        assert [one.id for one in await held(second)] == [started.id]
        assert launcher_processes(places) == [pid]
        await second.close()
        assert (await lab.shell("echo ok")).output == "ok\n"
        await lab.kill(started)

    lab(scenario)
