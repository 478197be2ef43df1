"""The members of an archive of images as they arrive: what is a layer goes straight into the layer store, so that its
bytes are written once; the rest are documents, kept in a scratch file until it is known what they are for.

What the archive is about (manifest.json, index.json) may come last. So a layer is unpacked before it is known whether
anything refers to it: one that nothing does is collected like any other, and one that is damaged is an error only when
it is asked for.
"""

import os
import posixpath
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from dockless.images import tarread
from dockless.images.compression import STEP, is_compressed
from dockless.images.layers import LayerStore
from dockless.images.tarread import BLOCK, Entry, TarReader, is_header
from dockless.images.unpack import BadLayer
from dockless.registry.errors import ImageError
from dockless.registry.manifests import Descriptor
from dockless.registry.reference import digest_of

_MAX_ARCHIVE = 256 << 30  # bytes; a compressed archive could be a bomb
_MAX_DOCUMENT = 8 << 20
_MAX_MEMBERS = 100_000
_MAX_LINKS = 8
_BLOBS = "blobs/sha256/"


class BadArchive(ImageError):
    """The file is no archive of images."""


@dataclass(frozen=True, slots=True)
class _Document:
    """Where in the scratch file a member's content is."""

    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class _Link:
    """To another member, by its name in the archive."""

    target: str


@dataclass(frozen=True, slots=True)
class _Unpacked:
    """A layer that is in the store."""

    diff_id: str


_Member = _Document | _Link | _Unpacked | ImageError


class Members:
    """The archive's members by name. Links between them (Docker wrote such for shared layers) are followed by name."""

    def __init__(self, file: IO[bytes], by_name: dict[str, _Member]) -> None:
        self._file = file
        self._by_name = by_name

    @classmethod
    def read(cls, chunks: Iterator[bytes], file: IO[bytes], layers: LayerStore) -> "Members":
        """Reads the whole archive (not compressed); `file` is an empty scratch file. Within `LayerStore.use`.

        Raises `BadTar`, `BadArchive`.
        """
        reader = TarReader(chunks, lambda _: None, _MAX_ARCHIVE)
        members: dict[str, _Member] = {}
        for entry in reader:
            name = posixpath.normpath(os.fsdecode(entry.name))
            if entry.type == tarread.REGULAR and entry.sparse is None:
                members[name] = _taken(name, entry, reader, file, layers)
            elif entry.type == tarread.SYMLINK:
                members[name] = _Link(
                    posixpath.normpath(posixpath.join(posixpath.dirname(name), os.fsdecode(entry.link)))
                )
            elif entry.type == tarread.HARD_LINK:
                members[name] = _Link(posixpath.normpath(os.fsdecode(entry.link)))
            if len(members) > _MAX_MEMBERS:
                raise BadArchive(f"the archive has more than {_MAX_MEMBERS} members")
        reader.drain()
        file.flush()
        return cls(file, members)

    def __contains__(self, name: str) -> bool:
        return posixpath.normpath(name) in self._by_name

    def document(self, name: str) -> bytes:
        """A small member, whole. Raises `BadArchive` where there is none of that name."""
        member = self._find(name)
        if not isinstance(member, _Document):
            raise BadArchive(f"{name} in the archive is a layer, not a document")
        if member.size > _MAX_DOCUMENT:
            raise BadArchive(f"{name} in the archive has more than {_MAX_DOCUMENT} bytes")
        return b"".join(self._content(member))

    def blob(self, descriptor: Descriptor) -> bytes:
        """A document by its digest, verified."""
        data = self.document(blob_name(descriptor.digest))
        if digest_of(data) != descriptor.digest:
            raise BadArchive(f"{descriptor.digest} in the archive is not what its name says")
        return data

    def layer(self, name: str, diff_id: str, layers: LayerStore) -> None:
        """Makes sure that the layer of that name in the archive is in the store, and is the one with this diff id. As
        with Docker, one that is in the store already need not be in the archive.

        Raises `BadArchive`, and what `LayerStore.unpack` raises.
        """
        if name not in self and layers.has(diff_id):
            return
        member = self._find(name)
        if isinstance(member, _Unpacked) and member.diff_id != diff_id:
            raise BadLayer(f"layer verification failed: its content is {member.diff_id}, expected {diff_id}")
        if layers.has(diff_id):
            return
        if isinstance(member, ImageError):
            raise member
        if isinstance(member, _Document):
            layers.unpack(self._content(member), diff_id)

    def _find(self, name: str) -> _Document | _Unpacked | ImageError:
        member = self._by_name.get(posixpath.normpath(name))
        for _ in range(_MAX_LINKS):
            if not isinstance(member, _Link):
                break
            member = self._by_name.get(member.target)
        if member is None or isinstance(member, _Link):
            raise BadArchive(f"the archive names {name}, and does not hold it")
        return member

    def _content(self, member: _Document) -> Iterator[bytes]:
        end = member.offset + member.size
        for offset in range(member.offset, end, STEP):
            yield os.pread(self._file.fileno(), min(STEP, end - offset), offset)


def blob_name(digest: str) -> str:
    """Where an OCI image layout keeps the blob."""
    return f"{_BLOBS}{digest.removeprefix('sha256:')}"


def _taken(name: str, entry: Entry, reader: TarReader, file: IO[bytes], layers: LayerStore) -> _Member:
    passage = _Passage(reader)
    head = passage.peek(BLOCK)
    if is_header(head) and name.startswith(_BLOBS):
        # Not compressed, so that its name is to be its diff id; whether it is matters only where it is not here yet.
        diff_id = f"sha256:{name.removeprefix(_BLOBS)}"
        if layers.has(diff_id):
            return _Unpacked(diff_id)
    if is_header(head) or is_compressed(head):
        return _unpacked(passage, layers)
    offset = file.tell()
    for piece in passage:
        file.write(piece)
    return _Document(offset, entry.size)


def _unpacked(passage: "_Passage", layers: LayerStore) -> _Member:
    try:
        return _Unpacked(layers.unpack(passage).diff_id)
    except ImageError as error:
        if passage.fault is not None:
            raise passage.fault from error
        return error
    finally:
        passage.close()


class _Passage:
    """The current member's content for whoever reads it in a thread of its own, until `close`: from then on, and not
    before, the archive's reader may go on, since that thread no longer asks it for anything.

    `fault`: what went wrong with the archive itself, not with the content.
    """

    def __init__(self, reader: TarReader) -> None:
        self._source = reader.content()
        self._head = b""
        self._lock = threading.Lock()
        self._closed = False
        self.fault: ImageError | None = None

    def peek(self, size: int) -> bytes:
        """The first bytes, which stay to be read; fewer where there are no more."""
        while len(self._head) < size and (piece := next(self._source, None)) is not None:
            self._head += bytes(piece)
        return self._head[:size]

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        while (piece := self._next()) is not None:
            yield piece

    def close(self) -> None:
        with self._lock:
            self._closed = True

    def _next(self) -> bytes | None:
        with self._lock:
            if self._closed:
                return None
            try:
                piece = next(self._source, None)
            except ImageError as error:
                self.fault = error
                raise
            return None if piece is None else bytes(piece)
