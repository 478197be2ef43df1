"""A request's body on its way from the connection to a handler."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

from dockless.wire.errors import BadParameter

_READ_AHEAD = 1 << 20
LARGEST_MESSAGE = 16 << 20  # bytes of a body that is one message, and held in memory as a whole


class RequestBody:
    """Holds what has come; a client that sends more than is read is made to wait."""

    def __init__(self, pause: Callable[[], None], resume: Callable[[], None], wanted: Callable[[], None]) -> None:
        """`wanted` is called when somebody begins to read: the client may be waiting for a `100 Continue`."""
        self._pause = pause
        self._resume = resume
        self._wanted: Callable[[], None] | None = wanted
        self._chunks: deque[bytes] = deque()
        self._held = 0
        self._waiter: asyncio.Future[None] | None = None
        self._error: Exception | None = None
        self._discarding = False
        self.complete = False

    async def read(self) -> bytes:
        """All of it. Raises `ConnectionError` where the client breaks off, `BadParameter` where it sends too much."""
        parts: list[bytes] = []
        size = 0
        async for chunk in self.chunks():
            size += len(chunk)
            if size > LARGEST_MESSAGE:
                raise BadParameter(f"http: request body too large: a message has at most {LARGEST_MESSAGE >> 20} MiB")
            parts.append(chunk)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def chunks(self) -> AsyncIterator[bytes]:
        if self._wanted is not None:
            if not self.complete:
                self._wanted()
            self._wanted = None
        while True:
            while self._chunks:
                chunk = self._chunks.popleft()
                self._held -= len(chunk)
                yield chunk
            if self._error is not None:
                raise self._error
            if self.complete:
                return
            self._resume()
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    def feed(self, data: bytes) -> None:
        if self._discarding:
            return
        self._chunks.append(data)
        self._held += len(data)
        if self._held > _READ_AHEAD:
            self._pause()
        self._wake()

    def end(self) -> None:
        self.complete = True
        self._wake()

    def fail(self, error: Exception) -> None:
        self._error = error
        self._wake()

    def discard(self) -> None:
        """Nobody will read it: what is still to come is dropped, so that the client gets its answer."""
        self._discarding = True
        self._chunks.clear()
        self._held = 0
        self._resume()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
