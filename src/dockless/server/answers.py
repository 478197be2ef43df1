"""Answers that go on: containers' bytes, one message after another, progress."""

from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol, cast

from dockless.server.messages import Request, Streaming
from dockless.server.seam import ProgressMessages
from dockless.wire import base
from dockless.wire.errors import ApiError
from dockless.wire.progress import Progress

TAR = "application/x-tar"
RAW = "application/vnd.docker.raw-stream"
_LEAST_ERROR = 400
MULTIPLEXED = "application/vnd.docker.multiplexed-stream"


def stream_type(request: Request, *, terminal: bool) -> str:
    """What output comes as; clients older than 1.42 are told nothing of frames, though they get them."""
    return RAW if terminal or request.before(1, 42) else MULTIPLEXED


async def messages(found: AsyncIterator[Any]) -> AsyncIterator[bytes]:
    """One JSON value a line."""
    async with _Closing(found):
        async for message in found:
            yield base.encode(message) + b"\n"


async def progress(found: ProgressMessages, request: Request) -> Streaming:
    """Waits for the first message: what fails before it is a plain error. Later failures are the last message."""
    first: Progress | dict[str, Any] | None = await anext(aiter(found), None)
    if isinstance(first, Progress) and first.error:
        code = first.error_detail.code if first.error_detail else 0
        raise ApiError.of(code if code >= _LEAST_ERROR else 500, first.error)
    return Streaming(_progress(first, found, request.fault))


async def unchecked_progress(found: ProgressMessages, request: Request) -> Streaming:
    """Every failure is the last message. It begins with the first one, as Docker's does: clients that read no further
    than the answer's head may leave with it (`load_image` of Docker's SDK for Python, whose result nobody reads)."""
    told = _progress(None, found, request.fault)
    return Streaming(_after(await anext(told, b""), told))


async def _after(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async with _Closing(rest):
        yield first
        async for piece in rest:
            yield piece


async def _progress(
    first: Progress | dict[str, Any] | None, found: ProgressMessages, fault: Callable[[Exception], str]
) -> AsyncIterator[bytes]:
    async with _Closing(found):
        try:
            if first is not None:
                yield base.encode(first) + b"\r\n"
            async for message in found:
                yield base.encode(message) + b"\r\n"
        except ApiError as error:
            yield base.encode(Progress.failure(error.message)) + b"\r\n"
        except Exception as error:  # noqa: BLE001 - logged by `fault`, and the client is told
            yield base.encode(Progress.failure(fault(error))) + b"\r\n"


class _Closable(Protocol):
    async def aclose(self) -> None: ...


class _Closing:
    """Ends an iterator with its client, so that what stands behind it is let go at once."""

    def __init__(self, found: AsyncIterator[Any]) -> None:
        self._found = found

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(self, *_: object) -> None:
        if hasattr(self._found, "aclose"):
            await cast(_Closable, self._found).aclose()
