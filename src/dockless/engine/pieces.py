"""Bytes between the event loop and blocking code, one piece at a time: whoever is slower sets the pace.

`Pieces` gives the loop what a blocking generator makes, `consumed` gives blocking code what the loop receives.
"""

import asyncio
import concurrent.futures
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TypeVar

from dockless.engine.background import in_own_thread

T = TypeVar("T")


class Pieces:
    """Runs `source` in threads, one step at a time. `close` is called once, whether or not anything was asked for."""

    def __init__(self, source: Iterator[bytes], close: Callable[[], None]) -> None:
        self._source = source
        self._close: Callable[[], None] | None = close
        self._step: asyncio.Future[bytes | None] | None = None

    def __aiter__(self) -> "Pieces":
        return self

    async def __anext__(self) -> bytes:
        if self._close is None:
            raise StopAsyncIteration
        self._step = asyncio.ensure_future(asyncio.to_thread(next, self._source, None))
        piece = await asyncio.shield(self._step)
        if piece is None:
            await self.aclose()
            raise StopAsyncIteration
        return piece

    async def aclose(self) -> None:
        close, self._close = self._close, None
        if close is None:
            return
        try:
            if self._step is not None and not self._step.done():
                await asyncio.wait([self._step])
            if hasattr(self._source, "close"):
                await asyncio.to_thread(self._source.close)
        finally:
            close()


async def consumed(content: AsyncIterator[bytes], work: Callable[[Iterator[bytes]], T]) -> T:
    """What `work` returns, run in a thread with an iterator of `content`. Has ended when this returns or raises."""
    loop = asyncio.get_running_loop()
    waiting: set[concurrent.futures.Future[bytes | None]] = set()
    stopped = False

    async def following() -> bytes | None:
        return await anext(content, None)

    def chunks() -> Iterator[bytes]:
        while not stopped:
            step = asyncio.run_coroutine_threadsafe(following(), loop)
            waiting.add(step)
            try:
                piece = step.result()
            finally:
                waiting.discard(step)
            if piece is None:
                return
            yield piece
        raise ConnectionError("the request was given up")

    task = in_own_thread(lambda: work(chunks()))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        stopped = True
        for step in tuple(waiting):
            step.cancel()
        await asyncio.wait([task])
        raise
