"""Live output of one process to those who are attached to it, without letting a slow one use up memory."""

import asyncio
from collections import deque
from collections.abc import Callable

HIGH = 1024 * 1024  # bytes waiting for one listener, above which the process is held back
LOW = HIGH // 4

Chunk = tuple[str, bytes]  # (stream, data)


class Listener:
    """One attached client's share: chunks in order, and an end."""

    def __init__(self, outputs: "Outputs") -> None:
        self._outputs = outputs
        self._chunks: deque[Chunk] = deque()
        self._size = 0
        self._ready = asyncio.Event()
        self._ended = False

    async def next(self) -> Chunk | None:
        """The next chunk; None when there will be no more."""
        while not self._chunks:
            if self._ended:
                return None
            self._ready.clear()
            await self._ready.wait()
        stream, data = self._chunks.popleft()
        self._size -= len(data)
        if self._size < LOW:
            self._outputs.resume(self)
        return stream, data

    def close(self) -> None:
        self._outputs.remove(self)

    def put(self, stream: str, data: bytes) -> None:
        self._chunks.append((stream, data))
        self._size += len(data)
        self._ready.set()
        if self._size > HIGH:
            self._outputs.pause(self)

    def end(self) -> None:
        self._ended = True
        self._ready.set()


class Outputs:
    """The listeners of one container or exec. `throttle` is told (listener, whether to hold the output back)."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self.throttle: Callable[[object, bool], None] | None = None

    def listen(self) -> Listener:
        listener = Listener(self)
        self._listeners.append(listener)
        return listener

    def publish(self, stream: str, data: bytes) -> None:
        for listener in self._listeners:
            listener.put(stream, data)

    def end(self) -> None:
        """The output is over: listeners get what is left and then the end; new ones belong to the next run."""
        for listener in self._listeners:
            listener.end()
        self._listeners = []
        self.throttle = None

    def remove(self, listener: Listener) -> None:
        if listener in self._listeners:
            self._listeners.remove(listener)
        self.resume(listener)

    def pause(self, listener: Listener) -> None:
        if self.throttle is not None:
            self.throttle(listener, True)

    def resume(self, listener: Listener) -> None:
        if self.throttle is not None:
            self.throttle(listener, False)
