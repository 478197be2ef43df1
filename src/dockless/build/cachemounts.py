"""`RUN --mount=type=cache`: folders that outlive builds, one for each id: shared, locked, or one for each user."""

import hashlib
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

Sharing = Literal["shared", "private", "locked"]

_PATIENCE = 0.5  # seconds between two looks at whether the build that waits was cancelled


class CacheMounts:
    """The folders below `root`, and who uses which now. One for the engine; for any thread."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._changed = threading.Condition()
        self._taken: set[str] = set()

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
            yield self._made(folder, fill)
            return
        if sharing == "locked":
            self._take(folder, still_wanted)
        else:
            folder = self._take_free(folder)
        try:
            yield self._made(folder, fill)
        finally:
            with self._changed:
                self._taken.discard(folder)
                self._changed.notify_all()

    def size(self) -> int:
        """Bytes of all the files in all the folders."""
        return sum(path.lstat().st_size for path in self._root.rglob("*") if path.is_file() and not path.is_symlink())

    def prune(self) -> int:
        """Removes the folders that nobody has locked; the answer is the bytes that were in them."""
        if not self._root.is_dir():
            return 0
        before = self.size()
        with self._changed:
            for folder in self._root.iterdir():
                if folder.name not in self._taken:
                    shutil.rmtree(folder)
        return before - self.size()

    def _made(self, name: str, fill: Callable[[Path], None]) -> Path:
        folder = self._root / name
        with self._changed:
            if not folder.exists():
                beside = self._root / f"{name}.new"
                if beside.exists():
                    shutil.rmtree(beside)
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
