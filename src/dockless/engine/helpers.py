"""The launcher and the fabric as the engine has them: started when the first container needs them, not before.

Also told here: what happens when one of them dies while containers live.
"""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass

from dockless.launcher.client import ExitStatus, Launcher
from dockless.network.fabric import Fabric
from dockless.places import Places

# -P: the folder that a command was given in is not a place to import from.
ENGINE_COMMAND = (sys.executable, "-P", "-m", "dockless.server")


@dataclass(frozen=True)
class Callbacks:
    """All are called in the event loop's thread."""

    exited: Callable[[str, ExitStatus], None]
    launcher_lost: Callable[[], None]
    relay_lost: Callable[[], None]


class Helpers:
    """One launcher and one fabric for all containers, each opened at most once at a time."""

    def __init__(self, places: Places, callbacks: Callbacks) -> None:
        self._places = places
        self._callbacks = callbacks
        self._launcher: asyncio.Task[Launcher] | None = None
        self._fabric: asyncio.Task[Fabric] | None = None

    def warm(self) -> None:
        """Begins to start both; whoever needs one waits for it then."""
        self._launcher_task()
        self._fabric_task()

    async def launcher(self) -> Launcher:
        task = self._launcher_task()
        try:
            return await asyncio.shield(task)
        except Exception:
            if self._launcher is task:
                self._launcher = None
            raise

    async def fabric(self) -> Fabric:
        task = self._fabric_task()
        try:
            return await asyncio.shield(task)
        except Exception:
            if self._fabric is task:
                self._fabric = None
            raise

    @property
    def open_fabric(self) -> Fabric | None:
        """The fabric if it is open already."""
        task = self._fabric
        return task.result() if task and task.done() and not task.cancelled() and not task.exception() else None

    @property
    def open_launcher(self) -> Launcher | None:
        task = self._launcher
        return task.result() if task and task.done() and not task.cancelled() and not task.exception() else None

    def launcher_lives(self) -> bool:
        """Whether one was left by an earlier engine."""
        return self._places.launcher_socket.exists()

    def relay_lives(self) -> bool:
        """Whether one was left by an earlier engine."""
        return self._places.relay_socket.exists()

    async def close(self, *, bye: bool) -> None:
        """With `bye` both end when they hold nothing any more; without it they wait for the next engine."""
        if (launcher := self.open_launcher) is not None:
            await launcher.close(bye=bye)
        if (fabric := self.open_fabric) is not None:
            asyncio.get_running_loop().remove_reader(fabric.fileno())
            fabric.close(bye=bye)
        self._launcher = self._fabric = None

    def _launcher_task(self) -> asyncio.Task[Launcher]:
        if self._launcher is None:
            self._launcher = asyncio.create_task(self._open_launcher())
        return self._launcher

    def _fabric_task(self) -> asyncio.Task[Fabric]:
        if self._fabric is None:
            self._fabric = asyncio.create_task(self._open_fabric())
        return self._fabric

    async def _open_launcher(self) -> Launcher:
        launcher = await Launcher.connect(self._places, engine_argv=ENGINE_COMMAND)
        launcher.on_exit = self._callbacks.exited
        launcher.on_lost = self._lost_launcher
        return launcher

    async def _open_fabric(self) -> Fabric:
        fabric = await asyncio.to_thread(Fabric.open, self._places)
        self._watch(fabric)
        return fabric

    def _watch(self, fabric: Fabric) -> None:
        loop = asyncio.get_running_loop()
        descriptor = fabric.fileno()

        def readable() -> None:
            loop.remove_reader(descriptor)
            self._callbacks.relay_lost()

        loop.add_reader(descriptor, readable)

    def rewatch(self) -> None:
        """After `Fabric.revive`: the connection to the relay is another one."""
        if (fabric := self.open_fabric) is not None:
            self._watch(fabric)

    def _lost_launcher(self) -> None:
        self._launcher = None
        self._callbacks.launcher_lost()
