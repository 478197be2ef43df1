"""Between the event loop and threads that do blocking work: values one way, in order, and the work's end.

asyncio's own pool has few threads and is for work that ends by itself. What waits for others (a build for its steps, an
upload for its client) has a thread of its own: a pool full of those could not do the work that they wait for.
"""

import asyncio
import contextvars
import functools
import queue
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


def in_own_thread(work: Callable[[], T]) -> "asyncio.Future[T]":
    """Runs `work` in a new thread; the future is the loop's, and cancelling it does not stop the work."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()
    context = contextvars.copy_context()

    def settle(set_outcome: Callable[[], None]) -> None:
        if not future.done():
            set_outcome()

    def run() -> None:
        try:
            result = context.run(work)
        except BaseException as error:  # noqa: BLE001 - whoever awaits the future gets it
            loop.call_soon_threadsafe(settle, functools.partial(future.set_exception, error))
        else:
            loop.call_soon_threadsafe(settle, functools.partial(future.set_result, result))

    threading.Thread(target=run, name=getattr(work, "__qualname__", "work")).start()
    return future


class Feed(Generic[T]):
    """Either a thread puts and the loop iterates (`run`), or the loop offers and a thread iterates (`blocking`)."""

    def __init__(self, limit: int = 0) -> None:
        self._loop = asyncio.get_running_loop()
        self._out: asyncio.Queue[T | None] = asyncio.Queue()
        self._in: queue.Queue[T | None] = queue.Queue()
        self._limit = limit
        self._room = asyncio.Event()
        self._room.set()
        self._task: asyncio.Future[None] | None = None

    def put(self, value: T) -> None:
        """From the thread."""
        self._loop.call_soon_threadsafe(self._out.put_nowait, value)

    async def run(self, work: Callable[[], None]) -> AsyncIterator[T]:
        """Runs `work` in a thread and gives what it puts; then raises what it raised."""
        task = in_own_thread(work)
        self._task = task
        task.add_done_callback(lambda _: self._out.put_nowait(None))
        while (value := await self._out.get()) is not None:
            yield value
        await task

    async def joined(self) -> None:
        """Returns when the work of `run` has ended, however it ended."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def offer(self, value: T) -> None:
        """From the loop: waits while the thread is more than the limit behind."""
        await self._room.wait()
        self._in.put(value)
        if self._limit and self._in.qsize() >= self._limit:
            self._room.clear()

    def finish(self) -> None:
        """Nothing more will be offered."""
        self._in.put(None)

    def blocking(self) -> Iterator[T]:
        """In the thread: what the loop offers, until it finishes."""
        try:
            while (value := self._in.get()) is not None:
                if self._in.qsize() <= self._limit // 2:
                    self._loop.call_soon_threadsafe(self._room.set)
                yield value
        finally:
            # Whoever stopped early must not leave the loop waiting for room.
            self._loop.call_soon_threadsafe(self._room.set)
