"""A connection that a client and the engine use as a stream of bytes both ways (attach, exec)."""

import asyncio
import contextlib
from typing import Protocol


class Owner(Protocol):
    """What the stream needs of its connection."""

    def upgrade(self) -> bytes:
        """Answers the client; gives what it sent behind its request already."""

    def send(self, data: bytes) -> None: ...
    async def drained(self) -> None: ...
    async def taken(self) -> None: ...
    def resume_reading(self) -> None: ...
    def pause_reading(self) -> None: ...
    def send_eof(self) -> None: ...
    def close(self) -> None: ...


RAW_STREAM = b"application/vnd.docker.raw-stream"
_READ_AHEAD = 256 * 1024


class HijackedStream:
    """Input is held until it is read; a client that sends more than is read is made to wait.

    Output waits until the client has read the answer's head: Docker's SDK for Python, which reads the head through a
    buffer, loses whatever comes together with it.
    """

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._input = bytearray()
        self._ended = False
        self._discarding = False
        self._waiter: asyncio.Future[None] | None = None
        self._head_taken = False
        self.accepted = False
        self.content_type = RAW_STREAM.decode()
        self.upgrade_headers: tuple[tuple[bytes, bytes], ...] = ()

    def accept(self) -> None:
        if not self.accepted:
            self.accepted = True
            self.feed(self._owner.upgrade())

    async def read(self) -> bytes:
        self.accept()
        while not self._input and not self._ended:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        data = bytes(self._input)
        self._input.clear()
        self._owner.resume_reading()
        return data

    async def write(self, data: bytes) -> None:
        self.accept()
        if not self._head_taken:
            await self._owner.taken()
            self._head_taken = True
        self._owner.send(data)
        await self._owner.drained()

    def send_last(self, data: bytes) -> None:
        """Sends without waiting, unless the client is gone; nothing may be written after it."""
        self.accept()
        with contextlib.suppress(ConnectionError):
            self._owner.send(data)

    def write_eof(self) -> None:
        self.accept()
        self._owner.send_eof()

    def close(self) -> None:
        self.accept()
        self._owner.close()

    def feed(self, data: bytes) -> None:
        """The client sent this."""
        if data and not self._discarding:
            self._input += data
            if len(self._input) > _READ_AHEAD:
                self._owner.pause_reading()
            self._wake()

    def discard(self) -> None:
        """Nobody reads any more: what still comes is dropped."""
        self._discarding = True
        self._input.clear()
        self._owner.resume_reading()

    def feed_eof(self) -> None:
        """The client will send no more."""
        self._ended = True
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
