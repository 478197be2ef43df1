"""An empty volume's first contents: what the image has at the mount point, owner and mode of the folder included.

The volume's folder stays the one that it is, since others may have it mounted already: they see the contents come, as
in Docker. A file beside it says that they are on their way; what a killed engine left half-done is then gone on with.
"""

import errno
import os
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

from dockless.build.tree import Entry, Tree
from dockless.images.scratch import Scratch
from dockless.images.trees import remove_tree
from dockless.places import Places

_TAKEN = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.EISDIR)


def wants_filling(volume: Path) -> bool:
    """Whether the volume's folder is empty, or was being filled when an engine died."""
    return not any(volume.iterdir()) or _mark(volume).exists()


def fill_volume(places: Places, volume: Path, layers: Sequence[Path], destination: str) -> None:
    """Copies beside the volume and moves in what it has not got yet. Raises OSError."""
    tree = Tree(layers)
    _, found = tree.resolve(destination)
    if found is None or not found.is_dir:
        return
    scratch = Scratch.of(places).folder("volume")
    _copy(tree, found, str(scratch), {})
    _mark(volume).touch()
    for child in scratch.iterdir():
        _move(child, volume / child.name)
    _copy_metadata(found, str(volume))
    _mark(volume).unlink(missing_ok=True)
    remove_tree(scratch)


def _mark(volume: Path) -> Path:
    return volume.with_name("filling")


def _move(child: Path, place: Path) -> None:
    """What whoever has the volume mounted has put there meanwhile stays; its links are not followed."""
    if os.path.lexists(place):
        return
    try:
        child.rename(place)
    except OSError as error:
        if error.errno not in _TAKEN:
            raise


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
