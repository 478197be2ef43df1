"""The life of the engine process: locks, engine, socket, signals, and the end when nothing is left to do.

One engine for each root: it holds a lock on the root itself, and on `places.engine_lock`, by which clients agree on who
starts one. The runtime folder may vanish at any time; the engine puts its lock and its socket there again. The socket
appears when the engine can answer, and goes before it cannot any more.
"""

import asyncio
import fcntl
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from dockless.places import Places
from dockless.server.app import Application
from dockless.server.http import HttpConnection
from dockless.server.seam import Engine

OpenEngine = Callable[[Places], Awaitable[Engine]]

_IDLE_SECONDS = 10.0
_BACKLOG = 512
_LEAVING = 0.05
_LOOK_AGAIN = 0.25  # while containers run without clients: one engine for each user may do so for weeks
_LONGEST_SLEEP = 1.0


class RootTaken(Exception):
    """Another engine works on this root."""


def lock_start(places: Places) -> int | None:
    """`places.engine_lock`'s descriptor, or `None` where another engine, or a client that starts one, holds it."""
    places.runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(places.engine_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    return _locked(descriptor)


def lock_root(places: Places) -> int:
    """The root's descriptor; the kernel lets go of the lock with the process. Raises `RootTaken`."""
    places.root.mkdir(mode=0o711, parents=True, exist_ok=True)
    descriptor = _locked(os.open(places.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
    if descriptor is None:
        raise RootTaken(f"another engine works on {places.root}")
    return descriptor


def _locked(descriptor: int) -> int | None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


async def run(
    open_engine: OpenEngine, places: Places, environ: Mapping[str, str], held: int, listening: Callable[[], None]
) -> None:
    """Serves until a TERM or INT signal, or until nobody has talked to an idle engine for a while.

    The caller holds both locks; `held` is the descriptor of `places.engine_lock`. `listening` is called once the socket
    is there.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    engine = await open_engine(places)
    try:
        application = Application(engine, places.engine_log)
        door = Door(places, application, held)
        try:
            await door.open()
            listening()
            await _until_unneeded(engine, application, door, idle_seconds(environ), stop)
        finally:
            door.close()
            application.close()
    finally:
        await engine.close()


async def _until_unneeded(
    engine: Engine, application: Application, door: "Door", idle_seconds: float, stop: asyncio.Event
) -> None:
    told = False
    while not stop.is_set():
        left = idle_seconds - application.quiet
        if not door.there:
            try:
                await door.open_again()
            except OSError as error:
                # Containers go on without clients, and the folder may come back (a login makes it): told but once.
                if not told:
                    application.failure(error)
                told = True
        elif left <= 0 and engine.idle and await _nobody_comes(engine, application, door):
            return
        try:
            await asyncio.wait_for(stop.wait(), min(max(left, _LOOK_AGAIN), _LONGEST_SLEEP))
        except TimeoutError:
            continue


async def _nobody_comes(engine: Engine, application: Application, door: "Door") -> bool:
    """Takes the socket away and looks whether somebody slipped in before; then it comes back."""
    door.hide()
    await asyncio.sleep(_LEAVING)
    if application.quiet and engine.idle:
        return True
    door.show()
    return False


class Door:
    """The engine's socket in the runtime folder, and the lock beside it."""

    def __init__(self, places: Places, application: Application, held: int) -> None:
        self._places = places
        self._application = application
        self._held = held
        self._path = places.engine_socket
        self._aside = places.engine_socket.with_name(".e")
        self._server: asyncio.Server | None = None
        self._inode = 0

    async def open(self) -> None:
        listener = self._bind()
        self._inode = self._path.stat().st_ino
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(lambda: HttpConnection(self._application), sock=listener)

    def _bind(self) -> socket.socket:
        """Bound beside its place and renamed into it, for this user alone: whoever finds it can connect."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        beside = self._path.with_name(f".{os.getpid()}")
        beside.unlink(missing_ok=True)
        mask = os.umask(0o177)
        try:
            listener.bind(str(beside))
        finally:
            os.umask(mask)
        listener.listen(_BACKLOG)
        beside.rename(self._path)
        return listener

    @property
    def there(self) -> bool:
        """Whether clients can find it."""
        try:
            return self._path.stat().st_ino == self._inode
        except FileNotFoundError:
            return False

    async def open_again(self) -> None:
        """After the runtime folder was swept. Somebody may be about to start an engine: it will step back, for the
        root is locked, and next time the lock is free.
        """
        found = lock_start(self._places)
        if found is None and not self._lock_is_ours():
            return
        if found is not None:
            os.close(self._held)
            self._held = found
        if self._server is not None:
            self._server.close()
        await self.open()

    def _lock_is_ours(self) -> bool:
        return os.path.samestat(os.fstat(self._held), self._places.engine_lock.stat())

    def hide(self) -> None:
        with suppress(FileNotFoundError):
            self._path.rename(self._aside)

    def show(self) -> None:
        with suppress(FileNotFoundError):
            self._aside.rename(self._path)

    def close(self) -> None:
        """Only what is ours: another engine may have come into a swept folder."""
        for path in (self._path, self._aside):
            with suppress(FileNotFoundError):
                if path.stat().st_ino == self._inode:
                    path.unlink()
        if self._server is not None:
            self._server.close()


def idle_seconds(environ: Mapping[str, str]) -> float:
    """`DOCKLESS_IDLE_SECONDS`; raises `ValueError` where it is no number."""
    return float(environ.get("DOCKLESS_IDLE_SECONDS") or _IDLE_SECONDS)
