"""A launcher that is killed while processes run: who waits for one of them hears of its end. Real ones; root only."""

import asyncio
import os
import shutil
import signal
import socket
import struct
from pathlib import Path

from enginekit import Rig, until, with_rig

from dockless.build.steps import Step
from dockless.images.scratch import Scratch
from dockless.places import Places
from dockless.wire.execs import ExecCreateRequest

UNTIL_TOLD = "while [ ! -e /data/go ]; do sleep 0.02; done; exit 3"
# The kernel tells a stranger the true status only since Linux 6.15.
TOLD = (3, 255)


async def kill_launcher(rig: Rig) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asking:
        asking.connect(str(rig.places.launcher_socket))
        credentials = asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid = struct.unpack("3i", credentials)[0]
    os.kill(pid, signal.SIGKILL)
    before = rig.engine._helpers.open_launcher
    await until(lambda: rig.engine._helpers.open_launcher not in (None, before))


def test_an_exec_ends_for_its_client(places: Places) -> None:
    async def work(rig: Rig) -> None:
        identity = await rig.run("box", "sleep 1000")
        body = ExecCreateRequest(cmd=("sh", "-c", UNTIL_TOLD), attach_stdout=True)
        execution = await rig.engine.execs.create(identity, body)
        await rig.engine.execs.start(execution, detach=True, tty=False, stream=None)
        await kill_launcher(rig)
        other = await rig.engine.execs.create(identity, ExecCreateRequest(cmd=("touch", "/data/go")))
        await rig.engine.execs.start(other, detach=True, tty=False, stream=None)
        while (found := await rig.engine.execs.inspect(execution)).running:
            await asyncio.sleep(0.01)
        assert found.exit_code in TOLD
        assert (await rig.inspect("box")).state.running

    with_rig(places, work)


def test_a_build_step_ends_for_its_build(places: Places) -> None:
    async def work(rig: Rig) -> None:
        image = rig.engine._store.resolve("busybox")
        assert image is not None
        upper, work = (Scratch.of(places).folder(name) for name in ("upper", "work"))
        step = Step(
            name="step",
            argv=("sh", "-c", UNTIL_TOLD),
            env={"PATH": "/bin"},
            cwd="/",
            user="",
            lower=tuple(rig.engine._store.chain(image)),
            upper=upper,
            work=work,
            network="none",
        )
        running = asyncio.create_task(asyncio.to_thread(rig.engine._steps.run, step, lambda _: None))
        await until(lambda: any(rig.engine._steps.held()))
        await kill_launcher(rig)
        (started, _) = next(rig.engine._steps.held())
        Path(f"/proc/{started.pid}/root/data/go").touch()
        assert await running in TOLD
        for folder in (upper, work):
            shutil.rmtree(folder)

    with_rig(places, work)
