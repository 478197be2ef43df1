"""Who ends a container that is just being started ends it: the start comes first, as with Docker."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from enginekit import Rig, until, with_rig

from dockless.places import Places
from dockless.wire.errors import NotFound

ENDS: dict[str, Callable[[Rig], Awaitable[object]]] = {
    "stop": lambda rig: rig.stop("box"),
    "kill": lambda rig: rig.containers.kill("box", signal="KILL"),
    "remove": lambda rig: rig.containers.remove("box", volumes=False, force=True),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_container_that_is_being_started_is_ended(end: str, places: Places) -> None:
    async def work(rig: Rig) -> None:
        identity = await rig.create("box")
        starting = asyncio.create_task(rig.containers.start("box"))
        await until(lambda: rig.engine._lifecycle.live(identity).lock.locked())
        assert not (await rig.inspect("box")).state.running
        await ENDS[end](rig)
        await starting
        if end == "remove":
            with pytest.raises(NotFound):
                await rig.inspect("box")
        else:
            await rig.finished("box")
            assert (await rig.inspect("box")).state.exit_code == 137

    with_rig(places, work)
