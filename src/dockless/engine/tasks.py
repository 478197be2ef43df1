"""Work on the event loop that nobody awaits: held until it is done, since the loop itself holds a task only weakly."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class Tasks:
    """What one owner has set off. A fault of it is reported by the loop, as for every task that nobody awaits."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs `work` from the loop's next turn on."""
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def settle(self) -> None:
        """Returns when all is done, what was set off meanwhile included."""
        while self._running:
            await asyncio.wait(set(self._running))
