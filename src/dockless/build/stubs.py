"""Mount points that a step needs and its image lacks: made in the upper directory before, taken away afterwards.

So neither our mounts nor the runner's (/proc, /etc/resolv.conf …) leave an entry in the layer.
"""

import os
import stat
from collections.abc import Sequence
from pathlib import Path

import msgspec

from dockless.build.tree import Entry, Tree

STANDARD_FOLDERS = ("/proc", "/sys", "/dev")
STANDARD_FILES = ("/etc/resolv.conf", "/etc/hosts", "/etc/hostname")


class _Made(msgspec.Struct, frozen=True):
    """`real` was made by us; with `like` it is a copy of a folder that the layers below have."""

    real: str
    like: Entry | None


class Stubs:
    """The mount points of one step."""

    def __init__(self, upper: Path, lower: Sequence[Path]) -> None:
        self._upper = os.fspath(upper)
        self._tree = Tree([upper, *lower])
        self._made: list[_Made] = []

    def standard(self) -> None:
        """What every container has mounted."""
        for path in STANDARD_FOLDERS:
            self.folder(path)
        for path in STANDARD_FILES:
            self.file(path)

    def folder(self, path: str) -> None:
        resolved, found = self._tree.resolve(path)
        if found is None:
            self._make(resolved)

    def file(self, path: str) -> None:
        resolved, found = self._tree.resolve(path)
        if found is not None:
            return
        self._make(os.path.dirname(resolved))
        real = self._upper + resolved
        os.close(os.open(real, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))
        self._made.append(_Made(real, None))

    def remove(self) -> None:
        """Takes away what is still as it was made; a folder in which the step has put something stays."""
        for made in reversed(self._made):
            try:
                status = os.lstat(made.real)
            except FileNotFoundError:
                continue
            if stat.S_ISREG(status.st_mode):
                if status.st_size == 0 and made.like is None:
                    os.unlink(made.real)
            elif stat.S_ISDIR(status.st_mode) and _unchanged(made, status) and not os.listdir(made.real):
                os.rmdir(made.real)
        self._made.clear()

    def _make(self, path: str) -> None:
        walked = ""
        for name in path.strip("/").split("/"):
            if not name:
                continue
            walked += "/" + name
            found = self._tree.lookup(walked, follow=False)
            real = self._upper + walked
            if found is None:
                os.mkdir(real, 0o755)
                os.chmod(real, 0o755)
            elif found.is_dir and not os.path.isdir(real):
                os.mkdir(real)
                os.chown(real, found.status.st_uid, found.status.st_gid)
                os.chmod(real, stat.S_IMODE(found.status.st_mode))
                os.utime(real, ns=(found.status.st_atime_ns, found.status.st_mtime_ns))
            else:
                continue
            self._made.append(_Made(real, found))


def _unchanged(made: _Made, status: os.stat_result) -> bool:
    if made.like is None:
        return True
    before = made.like.status
    return (before.st_mode, before.st_uid, before.st_gid) == (status.st_mode, status.st_uid, status.st_gid)
