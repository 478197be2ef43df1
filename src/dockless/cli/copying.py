"""`cp`: files between a container and this machine, as tar archives through the engine."""

import os
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from dockless.cli.failure import Failure
from dockless.client.api import Client
from dockless.client.streams import BodyStream
from dockless.client.unpacking import leads_through, reader
from dockless.wire.archive import PathStat
from dockless.wire.errors import NotFound

_FOLDER = 1 << 31
_LINK = 1 << 27
_CHUNK = 1 << 18


def copy_out(client: Client, container: str, source: str, destination: str, *, follow: bool) -> None:
    """From a container to this machine; `-` writes the archive to standard output."""
    stat, body = client.containers.archive_get(container, path=source)
    if follow and stat.mode & _LINK and stat.link_target:
        body.close()
        stat, body = client.containers.archive_get(container, path=stat.link_target)
    with body:
        if destination == "-":
            for chunk in body:
                sys.stdout.buffer.write(chunk)
            return
        target = Path(destination)
        folder, name = _place(stat, source, target)
        _unpack(body, stat.name, folder, name)


def _place(stat: PathStat, source: str, target: Path) -> tuple[Path, str]:
    """The folder to unpack into, and the name that the copy gets there. Raises `Failure`."""
    is_folder = bool(stat.mode & _FOLDER)
    if target.is_dir():
        content_only = source.endswith("/.")
        return (target, "") if content_only else (target, stat.name)
    if str(target).endswith("/") and not is_folder:
        raise Failure(f"invalid output path: directory {target} does not exist")
    if not target.parent.is_dir():
        raise Failure(f'invalid output path: directory "{target.parent}" does not exist')
    if target.exists() and is_folder:
        raise Failure(f'cannot copy a directory onto the file "{target}"')
    return target.parent, target.name


def _unpack(body: BodyStream, first: str, folder: Path, name: str) -> None:
    """Unpacks with the top entry renamed; nothing lands outside of `folder`, whatever the archive says."""
    links: set[str] = set()  # that the archive has made, and so whoever filled the container
    with tarfile.open(fileobj=reader(body), mode="r|") as archive:
        for member in archive:
            top, _, rest = member.name.strip("/").partition("/")
            if top != first and first not in ("/", "."):
                rest = member.name.strip("/")
            path = _joined(name, rest)
            if not path:
                continue
            is_link = member.issym()
            if member.islnk():
                member.linkname = _joined(name, member.linkname.strip("/").partition("/")[2])
                _refuse_way_out(member.linkname.rpartition("/")[0], links)
                is_link = member.linkname in links
            _refuse_way_out(path, links)
            if is_link:
                links.add(path)
            member.name = path
            archive.extract(member, folder, filter="tar")


def _joined(name: str, rest: str) -> str:
    """Raises `Failure` for a path that climbs."""
    parts = [part for part in f"{name}/{rest}".split("/") if part not in ("", ".")]
    if ".." in parts:
        raise Failure(f"the archive is refused: {rest[:200]!r} leads out of it")
    return "/".join(parts)


def _refuse_way_out(path: str, links: set[str]) -> None:
    """Raises `Failure` for a path through a link of the archive."""
    if leads_through(path, links):
        raise Failure(f"the archive is refused: {path[:200]!r} goes through a link that is in it")


def copy_in(client: Client, container: str, source: str, destination: str, *, archive: bool, follow: bool) -> None:
    """From this machine to a container; `-` reads an archive from standard input."""
    containers = client.containers
    if source == "-":
        _check_folder(client, container, destination)
        containers.archive_put(container, path=destination, content=iter(lambda: sys.stdin.buffer.read(_CHUNK), b""))
        return
    path = Path(source)
    if not path.exists() and not path.is_symlink():
        raise Failure(f"lstat {source}: no such file or directory")
    content_only = source.endswith("/.")
    folder, name = destination, path.resolve().name if source in (".", "..") else path.name
    try:
        stat = containers.archive_stat(container, path=destination)
        is_folder = bool(stat.mode & _FOLDER)
    except NotFound:
        is_folder = False
        if destination.endswith("/") and not path.is_dir():
            raise Failure(f"no such directory: {destination}") from None
        stat = None
    if is_folder:
        name = "" if content_only else name
    else:
        if stat is not None and path.is_dir():
            raise Failure(f"cannot copy a directory onto the file {destination}")
        folder, _, name = destination.rstrip("/").rpartition("/")
        folder = folder or "/"
    containers.archive_put(
        container,
        path=folder,
        content=_pack(path, name, follow=follow),
        no_overwrite_dir_non_dir=True,
        copy_uid_gid=archive,
    )


def _check_folder(client: Client, container: str, path: str) -> None:
    """An archive is unpacked into a folder. Raises `Failure`."""
    try:
        stat = client.containers.archive_stat(container, path=path)
        if stat.mode & _LINK:
            stat = client.containers.archive_stat(container, path=f"{path}/.")
    except NotFound:
        stat = None
    if stat is None or not stat.mode & _FOLDER:
        raise Failure(f'destination "{container}:{path}" must be a directory')


def _pack(path: Path, name: str, *, follow: bool) -> Iterator[bytes]:
    """The tar of a file or folder under another name, as it is made."""
    read, write = os.pipe()

    def make() -> None:
        with os.fdopen(write, "wb") as file:
            _write(file, path, name, follow=follow)

    import threading

    maker = threading.Thread(target=make, daemon=True)
    maker.start()
    with os.fdopen(read, "rb") as file:
        while data := file.read(_CHUNK):
            yield data
    maker.join()


def _write(file: IO[bytes], path: Path, name: str, *, follow: bool) -> None:
    with tarfile.open(fileobj=file, mode="w|", dereference=follow) as archive:
        if name:
            archive.add(path, arcname=name)
            return
        for entry in sorted(path.iterdir()):
            archive.add(entry, arcname=entry.name)
