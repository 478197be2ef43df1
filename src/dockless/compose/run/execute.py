"""Carries a plan out: every step begins as soon as the steps that it comes after are done.

A thread for each step at work, at most `width` of them talking to the engine; steps that only wait do not count. The
first failure stops what has not begun; what is under way is waited for, so nothing goes on behind the error's back.
"""

import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Protocol

from msgspec import Struct

from dockless.client.api import Client
from dockless.compose.run import actions
from dockless.compose.run.plan import AwaitCondition, Plan, Step

DEFAULT_WIDTH = 16


class Reporter(Protocol):
    """Is told of each change of a subject (`Container p-web-1`), from any thread."""

    def report(self, subject: str, text: str, *, done: bool, failed: bool = False) -> None: ...

    def line(self, text: str) -> None: ...


class Context(Struct, frozen=True):
    """What every action needs. `before_start` is called with a container's name just before it is started.

    `announces_starts`: whether starts are reported; where output is shown, that tells it.
    """

    client: Client
    reporter: Reporter
    before_start: Callable[[str], None] | None = None
    announces_starts: bool = True


def execute(plan: Plan, context: Context, *, width: int = -1) -> None:
    """Carries out all steps; `width` limits the requests under way, -1 is our own limit (`--parallel`).

    Raises the first step's error once all that had begun have ended; an interrupt (`KeyboardInterrupt`) at once.
    """
    Execution(plan, context, width=width).run()


class Execution:
    """The thread that calls `run` owns the graph; workers only carry a step out and say that it is done."""

    def __init__(self, plan: Plan, context: Context, *, width: int = -1) -> None:
        self._context = context
        self._width = width if width > 0 else DEFAULT_WIDTH
        known = {step.key for step in plan}
        self._missing = {step.key: set(step.after & known) for step in plan}
        self._followers: dict[str, list[Step]] = {}
        for step in plan:
            for key in self._missing[step.key]:
                self._followers.setdefault(key, []).append(step)
        self._ready = deque(step for step in plan if not self._missing[step.key])
        self._finished: SimpleQueue[tuple[Step, BaseException | None] | None] = SimpleQueue()
        self._working = 0
        self._waiting = 0
        self._idle: SimpleQueue[Step | None] = SimpleQueue()
        self._workers = 0
        self._free = 0

    def cancel(self) -> None:
        """From another thread: nothing more is begun; `run` returns when the requests under way have ended."""
        self._finished.put(None)

    def run(self) -> None:
        """See `execute`."""
        failure: BaseException | None = None
        cancelled = False
        try:
            self._begin_ready()
            while self._working or (self._waiting and not cancelled):
                ended = self._finished.get()
                if ended is None:
                    cancelled = True
                    continue
                step, error = ended
                self._ended(step)
                if cancelled:
                    continue
                if error is not None:
                    failure = failure or error
                    self._ready.clear()
                if failure is None:
                    self._release(step)
                    self._begin_ready()
        finally:
            for _ in range(self._workers):
                self._idle.put(None)
        if failure is not None:
            raise failure

    def _begin_ready(self) -> None:
        held: list[Step] = []
        while self._ready:
            step = self._ready.popleft()
            if isinstance(step.action, AwaitCondition):
                self._waiting += 1
                threading.Thread(target=self._work_on, args=(step,), daemon=True).start()
            elif self._working < self._width:
                self._working += 1
                self._hand_over(step)
            else:
                held.append(step)
        self._ready.extend(held)

    def _hand_over(self, step: Step) -> None:
        if self._free:
            self._free -= 1
        else:
            self._workers += 1
            threading.Thread(target=self._worker, daemon=True).start()
        self._idle.put(step)

    def _worker(self) -> None:
        while (step := self._idle.get()) is not None:
            self._work_on(step)

    def _work_on(self, step: Step) -> None:
        try:
            actions.carry_out(step.action, self._context)
        except BaseException as error:  # noqa: BLE001  (handed to the main thread, which raises it)
            self._finished.put((step, error))
        else:
            self._finished.put((step, None))

    def _ended(self, step: Step) -> None:
        if isinstance(step.action, AwaitCondition):
            self._waiting -= 1
        else:
            self._working -= 1
            self._free += 1

    def _release(self, step: Step) -> None:
        for follower in self._followers.get(step.key, ()):
            missing = self._missing[follower.key]
            missing.discard(step.key)
            if not missing:
                self._ready.append(follower)
