"""Routes about containers."""

from collections.abc import AsyncIterator, Awaitable
from time import time_ns

from dockless.server.answers import TAR, messages, stream_type
from dockless.server.messages import DONE, OK, Answer, Query, Request, Response, Stream, Streaming, answer
from dockless.server.router import Route
from dockless.server.seam import Engine
from dockless.server.websocket import WebSocketStream, accept_headers
from dockless.wire import filters
from dockless.wire.archive import PathStat, path_stat_header
from dockless.wire.base import encode
from dockless.wire.config import ContainerConfig
from dockless.wire.containers import ContainerCreateRequest, ContainerWaitResponse, UpdateRequest, WaitError
from dockless.wire.errors import ApiError, BadParameter, Conflict
from dockless.wire.execs import IdResponse
from dockless.wire.filters import parse_filters
from dockless.wire.queries import AttachOptions, LogOptions
from dockless.wire.times import parse_time

_FAILED_TO_WAIT = 125


async def create(engine: Engine, request: Request) -> Answer:
    body = await request.message(ContainerCreateRequest)
    query = request.query
    made = await engine.containers.create(query.text("name") or None, body, platform=query.text("platform"))
    return answer(made, 201)


async def list_(engine: Engine, request: Request) -> Answer:
    query = request.query
    found = await engine.containers.list(
        all=query.flag("all"),
        limit=max(query.number("limit") or 0, 0),
        size=query.flag("size"),
        filters=parse_filters(query.text("filters"), filters.CONTAINERS),
    )
    return answer(found)


async def inspect(engine: Engine, request: Request) -> Answer:
    return answer(await engine.containers.inspect(request.captured, size=request.query.flag("size")))


async def start(engine: Engine, request: Request) -> Answer:
    await engine.containers.start(request.captured)
    return DONE


async def stop(engine: Engine, request: Request) -> Answer:
    query = request.query
    await engine.containers.stop(request.captured, timeout=query.number("t"), signal=query.text("signal") or None)
    return DONE


async def restart(engine: Engine, request: Request) -> Answer:
    query = request.query
    await engine.containers.restart(request.captured, timeout=query.number("t"), signal=query.text("signal") or None)
    return DONE


async def kill(engine: Engine, request: Request) -> Answer:
    await engine.containers.kill(request.captured, signal=request.query.text("signal") or "SIGKILL")
    return DONE


async def rename(engine: Engine, request: Request) -> Answer:
    await engine.containers.rename(request.captured, name=request.query.text("name"))
    return DONE


async def pause(engine: Engine, request: Request) -> Answer:
    await engine.containers.pause(request.captured)
    return DONE


async def unpause(engine: Engine, request: Request) -> Answer:
    await engine.containers.unpause(request.captured)
    return DONE


async def remove(engine: Engine, request: Request) -> Answer:
    query = request.query
    if query.flag("link"):
        raise Conflict("Conflict, cannot remove the default link name of the container")
    await engine.containers.remove(request.captured, volumes=query.flag("v"), force=query.flag("force"))
    return DONE


async def wait(engine: Engine, request: Request) -> Answer:
    """The head of the answer goes out when the wait is registered: `docker run` starts the container only then."""
    text = request.query.text("timeout")
    try:
        timeout = float(text) if text else None
    except ValueError as error:
        raise BadParameter(f"invalid value {text!r} for timeout: not a number of seconds") from error
    condition = request.query.text("condition") or "not-running"
    outcome = await engine.containers.wait(request.captured, condition=condition, timeout=timeout)
    return Streaming(_outcome(outcome))


async def _outcome(outcome: Awaitable[ContainerWaitResponse]) -> AsyncIterator[bytes]:
    try:
        found = await outcome
    except ApiError as error:
        found = ContainerWaitResponse(status_code=_FAILED_TO_WAIT, error=WaitError(message=error.message))
    yield encode(found) + b"\n"


async def logs(engine: Engine, request: Request) -> Answer:
    query = request.query
    if not (query.flag("stdout") or query.flag("stderr")):
        raise BadParameter("Bad parameters: you must choose at least one stream")
    now = time_ns()
    options = LogOptions(
        follow=query.flag("follow"),
        stdout=query.flag("stdout"),
        stderr=query.flag("stderr"),
        since=_time(query, "since", now),
        until=_time(query, "until", now),
        timestamps=query.flag("timestamps"),
        tail=_tail(query.text("tail", "all")),
    )
    kind = stream_type(request, terminal=await engine.containers.terminal(request.captured))
    return Streaming(await engine.containers.logs(request.captured, options), kind)


def _time(query: Query, key: str, now: int) -> int:
    text = query.text(key)
    return parse_time(text, now) if text else 0


def _tail(text: str) -> int | None:
    """As Docker: what is not a number of lines means all of them."""
    return int(text) if text.isdigit() else None


def _attach_options(query: Query, *, raw: bool = False) -> AttachOptions:
    return AttachOptions(
        logs=query.flag("logs"),
        stream=query.flag("stream"),
        stdin=query.flag("stdin"),
        stdout=query.flag("stdout"),
        stderr=query.flag("stderr"),
        detach_keys=query.text("detachKeys"),
        raw=raw,
    )


async def attach_websocket(engine: Engine, request: Request) -> Answer:
    await engine.containers.terminal(request.captured)
    stream = WebSocketStream(request.hijack, accept_headers(request.headers))
    await engine.containers.attach(request.captured, _attach_options(request.query, raw=True), stream)
    stream.accept()
    stream.write_eof()
    return Stream()


async def attach(engine: Engine, request: Request) -> Answer:
    options = _attach_options(request.query)
    terminal = await engine.containers.terminal(request.captured)
    request.hijack.content_type = stream_type(request, terminal=terminal)
    await engine.containers.attach(request.captured, options, request.hijack)
    request.hijack.accept()
    return Stream()


async def resize(engine: Engine, request: Request) -> Answer:
    height, width = size(request.query)
    await engine.containers.resize(request.captured, height=height, width=width)
    return OK


def size(query: Query) -> tuple[int, int]:
    """Height and width of a terminal; raises `BadParameter`."""
    height, width = query.number("h"), query.number("w")
    if height is None or width is None or not (0 <= height <= 0xFFFF and 0 <= width <= 0xFFFF):
        raise BadParameter(f"invalid terminal size: h={query.text('h')!r}, w={query.text('w')!r}")
    return height, width


async def top(engine: Engine, request: Request) -> Answer:
    return answer(await engine.containers.top(request.captured, ps_args=request.query.text("ps_args") or "-ef"))


async def prune(engine: Engine, request: Request) -> Answer:
    wanted = parse_filters(request.query.text("filters"), filters.CONTAINER_PRUNE)
    return answer(await engine.containers.prune(filters=wanted))


async def update(engine: Engine, request: Request) -> Answer:
    return answer(
        await engine.containers.update(request.captured, await request.message(UpdateRequest, default=UpdateRequest()))
    )


async def stats(engine: Engine, request: Request) -> Answer:
    query = request.query
    stream = query.flag("stream", True)
    found = await engine.containers.stats(request.captured, stream=stream, one_shot=query.flag("one-shot"))
    return Streaming(messages(found))


async def changes(engine: Engine, request: Request) -> Answer:
    return answer(await engine.containers.changes(request.captured))


async def export(engine: Engine, request: Request) -> Answer:
    # Ours: an image's files by way of a container that never ran, without the places for what is mounted.
    found = await engine.containers.export(request.captured, bare=request.query.flag("bare"))
    return Streaming(found, "application/octet-stream")


async def archive_stat(engine: Engine, request: Request) -> Answer:
    found = await engine.containers.archive_stat(request.captured, path=_path(request.query))
    return Response(200, content_type="", headers=_stat_headers(found))


async def archive_get(engine: Engine, request: Request) -> Answer:
    found, chunks = await engine.containers.archive_get(request.captured, path=_path(request.query))
    return Streaming(chunks, TAR, _stat_headers(found))


async def archive_put(engine: Engine, request: Request) -> Answer:
    query = request.query
    await engine.containers.archive_put(
        request.captured,
        path=_path(query),
        content=request.body.chunks(),
        no_overwrite_dir_non_dir=query.flag("noOverwriteDirNonDir"),
        copy_uid_gid=query.flag("copyUIDGID"),
    )
    return OK


def _path(query: Query) -> str:
    if path := query.text("path"):
        return path
    raise BadParameter("bad parameter: 'path' cannot be empty")


def _stat_headers(stat: PathStat) -> tuple[tuple[str, str], ...]:
    return (("X-Docker-Container-Path-Stat", path_stat_header(stat)),)


async def commit(engine: Engine, request: Request) -> Answer:
    query = request.query
    container = query.text("container")
    if not container:
        raise BadParameter('invalid name or ID supplied: ""')
    made = await engine.containers.commit(
        container,
        repo=query.text("repo"),
        tag=query.text("tag"),
        comment=query.text("comment"),
        author=query.text("author"),
        pause=query.flag("pause", True),
        changes=query.all("changes"),
        config=await request.message(ContainerConfig, default=ContainerConfig()),
    )
    return answer(IdResponse(id=made), 201)


ROUTES = [
    ("POST", "/containers/create", Route(create)),
    ("GET", "/containers/json", Route(list_)),
    ("GET", "/containers/{id}/json", Route(inspect)),
    ("POST", "/containers/{id}/start", Route(start)),
    ("POST", "/containers/{id}/stop", Route(stop)),
    ("POST", "/containers/{id}/restart", Route(restart)),
    ("POST", "/containers/{id}/kill", Route(kill)),
    ("POST", "/containers/{id}/rename", Route(rename)),
    ("POST", "/containers/{id}/pause", Route(pause)),
    ("POST", "/containers/{id}/unpause", Route(unpause)),
    ("DELETE", "/containers/{id}", Route(remove)),
    ("POST", "/containers/{id}/wait", Route(wait, ends_with_client=True)),
    ("GET", "/containers/{id}/logs", Route(logs, ends_with_client=True)),
    ("POST", "/containers/{id}/attach", Route(attach)),
    ("GET", "/containers/{id}/attach/ws", Route(attach_websocket)),
    ("POST", "/containers/{id}/resize", Route(resize)),
    ("GET", "/containers/{id}/top", Route(top)),
    ("POST", "/containers/prune", Route(prune)),
    ("POST", "/containers/{id}/update", Route(update)),
    ("GET", "/containers/{id}/stats", Route(stats, ends_with_client=True)),
    ("GET", "/containers/{id}/changes", Route(changes)),
    ("GET", "/containers/{id}/export", Route(export, ends_with_client=True)),
    ("HEAD", "/containers/{id}/archive", Route(archive_stat)),
    ("GET", "/containers/{id}/archive", Route(archive_get, ends_with_client=True)),
    ("PUT", "/containers/{id}/archive", Route(archive_put)),
    ("POST", "/commit", Route(commit)),
]
