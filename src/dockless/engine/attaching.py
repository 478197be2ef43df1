"""Attached clients: a container's live output to them, their input to it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from dockless.engine.helpers import Helpers
from dockless.engine.inputs import Input
from dockless.engine.live import Live
from dockless.engine.logs import NUMBERS
from dockless.engine.outputs import Listener
from dockless.engine.records import ContainerRecord
from dockless.engine.streams import Hijacked
from dockless.wire.multiplex import frame
from dockless.wire.queries import AttachOptions

AFTER_THE_HEAD = 0.02  # seconds: Docker's SDK for Python loses output that comes together with the answer's head


async def attach(
    record: ContainerRecord,
    live: Live,
    options: AttachOptions,
    stream: Hijacked,
    history: AsyncIterator[bytes] | None,
    helpers: Helpers,
) -> None:
    """Returns when the output is over or the client is gone. A client may attach before the container is started.

    A client that sends no more input goes on receiving; it ends the container's input too where `StdinOnce` is set.
    """
    listener = live.outputs.listen() if options.stream else None
    stream.accept()
    sending = asyncio.create_task(_send_input(record, live, stream, helpers)) if options.stdin else None
    try:
        if history is not None:
            await asyncio.sleep(AFTER_THE_HEAD)
            async for data in history:
                await stream.write(data)
        if listener is not None:
            await forward(listener, stream, raw=record.config.tty, wanted=_wanted(options))
    except ConnectionError:
        pass  # the client is gone, which is its right
    finally:
        if listener is not None:
            listener.close()
        if sending is not None:
            sending.cancel()


async def forward(listener: Listener, stream: Hijacked, *, raw: bool, wanted: frozenset[str]) -> None:
    """Output to a client until it is over: raw for a terminal, else in frames. Raises ConnectionError."""
    while (chunk := await listener.next()) is not None:
        name, data = chunk
        if name in wanted:
            await stream.write(data if raw else frame(NUMBERS[name], data))


async def feed(stream: Hijacked, target: Callable[[], Awaitable[Input | None]]) -> bool:
    """The client's bytes into a process; answers whether the client ended them (else the process did)."""
    while data := await stream.read():
        into = await target()
        if into is None:
            return False
        try:
            await into.write(data)
        except BrokenPipeError:
            return False
    return True


async def _send_input(record: ContainerRecord, live: Live, stream: Hijacked, helpers: Helpers) -> None:
    async def target() -> Input | None:
        """Input may come before the start."""
        while live.input is None:
            if not live.ended.is_set():
                return None
            await asyncio.sleep(0.01)
        return live.input

    ended = await feed(stream, target)
    if ended and record.config.stdin_once and not record.config.tty:
        into = await target()
        if into is not None:
            into.close()
            await (await helpers.launcher()).close_stdin(record.id)


def _wanted(options: AttachOptions) -> frozenset[str]:
    return frozenset(name for name, asked in (("stdout", options.stdout), ("stderr", options.stderr)) if asked)
