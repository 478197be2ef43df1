"""A server with the fake engine behind it, on a Unix socket of its own."""

import asyncio
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fake_engine import FakeEngine

from dockless.server.app import Application
from dockless.server.http import HttpConnection


class Served:
    """The server runs in a thread; `run` asks something of the engine in that thread."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "engine.sock"
        self.log = folder / "engine.log"
        self.engine = FakeEngine()
        self.application = Application(self.engine, self.log)
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve)
        self._up = threading.Event()
        self._thread.start()
        self._up.wait()

    @property
    def host(self) -> str:
        return f"unix://{self.socket}"

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        made = self.loop.create_unix_server(lambda: HttpConnection(self.application), str(self.socket))
        self._server = self.loop.run_until_complete(made)
        self.loop.call_soon(self._up.set)
        self.loop.run_forever()
        self._server.close()
        self.application.close()
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()

    def run(self, action: Callable[[FakeEngine], object]) -> None:
        done = threading.Event()
        self.loop.call_soon_threadsafe(lambda: (action(self.engine), done.set()))
        done.wait()

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()


@pytest.fixture
def served() -> Iterator[Served]:
    folder = Path(tempfile.mkdtemp(prefix="dockless-served-"))
    served = Served(folder)
    yield served
    served.close()
    shutil.rmtree(folder)
