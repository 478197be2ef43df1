"""What a container has while the engine lives: descriptors, tasks, waiters. Never stored; found again after a crash."""

import asyncio
from dataclasses import dataclass, field
from typing import Literal

from dockless.engine.health import HealthState
from dockless.engine.inputs import Input
from dockless.engine.logs import Journal
from dockless.engine.outputs import Outputs
from dockless.launcher.client import Started
from dockless.wire.containers import ContainerWaitResponse

Condition = Literal["not-running", "next-exit", "removed"]


@dataclass
class Live:
    """`lock` is held by whoever starts, removes or restarts the container; `ended` is set while it does not run."""

    id: str
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    process: Started | None = None
    journal: Journal | None = None
    input: Input | None = None
    outputs: Outputs = field(default_factory=Outputs)
    health: HealthState | None = None
    health_task: asyncio.Task[None] | None = None
    restart_task: asyncio.Task[None] | None = None
    restarts: int = 0  # since it last ran for long enough: the exponent of the back-off
    stopping: bool = False
    waiters: list[tuple[Condition, asyncio.Future[ContainerWaitResponse]]] = field(default_factory=list)
    execs: set[str] = field(default_factory=set)

    def resolve(self, conditions: tuple[Condition, ...], answer: ContainerWaitResponse) -> None:
        """Tells those who wait for one of `conditions`."""
        left = []
        for condition, future in self.waiters:
            if condition not in conditions:
                left.append((condition, future))
            elif not future.done():
                future.set_result(answer)
        self.waiters = left
