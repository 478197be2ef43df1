"""ADD of a local archive: is it one, and its contents into the image's tree.

The archive is not trusted: names are taken below the destination only, links are resolved inside the image's root, and
nothing is written through what the archive itself has planted.
"""

import contextlib
import errno
import os
import posixpath
import stat
import tarfile
from collections.abc import Iterator
from typing import IO, BinaryIO, cast

import zstandard

from dockless.build.copying import Destination
from dockless.build.owners import Owner
from dockless.build.target import Target, TargetError
from dockless.build.tree import clean

_ZSTD = b"\x28\xb5\x2f\xfd"
_XATTR = "SCHILY.xattr."


def is_archive(path: str) -> bool:
    """Whether the file is a tar, plain or compressed with gzip, bzip2, xz or zstd (recognised by content, not name)."""
    if not stat.S_ISREG(os.lstat(path).st_mode):
        return False
    try:
        with _opened(path) as archive:
            return archive.next() is not None
    except (tarfile.TarError, EOFError, OSError, zstandard.ZstdError):
        return False


def unpack(path: str, destination: Destination, target: Target) -> None:
    """Puts the archive's contents below the destination, which becomes a folder.

    Permissions are the archive's, and owners unless the destination names another one. Raises `TargetError`, `OSError`.
    """
    base, _ = target.tree.resolve(destination.path)
    target.make_folder(base, destination.owner or Owner())
    try:
        with _opened(path) as archive:
            for member in archive:
                _Member(member, archive, base, destination, target).write()
    except (tarfile.TarError, EOFError, zstandard.ZstdError) as error:
        raise TargetError(f"{posixpath.basename(path)}: broken archive: {error}") from error


@contextlib.contextmanager
def _opened(path: str) -> Iterator[tarfile.TarFile]:
    with open(path, "rb") as file:  # noqa: PTH123 (a path of the host as text, with surrogates)
        plain: IO[bytes] = file
        if file.read(len(_ZSTD)) == _ZSTD:
            file.seek(0)
            plain = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
            mode = "r|"
        else:
            file.seek(0)
            mode = "r|*"
        with tarfile.open(fileobj=cast(BinaryIO, plain), mode=mode, errors="surrogateescape") as archive:  # type: ignore[call-overload]
            yield archive


class _Member:
    """One member on its way into the tree."""

    def __init__(
        self, member: tarfile.TarInfo, archive: tarfile.TarFile, base: str, destination: Destination, target: Target
    ) -> None:
        self.member = member
        self.archive = archive
        self.base = base
        self.destination = destination
        self.target = target
        self.owner = destination.owner or Owner(member.uid, member.gid)
        self.mode = member.mode & 0o7777
        nanoseconds = int(member.mtime * 1_000_000_000)
        self.times = (nanoseconds, nanoseconds)

    def write(self) -> None:
        path = self.inside(self.member.name)
        if path == self.base:
            return
        if self.member.isdir():
            self.folder(path)
            return
        self.target.make_folder(posixpath.dirname(path), self.destination.owner or Owner())
        real = self.target.prepare(path)
        if self.member.islnk():
            self.hard_link(real)
            return
        if not self.special(real):
            return
        self.target.dress(real, self.owner, self.mode, None)
        self.xattrs(real)
        os.utime(real, ns=self.times, follow_symlinks=False)

    def inside(self, name: str) -> str:
        """The member's place: its folder resolved inside the root, its own name as it is."""
        wanted = clean(self.base + clean(name))
        folder, last = posixpath.split(wanted)
        resolved, _ = self.target.tree.resolve(folder)
        return posixpath.join(resolved, last) if last else resolved

    def folder(self, path: str) -> None:
        self.target.make_folder(path, self.owner, self.mode)
        self.target.dress(self.target.real(path), self.owner, self.mode, None)
        self.xattrs(self.target.real(path))
        self.target.set_times(path, self.times)

    def hard_link(self, real: str) -> None:
        source = self.inside(self.member.linkname)
        found = self.target.tree.lookup(source, follow=False)
        if found is None or found.is_dir:
            raise TargetError(f"{self.member.name}: hard link to {self.member.linkname}, which is not there")
        if found.real == self.target.real(source):
            os.link(found.real, real, follow_symlinks=False)
        else:
            self.target.put(found, self.inside(self.member.name), self.owner, stat.S_IMODE(found.status.st_mode))

    def special(self, real: str) -> bool:
        """Makes what is no folder and no hard link; False for kinds that an image does not hold."""
        member = self.member
        if member.issym():
            os.symlink(member.linkname, real)
        elif member.isfifo():
            os.mkfifo(real)
        elif member.ischr() or member.isblk():
            kind = stat.S_IFCHR if member.ischr() else stat.S_IFBLK
            os.mknod(real, kind | 0o600, os.makedev(member.devmajor, member.devminor))
        elif member.isfile():
            content = self.archive.extractfile(member)
            with open(real, "xb") as file:  # noqa: PTH123
                while content is not None and (chunk := content.read(1 << 18)):
                    file.write(chunk)
        else:
            return False
        return True

    def xattrs(self, real: str) -> None:
        for key, value in self.member.pax_headers.items():
            if not key.startswith(_XATTR) or key.startswith((_XATTR + "trusted.overlay.", _XATTR + "user.overlay.")):
                continue
            try:
                os.setxattr(real, key[len(_XATTR) :], value.encode("utf-8", "surrogateescape"), follow_symlinks=False)
            except OSError as error:
                if error.errno not in (errno.ENOTSUP, errno.EPERM):
                    raise
