"""Routes about the engine itself, and those of Docker's that dockless has nothing behind."""

from time import time_ns

from dockless.server.answers import later, messages
from dockless.server.messages import Answer, Request, Response, Streaming, answer
from dockless.server.router import Route
from dockless.server.seam import Engine
from dockless.wire import filters
from dockless.wire.auth import AuthConfig
from dockless.wire.errors import NotImplementedYet, Unavailable
from dockless.wire.filters import parse_filters
from dockless.wire.times import parse_time

_PING_HEADERS = (
    ("Builder-Version", "1"),
    ("Swarm", "inactive"),
    ("Cache-Control", "no-cache, no-store, must-revalidate"),
    ("Pragma", "no-cache"),
)


async def ping(_: Engine, request: Request) -> Answer:
    return Response(200, b"OK", "text/plain; charset=utf-8", _PING_HEADERS)


async def version(engine: Engine, _: Request) -> Answer:
    return answer(await engine.system.version())


async def info(engine: Engine, _: Request) -> Answer:
    return answer(await engine.system.info())


async def events(engine: Engine, request: Request) -> Answer:
    """The head of the answer goes out when the listener is registered."""
    query, now = request.query, time_ns()
    found = await engine.system.events(
        since=parse_time(query.text("since"), now) if query.text("since") else 0,
        until=parse_time(query.text("until"), now) if query.text("until") else 0,
        filters=parse_filters(query.text("filters"), filters.EVENTS),
    )
    return Streaming(messages(found))


async def disk_usage(engine: Engine, _: Request) -> Answer:
    return answer(await engine.system.df())


async def auth(engine: Engine, request: Request) -> Answer:
    return answer(await later(engine.system, "auth")(await request.message(AuthConfig)))


async def no_plugins(_: Engine, request: Request) -> Answer:
    return answer(())


async def no_swarm(_: Engine, request: Request) -> Answer:
    raise Unavailable("This node is not a swarm manager, and dockless has no swarm mode.")


async def not_yet(_: Engine, request: Request) -> Answer:
    raise NotImplementedYet(f"dockless cannot do this yet: {request.method} {request.path}")


ROUTES = [
    ("GET", "/_ping", Route(ping)),
    ("HEAD", "/_ping", Route(ping)),
    ("GET", "/version", Route(version)),
    ("GET", "/info", Route(info)),
    ("GET", "/events", Route(events, ends_with_client=True)),
    ("GET", "/system/df", Route(disk_usage)),
    ("POST", "/auth", Route(auth)),
    ("GET", "/plugins", Route(no_plugins)),
    ("GET", "/images/search", Route(not_yet)),
    *((method, path, Route(not_yet)) for method, path in (("POST", "/session"), ("POST", "/grpc"))),
    *(("GET", path, Route(no_swarm)) for path in ("/swarm", "/nodes", "/services", "/tasks", "/secrets", "/configs")),
    ("POST", "/swarm/init", Route(no_swarm)),
    ("POST", "/swarm/join", Route(no_swarm)),
]
