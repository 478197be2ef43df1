"""Makes the files of a tar stream in a folder. The stream is taken to be hostile: nothing outside is touched.

The folder is empty and nobody else writes in it, so what stands where is known without asking the kernel: a path's
parents are directories that were made here, or links that were made here and are followed within the folder, as in a
chroot. A name that leads out by `..` is refused, as by Docker.

For layers, whiteouts (OCI image layer specification, "Whiteouts") become overlayfs's own: a character device 0/0 for
a removed name, an extended attribute for an opaque directory.
"""

import errno
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dockless.images import tarread
from dockless.images.overlay import in_user_namespace, opaque_attribute
from dockless.images.tarread import Entry, TarReader
from dockless.registry.errors import ImageError

_WHITEOUT = b".wh."
_WHITEOUT_META = b".wh..wh."
_OPAQUE = b".wh..wh..opq"
# overlayfs's private marks; in a layer from elsewhere they could redirect a directory. Users never see them either.
_PRIVATE_XATTRS = (b"trusted.overlay.", b"user.overlay.")
# Labels belong to the machine, not to the image.
_FOREIGN_XATTRS = (b"security.selinux", b"security.apparmor", b"security.ima", b"security.evm")
_MAX_LINKS = 40
# A directory that a later member replaces costs a look at every name; no honest archive does it often.
_MAX_REPLACED_DIRECTORIES = 1000
# What the kernel says of a name or a value that no archive should hold.
_ARCHIVE_FAULTS = frozenset((errno.ENAMETOOLONG, errno.EINVAL, errno.ERANGE, errno.E2BIG, errno.EMLINK, errno.EFBIG))


class BadLayer(ImageError):
    """The archive cannot be unpacked as it stands, or is not what its digest says."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one archive may take: bytes (of the stream, and again of the files it makes) and members."""

    bytes: int = 64 << 30
    entries: int = 2_000_000


class Recorder(Protocol):
    """Learns what the stream is made of (see split.py)."""

    def raw(self, data: bytes | memoryview) -> None: ...

    def file(self, path: bytes, size: int) -> int:
        """The content of `path` comes here in the stream; the answer is its number."""
        ...

    def moved(self, number: int, path: bytes) -> None:
        """The content of that file is now at `path`, relative to the folder beside the layer."""
        ...


class NoRecord:
    """For archives that are unpacked and forgotten."""

    def raw(self, data: bytes | memoryview) -> None:
        return None

    def file(self, path: bytes, size: int) -> int:
        return 0

    def moved(self, number: int, path: bytes) -> None:
        return None


def extract(chunks: Iterable[bytes], folder: Path, limits: Limits = Limits()) -> int:
    """Unpacks an uncompressed tar stream into an empty folder; the answer is the size of the files' contents in bytes.

    Whiteouts mean nothing here. Raises `BadLayer` or `BadTar`, and `OSError` where the disk fails.
    """
    return Unpacker(folder, limits, NoRecord(), whiteouts=False).run(chunks)


class Unpacker:
    """One archive into one folder. `aside` receives files that the archive itself replaces (see split.py)."""

    def __init__(
        self, folder: Path, limits: Limits, recorder: Recorder, *, whiteouts: bool, aside: Path | None = None
    ) -> None:
        self._folder = os.fsencode(folder)
        self._limits = limits
        self._recorder = recorder
        self._whiteouts = whiteouts
        self._aside = aside
        self._privileged = os.geteuid() == 0
        self._opaque = opaque_attribute()
        self._size = 0
        self._replaced_directories = 0
        self._root = -1
        # What was made so far, by path relative to the folder.
        self._directories: dict[bytes, Entry | None] = {b"": None}
        self._links: dict[bytes, bytes] = {}
        self._files: dict[bytes, int] = {}  # regular files, with the recorder's number (-1: no content)
        self._others: set[bytes] = set()  # devices and fifos
        self._removed: set[bytes] = set()  # whiteouts
        self._opaques: set[bytes] = set()

    def run(self, chunks: Iterable[bytes]) -> int:
        """Unpacks everything; the answer is the size of the files' contents in bytes."""
        self._root = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        reader = TarReader(iter(chunks), self._recorder.raw, self._limits.bytes)
        try:
            for number, entry in enumerate(reader):
                if number >= self._limits.entries:
                    raise BadLayer(f"the archive has more than {self._limits.entries} members, the limit for one layer")
                self._member(entry, reader)
            reader.drain()
            self._finish_directories()
        finally:
            os.close(self._root)
        return self._size

    def _member(self, entry: Entry, reader: TarReader) -> None:
        try:
            parent, base = self._place(entry.name)
            if not base:
                # The archive's own root: an overlay's root looks like the uppermost layer's, which is never this one.
                if entry.type != tarread.DIRECTORY:
                    raise BadLayer(f"{_show(entry.name)}: the root of a layer must be a directory")
            elif self._whiteouts and base.startswith(_WHITEOUT):
                self._whiteout(parent, base)
            else:
                self._make(entry, parent, base, reader)
        except OSError as error:
            if error.errno in _ARCHIVE_FAULTS:
                raise BadLayer(f"{_show(entry.name)}: {error.strerror}") from error
            raise

    def _make(self, entry: Entry, parent: bytes, base: bytes, reader: TarReader) -> None:
        path = _join(parent, base)
        kind = entry.type
        if kind == tarread.DIRECTORY:
            self._directory(path, entry)
            return
        if kind == tarread.HARD_LINK:
            self._hard_link(path, entry)
            return
        self._clear(path)
        if kind == tarread.REGULAR:
            self._regular(path, entry, reader)
        elif kind == tarread.SYMLINK:
            os.symlink(entry.link, path, dir_fd=self._root)
            self._links[path] = entry.link
            self._own_by_path(path, entry)
        elif kind in (tarread.CHARACTER, tarread.BLOCK_DEVICE, tarread.FIFO):
            self._special(path, entry)
        else:
            raise BadLayer(f"{_show(entry.name)}: members of type {kind!r} are not known")

    # Names.

    def _place(self, name: bytes) -> tuple[bytes, bytes]:
        """The directory, made where it is missing, and the last component (empty for the root)."""
        clean = _clean(name)
        parent, _, base = clean.rpartition(b"/")
        if parent not in self._directories:
            parent = self._resolve_directory(parent)
        return parent, base

    def _resolve_directory(self, path: bytes) -> bytes:
        """Follows links as a chroot would, and makes what is missing (mode 755, owner 0, as Docker does)."""
        done = b""
        todo = path.split(b"/")[::-1]
        links = 0
        while todo:
            component = todo.pop()
            if component in (b"", b"."):
                continue
            if component == b"..":
                done = done.rpartition(b"/")[0]
                continue
            step = _join(done, component)
            if (target := self._links.get(step)) is not None:
                links += 1
                if links > _MAX_LINKS:
                    raise BadLayer(f"{_show(path)}: too many levels of symbolic links")
                if target.startswith(b"/"):
                    done = b""
                todo += target.split(b"/")[::-1]
                continue
            if step not in self._directories:
                if step in self._files or step in self._others:
                    raise BadLayer(f"{_show(path)}: {_show(step)} is not a directory")
                self._new_directory(step)
            done = step
        return done

    def _new_directory(self, path: bytes) -> None:
        was_removed = path in self._removed
        self._clear(path)
        os.mkdir(path, 0o700, dir_fd=self._root)
        self._directories[path] = None
        if was_removed:
            self._opaques.add(path)

    def _clear(self, path: bytes) -> None:
        """Takes away what the archive made here before; nearly always there is nothing."""
        if path in self._files:
            self._replace_file(path)
        elif path in self._links or path in self._others or path in self._removed:
            os.unlink(path, dir_fd=self._root)
            self._links.pop(path, None)
            self._others.discard(path)
            self._removed.discard(path)
        elif path in self._directories:
            self._clear_directory(path)

    def _clear_directory(self, path: bytes) -> None:
        self._replaced_directories += 1
        if self._replaced_directories > _MAX_REPLACED_DIRECTORIES:
            raise BadLayer(f"{_show(path)}: the archive replaces its own directories again and again")
        inside = path + b"/"
        for known in (self._files, self._links, self._others, self._removed):
            for below in [name for name in known if name.startswith(inside)]:
                self._clear(below)
        below_first = sorted((name for name in self._directories if name.startswith(inside)), key=len, reverse=True)
        for directory in [*below_first, path]:
            os.rmdir(directory, dir_fd=self._root)
            del self._directories[directory]
            self._opaques.discard(directory)

    def _replace_file(self, path: bytes) -> None:
        number = self._files.pop(path)
        if number < 0 or self._aside is None:
            os.unlink(path, dir_fd=self._root)
            return
        self._aside.mkdir(mode=0o700, exist_ok=True)
        os.rename(path, os.fsencode(self._aside / str(number)), src_dir_fd=self._root)
        self._recorder.moved(number, str(number).encode())

    # The kinds of members.

    def _regular(self, path: bytes, entry: Entry, reader: TarReader) -> None:
        self._size += entry.real_size
        if self._size > self._limits.bytes:
            raise BadLayer(f"the files take more than {self._limits.bytes} bytes, the limit for one layer")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(path, flags, 0o600, dir_fd=self._root)
        try:
            self._files[path] = -1
            if entry.sparse is not None:
                self._write_sparse(fd, entry, reader)
            elif entry.size:
                for piece in reader.content():
                    _write(fd, piece)
                self._files[path] = self._recorder.file(path, entry.size)
            self._own(fd, entry)
        finally:
            os.close(fd)

    def _write_sparse(self, fd: int, entry: Entry, reader: TarReader) -> None:
        """The content stays in the record: in the stream it is not what the file's bytes are."""
        pieces = iter(entry.sparse or ())
        offset, left = 0, 0
        for data in reader.content():
            self._recorder.raw(data)
            while data:
                while not left:
                    offset, left = next(pieces)
                written = os.pwrite(fd, data[:left], offset)
                offset, left, data = offset + written, left - written, data[written:]
        os.ftruncate(fd, entry.real_size)

    def _directory(self, path: bytes, entry: Entry) -> None:
        if path not in self._directories:
            self._new_directory(path)
        self._directories[path] = entry

    def _hard_link(self, path: bytes, entry: Entry) -> None:
        parent, base = self._place(entry.link)
        target = _join(parent, base)
        if target == path:
            return
        known = target in self._files or target in self._links or target in self._others
        if not known or target.startswith(path + b"/"):
            raise BadLayer(f"{_show(entry.name)}: a hard link to {_show(entry.link)}, which is no file of this layer")
        self._clear(path)
        os.link(target, path, src_dir_fd=self._root, dst_dir_fd=self._root, follow_symlinks=False)
        if target in self._files:
            self._files[path] = -1
        elif target in self._links:
            self._links[path] = self._links[target]
        else:
            self._others.add(path)

    def _special(self, path: bytes, entry: Entry) -> None:
        if entry.type == tarread.FIFO:
            os.mkfifo(path, 0o600, dir_fd=self._root)
        else:
            if not self._may_make_devices():
                return
            kind = stat.S_IFCHR if entry.type == tarread.CHARACTER else stat.S_IFBLK
            os.mknod(path, kind | 0o600, os.makedev(*entry.device), dir_fd=self._root)
        self._others.add(path)
        self._own_by_path(path, entry)
        os.chmod(path, entry.mode, dir_fd=self._root)

    def _may_make_devices(self) -> bool:
        """In a user namespace nobody may, and the runtime puts its own over /dev anyway: left out, as by Docker."""
        return self._privileged and not in_user_namespace()

    def _whiteout(self, parent: bytes, base: bytes) -> None:
        if base == _OPAQUE:
            if parent:
                self._opaques.add(parent)
            return
        if base.startswith(_WHITEOUT_META):
            return  # aufs's own bookkeeping; Docker ignores it, too
        name = base[len(_WHITEOUT) :]
        if name in (b"", b".", b".."):
            raise BadLayer(f"{_show(base)}: a whiteout without a name")
        path = _join(parent, name)
        # A whiteout is about the layers below: what this layer brings under the same name stays.
        if path in self._directories:
            self._opaques.add(path)
        elif not (path in self._files or path in self._links or path in self._others or path in self._removed):
            os.mknod(path, stat.S_IFCHR, os.makedev(0, 0), dir_fd=self._root)
            self._removed.add(path)

    # Owners, modes, attributes, times: in this order, since a change of owner clears set-id bits and capabilities.

    def _own(self, fd: int, entry: Entry) -> None:
        if self._privileged:
            os.fchown(fd, entry.uid, entry.gid)
        os.fchmod(fd, entry.mode)
        if entry.xattrs:
            _set_xattrs(fd, entry, follow=True)
        os.utime(fd, ns=(entry.mtime_ns, entry.mtime_ns))

    def _own_by_path(self, path: bytes, entry: Entry) -> None:
        if self._privileged:
            os.chown(path, entry.uid, entry.gid, dir_fd=self._root, follow_symlinks=False)
        if entry.xattrs:
            _set_xattrs(self._folder + b"/" + path, entry, follow=False)
        os.utime(path, ns=(entry.mtime_ns, entry.mtime_ns), dir_fd=self._root, follow_symlinks=False)

    def _finish_directories(self) -> None:
        """At the end, since a new file changes its directory's time, and a mode can forbid to write in it."""
        for path in sorted(self._directories, key=len, reverse=True):
            if not path:
                continue
            entry = self._directories[path]
            fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._root)
            try:
                if path in self._opaques:
                    os.setxattr(fd, self._opaque, b"y")
                if entry is None:
                    os.fchmod(fd, 0o755)
                    os.utime(fd, ns=(0, 0))
                else:
                    self._own(fd, entry)
            finally:
                os.close(fd)


def _clean(name: bytes) -> bytes:
    """`/a//./b/../c/` → `a/c`. Raises `BadLayer` where it leads out of the archive's root."""
    if b"/." not in name and b"//" not in name and not name.startswith((b".", b"/")):
        return name[:-1] if name.endswith(b"/") else name
    parts: list[bytes] = []
    for part in name.split(b"/"):
        if part == b"..":
            if not parts:
                raise BadLayer(f"{_show(name)}: a name that leads out of the archive")
            parts.pop()
        elif part not in (b"", b"."):
            parts.append(part)
    return b"/".join(parts)


def _set_xattrs(target: int | bytes, entry: Entry, *, follow: bool) -> None:
    for name, value in entry.xattrs.items():
        if name.startswith(_PRIVATE_XATTRS) or name in _FOREIGN_XATTRS:
            continue
        try:
            os.setxattr(target, name, value, follow_symlinks=follow)
        except OSError as error:
            # This file system, or this kind of file, cannot hold it, or only real root may set it; Docker goes on, too.
            if error.errno in (errno.ENOSPC, errno.E2BIG):
                why = f"its attribute {_show(name)} of {len(value)} bytes does not fit this file system"
                raise BadLayer(f"{_show(entry.name)}: {why}") from error
            if error.errno not in (errno.ENOTSUP, errno.EPERM):
                raise


def _write(fd: int, data: memoryview) -> None:
    written = os.write(fd, data)
    while written < len(data):
        written += os.write(fd, data[written:])


def _join(parent: bytes, base: bytes) -> bytes:
    return parent + b"/" + base if parent else base


def _show(name: bytes) -> str:
    return name[:200].decode("utf-8", "backslashreplace")
