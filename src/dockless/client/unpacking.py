"""An archive that an engine sends, as a folder of files: `build --output` and folders of caches."""

import io
import os
import tarfile
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from dockless.client.streams import BodyStream

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class UnpackError(Exception):
    """The archive holds something that cannot be put below the folder."""


def unpack(archive: BodyStream, folder: Path) -> None:
    """Below `folder`, which is made; nothing lands outside, whatever the archive says. Raises `OSError`, `UnpackError`.

    Files belong to whoever asked, unless that is root. Devices are left out where they cannot be made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    privileged = os.geteuid() == 0
    links: set[str] = set()
    with tarfile.open(fileobj=reader(archive), mode="r|") as members:
        folders: list[tarfile.TarInfo] = []
        for member in members:
            if (member.ischr() or member.isblk()) and not privileged:
                continue
            try:
                found = tarfile.tar_filter(member, str(folder))
            except tarfile.TarError as error:
                raise UnpackError(f"{folder}: {error}") from error
            name = os.path.normpath(found.name)
            target = os.path.normpath(found.linkname) if found.islnk() else ""
            if leads_through(name, links) or leads_through(os.path.dirname(target), links):
                raise UnpackError(f"{folder}: {name[:200]!r} goes through a link that is in the archive")
            if found.issym() or target in links:
                links.add(name)
            if found.isdir():
                folders.append(found)
                found = found.replace(mode=0o700, deep=False)
            try:
                members.extract(found, folder, numeric_owner=True, filter=_as_it_is)
            except tarfile.TarError as error:
                raise UnpackError(f"{folder}: {error}") from error
        for found in reversed(folders):
            path = folder / found.name
            if privileged:
                os.chown(path, found.uid, found.gid)
            path.chmod(found.mode or 0o755)
            os.utime(path, (found.mtime, found.mtime))


def leads_through(path: str, links: Collection[str]) -> bool:
    """Whether a member is at or below one of the links that the archive made: where those lead, it decides itself.

    `tarfile` looks where a path leads, too, but by resolving it, and older Pythons give up on very long ones.
    """
    parts = path.split("/")
    return any("/".join(parts[:count]) in links for count in range(1, len(parts) + 1))


def reader(archive: BodyStream) -> io.BufferedReader:
    """The archive as the file that `tarfile` reads."""
    return io.BufferedReader(_Reader(archive), 1 << 20)


def _as_it_is(member: tarfile.TarInfo, _: str) -> tarfile.TarInfo:
    return member


class _Reader(io.RawIOBase):
    def __init__(self, body: BodyStream) -> None:
        self._body = body
        self._held = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        if not self._held:
            self._held = self._body.read()
        view = memoryview(buffer).cast("B")
        taken = min(len(view), len(self._held))
        view[:taken] = self._held[:taken]
        self._held = self._held[taken:]
        return taken
