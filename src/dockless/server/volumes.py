"""Routes about volumes."""

from dockless.server.messages import DONE, Answer, Request, answer
from dockless.server.router import Route
from dockless.server.seam import Engine
from dockless.wire import filters
from dockless.wire.filters import Filters, parse_filters
from dockless.wire.volumes import VolumeCreateRequest


async def create(engine: Engine, request: Request) -> Answer:
    body = await request.message(VolumeCreateRequest, default=VolumeCreateRequest())
    return answer(await engine.volumes.create(body), 201)


async def list_(engine: Engine, request: Request) -> Answer:
    return answer(await engine.volumes.list(filters=parse_filters(request.query.text("filters"), filters.VOLUMES)))


async def inspect(engine: Engine, request: Request) -> Answer:
    return answer(await engine.volumes.inspect(request.captured))


async def remove(engine: Engine, request: Request) -> Answer:
    await engine.volumes.remove(request.captured, force=request.query.flag("force"))
    return DONE


async def prune(engine: Engine, request: Request) -> Answer:
    """Before 1.42 named volumes went, too."""
    wanted = parse_filters(request.query.text("filters"), filters.VOLUME_PRUNE)
    if request.before(1, 42):
        wanted = Filters({**wanted, "all": ("true",)})
    return answer(await engine.volumes.prune(filters=wanted))


ROUTES = [
    ("POST", "/volumes/create", Route(create)),
    ("GET", "/volumes", Route(list_)),
    ("GET", "/volumes/{name}", Route(inspect)),
    ("DELETE", "/volumes/{name}", Route(remove)),
    ("POST", "/volumes/prune", Route(prune)),
]
