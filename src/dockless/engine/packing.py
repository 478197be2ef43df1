"""A part of a container's file system → a tar stream (`docker cp`, `docker export`).

The tree may be changed, by somebody hostile, while it is read: each folder is opened by its path without following any
link, each file through the descriptor by which it was looked at. Blocking; a generator to be run in threads.
"""

import errno
import os
import stat
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager

from dockless.engine.walking import folders
from dockless.linux.paths import RESOLVE_BENEATH, RESOLVE_NO_XDEV, openat2

_PIECE = 1 << 20
_FOREIGN = ("trusted.", "user.overlay.", "security.selinux", "security.apparmor", "security.ima", "security.evm")
_TYPES = {
    stat.S_IFREG: tarfile.REGTYPE,
    stat.S_IFDIR: tarfile.DIRTYPE,
    stat.S_IFLNK: tarfile.SYMTYPE,
    stat.S_IFCHR: tarfile.CHRTYPE,
    stat.S_IFBLK: tarfile.BLKTYPE,
    stat.S_IFIFO: tarfile.FIFOTYPE,
}


class Packer:
    """`folder` is a descriptor, which stays the caller's. Members' names begin with `prefix`, so that the member of
    what is packed is called `prefix` itself.

    `one_mount` leaves out what other file systems show: their mount points are empty folders and empty files.
    """

    def __init__(self, folder: int, prefix: str, *, one_mount: bool = False) -> None:
        self._folder = folder
        self._prefix = prefix
        self._one_mount = one_mount
        self._links: dict[tuple[int, int], str] = {}

    def folder(self) -> Iterator[bytes]:
        """The folder and all that is in it. Raises OSError."""
        return _gathered(self._walk())

    def content(self) -> Iterator[bytes]:
        """All that is in the folder, without a member for itself; names as in the folder. Raises OSError."""
        return _gathered(self._walk(with_itself=False))

    def entry(self, name: str) -> Iterator[bytes]:
        """One entry of the folder that is no folder itself. Raises OSError."""
        return _gathered(self._one(name))

    def _one(self, name: str) -> Iterator[bytes]:
        with self._looked_at(self._folder, name) as found:
            yield from self._member(found, self._prefix)

    def _walk(self, *, with_itself: bool = True) -> Iterator[bytes]:
        for path, folder, names in folders(self._folder, one_mount=self._one_mount):
            if path or with_itself:
                yield _head(self._name(path), os.fstat(folder), folder)
            for name in names:
                yield from self._listed(folder, name, self._name(f"{path}/{name}" if path else name))

    def _listed(self, folder: int, name: str, shown: str) -> Iterator[bytes]:
        """Writes what is no folder, and mount points that are not gone into."""
        try:
            with self._looked_at(folder, name) as found:
                if not stat.S_ISDIR(os.fstat(found).st_mode):
                    yield from self._member(found, shown)
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            yield _mount_point(folder, name, shown)

    @contextmanager
    def _looked_at(self, folder: int, name: str) -> Iterator[int]:
        """The entry itself, a link not followed."""
        resolve = RESOLVE_BENEATH | (RESOLVE_NO_XDEV if self._one_mount else 0)
        found = openat2(folder, name, os.O_PATH | os.O_NOFOLLOW, 0, resolve)
        try:
            yield found
        finally:
            os.close(found)

    def _name(self, path: str) -> str:
        if not (path and self._prefix):
            return path or self._prefix
        return f"{self._prefix.rstrip('/')}/{path}"

    def _member(self, found: int, name: str) -> Iterator[bytes]:
        status = os.fstat(found)
        kind = stat.S_IFMT(status.st_mode)
        if kind not in _TYPES:
            return  # a socket: nothing that an archive can hold
        if status.st_nlink > 1:
            key = (status.st_dev, status.st_ino)
            if (first := self._links.setdefault(key, name)) != name:
                yield _head(name, status, None, tarfile.LNKTYPE, first)
                return
        if kind == stat.S_IFLNK:
            yield _head(name, status, None, link=os.readlink("", dir_fd=found))
            return
        if kind != stat.S_IFREG:
            yield _head(name, status, None)
            return
        file = os.open(f"/proc/self/fd/{found}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            yield _head(name, status, file)
            yield from _content(file, status.st_size)
        finally:
            os.close(file)


def _gathered(members: Iterator[bytes]) -> Iterator[bytes]:
    """The many small pieces in few large ones, and the end marker."""
    pending = bytearray()
    for piece in members:
        pending += piece
        if len(pending) >= _PIECE:
            yield bytes(pending)
            pending.clear()
    yield bytes(pending) + bytes(2 * tarfile.BLOCKSIZE)


def _content(file: int, size: int) -> Iterator[bytes]:
    """As many bytes as the header says: what a file loses while it is read is filled up with zeros, as by GNU tar."""
    left = size
    while left and (piece := os.read(file, min(left, _PIECE))):
        left -= len(piece)
        yield piece
    while left:
        piece = bytes(min(left, _PIECE))
        left -= len(piece)
        yield piece
    yield bytes(-size % tarfile.BLOCKSIZE)


def _mount_point(folder: int, name: str, shown: str) -> bytes:
    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    kind = tarfile.DIRTYPE if stat.S_ISDIR(status.st_mode) else tarfile.REGTYPE
    info = tarfile.TarInfo(shown)
    info.type, info.mode = kind, 0o755 if kind == tarfile.DIRTYPE else 0o644
    info.mtime = int(status.st_mtime)
    return info.tobuf(tarfile.PAX_FORMAT)


def _head(name: str, status: os.stat_result, opened: int | None, kind: bytes | None = None, link: str = "") -> bytes:
    """A header in the pax format; extended attributes are read from `opened`."""
    info = tarfile.TarInfo(name)
    info.type = kind or _TYPES[stat.S_IFMT(status.st_mode)]
    info.mode = stat.S_IMODE(status.st_mode)
    info.uid, info.gid = status.st_uid, status.st_gid
    info.mtime = int(status.st_mtime // 1)
    info.linkname = link
    if info.type == tarfile.REGTYPE:
        info.size = status.st_size
    if info.type in (tarfile.CHRTYPE, tarfile.BLKTYPE):
        info.devmajor, info.devminor = os.major(status.st_rdev), os.minor(status.st_rdev)
    if opened is not None:
        info.pax_headers = {f"SCHILY.xattr.{key}": value for key, value in _xattrs(opened)}
    return info.tobuf(tarfile.PAX_FORMAT)


def _xattrs(opened: int) -> Iterator[tuple[str, str]]:
    try:
        names = os.listxattr(opened)
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            return
        raise
    for name in names:
        if not name.startswith(_FOREIGN):
            yield name, os.getxattr(opened, name).decode("utf-8", "surrogateescape")
