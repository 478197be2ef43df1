"""Starts our engine where none runs: a lock decides who does, everybody else waits for the socket.

The lock is `places.engine_lock`. Who gets it opens the engine's process and lets it inherit the lock, so that it is
held without a gap from the decision to start until the engine's end.
"""

import fcntl
import os
import select
import stat
import sys
import time
from collections.abc import Mapping, Sequence

from dockless.client.errors import EngineUnavailable
from dockless.places import Places

_START_LIMIT = 30.0
_LOG_KEPT = 1 << 20
_LOG_SHOWN = 2000
_STARTING = 0.005
# An engine whose runtime folder was swept looks for it each second; it needs the lock that we let go of.
_SWEPT = 1.2
_LOCK_FD, _READY_FD = 3, 4


def try_start(places: Places, environ: Mapping[str, str], engine: Sequence[str]) -> float:
    """Starts the engine and returns 0 when it listens; else another one is there or will be: the seconds until a look.

    Raises `EngineUnavailable` with the end of the engine's log where it does not come up.
    """
    make_folders(places)
    lock = _high(os.open(places.engine_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return _STARTING
        return 0.0 if _start(places, environ, engine, lock) else _SWEPT
    finally:
        os.close(lock)


def make_folders(places: Places) -> None:
    """The runtime folder for this user alone; raises `EngineUnavailable` where another user made it first."""
    try:
        places.runtime.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        places.runtime.mkdir(mode=0o700, exist_ok=True)
        places.root.mkdir(mode=0o711, parents=True, exist_ok=True)
    except OSError as error:
        raise EngineUnavailable(f"cannot make {error.filename}: {error.strerror}") from error
    above, folder = places.runtime.parent.lstat(), places.runtime.lstat()
    # Where others may write above it, the sticky bit must keep them from putting another folder in its place.
    if (above.st_mode & 0o022 and not above.st_mode & stat.S_ISVTX) or above.st_uid not in (0, os.geteuid()):
        raise EngineUnavailable(f"{places.runtime.parent} belongs to others or is writable for them: will not use it")
    if folder.st_uid != os.geteuid() or folder.st_mode & 0o022 or not stat.S_ISDIR(folder.st_mode):
        raise EngineUnavailable(f"{places.runtime} belongs to others or is writable for them: will not use it")


def _start(places: Places, environ: Mapping[str, str], engine: Sequence[str], lock: int) -> bool:
    log = _high(_open_log(places))
    begin = os.fstat(log).st_size
    ready, told = map(_high, os.pipe2(os.O_CLOEXEC))
    null = _high(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
    try:
        # -P: the user's folder must not stand in the way of the standard library's modules.
        command = [sys.executable, "-P", *engine, "--started", str(_LOCK_FD), str(_READY_FD)]
        moves = [(null, 0), (log, 1), (log, 2), (lock, _LOCK_FD), (told, _READY_FD)]
        actions = [(os.POSIX_SPAWN_DUP2, source, target) for source, target in moves]
        # The launcher may start the engine anew from another folder, so a relative root becomes an absolute one.
        rooted = {**environ, "DOCKLESS_ROOT": str(places.root)} if environ.get("DOCKLESS_ROOT") else {**environ}
        child = os.posix_spawn(sys.executable, command, rooted, file_actions=actions, setsid=True)
    except OSError as error:
        os.close(ready)
        raise EngineUnavailable(f"cannot run {sys.executable}: {error.strerror}") from error
    finally:
        for descriptor in (log, told, null):
            os.close(descriptor)
    try:
        # What was spawned leaves the engine to itself and ends, so there is no child to care for.
        os.waitpid(child, 0)
        told_us = _wait_for(ready)
    finally:
        os.close(ready)
    if not told_us:
        raise EngineUnavailable(f"the engine did not start; {places.engine_log} says:\n{_tail(places, begin)}")
    return told_us == b"1"


def _wait_for(ready: int) -> bytes:
    """What the engine said: "1", it listens; "0", the root has another one; nothing at its end or after the limit."""
    poll = select.poll()
    poll.register(ready, select.POLLIN)
    deadline = time.monotonic() + _START_LIMIT
    while (left := deadline - time.monotonic()) > 0:
        if poll.poll(left * 1000):
            return os.read(ready, 1)
    return b""


def _open_log(places: Places) -> int:
    log = places.engine_log
    if log.exists() and log.stat().st_size > _LOG_KEPT:
        log.replace(log.with_name(log.name + ".1"))
    return os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def _tail(places: Places, begin: int) -> str:
    with places.engine_log.open("rb") as log:
        log.seek(max(begin, places.engine_log.stat().st_size - _LOG_SHOWN))
        return log.read().decode("utf-8", "replace").strip() or "(nothing)"


def _high(descriptor: int) -> int:
    """Out of the way of the numbers that the engine gets."""
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(descriptor)
    return moved
