"""`RUN --mount=type=cache`: folders that outlive builds, one for each id: shared, locked, or one for each user."""

import builtins
import hashlib
import os
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import msgspec

from dockless.images.trees import remove_tree

Sharing = Literal["shared", "private", "locked"]

_PATIENCE = 0.5  # seconds between two looks at whether the build that waits was cancelled
_MARK = ".used"


class CacheFolder(msgspec.Struct, frozen=True):
    """`name` is the mount's id; `size` bytes of its files; `used` seconds since the epoch."""

    folder: str
    name: str
    size: int
    used: float
    in_use: bool


class CacheMounts:
    """The folders below `root`, and who uses which now. One for the engine; for any thread."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._changed = threading.Condition()
        self._taken: set[str] = set()
        self._shared: Counter[str] = Counter()

    @contextmanager
    def lend(
        self, name: str, sharing: Sharing, fill: Callable[[Path], None], still_wanted: Callable[[], None]
    ) -> Iterator[Path]:
        """The folder of cache `name`, for as long as the block lasts; `fill` gets a new one, empty, to make it ready.

        A locked folder is waited for, calling `still_wanted` (which may raise) now and then; of a private one that is
        taken there is another beside it.
        """
        folder = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:32]
        if sharing == "shared":
            with self._changed:
                self._shared[folder] += 1
            try:
                yield self._made(folder, name, fill)
            finally:
                with self._changed:
                    self._shared[folder] -= 1
            return
        if sharing == "locked":
            self._take(folder, still_wanted)
        else:
            folder = self._take_free(folder)
        try:
            yield self._made(folder, name, fill)
        finally:
            with self._changed:
                self._taken.discard(folder)
                self._changed.notify_all()

    def list(self) -> list[CacheFolder]:
        """What there is, by id."""
        with self._changed:
            return sorted(self._folders(), key=lambda found: found.name)

    def prune(self, used_before: float, chosen: Collection[str] | None = None) -> "builtins.list[CacheFolder]":
        """Removes the folders that no step has now, or had since `used_before` (seconds since the epoch); of these, the
        `chosen` ones, where any are named."""
        gone = []
        with self._changed:
            for found in self._folders():
                if found.in_use or found.used > used_before or (chosen is not None and found.folder not in chosen):
                    continue
                self._used(found.folder).unlink(missing_ok=True)
                trash = self._root / f"{found.folder}.gone"
                (self._root / found.folder).rename(trash)
                remove_tree(trash)
                gone.append(found)
        return gone

    def _folders(self) -> "Iterator[CacheFolder]":
        for mark in self._root.glob(f"*{_MARK}") if self._root.is_dir() else ():
            folder = mark.name.removesuffix(_MARK)
            if (self._root / folder).is_dir():
                in_use = folder in self._taken or self._shared[folder] > 0
                name = mark.read_text("utf-8", "surrogateescape")
                yield CacheFolder(folder, name, _size(self._root / folder), mark.stat().st_mtime, in_use)

    def _used(self, folder: str) -> Path:
        """Holds the id, and by its time says when the folder was last asked for."""
        return self._root / f"{folder}{_MARK}"

    def _made(self, folder_name: str, name: str, fill: Callable[[Path], None]) -> Path:
        folder = self._root / folder_name
        with self._changed:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._used(folder_name).write_text(name, "utf-8", "surrogateescape")
            if not folder.exists():
                beside = self._root / f"{folder_name}.new"
                if beside.exists():
                    remove_tree(beside)
                beside.mkdir(mode=0o755, parents=True)
                beside.chmod(0o755)
                fill(beside)
                beside.rename(folder)
        return folder

    def _take(self, folder: str, still_wanted: Callable[[], None]) -> None:
        with self._changed:
            while folder in self._taken:
                self._changed.wait(_PATIENCE)
                still_wanted()
            self._taken.add(folder)

    def _take_free(self, folder: str) -> str:
        with self._changed:
            number = 0
            free = folder
            while free in self._taken:
                number += 1
                free = f"{folder}-{number}"
            self._taken.add(free)
            return free


def _size(folder: Path) -> int:
    return sum(os.lstat(os.path.join(where, name)).st_size for where, _, names in os.walk(folder) for name in names)
