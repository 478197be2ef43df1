"""What the launcher's tests share: one connection with its helpers, and looking for launcher processes."""

import asyncio
import os
import signal
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dockless.launcher.client import ExitStatus, Launcher, OverlayRoot, Started, Stream
from dockless.launcher.defaults import default_spec, process_capabilities
from dockless.launcher.spec import Process
from dockless.places import Places


@dataclass(frozen=True)
class Result:
    status: ExitStatus
    output: str
    errors: str


class Lab:
    """One connection to the launcher, and what a test wants of it in one call."""

    def __init__(self, launcher: Launcher, places: Places, base: Path, name: str) -> None:
        self.launcher = launcher
        self.places = places
        self.base = base
        self.name = name
        self._exits: dict[str, asyncio.Future[ExitStatus]] = {}
        self._count = 0
        launcher.on_exit = self._on_exit

    def _on_exit(self, id: str, status: ExitStatus) -> None:
        future = self._exit(id)
        if not future.done():
            future.set_result(status)

    def _exit(self, id: str) -> "asyncio.Future[ExitStatus]":
        return self._exits.setdefault(id, asyncio.get_running_loop().create_future())

    def cgroup(self, id: str) -> str:
        return f"/dockless-test-{self.name}/{id}"

    def new_id(self) -> str:
        self._count += 1
        return f"c{self._count}-{uuid.uuid4().hex[:6]}"

    def root(self, id: str) -> OverlayRoot:
        upper, work = self.places.containers / id / "upper", self.places.containers / id / "work"
        upper.mkdir(parents=True)
        work.mkdir()
        return OverlayRoot((str(self.base),), str(upper), str(work))

    async def start(
        self,
        args: Sequence[str],
        *,
        id: str | None = None,
        env: Sequence[str] = (),
        stdin: bool = False,
        namespaces: Mapping[str, int] | None = None,
        change: Callable[[Any], None] = lambda spec: None,
        **options: Any,
    ) -> Started:
        id = id or self.new_id()
        spec = default_spec(args=list(args), env=list(env), cgroup_path=self.cgroup(id), hostname=id, **options)
        change(spec)
        return await self.launcher.run(id, spec, self.root(id), namespaces=namespaces, stdin=stdin)

    async def finish(self, started: Started) -> Result:
        """Reads both outputs to their end, waits for the status, and forgets it."""
        streams = [started.stdout, started.stderr]
        texts = [await asyncio.to_thread(read_all, stream) for stream in streams]
        status = await self.exited(started.id)
        await self.forget(started)
        return Result(status, texts[0], texts[1])

    async def exited(self, id: str) -> ExitStatus:
        return await asyncio.wait_for(asyncio.shield(self._exit(id)), 60)

    async def forget(self, started: Started) -> None:
        await self.launcher.forget(started.id)
        close(started)

    async def kill(self, started: Started) -> ExitStatus:
        signal.pidfd_send_signal(started.pidfd, signal.SIGKILL)
        status = await self.exited(started.id)
        await self.forget(started)
        return status

    async def run(self, args: Sequence[str], **options: Any) -> Result:
        return await self.finish(await self.start(args, **options))

    async def shell(self, script: str, **options: Any) -> Result:
        return await self.run(["sh", "-c", script], **options)

    async def exec_shell(self, target: int | str, script: str, **fields: Any) -> Result:
        return await self.finish(await self.launcher.exec(self.new_id(), target, process(script, **fields)))


Scenario = Callable[[Lab], Awaitable[None]]
Play = Callable[[Scenario], None]


def process(script: str, **fields: Any) -> Process:
    defaults = default_spec(args=["sh", "-c", script], env=[], cgroup_path="")["process"]
    return Process(**{**defaults, **fields})  # type: ignore[typeddict-item]


def capabilities(*names: str) -> Any:
    return process_capabilities(names)


def read_all(stream: Stream | None) -> str:
    if stream is None:
        return ""
    content = b""
    while piece := os.read(stream.read, 65536):
        content += piece
    return content.decode()


def close(started: Started) -> None:
    for stream in (started.stdout, started.stderr, started.terminal):
        if stream is not None:
            for descriptor in (stream.read, stream.staging_read, stream.staging_write):
                os.close(descriptor)
    for one in (started.stdin, started.pidfd):
        if one is not None:
            os.close(one)


def launcher_processes(places: Places) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().split(b"\0")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if str(places.runtime).encode() in command and any(
                part.endswith(b"launcher/__main__.py") for part in command
            ):
                found.append(int(entry.name))
    return found


def wait_until_gone(places: Places) -> list[int]:
    deadline = time.monotonic() + 30
    while (left := launcher_processes(places)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return left
