"""What a container printed is shown once, however late its start is told."""

from collections.abc import Iterator
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any, cast

from dockless.client.api import Client
from dockless.compose.run.foreground import Ended, Foreground
from dockless.wire.system import Actor, EventMessage


class Engine:
    """An engine of one container, whose events are told when the test says so."""

    def __init__(self) -> None:
        self.told: SimpleQueue[EventMessage | None] = SimpleQueue()
        self.logs_read = 0
        containers = SimpleNamespace(attach=self._attach, logs=self._logs, inspect=self._inspect)
        system = SimpleNamespace(events=lambda filters: iter(self.told.get, None))
        self.client = cast(Client, SimpleNamespace(containers=containers, system=system))

    def tell(self, action: str) -> None:
        attributes = {"name": "p-job-1", "com.docker.compose.service": "job", "exitCode": "0"}
        actor = Actor(id="1", attributes=attributes)
        self.told.put(EventMessage(type="container", action=action, actor=actor, time=1, time_nano=10**9))

    def _attach(self, *_: Any, tty: bool) -> Iterator[tuple[int, bytes]]:
        yield 1, b"out\n"

    def _logs(self, *_: Any, tty: bool) -> Iterator[tuple[int, bytes]]:
        self.logs_read += 1
        yield 1, b"later\n"

    def _inspect(self, _: str) -> Any:
        return SimpleNamespace(id="1", state=SimpleNamespace(running=False, restarting=False))


def test_a_start_that_is_told_after_the_output_has_ended_does_not_show_it_again() -> None:
    engine, shown = Engine(), list[bytes]()
    foreground = Foreground(engine.client, "p", {}, lambda _, __, data: shown.append(data))
    foreground.watch()
    foreground.attach("p-job-1", "job")
    foreground.drain()
    engine.tell("start")
    engine.tell("die")
    assert isinstance(foreground.happenings.get(timeout=60), Ended)
    assert (shown, engine.logs_read) == ([b"out\n"], 0)
    # Somebody else starts it once more: what it prints then is in its log alone.
    engine.tell("start")
    engine.tell("die")
    assert isinstance(foreground.happenings.get(timeout=60), Ended)
    foreground.drain()
    engine.told.put(None)
    assert shown == [b"out\n", b"later\n"]
