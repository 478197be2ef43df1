"""What a client lends to a build (wire/building.py), taken in: documents off the body's start, places looked up.

A folder or a socket counts only where this process sees the very same one under its path. A client in a container, or
one at the other end of a forwarded socket, sees others: it is told so, and sends an archive instead.
"""

import os
import stat
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import msgspec

from dockless.wire.building import Document, Lending, Place
from dockless.wire.errors import BadParameter, Conflict

_MAX_SECRET = 500 * 1024  # bytes, as BuildKit's
_MAX_DOCKERFILE = 16 << 20


class Lent(msgspec.Struct, frozen=True):
    """`rest` is what is left of the body: the context's archive, nothing where `folder` is given."""

    rest: AsyncIterator[bytes]
    folder: Path | None = None
    dockerfile: tuple[str, str] | None = None
    ignore: str | None = None
    secrets: Mapping[str, bytes] = {}
    ssh: Mapping[str, Path] = {}
    contexts: Mapping[str, str | Path] = {}


async def take(lending: Lending | None, body: AsyncIterator[bytes]) -> Lent:
    """Raises `Conflict` for a place that is another one here, `BadParameter`."""
    if lending is None:
        return Lent(body)
    folder = _folder(lending.folder) if lending.folder is not None else None
    contexts: dict[str, str | Path] = {**lending.images, **lending.remotes}
    contexts |= {name: _folder(place) for name, place in lending.contexts.items()}
    ssh = {name: _socket(place) for name, place in lending.ssh.items()}
    reader = _Reader(body)
    dockerfile = ignore = None
    if (document := lending.dockerfile) is not None:
        dockerfile = (document.name, await reader.text(document))
    if lending.ignore is not None:
        ignore = await reader.text(lending.ignore)
    secrets = {document.name: await reader.document(document, _MAX_SECRET) for document in lending.secrets}
    return Lent(reader.rest(), folder, dockerfile, ignore, secrets, ssh, contexts)


class _Reader:
    """Takes so many bytes, and then whatever comes."""

    def __init__(self, body: AsyncIterator[bytes]) -> None:
        self._body = body
        self._held = b""

    async def document(self, document: Document, limit: int) -> bytes:
        if document.size > limit:
            raise BadParameter(f"{document.name}: too large ({document.size} bytes; the limit is {limit})")
        pieces = [self._held]
        size = len(self._held)
        while size < document.size:
            piece = await anext(self._body, None)
            if piece is None:
                raise BadParameter(f"the request ends within {document.name}")
            pieces.append(piece)
            size += len(piece)
        whole = b"".join(pieces)
        self._held = whole[document.size :]
        return whole[: document.size]

    async def text(self, document: Document) -> str:
        try:
            return (await self.document(document, _MAX_DOCKERFILE)).decode()
        except UnicodeDecodeError as error:
            raise BadParameter(f"{document.name}: not a text in UTF-8 ({error.reason})") from error

    async def rest(self) -> AsyncIterator[bytes]:
        if self._held:
            yield self._held
        async for piece in self._body:
            yield piece


def _folder(place: Place) -> Path:
    if not stat.S_ISDIR(_seen(place).st_mode):
        raise BadParameter(f"{place.path}: not a folder")
    return Path(place.path)


def _socket(place: Place) -> Path:
    if not stat.S_ISSOCK(_seen(place).st_mode):
        raise BadParameter(f"{place.path}: not a socket")
    return Path(place.path)


def _seen(place: Place) -> os.stat_result:
    if not place.path.startswith("/"):
        raise BadParameter(f"{place.path}: not an absolute path")
    try:
        status = os.stat(place.path)
    except OSError as error:
        raise Conflict(f"{place.path} cannot be read where the engine runs: {error.strerror}") from error
    if (status.st_dev, status.st_ino) != (place.device, place.inode):
        raise Conflict(f"{place.path} is another one where the engine runs")
    return status
