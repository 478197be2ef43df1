"""A directory in overlayfs's form → the tar stream of the layer that it stands for.

Deterministic: the same tree gives the same bytes (names in byte order, whole seconds, numeric owners, no directory
entry for the root), so that its digest names the tree. Sockets have no place in a tar and are left out, as by Docker.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from dockless.images import tarread
from dockless.images.overlay import OPAQUE, PREFIXES, is_whiteout
from dockless.registry.errors import ImageError

_BUFFER = 1 << 20
_BIG = 1 << 18  # from here on a file is passed on in pieces instead of being gathered
_OCTAL_7 = 0o7777777
_OCTAL_11 = 0o77777777777
_WHITEOUT_STATUS = os.stat_result((stat.S_IFREG, 0, 0, 1, 0, 0, 0, 0, 0, 0))
# What a step's kernel must not have written: it means that a name's content is somewhere else.
_INDIRECT = tuple(prefix + name for prefix in PREFIXES for name in ("redirect", "metacopy"))
_OPAQUES = tuple(prefix + OPAQUE for prefix in PREFIXES)
_FOREIGN = ("trusted.", "user.overlay.", "security.selinux", "security.apparmor", "security.ima", "security.evm")
_CAPABILITY = "security.capability"

Emit = Callable[[bytes], None]
FileSeen = Callable[[bytes, int], object]


class BadTree(ImageError):
    """The directory holds what no layer can: it changed while it was read, or overlayfs redirected parts of it."""


class TarWriter:
    """`emit` receives the stream in pieces; `raw` and `file` learn what it is made of (see split.py)."""

    def __init__(self, folder: Path, emit: Emit, raw: Callable[[bytes], None], file: FileSeen) -> None:
        self._root = os.fsencode(folder)
        self._emit = emit
        self._raw = raw
        self._file = file
        self._pending = bytearray()
        self._links: dict[tuple[int, int], bytes] = {}
        self.size = 0  # bytes of the files' contents

    def run(self) -> None:
        """Writes the whole tree and the end marker. Raises `BadTree`, `OSError`."""
        # A stack instead of recursion: a hostile step can nest deeper than Python recurses.
        stack = [(b"", self._listing(b""))]
        while stack:
            path, entries = stack[-1]
            entry = next(entries, None)
            if entry is None:
                stack.pop()
            elif (below := self._member(path, entry)) is not None:
                stack.append((below, self._listing(below)))
        self._put(bytes(2 * tarread.BLOCK))
        self._flush()

    def _listing(self, path: bytes) -> Iterator[os.DirEntry[bytes]]:
        with os.scandir(self._root + b"/" + path) as listing:
            return iter(sorted(listing, key=lambda entry: entry.name))

    def _member(self, parent: bytes, entry: os.DirEntry[bytes]) -> bytes | None:
        """Writes one member; the answer is the path of the directory to go into, if it is one."""
        name = parent + b"/" + entry.name if parent else entry.name
        status = entry.stat(follow_symlinks=False)
        mode = status.st_mode
        if stat.S_ISSOCK(mode):
            return None
        if is_whiteout(status):
            self._put_header(parent + b"/.wh." + entry.name if parent else b".wh." + entry.name, _WHITEOUT_STATUS)
            return None
        xattrs, opaque = self._xattrs(entry.path)
        if stat.S_ISDIR(mode):
            self._put_header(name + b"/", status, tarread.DIRECTORY, xattrs=xattrs)
            if opaque:
                self._put_header(name + b"/.wh..wh..opq", _WHITEOUT_STATUS)
            return name
        if status.st_nlink > 1:
            first = self._links.setdefault((status.st_dev, status.st_ino), name)
            if first is not name:
                self._put_header(name, status, tarread.HARD_LINK, link=first)
                return None
        if stat.S_ISREG(mode):
            self._put_header(name, status, size=status.st_size, xattrs=xattrs)
            self._content(name, entry.path, status.st_size)
        elif stat.S_ISLNK(mode):
            self._put_header(name, status, tarread.SYMLINK, link=os.readlink(entry.path), xattrs=xattrs)
        else:
            kind = {stat.S_IFCHR: tarread.CHARACTER, stat.S_IFBLK: tarread.BLOCK_DEVICE}.get(stat.S_IFMT(mode))
            self._put_header(name, status, kind or tarread.FIFO, xattrs=xattrs)
        return None

    def _xattrs(self, path: bytes) -> tuple[dict[str, bytes], bool]:
        names = _list_xattrs(path)
        if not names:
            return {}, False
        if any(name in _INDIRECT for name in names):
            raise BadTree(f"{os.fsdecode(path)}: overlayfs redirected it; mount with redirect_dir=off,metacopy=off")
        opaque = any(name in _OPAQUES and os.getxattr(path, name, follow_symlinks=False) == b"y" for name in names)
        kept = {
            name: os.getxattr(path, name, follow_symlinks=False)
            for name in sorted(names)
            if not name.startswith(_FOREIGN)
        }
        if _CAPABILITY in kept:
            kept[_CAPABILITY] = _without_root_id(kept[_CAPABILITY])
        return kept, opaque

    def _content(self, name: bytes, path: bytes, size: int) -> None:
        self.size += size
        if not size:
            return
        self._file(name, size)
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            left = size
            while left:
                data = os.read(fd, min(left, _BUFFER))
                if not data:
                    raise BadTree(f"{os.fsdecode(path)}: it became shorter while it was read")
                left -= len(data)
                if len(data) >= _BIG:
                    self._flush()
                    self._emit(data)
                else:
                    self._pending += data
                    if len(self._pending) >= _BUFFER:
                        self._flush()
        finally:
            os.close(fd)
        if padding := -size % tarread.BLOCK:
            self._put(bytes(padding))

    def _put_header(
        self,
        name: bytes,
        status: os.stat_result,
        kind: bytes = tarread.REGULAR,
        *,
        link: bytes = b"",
        size: int = 0,
        xattrs: dict[str, bytes] | None = None,
    ) -> None:
        mtime = int(status.st_mtime // 1)
        records = _pax_records(name, link, status, size, mtime, xattrs or {})
        if records:
            short = b"./PaxHeaders/" + name.rstrip(b"/").rpartition(b"/")[2][:80]
            self._put(_header(short, 0o644, 0, 0, len(records), 0, b"x", b"", 0))
            self._put(records + bytes(-len(records) % tarread.BLOCK))
        device = status.st_rdev if kind in (tarread.CHARACTER, tarread.BLOCK_DEVICE) else 0
        mode = stat.S_IMODE(status.st_mode)
        self._put(_header(name, mode, status.st_uid, status.st_gid, size, mtime, kind, link, device))

    def _put(self, data: bytes) -> None:
        self._raw(data)
        self._pending += data
        if len(self._pending) >= _BUFFER:
            self._flush()

    def _flush(self) -> None:
        if self._pending:
            self._emit(bytes(self._pending))
            self._pending.clear()


def _header(
    name: bytes, mode: int, uid: int, gid: int, size: int, mtime: int, kind: bytes, link: bytes, device: int
) -> bytes:
    """POSIX.1-2017, pax, "ustar Interchange Format"; what does not fit stands in the PAX records before it."""
    head = b"%s%07o\0%07o\0%07o\0%011o\0%011o\0" % (
        name[:100].ljust(100, b"\0"),
        mode,
        uid if uid <= _OCTAL_7 else 0,
        gid if gid <= _OCTAL_7 else 0,
        size if size <= _OCTAL_11 else 0,
        mtime if 0 <= mtime <= _OCTAL_11 else 0,
    )
    rest = b"%s%sustar\x0000%s%07o\0%07o\0%s" % (
        kind,
        link[:100].ljust(100, b"\0"),
        bytes(64),
        os.major(device),
        os.minor(device),
        bytes(167),
    )
    return b"%s%06o\0 %s" % (head, sum(head) + sum(rest) + 8 * 32, rest)


def _pax_records(
    name: bytes, link: bytes, status: os.stat_result, size: int, mtime: int, xattrs: dict[str, bytes]
) -> bytes:
    records = b""
    if len(name) > 100:
        records += _pax_record(b"path", name)
    if len(link) > 100:
        records += _pax_record(b"linkpath", link)
    for key, number, largest in (
        (b"uid", status.st_uid, _OCTAL_7),
        (b"gid", status.st_gid, _OCTAL_7),
        (b"size", size, _OCTAL_11),
        (b"mtime", mtime, _OCTAL_11),
    ):
        if not 0 <= number <= largest:
            records += _pax_record(key, b"%d" % number)
    for attribute, value in xattrs.items():
        records += _pax_record(b"SCHILY.xattr." + os.fsencode(attribute), value)
    return records


def _pax_record(key: bytes, value: bytes) -> bytes:
    """The length at the front counts its own digits."""
    rest = b" " + key + b"=" + value + b"\n"
    length = len(rest) + len(str(len(rest)))
    length = len(rest) + len(str(length))
    return b"%d%s" % (length, rest)


def _list_xattrs(path: bytes) -> list[str]:
    try:
        return os.listxattr(path, follow_symlinks=False)
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            return []
        raise


def _without_root_id(value: bytes) -> bytes:
    """A file capability of revision 3 names the user namespace it was set in (capabilities(7)); an image's do not."""
    if len(value) == 24 and value[3] == 3:
        return value[:3] + b"\x02" + value[4:20]
    return value
