"""A tar stream → files in a container's root (`docker cp` into it). The archive and the root are both hostile.

Names are taken below the destination; the links that they meet on the way are followed inside the container's root, as
in a chroot, and `..` does not lead out of the destination. What is there already is replaced, folders are merged.
"""

import errno
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from dockless.images import tarread
from dockless.images.overlay import in_user_namespace
from dockless.images.tarread import Entry, TarReader
from dockless.linux.paths import make_folder, open_in_root

_LIMIT = 1 << 50  # bytes; the client is trusted with the container's disk
_FOREIGN_XATTRS = (b"trusted.", b"user.overlay.", b"security.selinux", b"security.apparmor", b"security.ima")
_UNSUPPORTED = (errno.ENOTSUP, errno.EPERM)


class CannotUnpack(Exception):
    """The archive does not fit what is there, or leads out of its destination."""


@dataclass(frozen=True)
class Rules:
    """`owner` (uid, gid) replaces the archive's own; `keep_kinds` refuses a folder in a file's place and vice versa."""

    owner: tuple[int, int] | None = None
    keep_kinds: bool = False


@dataclass
class Unpacking:
    """`root` is a descriptor of the container's root, `destination` an absolute path of a folder in it."""

    root: int
    destination: str
    rules: Rules
    _folders: dict[str, int] = field(default_factory=dict)  # modification times of folders, set when all is written

    def run(self, chunks: Iterable[bytes]) -> None:
        """`chunks` are not compressed. Blocking. Raises CannotUnpack, BadTar, OSError."""
        reader = TarReader(iter(chunks), lambda _: None, _LIMIT)
        for entry in reader:
            self._member(entry, reader)
        reader.drain()
        for path, modified in reversed(self._folders.items()):
            folder = open_in_root(self.root, path)
            try:
                os.utime(f"/proc/self/fd/{folder}", ns=(modified, modified))
            finally:
                os.close(folder)

    def _member(self, entry: Entry, reader: TarReader) -> None:
        name = _clean(entry.name)
        if not name:
            return  # the destination itself stays as it is
        parent, _, base = name.rpartition("/")
        folder = make_folder(self.root, f"{self.destination}/{parent}")
        try:
            if not self._make_way(folder, base, entry):
                self._make(folder, base, entry, reader)
            if entry.type == tarread.DIRECTORY:
                self._dress_folder(folder, base, entry)
                self._folders[f"{self.destination}/{name}"] = entry.mtime_ns
        finally:
            os.close(folder)

    def _make_way(self, folder: int, base: str, entry: Entry) -> bool:
        """Takes away what is in the way; True where a folder stays that is to be one."""
        try:
            found = os.stat(base, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return False
        was, becomes = stat.S_ISDIR(found.st_mode), entry.type == tarread.DIRECTORY
        if self.rules.keep_kinds and was and not becomes:
            raise CannotUnpack(f'cannot overwrite directory "{base}" with non-directory "{self.destination}"')
        if self.rules.keep_kinds and becomes and not was:
            raise CannotUnpack(f'cannot overwrite non-directory "{base}" with directory "{self.destination}"')
        if was and becomes:
            return True
        if was:
            shutil.rmtree(base, dir_fd=folder)
        else:
            os.unlink(base, dir_fd=folder)
        return False

    def _make(self, folder: int, base: str, entry: Entry, reader: TarReader) -> None:
        if entry.type == tarread.DIRECTORY:
            os.mkdir(base, 0o700, dir_fd=folder)
        elif entry.type == tarread.REGULAR:
            self._regular(folder, base, entry, reader)
        elif entry.type == tarread.HARD_LINK:
            self._hard_link(folder, base, entry)
        elif entry.type == tarread.SYMLINK:
            os.symlink(os.fsdecode(entry.link), base, dir_fd=folder)
            self._own_by_name(folder, base, entry)
            os.utime(base, ns=(entry.mtime_ns, entry.mtime_ns), dir_fd=folder, follow_symlinks=False)
        elif entry.type in (tarread.CHARACTER, tarread.BLOCK_DEVICE, tarread.FIFO):
            self._special(folder, base, entry)
        else:
            raise CannotUnpack(f"{base}: members of type {entry.type!r} are not known")

    def _regular(self, folder: int, base: str, entry: Entry, reader: TarReader) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(base, flags, 0o600, dir_fd=folder)
        try:
            if entry.sparse is None:
                for piece in reader.content():
                    _write(file, piece)
            else:
                _write_sparse(file, entry, reader)
            _dress(file, entry, self._owner(entry))
            os.utime(file, ns=(entry.mtime_ns, entry.mtime_ns))
        finally:
            os.close(file)

    def _hard_link(self, folder: int, base: str, entry: Entry) -> None:
        target_folder, _, target = _clean(entry.link).rpartition("/")
        source = open_in_root(self.root, f"{self.destination}/{target_folder}", os.O_PATH | os.O_DIRECTORY)
        try:
            os.link(target, base, src_dir_fd=source, dst_dir_fd=folder, follow_symlinks=False)
        finally:
            os.close(source)

    def _special(self, folder: int, base: str, entry: Entry) -> None:
        if entry.type == tarread.FIFO:
            os.mkfifo(base, 0o600, dir_fd=folder)
        elif in_user_namespace():
            return  # nobody may make devices there: left out, as by Docker
        else:
            kind = stat.S_IFCHR if entry.type == tarread.CHARACTER else stat.S_IFBLK
            os.mknod(base, kind | 0o600, os.makedev(*entry.device), dir_fd=folder)
        self._own_by_name(folder, base, entry)
        # chmod has no way not to follow a link; the descriptor is of what was just made, or of nothing that is a link.
        made = os.open(base, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        try:
            if not stat.S_ISLNK(os.fstat(made).st_mode):
                os.chmod(f"/proc/self/fd/{made}", entry.mode)
        finally:
            os.close(made)

    def _dress_folder(self, folder: int, base: str, entry: Entry) -> None:
        opened = os.open(base, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        try:
            _dress(opened, entry, self._owner(entry))
        finally:
            os.close(opened)

    def _own_by_name(self, folder: int, base: str, entry: Entry) -> None:
        with _mapped():
            os.chown(base, *self._owner(entry), dir_fd=folder, follow_symlinks=False)

    def _owner(self, entry: Entry) -> tuple[int, int]:
        return self.rules.owner or (entry.uid, entry.gid)


def _clean(name: bytes) -> str:
    """Relative and without `.` and `..`; empty for the destination itself. Raises CannotUnpack."""
    parts: list[bytes] = []
    for part in name.split(b"/"):
        if part == b"..":
            if not parts:
                raise CannotUnpack(f"{os.fsdecode(name[:200])!r} leads out of the destination")
            parts.pop()
        elif part not in (b"", b"."):
            parts.append(part)
    return os.fsdecode(b"/".join(parts))


@contextmanager
def _mapped() -> Iterator[None]:
    """An owner that the user namespace does not know is left out: the file is then its root's."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.EINVAL or not in_user_namespace():
            raise


def _dress(opened: int, entry: Entry, owner: tuple[int, int]) -> None:
    """Owner, mode, attributes: in this order, since a change of owner clears set-id bits and capabilities."""
    with _mapped():
        os.fchown(opened, *owner)
    os.fchmod(opened, entry.mode)
    for name, value in entry.xattrs.items():
        if name.startswith(_FOREIGN_XATTRS):
            continue
        try:
            os.setxattr(opened, name, value)
        except OSError as error:
            # This file system cannot hold it, or only real root may set it; Docker goes on, too.
            if error.errno not in _UNSUPPORTED:
                raise


def _write_sparse(file: int, entry: Entry, reader: TarReader) -> None:
    pieces = iter(entry.sparse or ())
    offset, left = 0, 0
    for data in reader.content():
        while data:
            while not left:
                offset, left = next(pieces)
            written = os.pwrite(file, data[:left], offset)
            offset, left, data = offset + written, left - written, data[written:]
    os.ftruncate(file, entry.real_size)


def _write(file: int, data: memoryview) -> None:
    while data:
        data = data[os.write(file, data) :]
