"""From a request to the engine's answer: the routes together, versions, and what an error looks like."""

import os
import sys
import time
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path

from dockless import __version__
from dockless.server import absent, containers, execs, images, networks, system, volumes
from dockless.server.http import HttpConnection
from dockless.server.messages import Answer, Request, Response, answer
from dockless.server.router import Router
from dockless.server.seam import Engine
from dockless.wire import API_VERSION, MIN_API_VERSION
from dockless.wire.errors import ApiError, BadParameter, ErrorBody, NotFound

_LATEST = tuple(map(int, API_VERSION.split(".")))
_OLDEST = tuple(map(int, MIN_API_VERSION.split(".")))


class Application:
    """The engine behind HTTP. Counts the connections: an engine that nobody talks to may end."""

    common_headers: tuple[tuple[bytes, bytes], ...] = (
        (b"Api-Version", API_VERSION.encode()),
        (b"Docker-Experimental", b"false"),
        (b"Ostype", b"linux"),
        (b"Server", f"Dockless/{__version__} (linux)".encode()),
    )

    def __init__(self, engine: Engine, log: Path) -> None:
        """`log` gets the tracebacks of our own faults."""
        self._engine = engine
        self._log = log
        self._router = Router(
            [
                *absent.ROUTES,
                *containers.ROUTES,
                *execs.ROUTES,
                *images.ROUTES,
                *networks.ROUTES,
                *system.ROUTES,
                *volumes.ROUTES,
            ]
        )
        self._connections: set[HttpConnection] = set()
        self._quiet_since = time.monotonic()

    def find(self, request: Request) -> tuple[Callable[[], Awaitable[Answer]], bool]:
        """What answers, and whether it ends with its client. Raises `ApiError`."""
        _check_version(request.version)
        found = self._router.find(request.method, request.path)
        if found is None:
            raise NotFound("page not found")
        route, request.captured = found
        request.fault = self._fault
        return lambda: route.handler(self._engine, request), route.ends_with_client

    def failure(self, error: Exception) -> Response:
        """An `ApiError` says what the client did wrong; everything else is our fault: it is logged, and said where."""
        if isinstance(error, ApiError):
            return answer(ErrorBody(error.message), error.status) if error.status != 304 else Response(304)
        return answer(ErrorBody(self._fault(error)), 500)

    def _fault(self, error: Exception) -> str:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        text = f"{stamp} pid {os.getpid()}\n{''.join(traceback.format_exception(error))}\n"
        try:
            with self._log.open("a", encoding="utf-8") as log:
                log.write(text)
        except OSError as refused:
            sys.stderr.write(f"cannot write {self._log}: {refused}\n{text}")
        return f"{type(error).__name__}: {error} (a fault of dockless; the traceback is in {self._log})"

    def opened(self, connection: HttpConnection) -> None:
        self._connections.add(connection)

    def closed(self, connection: HttpConnection) -> None:
        self._connections.discard(connection)
        self._quiet_since = time.monotonic()

    @property
    def quiet(self) -> float:
        """Seconds since the last client went; 0 while there is one."""
        return 0.0 if self._connections else time.monotonic() - self._quiet_since

    def close(self) -> None:
        for connection in tuple(self._connections):
            connection.close()


def _check_version(version: str) -> None:
    if not version or version == API_VERSION:
        return
    asked = tuple(map(int, version.split(".")))
    if asked > _LATEST:
        raise BadParameter(f"client version {version} is too new. Maximum supported API version is {API_VERSION}")
    if asked < _OLDEST:
        raise BadParameter(
            f"client version {version} is too old. Minimum supported API version is {MIN_API_VERSION}, "
            "please upgrade your client to a newer version"
        )
