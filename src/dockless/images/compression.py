"""Compressed streams by their first bytes: gzip, zstd, and for archives that users bring also xz and bzip2.

Works on iterators of bytes, in steps that are large enough for the C libraries to give up the interpreter's lock, and
never inflates more than one step at a time: a bomb meets the reader's limit, not the machine's.
"""

import itertools
import zlib
from collections.abc import Iterable, Iterator
from typing import IO, Protocol, cast

from dockless.registry.errors import ImageError

STEP = 1 << 20
# What `zstd --long=27` needs; a stream that wants more memory is refused.
_MAX_ZSTD_WINDOW = 1 << 27
_GZIP, _ZSTD, _XZ, _BZIP2 = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\x00", b"BZh"
_ZSTD_SKIPPABLE = tuple(bytes((0x50 + number, 0x2A, 0x4D, 0x18)) for number in range(16))


class BadCompression(ImageError):
    """The compressed stream is damaged or cut off."""


class _Decompressor(Protocol):
    """What the standard library's lzma and bz2 decompressors share."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


def decompress(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The stream uncompressed, in pieces of at most about a megabyte; one that is not compressed passes unchanged."""
    head, chunks = _peek(iter(chunks), 6)
    if head.startswith(_GZIP):
        return _gunzip(chunks)
    if head.startswith((_ZSTD, *_ZSTD_SKIPPABLE)):
        return _unzstd(chunks)
    if head.startswith(_XZ):
        return _unxz(chunks)
    if head.startswith(_BZIP2):
        return _bunzip2(chunks)
    return chunks


def is_compressed(head: bytes) -> bool:
    """Whether a stream that begins so is one that `decompress` would inflate."""
    return head.startswith((_GZIP, _ZSTD, *_ZSTD_SKIPPABLE, _XZ, _BZIP2))


def gzip(chunks: Iterable[bytes], level: int = 6) -> Iterator[bytes]:
    """The stream as gzip, without name or time: the same input gives the same bytes."""
    compressor = zlib.compressobj(level, zlib.DEFLATED, 31)
    for chunk in chunks:
        if data := compressor.compress(chunk):
            yield data
    yield compressor.flush()


def _peek(chunks: Iterator[bytes], size: int) -> tuple[bytes, Iterator[bytes]]:
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= size:
            break
    return head[:size], itertools.chain((head,), chunks)


def _gunzip(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """All members of the stream, as gzip(1) does; what follows the last one must be zeros."""
    member = zlib.decompressobj(31)
    started = True
    for chunk in chunks:
        data = chunk
        while data:
            if not started:
                data = data.lstrip(b"\0")
                if not data:
                    break
                member, started = zlib.decompressobj(31), True
            try:
                piece = member.decompress(data, STEP)
            except zlib.error as error:
                raise BadCompression(f"the gzip stream is damaged: {error}") from error
            if piece:
                yield piece
            started = not member.eof
            data = member.unused_data if member.eof else member.unconsumed_tail
    if started:
        while piece := member.decompress(member.unconsumed_tail, STEP):
            yield piece
        if not member.eof:
            raise BadCompression("the gzip stream is cut off")


def _unzstd(chunks: Iterator[bytes]) -> Iterator[bytes]:
    import zstandard  # here, since most commands never need it

    source = cast(IO[bytes], _Reader(chunks))  # it is asked for `read` alone
    decompressor = zstandard.ZstdDecompressor(max_window_size=_MAX_ZSTD_WINDOW)
    with decompressor.stream_reader(source, read_across_frames=True, read_size=STEP) as stream:
        try:
            while piece := stream.read(STEP):
                yield piece
        except zstandard.ZstdError as error:
            raise BadCompression(f"the zstd stream is damaged: {error}") from error


def _unxz(chunks: Iterator[bytes]) -> Iterator[bytes]:
    import lzma

    return _frames(chunks, lzma.LZMADecompressor, lzma.LZMAError, "xz")


def _bunzip2(chunks: Iterator[bytes]) -> Iterator[bytes]:
    import bz2

    return _frames(chunks, bz2.BZ2Decompressor, OSError, "bzip2")


def _frames(chunks: Iterator[bytes], new: type[_Decompressor], fault: type[Exception], name: str) -> Iterator[bytes]:
    frame: _Decompressor | None = None
    for chunk in chunks:
        data = chunk
        while data or (frame is not None and not frame.needs_input):
            if frame is None:
                frame = new()
            try:
                piece = frame.decompress(data, STEP)
            except fault as error:
                raise BadCompression(f"the {name} stream is damaged: {error}") from error
            data = b""
            if piece:
                yield piece
            if frame.eof:
                data, frame = frame.unused_data.lstrip(b"\0"), None
    if frame is not None:
        raise BadCompression(f"the {name} stream is cut off")


class _Reader:
    """An iterator of bytes as a file, for libraries that want one."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return b""
            self._rest = chunk
        if size < 0:
            raise ValueError("only bounded reads")
        data, self._rest = self._rest[:size], self._rest[size:]
        return data
