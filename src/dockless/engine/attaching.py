"""Attached clients: a container's live output to them, their input to it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

from dockless.engine.detach import DetachKeys, parse_keys
from dockless.engine.helpers import Helpers
from dockless.engine.inputs import Input
from dockless.engine.live import Live
from dockless.engine.logs import NUMBERS
from dockless.engine.outputs import Listener
from dockless.engine.records import ContainerRecord
from dockless.engine.streams import Hijacked
from dockless.wire.multiplex import frame
from dockless.wire.queries import AttachOptions


async def attach(
    record: ContainerRecord,
    live: Live,
    options: AttachOptions,
    stream: Hijacked,
    history: AsyncIterator[bytes] | None,
    helpers: Helpers,
) -> bool:
    """Returns when the output is over or the client is gone. A client may attach before the container is started.

    A client that sends no more input goes on receiving; it ends the container's input too where `StdinOnce` is set.
    Answers whether the client left by its detach keys.
    """
    keys = detach_keys(options.detach_keys, terminal=record.config.tty)
    listener = live.outputs.listen() if options.stream else None
    stream.accept()
    detached = asyncio.Event()
    sending = asyncio.create_task(_send_input(record, live, stream, helpers, keys, detached)) if options.stdin else None

    async def output() -> None:
        if history is not None:
            async for data in history:
                await stream.write(data)
        if listener is not None:
            await forward(listener, stream, raw=record.config.tty or options.raw, wanted=_wanted(options))

    try:
        await unless(detached, output())
    except ConnectionError:
        pass  # the client is gone, which is its right
    finally:
        if listener is not None:
            listener.close()
        if sending is not None:
            sending.cancel()
    return detached.is_set()


def detach_keys(text: str, *, terminal: bool) -> DetachKeys | None:
    """None without a terminal: there the bytes are data, whatever they look like. Raises BadParameter."""
    keys = parse_keys(text)
    return DetachKeys(keys) if terminal else None


async def unless(event: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Until `work` is done or `event` is set. Raises what `work` raises."""
    task, waiting = asyncio.ensure_future(work), asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait((task, waiting), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
    finally:
        task.cancel()
        waiting.cancel()


async def forward(listener: Listener, stream: Hijacked, *, raw: bool, wanted: frozenset[str]) -> None:
    """Output to a client until it is over: raw for a terminal, else in frames. Raises ConnectionError."""
    while (chunk := await listener.next()) is not None:
        name, data = chunk
        if name in wanted:
            await stream.write(data if raw else frame(NUMBERS[name], data))


async def feed(
    stream: Hijacked,
    target: Callable[[], Awaitable[Input | None]],
    keys: DetachKeys | None,
    detached: asyncio.Event,
) -> bool:
    """The client's bytes into a process; answers whether the client ended them (else the process did, or the client
    has left by its detach keys)."""
    while data := await stream.read():
        if keys is not None:
            data, left = keys.feed(data)
            if left:
                detached.set()
                return False
            if not data:
                continue
        into = await target()
        if into is None:
            return False
        try:
            await into.write(data)
        except BrokenPipeError:
            return False
    return True


async def _send_input(
    record: ContainerRecord,
    live: Live,
    stream: Hijacked,
    helpers: Helpers,
    keys: DetachKeys | None,
    detached: asyncio.Event,
) -> None:
    async def target() -> Input | None:
        """Input may come before the start."""
        while live.input is None:
            if not live.ended.is_set():
                return None
            await asyncio.sleep(0.01)
        return live.input

    ended = await feed(stream, target, keys, detached)
    if ended and record.config.stdin_once and not record.config.tty:
        into = await target()
        if into is not None:
            into.close()
            await (await helpers.launcher()).close_stdin(record.id)


def _wanted(options: AttachOptions) -> frozenset[str]:
    return frozenset(name for name, asked in (("stdout", options.stdout), ("stderr", options.stderr)) if asked)
