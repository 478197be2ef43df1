"""Brings dockless's own engine and the server together in one process."""

import asyncio
import gc
import os
import sys

from dockless.places import Places
from dockless.server import process, seam

_COLLECT_AFTER = 20_000  # values made and not yet gone


async def _open(places: Places) -> seam.Engine:
    from dockless.engine.engine import Engine

    return await Engine.open(places)


def serve(held: int | None, ready: int | None, open_engine: process.OpenEngine = _open) -> int:
    """The exit status. `held`: the lock's descriptor where it is held already; `ready`: where "1" is to be written
    once the engine listens, or "0" where this root has another engine already.
    """
    places = Places.of(os.environ, os.geteuid())
    try:
        process.idle_seconds(os.environ)
    except ValueError:
        sys.stderr.write(f"DOCKLESS_IDLE_SECONDS is no number: {os.environ['DOCKLESS_IDLE_SECONDS']}\n")
        return 1
    if held is None:
        held = process.lock_start(places)
        if held is None:
            sys.stderr.write(f"an engine runs already, or is being started: {places.engine_lock} is locked\n")
            return 0
    try:
        process.lock_root(places)
    except process.RootTaken as taken:
        if ready is None:
            sys.stderr.write(f"{taken}\n")
        else:
            os.write(ready, b"0")
        return 0
    os.chdir("/")
    os.umask(0o022)

    def listening() -> None:
        gc.freeze()
        # A request makes thousands of values and hardly a cycle. Each look for some takes 3 ms in the middle of a
        # request, and at Python's own threshold (700) there were seven for every 30 containers that came and went.
        gc.set_threshold(_COLLECT_AFTER)
        gc.enable()
        if ready is not None:
            os.write(ready, b"1")
            os.close(ready)

    asyncio.run(process.run(open_engine, places, os.environ, held, listening))
    return 0
