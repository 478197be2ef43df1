"""A tree walked folder by folder while somebody hostile may change it: by paths in which no link is followed."""

import errno
import os
from collections.abc import Iterator

from dockless.linux.paths import RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, RESOLVE_NO_XDEV, openat2

# Gone, or something else, since its parent was read; or on another mount.
_PASSED_OVER = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EXDEV)


def folders(root: int, *, one_mount: bool = False) -> Iterator[tuple[str, int, list[str]]]:
    """Each folder below the descriptor `root`, a parent before what is in it, beginning with the root's own: its path
    ("" for the root), an open descriptor that is closed with the next step, and all names in it, sorted.

    With `one_mount` no other mount is gone into. Raises OSError.
    """
    resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | (RESOLVE_NO_XDEV if one_mount else 0)
    todo = [""]
    while todo:
        path = todo.pop()
        try:
            folder = openat2(root, path or ".", os.O_RDONLY | os.O_DIRECTORY, 0, resolve)
        except OSError as error:
            if path and error.errno in _PASSED_OVER:
                continue
            raise
        try:
            with os.scandir(folder) as listing:
                entries = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in listing)
            yield path, folder, [name for name, _ in entries]
        finally:
            os.close(folder)
        todo += [f"{path}/{name}" if path else name for name, is_folder in reversed(entries) if is_folder]
