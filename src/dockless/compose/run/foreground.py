"""`up` in the foreground: what containers print, how they end, and when it is over.

Output is taken by attaching before the start, so that nothing is missed; a container that its restart policy brings
back is followed through its log from the moment of that start. What happens is told to one queue that one thread
reads.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from types import FrameType

from msgspec import Struct

from dockless.client.api import Client
from dockless.client.errors import EngineLost
from dockless.compose.run import names
from dockless.wire.errors import ApiError, NotFound
from dockless.wire.queries import AttachOptions, LogOptions
from dockless.wire.system import EventMessage
from dockless.wire.times import parse_rfc3339

Sink = Callable[[str, int, bytes], None]
"""Takes a container's name, the stream (1 or 2) and bytes, from any thread."""

_DRAIN_SECONDS = 2.0
_ENDED_DRAIN_SECONDS = 10.0  # the output of who has ended for good ends, however busy the machine is


class Ended(Struct, frozen=True):
    """A container ended; `restarts`: its policy brings it back. `id`: another one may have its name by now."""

    id: str
    name: str
    service: str
    status: int
    restarts: bool


class Interrupted(Struct, frozen=True):
    """SIGINT or SIGTERM arrived."""


class Lost(Struct, frozen=True):
    """The engine's events broke off."""

    reason: str


Happening = Ended | Interrupted | Lost


class Foreground:
    """Follows a project's containers. `ttys`: whether a service's containers have a terminal.

    `timestamps`: output is read from the logs, which know when each line was written.
    """

    def __init__(
        self, client: Client, project: str, ttys: Mapping[str, bool], sink: Sink, *, timestamps: bool = False
    ) -> None:
        self.happenings: SimpleQueue[Happening] = SimpleQueue()
        self._client = client
        self._project = project
        self._ttys = ttys
        self._sink = sink
        self._timestamps = timestamps
        self._mute: set[str] = set()
        self._attached_once: set[str] = set()
        # By the containers' ids. `_since`: from when on a log is to be read at the next start (Unix time in ns).
        self._since: dict[str, int] = {}
        self._readers: dict[str, threading.Thread] = {}
        self._read_from_before: set[str] = set()

    def watch(self) -> None:
        """Begins to listen to the project's events; from here on no end of a container is missed."""
        filters = {"type": ["container"], "label": [f"{names.PROJECT}={self._project}"]}
        events = self._client.system.events(filters=filters)
        threading.Thread(target=self._listen, args=(events,), daemon=True).start()

    def mute(self, name: str) -> None:
        """Watches a container without showing what it prints (`attach: false`)."""
        self._mute.add(name)

    def attach(self, name: str, service: str) -> None:
        """Takes the output of a container from now on; to be called before its start, or of one that runs."""
        if name in self._mute:
            return
        try:
            found = self._client.containers.inspect(name)
            running = found.state.running
            reader = self._readers.get(found.id)
            if running and reader is not None and reader.is_alive():
                return  # it is about to be started once more
            if self._timestamps:
                self._await_log(found.id, name, service, running=running)
            else:
                if not running:
                    self._read_from_before.add(found.id)
                options = AttachOptions(stream=True, stdout=True, stderr=True)
                stream = self._client.containers.attach(found.id, options, tty=self._ttys.get(service, False))
                self._read(found.id, name, stream)
        except NotFound:
            return  # it was removed since it was listed; its end is told by the events
        self._attached_once.add(name)

    def _await_log(self, container: str, name: str, service: str, *, running: bool) -> None:
        """The log from now on, by the engine's clock; of a container that does not run, its start opens it."""
        now = parse_rfc3339(self._client.system.info().system_time)
        if running:
            self._read_log(container, name, service, now)
        else:
            self._since[container] = now

    def _read_log(self, container: str, name: str, service: str, since: int) -> None:
        options = LogOptions(follow=True, stdout=True, stderr=True, since=since, timestamps=self._timestamps)
        output = self._client.containers.logs(container, options, tty=self._ttys.get(service, False))
        self._read(container, name, output)

    def drain(self, ended: Ended | None = None) -> None:
        """Waits until what has been printed so far has been shown: by the container that `ended`, or by all."""
        if ended is None:
            readers, seconds = [*self._readers.values()], _DRAIN_SECONDS
        else:
            readers = [reader] if (reader := self._readers.get(ended.id)) else []
            seconds = _DRAIN_SECONDS if ended.restarts else _ENDED_DRAIN_SECONDS
        deadline = time.monotonic() + seconds
        for reader in readers:
            reader.join(max(0.0, deadline - time.monotonic()))

    def _read(self, container: str, name: str, output: Iterable[tuple[int, bytes]]) -> None:
        reader = threading.Thread(target=self._pump, args=(name, output), daemon=True)
        self._readers[container] = reader
        reader.start()

    def _pump(self, name: str, output: Iterable[tuple[int, bytes]]) -> None:
        try:
            for stream, data in output:
                self._sink(name, stream, data)
        except (EngineLost, OSError) as error:
            self._sink(name, 2, f"(output of {name} broke off: {error})\n".encode())

    def _listen(self, events: Iterable[EventMessage]) -> None:
        try:
            for event in events:
                self._event(event)
        except (EngineLost, ApiError, OSError) as error:
            self.happenings.put(Lost(str(error)))
        else:
            self.happenings.put(Lost("the engine ended its list of events"))

    def _event(self, event: EventMessage) -> None:
        attributes = event.actor.attributes
        container, name, service = event.actor.id, attributes.get("name", ""), attributes.get(names.SERVICE, "")
        if attributes.get(names.ONE_OFF) == "True":
            return
        if event.action == "die":
            self._since[container] = event.time_nano
            code = attributes.get("exitCode", "0")
            self.happenings.put(Ended(container, name, service, int(code or 0), self._comes_back(container)))
        elif event.action == "start" and name in self._attached_once:
            self._follow_start(container, name, service, event.time_nano)

    def _follow_start(self, container: str, name: str, service: str, moment: int) -> None:
        if container in self._read_from_before:
            # Its output was taken before this start, and may have ended before this was told.
            self._read_from_before.discard(container)
            return
        reader = self._readers.get(container)
        if reader is not None:
            reader.join(_DRAIN_SECONDS)
        if reader is None or not reader.is_alive():
            # Nobody attached before this start: its log has what it has printed since its last end.
            self._read_log(container, name, service, self._since.pop(container, moment))

    def _comes_back(self, container: str) -> bool:
        try:
            state = self._client.containers.inspect(container).state
        except NotFound:
            return False
        return state.restarting or state.running


@contextmanager
def interrupts(happenings: SimpleQueue[Happening]) -> Iterator[None]:
    """SIGINT and SIGTERM become happenings instead of exceptions, so that nothing is cut off in the middle."""

    def tell(_: int, __: FrameType | None) -> None:
        happenings.put(Interrupted())

    before = {number: signal.signal(number, tell) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def next_happening(happenings: SimpleQueue[Happening], seconds: float | None = None) -> Happening | None:
    """The next one, or None after `seconds`."""
    try:
        return happenings.get(timeout=seconds)
    except Empty:
        return None
