"""An empty volume's first contents: what the image has at the mount point, owner and mode of the folder included."""

import os
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

from dockless.build.tree import Entry, Tree
from dockless.images.scratch import Scratch
from dockless.places import Places


def fill_volume(places: Places, volume: Path, layers: Sequence[Path], destination: str) -> None:
    """Copies beside the volume and renames into it, so that a volume is either empty or whole. Raises OSError."""
    tree = Tree(layers)
    _, found = tree.resolve(destination)
    if found is None or not found.is_dir:
        return
    scratch = Scratch.of(places).folder("volume")
    _copy(tree, found, str(scratch), {})
    scratch.rename(volume)


def _copy(tree: Tree, folder: Entry, target: str, linked: dict[tuple[int, int], str]) -> None:
    for entry in tree.children(folder):
        path = f"{target}/{entry.name}"
        if entry.is_dir:
            os.mkdir(path, 0o700)
            _copy(tree, entry, path, linked)
            continue
        key = (entry.status.st_dev, entry.status.st_ino)
        if entry.status.st_nlink > 1 and key in linked:
            os.link(linked[key], path)
            continue
        _copy_one(entry, path)
        linked[key] = path
    _copy_metadata(folder, target)


def _copy_one(entry: Entry, path: str) -> None:
    mode = entry.status.st_mode
    if stat.S_ISLNK(mode):
        os.symlink(os.readlink(entry.real), path)
    elif stat.S_ISREG(mode):
        shutil.copyfile(entry.real, path)
    elif stat.S_ISSOCK(mode):
        return
    else:
        os.mknod(path, mode, entry.status.st_rdev)
    _copy_metadata(entry, path)


def _copy_metadata(entry: Entry, path: str) -> None:
    status = entry.status
    os.chown(path, status.st_uid, status.st_gid, follow_symlinks=False)
    if not stat.S_ISLNK(status.st_mode):
        os.chmod(path, stat.S_IMODE(status.st_mode))
    for name in os.listxattr(entry.real, follow_symlinks=False):
        if not name.startswith(("trusted.overlay.", "user.overlay.")):
            os.setxattr(path, name, os.getxattr(entry.real, name, follow_symlinks=False), follow_symlinks=False)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns), follow_symlinks=False)
