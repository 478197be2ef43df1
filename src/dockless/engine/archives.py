"""Copying out of and into containers (`docker cp`): what a path is, its archive, and an archive unpacked at a path.

The rules and the names in the archives are Docker's, since its client renames what it gets by them.
"""

import errno
import os
import posixpath
import stat
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from dockless.engine.packing import Packer
from dockless.engine.pieces import Pieces, consumed
from dockless.engine.records import ContainerRecord
from dockless.engine.roots import Roots
from dockless.engine.unpacking import CannotUnpack, Rules, Unpacking
from dockless.images.compression import BadCompression, decompress
from dockless.images.tarread import BadTar
from dockless.linux.paths import MAX_LINKS, open_in_root
from dockless.wire.archive import PathStat, go_mode
from dockless.wire.errors import BadParameter, NotFound
from dockless.wire.times import rfc3339

_MISSING = (errno.ENOENT, errno.ENOTDIR)


@dataclass(frozen=True)
class Archives:
    """`owner` gives the user and group that a container's configuration names."""

    roots: Roots
    owner: Callable[[ContainerRecord], tuple[int, int]]

    async def stat(self, record: ContainerRecord, path: str) -> PathStat:
        """Raises NotFound."""
        root = await self.roots.reading(record.id)
        try:
            with _explained(record, path):
                return path_stat(root, _absolute(path))
        finally:
            os.close(root)

    async def get(self, record: ContainerRecord, path: str) -> tuple[PathStat, AsyncIterator[bytes]]:
        """Raises NotFound."""
        wanted = _absolute(path)
        root = await self.roots.reading(record.id)
        try:
            with _explained(record, path):
                found = path_stat(root, wanted)
                return found, _archive(root, wanted)
        finally:
            os.close(root)

    async def put(
        self,
        record: ContainerRecord,
        path: str,
        content: AsyncIterator[bytes],
        *,
        no_overwrite_dir_non_dir: bool,
        copy_uid_gid: bool,
    ) -> None:
        """Raises NotFound, BadParameter."""
        owner = self.owner(record) if copy_uid_gid and record.config.user else None
        rules = Rules(owner, keep_kinds=no_overwrite_dir_non_dir)
        wanted = _absolute(path)
        async with self.roots.writing(record.id) as root:
            with _explained(record, path):
                if not stat.S_ISDIR(_status(root, wanted).st_mode):
                    raise BadParameter("extraction point is not a directory")
            unpacking = Unpacking(root, wanted.rstrip("/"), rules)
            try:
                await consumed(content, lambda chunks: unpacking.run(decompress(chunks)))
            except (CannotUnpack, BadTar, BadCompression) as error:
                raise BadParameter(f"Error processing tar file: {error}") from error
            except OSError as error:
                raise _refused(record, error) from error


def path_stat(root: int, path: str) -> PathStat:
    """Of the entry itself; a link's target is followed as far as it leads. Raises OSError."""
    found = _opened(root, path)
    try:
        status = os.fstat(found)
    finally:
        os.close(found)
    is_link = stat.S_ISLNK(status.st_mode)
    return PathStat(
        name=_base(path),
        size=status.st_size,
        mode=go_mode(status.st_mode),
        mtime=rfc3339(status.st_mtime_ns),
        link_target=_followed(root, path) if is_link else "",
    )


def _archive(root: int, path: str) -> Pieces:
    found = _opened(root, path)
    if stat.S_ISDIR(os.fstat(found).st_mode):
        folder, members = found, Packer(found, _base(path)).folder()
    else:
        os.close(found)
        parent, _, name = path.rpartition("/")
        folder = open_in_root(root, parent or "/", os.O_PATH | os.O_DIRECTORY)
        members = Packer(folder, name).entry(name)
    return Pieces(members, lambda: os.close(folder))


def _absolute(path: str) -> str:
    """Lexically clean; a slash or `/.` at the end stays, since it says that a folder is meant."""
    clean = "/" + posixpath.normpath(f"/{path}").lstrip("/")
    if clean == "/":
        return clean
    if path.endswith("/."):
        return f"{clean}/."
    return f"{clean}/" if path.endswith("/") else clean


def _base(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2] or "/"


def _opened(root: int, path: str) -> int:
    """The entry itself: the last link is not followed, unless the path says that it is a folder."""
    if path.endswith(("/", "/.")):
        return open_in_root(root, path, os.O_PATH | os.O_DIRECTORY)
    return open_in_root(root, path, os.O_PATH | os.O_NOFOLLOW)


def _status(root: int, path: str) -> os.stat_result:
    found = open_in_root(root, path)
    try:
        return os.fstat(found)
    finally:
        os.close(found)


def _followed(root: int, path: str) -> str:
    """Where a path leads through all links, or as far as there is something."""
    pending = [part for part in reversed(path.split("/")) if part]
    walked: list[str] = []
    links = 0
    while pending:
        part = pending.pop()
        if part == "..":
            walked = walked[:-1]
        elif part != ".":
            target = _link(root, "/" + "/".join((*walked, part)))
            if target is None:
                walked.append(part)
                continue
            links += 1
            if links > MAX_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            if target.startswith("/"):
                walked = []
            pending += [piece for piece in reversed(target.split("/")) if piece]
    return "/" + "/".join(walked)


def _link(root: int, path: str) -> str | None:
    try:
        found = open_in_root(root, path, os.O_PATH | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno in _MISSING:
            return None
        raise
    try:
        return os.readlink("", dir_fd=found) if stat.S_ISLNK(os.fstat(found).st_mode) else None
    finally:
        os.close(found)


@contextmanager
def _explained(record: ContainerRecord, path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _MISSING:
            raise NotFound(f"Could not find the file {path} in container {record.name}") from error
        raise BadParameter(f"{path}: {error.strerror}") from error


def _refused(record: ContainerRecord, error: OSError) -> Exception:
    if error.errno == errno.EROFS:
        what = "container rootfs" if record.host.readonly_rootfs else "mounted volume"
        return BadParameter(f"{what} is marked read-only")
    if isinstance(error, ConnectionError):
        return error
    return BadParameter(f"cannot unpack into the container: {error}")
