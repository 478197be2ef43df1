"""Routes about the engine itself."""

from time import time_ns

from dockless.server.answers import messages
from dockless.server.messages import Answer, Request, Response, Streaming, answer
from dockless.server.router import Route
from dockless.server.seam import Engine
from dockless.wire import filters
from dockless.wire.auth import AuthConfig
from dockless.wire.errors import BadParameter
from dockless.wire.filters import parse_filters
from dockless.wire.times import parse_time

_USERS_OF_DISK = frozenset(("container", "image", "volume", "build-cache"))
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
        since=_time(query.text("since"), now),
        until=_time(query.text("until"), now),
        filters=parse_filters(query.text("filters"), filters.EVENTS),
    )
    return Streaming(messages(found))


def _time(text: str, now: int) -> int:
    """0 where none is given; 1970 itself is a nanosecond later."""
    return max(parse_time(text, now), 1) if text else 0


async def disk_usage(engine: Engine, request: Request) -> Answer:
    wanted = frozenset(request.query.all("type"))
    if unknown := sorted(wanted - _USERS_OF_DISK):
        raise BadParameter(f"unknown object type: {unknown[0]}")
    return answer(await engine.system.df(wanted or _USERS_OF_DISK))


async def auth(engine: Engine, request: Request) -> Answer:
    return answer(await engine.system.auth(await request.message(AuthConfig)))


ROUTES = [
    ("GET", "/_ping", Route(ping)),
    ("HEAD", "/_ping", Route(ping)),
    ("GET", "/version", Route(version)),
    ("GET", "/info", Route(info)),
    ("GET", "/events", Route(events, ends_with_client=True)),
    ("GET", "/system/df", Route(disk_usage)),
    ("POST", "/auth", Route(auth)),
]
