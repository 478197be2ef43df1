"""Folders for half-made things, on the state's file system so that they can be renamed into place.

Each process has one session folder below `places.scratch`, and holds a lock (flock) on the file beside it as long as
it lives. Whoever opens a session removes those of dead processes, so nothing half-made outlives the next command.
The session also names the layers that this process is using, which the collector (layers.py) leaves alone.
"""

import atexit
import fcntl
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dockless.images.trees import remove_tree
from dockless.linux.iflags import spread_below
from dockless.places import Places

_PREFIX = "session-"
_LOCK = ".lock"
_HELD = "held"

_sessions: dict[tuple[int, Path], "Scratch"] = {}
_sessions_lock = threading.Lock()


class Scratch:
    """This process's session. Get it with `Scratch.of`; it ends with the process."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._pid = os.getpid()
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder, self._lock_fd = _new_session(root)
        self._guard = threading.Lock()
        self._held: set[str] = set()
        (self._folder / _HELD).mkdir()
        remove_stale(root)

    @classmethod
    def of(cls, places: Places) -> "Scratch":
        """The one session of this process (a forked child gets its own) for this state folder."""
        key = (os.getpid(), places.scratch)
        with _sessions_lock:
            if key not in _sessions:
                _sessions[key] = cls(places.scratch)
                atexit.register(_sessions[key].close)
            return _sessions[key]

    def folder(self, prefix: str = "") -> Path:
        """A new empty folder of mode 0700."""
        path = self._folder / f"{prefix or 'tmp'}-{secrets.token_hex(8)}"
        path.mkdir(mode=0o700)
        return path

    def name(self, prefix: str = "") -> Path:
        """A path in the session's folder where nothing is yet."""
        return self._folder / f"{prefix or 'tmp'}-{secrets.token_hex(8)}"

    def hold(self, name: str) -> None:
        """Writes down that this process uses the layer `name`; call it under the shared `store_lock`."""
        with self._guard:
            if name not in self._held:
                (self._folder / _HELD / name).touch()
                self._held.add(name)

    def let_go(self) -> None:
        """Forgets all that `hold` wrote."""
        with self._guard:
            for name in self._held:
                (self._folder / _HELD / name).unlink(missing_ok=True)
            self._held.clear()

    def held_by_anyone(self) -> set[str]:
        """What all processes hold; a dead one's counts until its session is removed."""
        names: set[str] = set()
        for session in self._root.glob(f"{_PREFIX}*/{_HELD}"):
            names.update(_names(session))
        return names

    def remove_stale(self) -> None:
        """Removes what dead processes left."""
        remove_stale(self._root)

    @contextmanager
    def store_lock(self, *, exclusive: bool) -> Iterator[None]:
        """Between processes and threads: the collector takes it alone, whoever starts to use a layer shares it."""
        fd = os.open(self._root / "store.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
            yield
        finally:
            os.close(fd)

    def close(self) -> None:
        """Removes the session now rather than when the next process comes. The process's end does it, too."""
        with _sessions_lock:
            if self not in _sessions.values() or os.getpid() != self._pid:
                return
            for key in [key for key, session in _sessions.items() if session is self]:
                del _sessions[key]
        if self._folder.exists():  # the state folder itself may have been removed
            remove_tree(self._folder)
        (self._root / (self._folder.name + _LOCK)).unlink(missing_ok=True)
        os.close(self._lock_fd)


def remove_stale(root: Path) -> None:
    """Removes the sessions whose process is gone: their lock can be had."""
    for name in _names(root):
        if not (name.startswith(_PREFIX) and name.endswith(_LOCK)):
            continue
        lock = root / name
        fd = _try_lock(lock)
        if fd is None:
            continue
        try:
            session = root / name.removesuffix(_LOCK)
            if session.exists():
                remove_tree(session)
            lock.unlink(missing_ok=True)
        finally:
            os.close(fd)


def _new_session(root: Path) -> tuple[Path, int]:
    while True:
        folder = root / f"{_PREFIX}{os.getpid()}-{secrets.token_hex(6)}"
        # The lock comes before the folder: a folder without one would be nobody's, and never removed.
        fd = _try_lock(folder.with_name(folder.name + _LOCK), create=True)
        if fd is not None:
            folder.mkdir(mode=0o700)
            spread_below(folder)
            return folder, fd


def _try_lock(path: Path, *, create: bool = False) -> int | None:
    """The locked descriptor; None if another has it or the file went away between open and lock."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0), 0o600)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(fd).st_ino == path.stat().st_ino:
            return fd
    except (BlockingIOError, FileNotFoundError):
        os.close(fd)
        return None
    os.close(fd)
    return None


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []
