"""Removing trees that may be hostile: deeper than the interpreter recurses, with paths longer than the kernel takes."""

import itertools
import os
import secrets
from collections.abc import Iterator
from pathlib import Path


def remove_tree(path: Path) -> None:
    """Removes the directory `path` with all that is in it; no link is followed. Raises `OSError`.

    What lies deeper is first moved up beside its parent, so neither depth nor length of paths plays a role, and a
    removal that is interrupted can be taken up again.
    """
    root = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        token = secrets.token_hex(8)  # not to be guessed by whoever made the tree
        free_names = (f".removed-{token}-{number}" for number in itertools.count())
        todo = _empty(root, root, free_names)
        while todo:
            name = todo.pop()
            folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=root)
            try:
                todo += _empty(folder, root, free_names)
            finally:
                os.close(folder)
            os.rmdir(name, dir_fd=root)
    finally:
        os.close(root)
    path.rmdir()


def _empty(folder: int, root: int, free_names: Iterator[str]) -> list[str]:
    """Unlinks the folder's files and moves its directories up to the root; the answer is their names there."""
    with os.scandir(folder) as listing:
        entries = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in listing]
    moved = []
    for name, is_directory in entries:
        if not is_directory:
            os.unlink(name, dir_fd=folder)
        elif folder == root:
            moved.append(name)
        else:
            moved.append(next(free_names))
            os.rename(name, moved[-1], src_dir_fd=folder, dst_dir_fd=root)
    return moved
