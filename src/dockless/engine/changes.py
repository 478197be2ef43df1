"""What a container has changed of its image (`docker diff`): its upper directory against the image's layers."""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from dockless.build.tree import Entry, Tree
from dockless.engine import mount_points
from dockless.engine.walking import folders
from dockless.images.overlay import OPAQUE, PREFIXES, is_whiteout
from dockless.wire.containers import FilesystemChange

CHANGED, ADDED, DELETED = 0, 1, 2
# Where an image lacks a place for what every container has mounted, and something keeps the lowest layer's from being
# seen, the start makes it.
_STUBS = frozenset(f"/{name}" for name in (*mount_points.FOLDERS, *mount_points.FILES))


def changes(upper: Path, layers: Sequence[Path]) -> list[FilesystemChange]:
    """In the order of paths; a folder counts as changed with what is in it. Blocking. Raises OSError.

    The upper directory is walked by descriptor, since a running container may change it meanwhile.
    """
    lower = Tree(layers)
    found: dict[str, int] = {}
    root = os.open(upper, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for path, folder, names in folders(root):
            below = lower.lookup(f"/{path}", follow=False)
            if path and (kind := _folder_change(folder, below)) is not None:
                found[f"/{path}"] = kind
            for shown, kind in _entries(path, folder, names, below if below and below.is_dir else None, lower):
                found[shown] = kind
                _mark_parents(found, shown)
    finally:
        os.close(root)
    _drop_bare_stubs(found)
    return [FilesystemChange(path=path, kind=kind) for path, kind in sorted(found.items())]


def is_stub(path: str, folder: int, name: str, status: os.stat_result) -> bool:
    """Whether the entry is an empty mount point that every container has; `path` is absolute."""
    if path not in _STUBS:
        return False
    if stat.S_ISREG(status.st_mode):
        return status.st_size == 0
    if not stat.S_ISDIR(status.st_mode):
        return False
    opened = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        return not os.listdir(opened)
    finally:
        os.close(opened)


def is_opaque(folder: int) -> bool:
    """Whether an upper directory hides what the layers below have in it."""
    names = os.listxattr(folder)
    return any(prefix + OPAQUE in names and os.getxattr(folder, prefix + OPAQUE) == b"y" for prefix in PREFIXES)


def _folder_change(folder: int, below: Entry | None) -> int | None:
    if below is None:
        return ADDED
    status = os.fstat(folder)
    same = below.is_dir and _look(status) == _look(below.status) and not is_opaque(folder)
    return None if same else CHANGED


def _look(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_mode, status.st_uid, status.st_gid


def _entries(
    path: str, folder: int, names: Sequence[str], below: Entry | None, lower: Tree
) -> Iterator[tuple[str, int]]:
    """What is no folder, what was removed, and what an opaque folder hides."""
    for name in names:
        try:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            continue
        shown = f"/{path}/{name}" if path else f"/{name}"
        if is_stub(shown, folder, name, status):
            continue
        if is_whiteout(status):
            yield shown, DELETED
        elif not stat.S_ISDIR(status.st_mode):
            yield shown, CHANGED if below is not None and lower.child(below, name) is not None else ADDED
    if below is not None and is_opaque(folder):
        for entry in lower.children(below):
            if entry.name not in names:
                yield entry.path, DELETED


def _mark_parents(found: dict[str, int], path: str) -> None:
    while (path := path.rpartition("/")[0]) and path not in found:
        found[path] = CHANGED


def _drop_bare_stubs(found: dict[str, int]) -> None:
    """The mount points themselves, and /etc where it was made for nothing else."""
    for path in ("/dev", "/proc", "/sys", "/etc"):
        inside = any(other.startswith(f"{path}/") for other in found)
        if found.get(path) == ADDED and not inside:
            del found[path]
