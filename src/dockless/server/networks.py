"""Routes about networks."""

from dockless.server.messages import DONE, OK, Answer, Request, answer
from dockless.server.router import Route
from dockless.server.seam import Engine
from dockless.wire import filters
from dockless.wire.errors import NotFound
from dockless.wire.filters import parse_filters
from dockless.wire.networks import NetworkConnectRequest, NetworkCreateRequest, NetworkDisconnectRequest


async def create(engine: Engine, request: Request) -> Answer:
    return answer(await engine.networks.create(await request.message(NetworkCreateRequest)), 201)


async def list_(engine: Engine, request: Request) -> Answer:
    return answer(await engine.networks.list(filters=parse_filters(request.query.text("filters"), filters.NETWORKS)))


async def inspect(engine: Engine, request: Request) -> Answer:
    found = await engine.networks.inspect(request.captured)
    if request.query.text("scope", found.scope) not in ("", found.scope):
        raise NotFound(f"network {request.captured} not found")
    return answer(found)


async def remove(engine: Engine, request: Request) -> Answer:
    await engine.networks.remove(request.captured)
    return DONE


async def connect(engine: Engine, request: Request) -> Answer:
    await engine.networks.connect(request.captured, await request.message(NetworkConnectRequest))
    return OK


async def disconnect(engine: Engine, request: Request) -> Answer:
    await engine.networks.disconnect(request.captured, await request.message(NetworkDisconnectRequest))
    return OK


async def prune(engine: Engine, request: Request) -> Answer:
    wanted = parse_filters(request.query.text("filters"), filters.NETWORK_PRUNE)
    return answer(await engine.networks.prune(filters=wanted))


ROUTES = [
    ("POST", "/networks/create", Route(create)),
    ("GET", "/networks", Route(list_)),
    ("GET", "/networks/{id}", Route(inspect)),
    ("DELETE", "/networks/{id}", Route(remove)),
    ("POST", "/networks/{id}/connect", Route(connect)),
    ("POST", "/networks/{id}/disconnect", Route(disconnect)),
    ("POST", "/networks/prune", Route(prune)),
]
