"""Routes about images and builds."""

import msgspec

from dockless.server.answers import TAR, progress, unchecked_progress
from dockless.server.messages import Answer, Query, Request, Response, Streaming, answer
from dockless.server.router import Route
from dockless.server.seam import Engine
from dockless.wire import building, filters
from dockless.wire.auth import parse_auth, parse_auths
from dockless.wire.errors import BadParameter
from dockless.wire.filters import parse_filters
from dockless.wire.queries import BuildQuery, Ulimit

_SEARCHED, _MOST_SEARCHED = 25, 100


async def list_(engine: Engine, request: Request) -> Answer:
    query = request.query
    wanted = parse_filters(query.text("filters"), filters.IMAGES)
    found = await engine.images.list(all=query.flag("all"), filters=wanted)
    if request.before(1, 44):
        found = [msgspec.structs.replace(item, virtual_size=item.size) for item in found]
    return answer(found)


async def inspect(engine: Engine, request: Request) -> Answer:
    found = await engine.images.inspect(request.captured, platform=_wanted_platform(request.query))
    return answer(msgspec.structs.replace(found, virtual_size=found.size) if request.before(1, 44) else found)


async def history(engine: Engine, request: Request) -> Answer:
    return answer(await engine.images.history(request.captured, platform=_wanted_platform(request.query)))


async def remove(engine: Engine, request: Request) -> Answer:
    query = request.query
    removed = await engine.images.remove(request.captured, force=query.flag("force"), noprune=query.flag("noprune"))
    return answer(removed)


async def tag(engine: Engine, request: Request) -> Answer:
    await engine.images.tag(request.captured, repo=request.query.text("repo"), tag=request.query.text("tag"))
    return Response(201, content_type="")


async def create(engine: Engine, request: Request) -> Answer:
    """A pull where `fromImage` is given, else an import."""
    query = request.query
    if source := query.text("fromImage"):
        auth = parse_auth(request.header(b"x-registry-auth"))
        platform = query.text("platform")
        found = await engine.images.pull(
            source,
            tag=query.text("tag"),
            platform=platform,
            auth=auth,
            stand_ins=query.flag("standins", True),
        )
        return await progress(found, request)
    source = query.text("fromSrc")
    if not source:
        raise BadParameter("an image is pulled (fromImage), or imported from a URL (fromSrc) or the body (fromSrc=-)")
    found = await engine.images.import_(
        request.body.chunks() if source == "-" else engine.images.fetched(source),
        repo=query.text("repo"),
        tag=query.text("tag"),
        message=query.text("message"),
        changes=query.all("changes"),
        platform=query.text("platform"),
    )
    return await progress(found, request)


async def search(engine: Engine, request: Request) -> Answer:
    query = request.query
    limit = query.number("limit") if query.text("limit") else _SEARCHED
    if limit is None or not 1 <= limit <= _MOST_SEARCHED:
        raise BadParameter(f"limit {limit} is outside the range of [1, {_MOST_SEARCHED}]")
    if not query.text("term"):
        raise BadParameter("bad parameter: 'term' cannot be empty")
    wanted = parse_filters(query.text("filters"), filters.SEARCH)
    for key in ("is-official", "is-automated"):
        wanted.flag(key)
    for stars in wanted.wanted("stars"):
        if not stars.isdecimal():
            raise BadParameter(f"invalid filter 'stars={stars}'")
    return answer(await engine.images.search(query.text("term"), limit=limit, filters=wanted))


async def push(engine: Engine, request: Request) -> Answer:
    auth = parse_auth(request.header(b"x-registry-auth"))
    found = await engine.images.push(
        request.captured, tag=request.query.text("tag"), auth=auth, platform=_wanted_platform(request.query)
    )
    return await progress(found, request)


async def save_one(engine: Engine, request: Request) -> Answer:
    platform = _wanted_platform(request.query)
    return Streaming(await engine.images.save((request.captured,), platform=platform), TAR)


async def save(engine: Engine, request: Request) -> Answer:
    names = [name for value in request.query.all("names") for name in value.split(",") if name]
    platform, together = _wanted_platform(request.query), request.query.flag("together")
    return Streaming(await engine.images.save(names, platform=platform, together=together), TAR)


async def load(engine: Engine, request: Request) -> Answer:
    """As in Docker, what is wrong with the archive is always told in the stream."""
    found = await engine.images.load(request.body.chunks(), quiet=request.query.flag("quiet"))
    return await unchecked_progress(found, request)


async def prune(engine: Engine, request: Request) -> Answer:
    wanted = parse_filters(request.query.text("filters"), filters.IMAGE_PRUNE)
    return answer(await engine.images.prune(filters=wanted))


async def distribution(engine: Engine, request: Request) -> Answer:
    auth = parse_auth(request.header(b"x-registry-auth"))
    return answer(await engine.images.distribution(request.captured, auth=auth))


async def stand_ins(engine: Engine, request: Request) -> Answer:
    """Ours alone: what could be made where no registry can be reached."""
    return answer(await engine.images.stand_ins())


async def build(engine: Engine, request: Request) -> Answer:
    query = build_query(request.query, request.header(b"x-registry-config"), request.header(building.HEADER))
    return await progress(await engine.images.build(request.body.chunks(), query), request)


def build_query(query: Query, registry_config: str, lending: str = "") -> BuildQuery:
    """Raises `BadParameter`."""
    if query.text("version", "1") != "1":
        raise BadParameter("only the classic builder is spoken here: set DOCKER_BUILDKIT=0")
    return BuildQuery(
        tags=tuple(name for name in query.all("t") if name),
        dockerfile=query.text("dockerfile") or "Dockerfile",
        build_args=query.message("buildargs", dict[str, str | None], {}),
        labels=query.message("labels", dict[str, str], {}),
        target=query.text("target"),
        platform=query.text("platform"),
        network_mode=query.text("networkmode"),
        extra_hosts=tuple(host for host in query.all("extrahosts") if host),
        allow=tuple(name for name in query.all("allow") if name),
        no_cache=query.flag("nocache"),
        no_cache_filter=query.all("nocachefilter"),
        call=query.text("call"),
        pull=query.flag("pull"),
        stand_ins=query.flag("standins", True),
        quiet=query.flag("q"),
        remove=query.flag("rm", True),
        force_remove=query.flag("forcerm"),
        squash=query.flag("squash"),
        cache_from=query.message("cachefrom", tuple[str, ...], ()),
        cache_to=query.message("cacheto", tuple[str, ...], ()),
        remote=query.text("remote"),
        shm_size=query.number("shmsize") or 0,
        memory=query.number("memory") or 0,
        memory_swap=query.number("memswap") or 0,
        cpu_shares=query.number("cpushares") or 0,
        cpu_period=query.number("cpuperiod") or 0,
        cpu_quota=query.number("cpuquota") or 0,
        cpuset_cpus=query.text("cpusetcpus"),
        cpuset_mems=query.text("cpusetmems"),
        cgroup_parent=query.text("cgroupparent"),
        ulimits=query.message("ulimits", tuple[Ulimit, ...], ()),
        auths=parse_auths(registry_config),
        lending=building.parse_lending(lending),
    )


def _wanted_platform(query: Query) -> str:
    """As the newer versions of the API have it: {"os": "linux", "architecture": "arm64"}. Raises `BadParameter`."""
    wanted = query.message("platform", dict[str, str], {})
    return "/".join(part for part in map(wanted.get, ("os", "architecture", "variant")) if part)


async def build_prune(engine: Engine, request: Request) -> Answer:
    query = request.query
    pruned = await engine.images.build_prune(
        all=query.flag("all"),
        keep_storage=query.number("keep-storage") or 0,
        filters=parse_filters(query.text("filters"), filters.BUILD_PRUNE),
    )
    return answer(pruned)


ROUTES = [
    ("GET", "/images/json", Route(list_)),
    ("GET", "/images/{name}/json", Route(inspect)),
    ("GET", "/images/{name}/history", Route(history)),
    ("DELETE", "/images/{name}", Route(remove)),
    ("POST", "/images/{name}/tag", Route(tag)),
    ("GET", "/images/search", Route(search)),
    ("POST", "/images/create", Route(create, ends_with_client=True)),
    ("POST", "/images/{name}/push", Route(push, ends_with_client=True)),
    ("GET", "/images/{name}/get", Route(save_one, ends_with_client=True)),
    ("GET", "/images/stand-ins", Route(stand_ins)),
    ("GET", "/images/get", Route(save, ends_with_client=True)),
    ("POST", "/images/load", Route(load, ends_with_client=True)),
    ("POST", "/images/prune", Route(prune)),
    ("GET", "/distribution/{name}/json", Route(distribution)),
    ("POST", "/build", Route(build, ends_with_client=True)),
    ("POST", "/build/prune", Route(build_prune)),
]
