"""Threads for work that waits must not keep the pool from the work that they wait for."""

import asyncio
import threading

import pytest

from dockless.engine.background import Feed, in_own_thread


def test_more_work_than_the_pool_has_threads_still_gets_its_helpers() -> None:
    """As with many builds at once, each of which waits for a step that the pool cleans up after."""

    async def main() -> list[int]:
        loop = asyncio.get_running_loop()

        async def helped(number: int) -> int:
            return await asyncio.to_thread(lambda: number)

        def work(number: int) -> int:
            return asyncio.run_coroutine_threadsafe(helped(number), loop).result()

        return list(await asyncio.gather(*(in_own_thread(lambda n=n: work(n)) for n in range(64))))

    assert asyncio.run(asyncio.wait_for(main(), 30)) == list(range(64))


def test_what_the_work_raises_reaches_whoever_waits() -> None:
    async def main() -> None:
        def work() -> None:
            raise LookupError(threading.current_thread().name)

        await in_own_thread(work)

    with pytest.raises(LookupError, match="work"):
        asyncio.run(main())


def test_a_feed_gives_what_was_put_before_its_work_failed() -> None:
    async def main() -> list[int]:
        feed: Feed[int] = Feed()
        got = []

        def work() -> None:
            feed.put(1)
            feed.put(2)
            raise LookupError

        with pytest.raises(LookupError):
            async for value in feed.run(work):
                got.append(value)
        return got

    assert asyncio.run(main()) == [1, 2]
