"""What happened: an ordered record of events, for `GET /events` and for whoever waits for something.

The newest events are kept in memory, so that `since` can look back a little; they do not outlive the engine.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping

from dockless.wire.system import Actor, EventMessage

KEPT = 1000
Wanted = Callable[[EventMessage], bool]


class Events:
    """The one place where events are published and listened to; lives in the event loop's thread."""

    def __init__(self) -> None:
        self._recent: deque[EventMessage] = deque(maxlen=KEPT)
        self._listeners: set[asyncio.Queue[EventMessage]] = set()

    @property
    def listeners(self) -> int:
        return len(self._listeners)

    def publish(
        self,
        kind: str,
        action: str,
        actor: str,
        attributes: Mapping[str, str],
        *,
        at: int | None = None,
    ) -> None:
        """`kind` is "container", "image", "network" or "volume"; `at` (nanoseconds) defaults to now."""
        now = time.time_ns() if at is None else at
        message = EventMessage(
            type=kind,
            action=action,
            actor=Actor(id=actor, attributes=dict(attributes)),
            scope="local",
            time=now // 1_000_000_000,
            time_nano=now,
            status=action if kind in ("container", "image") else "",
            id=actor if kind in ("container", "image") else "",
            from_=attributes.get("image", "") if kind == "container" else "",
        )
        self._recent.append(message)
        for queue in self._listeners:
            queue.put_nowait(message)

    def listen(self, *, since: int = 0, until: int = 0, wanted: Wanted = lambda _: True) -> AsyncIterator[EventMessage]:
        """Registers at once, so that nothing between this call and the first `anext` is missed.

        `since` and `until` are nanoseconds; without `until` the iterator goes on until it is closed.
        """
        queue: asyncio.Queue[EventMessage] = asyncio.Queue()
        if since:
            for message in self._recent:
                if message.time_nano >= since:
                    queue.put_nowait(message)
        self._listeners.add(queue)
        return self._deliver(queue, until, wanted)

    async def _deliver(
        self, queue: "asyncio.Queue[EventMessage]", until: int, wanted: Wanted
    ) -> AsyncIterator[EventMessage]:
        try:
            while True:
                if until and queue.empty():
                    left = (until - time.time_ns()) / 1e9
                    if left <= 0:
                        return
                    try:
                        message = await asyncio.wait_for(queue.get(), left)
                    except TimeoutError:
                        return
                else:
                    message = await queue.get()
                if until and message.time_nano > until:
                    return
                if wanted(message):
                    yield message
        finally:
            self._listeners.discard(queue)
