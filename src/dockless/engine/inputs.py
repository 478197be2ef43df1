"""What is typed into a process: its stdin pipe, or its terminal."""

import asyncio
import os

from dockless.launcher.client import Started


class Input:
    """Owns a copy of the descriptor. Writes wait for the process to read; a process that is gone ends them."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.closed = False
        os.set_blocking(descriptor, False)

    @classmethod
    def of(cls, started: Started) -> "Input | None":
        """Of a process's terminal or stdin; None where it has neither. Takes `started.stdin` over."""
        if started.terminal is not None:
            return cls(os.dup(started.terminal.read))
        return cls(started.stdin) if started.stdin is not None else None

    async def write(self, data: bytes) -> None:
        """Raises BrokenPipeError when nobody will read it."""
        loop = asyncio.get_running_loop()
        view = memoryview(data)
        while view:
            if self.closed:
                raise BrokenPipeError("stdin is closed")
            try:
                view = view[os.write(self._descriptor, view) :]
            except BlockingIOError:
                writable: asyncio.Future[None] = loop.create_future()
                loop.add_writer(self._descriptor, _settle, writable)
                try:
                    await writable
                finally:
                    if not self.closed:
                        loop.remove_writer(self._descriptor)
            except OSError as error:
                raise BrokenPipeError(str(error)) from error

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            asyncio.get_running_loop().remove_writer(self._descriptor)
            os.close(self._descriptor)


def _settle(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
