"""What a single host does not have: swarm mode and plugins. Answered as Docker answers where the feature is off."""

from dockless.server.messages import Answer, Request, answer
from dockless.server.router import Route
from dockless.server.seam import Engine
from dockless.wire.errors import NotFound, NotOffered, Unavailable

_NO_SWARM = (
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm '
    "and try again. (dockless has no swarm mode.)"
)
_KINDS = ("services", "secrets", "configs")


async def no_swarm(_: Engine, request: Request) -> Answer:
    raise Unavailable(_NO_SWARM)


async def not_in_swarm(_: Engine, request: Request) -> Answer:
    raise Unavailable("This node is not part of a swarm")


async def no_cluster_volumes(_: Engine, request: Request) -> Answer:
    raise Unavailable("volume update only valid for cluster volumes, but swarm is unavailable")


async def no_plugins(_: Engine, request: Request) -> Answer:
    return answer(())


async def no_such_plugin(_: Engine, request: Request) -> Answer:
    raise NotFound(f'plugin "{request.captured}" not found')


async def not_offered(_: Engine, request: Request) -> Answer:
    raise NotOffered(f"dockless does not offer {request.method} {request.path}")


ROUTES = [
    *(("GET", f"/{kind}", Route(no_swarm)) for kind in ("swarm", "nodes", "tasks", *_KINDS)),
    *(("GET", f"/{kind}/{{id}}", Route(no_swarm)) for kind in ("nodes", "tasks", *_KINDS)),
    *(("DELETE", f"/{kind}/{{id}}", Route(no_swarm)) for kind in ("nodes", *_KINDS)),
    *(("POST", f"/{kind}/{{id}}/update", Route(no_swarm)) for kind in ("nodes", *_KINDS)),
    *(("POST", f"/{kind}/create", Route(no_swarm)) for kind in _KINDS),
    *(("GET", f"/{kind}/{{id}}/logs", Route(no_swarm)) for kind in ("services", "tasks")),
    *(("POST", f"/swarm/{verb}", Route(no_swarm)) for verb in ("init", "join", "update", "unlock")),
    ("GET", "/swarm/unlockkey", Route(no_swarm)),
    ("POST", "/swarm/leave", Route(not_in_swarm)),
    ("PUT", "/volumes/{name}", Route(no_cluster_volumes)),
    ("GET", "/plugins", Route(no_plugins)),
    ("GET", "/plugins/{name}/json", Route(no_such_plugin)),
    ("DELETE", "/plugins/{name}", Route(no_such_plugin)),
    *(
        ("POST", f"/plugins/{{name}}/{verb}", Route(no_such_plugin))
        for verb in ("enable", "disable", "push", "set", "upgrade")
    ),
    ("GET", "/plugins/privileges", Route(not_offered)),
    ("POST", "/plugins/pull", Route(not_offered)),
    ("POST", "/plugins/create", Route(not_offered)),
    ("POST", "/session", Route(not_offered)),
    ("POST", "/grpc", Route(not_offered)),
]
