"""Digests of files that were read before: by device, inode, size and times, as git's index knows what has not changed.

The change time cannot be set by anybody, so a file that is written again is read again. One that was changed just
before it was read is not remembered: within a clock tick it could be written once more and look the same.
"""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from dockless.build.tree import Entry

_SETTLED = 1_000_000_000  # nanoseconds: far more than the file system's clock tick
_MOST = 400_000  # files; more are forgotten, the ones used longest ago first
_BUFFER = 1 << 18

_Key = tuple[int, int]
_Known = tuple[int, int, int, bytes]


def hash_file(path: str) -> bytes:
    """SHA-256 of a file's content."""
    import hashlib

    found = hashlib.sha256()
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        while chunk := os.read(descriptor, _BUFFER):
            found.update(chunk)
    finally:
        os.close(descriptor)
    return found.digest()


class Digests:
    """One for the engine, kept in `file` between engines; for any thread."""

    def __init__(self, file: Path, clock: Callable[[], int] = time.time_ns) -> None:
        self._file = file
        self._clock = clock
        self._guard = threading.Lock()
        self._known: dict[_Key, _Known] | None = None
        self._changed = 0

    def of(self, entry: Entry) -> bytes:
        """SHA-256 of a regular file's content, which is read where it is not known. Raises `OSError`."""
        known = self._known if self._known is not None else self._load()
        status = entry.status
        key = (status.st_dev, status.st_ino)
        found = known.get(key)
        if found is not None and found[:3] == (status.st_size, status.st_mtime_ns, status.st_ctime_ns):
            return found[3]
        began = self._clock()
        digest = hash_file(entry.real)
        if status.st_ctime_ns < began - _SETTLED:
            known[key] = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, digest)
            self._changed += 1
        return digest

    def save(self) -> None:
        """Writes what was learnt, if it is worth it. What cannot be kept is only read again."""
        with self._guard:
            if self._known is None or not self._changed:
                return
            items = list(self._known.items())[-_MOST:]
            self._changed = 0
            beside = self._file.with_name(f"{self._file.name}.new")
            beside.parent.mkdir(parents=True, exist_ok=True)
            beside.write_bytes(msgspec.msgpack.encode(items))
            beside.replace(self._file)

    def _load(self) -> dict[_Key, _Known]:
        with self._guard:
            if self._known is None:
                try:
                    read = msgspec.msgpack.decode(self._file.read_bytes(), type=list[tuple[_Key, _Known]])
                    self._known = dict(read)
                except (FileNotFoundError, msgspec.MsgspecError):
                    self._known = {}
            return self._known
