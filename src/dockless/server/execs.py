"""Routes about execs."""

from dockless.server.answers import stream_type
from dockless.server.containers import size
from dockless.server.messages import OK, Answer, Request, Stream, answer
from dockless.server.router import Route
from dockless.server.seam import Engine
from dockless.wire.errors import ApiError, BadParameter
from dockless.wire.execs import ExecCreateRequest, ExecStartRequest, IdResponse
from dockless.wire.multiplex import STDOUT, frame


async def create(engine: Engine, request: Request) -> Answer:
    body = await request.message(ExecCreateRequest)
    if not body.cmd:
        raise BadParameter("No exec command specified")
    return answer(IdResponse(id=await engine.execs.create(request.captured, body)), 201)


async def start(engine: Engine, request: Request) -> Answer:
    """Attached, an error that comes once the stream is open is told inside it, as clients expect."""
    body = await request.message(ExecStartRequest, default=ExecStartRequest())
    if body.detach:
        await engine.execs.start(
            request.captured, detach=True, tty=body.tty, stream=None, console_size=body.console_size
        )
        return OK
    stream = request.hijack
    stream.content_type = stream_type(request, terminal=body.tty)
    try:
        await engine.execs.start(
            request.captured, detach=False, tty=body.tty, stream=stream, console_size=body.console_size
        )
    except ApiError as error:
        if not stream.accepted:
            raise
        text = error.message.encode() + b"\r\n"
        await stream.write(text if body.tty else frame(STDOUT, text))
    stream.accept()
    return Stream()


async def resize(engine: Engine, request: Request) -> Answer:
    height, width = size(request.query)
    await engine.execs.resize(request.captured, height=height, width=width)
    return OK


async def inspect(engine: Engine, request: Request) -> Answer:
    return answer(await engine.execs.inspect(request.captured))


ROUTES = [
    ("POST", "/containers/{id}/exec", Route(create)),
    ("POST", "/exec/{id}/start", Route(start)),
    ("POST", "/exec/{id}/resize", Route(resize)),
    ("GET", "/exec/{id}/json", Route(inspect)),
]
