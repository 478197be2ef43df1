"""Writing into an image's tree: an empty upper directory over the layers below, as a container's writes would fall.

Parents that exist below are copied up with their metadata, others are made as Docker makes them; a symbolic link on
the way is followed inside the root. When everything is written, `finish` gives folders the times they should have.
"""

import errno
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from dockless.build.owners import Owner
from dockless.build.tree import Entry, Tree

_FOLDER_MODE = 0o755
_OWN_XATTRS = ("trusted.overlay.", "user.overlay.", "security.selinux")
_BUFFER = 1 << 20


class SourceChanged(Exception):
    """A file was written while it was read: what was copied is not what the key says."""


class TargetError(Exception):
    """The destination cannot take what is copied there; the message says why, with the path inside."""


class Target:
    """`upper` becomes a layer over `lower` (topmost first)."""

    def __init__(self, upper: Path, lower: Sequence[Path]) -> None:
        self._upper = os.fspath(upper)
        self.tree = Tree([self._upper, *lower])
        self._below = Tree(list(lower))
        self._present = {"/"}
        self._folders: dict[str, Entry | None] = {}
        self._times: dict[str, tuple[int, int]] = {}
        self._links: dict[tuple[int, int], str] = {}
        if lower:
            root = self._below.root()
            self._imitate(root, self._upper)
            self._times["/"] = (root.status.st_atime_ns, root.status.st_mtime_ns)

    def real(self, path: str) -> str:
        """Where the layer keeps `path`, which must be resolved."""
        return self._upper + path

    def make_folder(self, path: str, owner: Owner, mode: int = _FOLDER_MODE) -> bool:
        """Makes the resolved `path` and what is missing above it; True where the folder itself is new.

        Raises `TargetError` where something that is no folder is in the way.
        """
        made = False
        walked = ""
        for name in path.strip("/").split("/"):
            if not name:
                continue
            walked += "/" + name
            made = self._step(walked, owner, mode)
        return made

    def put(self, entry: Entry, path: str, owner: Owner, mode: int, *, xattrs: bool = True) -> None:
        """Copies a file, link, device or pipe to the resolved `path`, whose folder has been made.

        `mode` are the permission bits; the times are the source's.
        """
        self._clear(path)
        real = self.real(path)
        status = entry.status
        times = (status.st_atime_ns, status.st_mtime_ns)
        kind = stat.S_IFMT(status.st_mode)
        if kind == stat.S_IFREG:
            twin = self._links.get((status.st_dev, status.st_ino)) if status.st_nlink > 1 else None
            if twin is not None and _same(twin, owner, mode):
                os.link(twin, real)
                return
            if status.st_nlink > 1:
                self._links[status.st_dev, status.st_ino] = real
            _copy_file(entry, real, owner, mode, xattrs=xattrs)
            return
        if kind == stat.S_IFLNK:
            os.symlink(os.readlink(entry.real), real)
        elif kind == stat.S_IFIFO:
            os.mkfifo(real)
        elif kind in (stat.S_IFCHR, stat.S_IFBLK):
            os.mknod(real, kind | 0o600, status.st_rdev)
        else:
            raise TargetError(f"{entry.path}: a socket cannot be copied")
        self.dress(real, owner, mode, entry.real if xattrs else None)
        os.utime(real, ns=times, follow_symlinks=False)

    def write(self, path: str, content: bytes, owner: Owner, mode: int, times: tuple[int, int] | None = None) -> None:
        """Puts a file of these bytes at the resolved `path`, whose folder has been made."""
        self._clear(path)
        real = self.real(path)
        Path(real).write_bytes(content)
        self.dress(real, owner, mode, None)
        if times is not None:
            os.utime(real, ns=times)

    def put_file(self, file: Path, path: str, owner: Owner, mode: int, modified: int | None) -> None:
        """Copies a file of ours to the resolved `path`; `modified` in nanoseconds, None: as it is."""
        self._clear(path)
        real = self.real(path)
        copy_bytes(os.fspath(file), real)
        self.dress(real, owner, mode, None)
        if modified is not None:
            os.utime(real, ns=(modified, modified))

    def dress(self, real: str, owner: Owner, mode: int, like: str | None) -> None:
        """Owner, permissions and extended attributes, in the order in which they do not undo one another."""
        os.chown(real, owner.uid, owner.gid, follow_symlinks=False)
        if not os.path.islink(real):
            os.chmod(real, mode)
        if like is not None:
            _copy_xattrs(like, real)

    def set_times(self, path: str, times: tuple[int, int]) -> None:
        """What the folder `path` shall have when everything has been written into it."""
        self._times[path] = times

    def prepare(self, path: str) -> str:
        """Makes `path` free for something that the caller puts there himself; answers where."""
        self._clear(path)
        return self.real(path)

    def finish(self) -> None:
        for path, times in sorted(self._times.items(), reverse=True):
            os.utime(self.real(path), ns=times)

    def _step(self, path: str, owner: Owner, mode: int) -> bool:
        if path in self._present:
            return False
        real = self.real(path)
        above = _lstat(real)
        found = self._lower(path) if above is None else None
        in_the_way = above is not None and not stat.S_ISDIR(above.st_mode)
        if in_the_way or (found is not None and not found.is_dir):
            raise TargetError(f"cannot copy to non-directory: {path}")
        if above is None:
            os.mkdir(real)
            if found is None:
                self.dress(real, owner, mode, None)
            else:
                self._imitate(found, real)
                self._times[path] = (found.status.st_atime_ns, found.status.st_mtime_ns)
        self._present.add(path)
        return above is None and found is None

    def _lower(self, path: str) -> Entry | None:
        """What the layers below have at the resolved `path`, which the upper directory does not have."""
        folder, _, name = path.rpartition("/")
        if folder not in self._folders:
            self._folders[folder] = self._below.lookup(folder, follow=False)
        parent = self._folders[folder]
        return self._below.child(parent, name) if parent is not None else None

    def _imitate(self, found: Entry, real: str) -> None:
        status = found.status
        self.dress(real, Owner(status.st_uid, status.st_gid), stat.S_IMODE(status.st_mode), found.real or None)

    def _clear(self, path: str) -> None:
        real = self.real(path)
        above = _lstat(real)
        if above is None:
            found = self._lower(path)
            is_folder = found is not None and found.is_dir
        else:
            is_folder = stat.S_ISDIR(above.st_mode)
        if is_folder:
            raise TargetError(f"cannot replace the directory {path} with a file")
        if above is not None:
            os.unlink(real)


def clamp_times(upper: Path, epoch: int) -> None:
    """Nothing below `upper` stays younger than `epoch` (seconds): what a step writes is as old wherever it runs."""
    latest = epoch * 1_000_000_000
    for folder, folders, files in os.walk(upper, topdown=False):
        for name in (*files, *folders):
            path = f"{folder}/{name}"
            status = os.lstat(path)
            if status.st_mtime_ns > latest:
                os.utime(path, ns=(latest, latest), follow_symlinks=False)
    os.utime(upper, ns=(latest, latest))


def _copy_file(entry: Entry, real: str, owner: Owner, mode: int, *, xattrs: bool) -> None:
    """A regular file with all that belongs to it, by the open files: of many small ones the names take the time."""
    read = os.open(entry.real, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        write = os.open(real, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            if entry.status.st_size:
                _pour(read, write)
            os.fchown(write, owner.uid, owner.gid)
            os.fchmod(write, mode)
            if xattrs:
                _copy_xattrs(entry.real, real)
            os.utime(write, ns=(entry.status.st_atime_ns, entry.status.st_mtime_ns))
        finally:
            os.close(write)
        _check_unchanged(entry, os.fstat(read))
    finally:
        os.close(read)


def copy_bytes(source: str, destination: str) -> None:
    """A new file with the content of another; shares the blocks where the file system can."""
    read = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        write = os.open(destination, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            _pour(read, write)
        finally:
            os.close(write)
    finally:
        os.close(read)


def _pour(read: int, write: int) -> None:
    try:
        while os.copy_file_range(read, write, 1 << 30):
            pass
        return
    except OSError as error:
        # Between some file systems the kernel does not copy; what it has copied so far is in both offsets.
        if error.errno not in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM):
            raise
    while chunk := os.read(read, _BUFFER):
        view = memoryview(chunk)
        while view:
            view = view[os.write(write, view) :]


def _lstat(real: str) -> os.stat_result | None:
    try:
        return os.lstat(real)
    except FileNotFoundError:
        return None


def _check_unchanged(entry: Entry, now: os.stat_result) -> None:
    before = entry.status
    if (before.st_mtime_ns, before.st_size, before.st_ino) != (now.st_mtime_ns, now.st_size, now.st_ino):
        raise SourceChanged(entry.path)


def _same(real: str, owner: Owner, mode: int) -> bool:
    status = os.lstat(real)
    return (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (owner.uid, owner.gid, mode)


def _copy_xattrs(source: str, destination: str) -> None:
    for name in own_xattrs(source):
        try:
            os.setxattr(destination, name, os.getxattr(source, name, follow_symlinks=False), follow_symlinks=False)
        except OSError as error:
            # Docker's builder leaves out what the file system (or the user namespace) refuses, too.
            if error.errno not in (errno.ENOTSUP, errno.EPERM, errno.ENODATA):
                raise


def own_xattrs(real: str) -> list[str]:
    """The names of a file's extended attributes that belong to the file, not to the overlay or the host's policy."""
    try:
        names = os.listxattr(real, follow_symlinks=False)
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            return []
        raise
    return sorted(name for name in names if not name.startswith(_OWN_XATTRS))
