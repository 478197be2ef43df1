"""Remembers how a layer's tar was written, so that it can be made again from the unpacked files, byte for byte.

The digest of an image is over the tar streams of its layers, and no two programs write the same tar. Keeping the
streams would take the space twice; instead everything in them but the contents of files is kept, compressed, beside
the layer, with a note where each file's content belongs.

The file: a zstd stream of records (`R` length bytes; `F` size path-length path; `E` the end), then a JSON footer, its
length and a magic number.
"""

import io
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

import msgspec

from dockless import decoding
from dockless.registry.errors import ImageError

_RAW = struct.Struct(">cI")
_FILE = struct.Struct(">cQI")
_END = struct.Struct(">I8s")
_MAGIC = b"dlsplit1"
_BUFFER = 1 << 20


class DamagedLayer(ImageError):
    """The files of a layer are not what they were when it was made."""


class Footer(msgspec.Struct, frozen=True):
    """`size`: bytes of the files' contents; `tar_size`: bytes of the tar stream; `moved`: files that the archive itself
    replaced, by number, with their names in the folder beside the layer."""

    diff_id: str
    size: int
    tar_size: int
    moved: dict[int, str] = {}


class SplitWriter:
    """Takes the stream apart while it is read or written; a `Recorder` (see unpack.py)."""

    def __init__(self, path: Path) -> None:
        import zstandard  # here, since most commands never need it

        self._file: IO[bytes] = path.open("wb")
        self._compressor = zstandard.ZstdCompressor(level=1).compressobj()
        self._raw = bytearray()
        self._out = bytearray()
        self._count = 0
        self._moved: dict[int, str] = {}
        self._tar_size = 0

    def raw(self, data: bytes | memoryview) -> None:
        """Bytes of the stream that are kept as they are."""
        self._raw += data
        if len(self._raw) > _BUFFER:
            self._flush_raw()

    def file(self, path: bytes, size: int) -> int:
        """At this point of the stream comes the content of `path`; the answer is the file's number."""
        self._flush_raw()
        self._out += _FILE.pack(b"F", size, len(path)) + path
        self._tar_size += size
        self._count += 1
        return self._count - 1

    def moved(self, number: int, path: bytes) -> None:
        """That file's content is now at `path` in the folder beside the layer."""
        self._moved[number] = os.fsdecode(path)

    def finish(self, diff_id: str, size: int) -> Footer:
        """Writes the rest; call it once, then `close`."""
        self._flush_raw()
        self._out += b"E"
        self._file.write(self._compressor.compress(bytes(self._out)) + self._compressor.flush())
        footer = Footer(diff_id, size, self._tar_size, self._moved)
        encoded = msgspec.json.encode(footer)
        self._file.write(encoded + _END.pack(len(encoded), _MAGIC))
        return footer

    def close(self) -> None:
        self._file.close()

    def _flush_raw(self) -> None:
        if self._raw:
            self._tar_size += len(self._raw)
            self._out += _RAW.pack(b"R", len(self._raw))
            self._out += self._raw
            self._raw.clear()
        if len(self._out) > _BUFFER:
            self._file.write(self._compressor.compress(bytes(self._out)))
            self._out.clear()


def read_footer(path: Path) -> Footer:
    """Raises `DamagedLayer`, and `FileNotFoundError` where there is none."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        tail_size = min(end, 64 << 10)
        file.seek(end - tail_size)
        tail = file.read(tail_size)
        length, magic = _END.unpack(tail[-_END.size :]) if len(tail) >= _END.size else (0, b"")
        if magic != _MAGIC or length > end - _END.size:
            raise DamagedLayer(f"{path}: the layer's record is damaged")
        if length + _END.size > tail_size:
            file.seek(end - _END.size - length)
            tail = file.read()
    try:
        return decoding.decode(tail[-_END.size - length : -_END.size], Footer)
    except msgspec.MsgspecError as error:
        raise DamagedLayer(f"{path}: the layer's record is damaged: {error}") from error


def replay(record: Path, folder: Path, aside: Path) -> Iterator[bytes]:
    """The tar stream again, in pieces of about a megabyte. Raises `DamagedLayer` where a file is not what it was."""
    import zstandard

    moved = read_footer(record).moved
    root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    pending = bytearray()
    number = 0
    try:
        with record.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as stream:
            buffered = io.BufferedReader(cast(io.RawIOBase, stream), _BUFFER)
            while (kind := _exactly(buffered, 1)) != b"E":
                if kind == b"R":
                    pending += _exactly(buffered, struct.unpack(">I", _exactly(buffered, 4))[0])
                else:
                    size, length = struct.unpack(">QI", _exactly(buffered, 12))
                    path = _exactly(buffered, length)
                    place = os.fsencode(aside / moved[number]) if number in moved else path
                    number += 1
                    for piece in _content(root, place, size):
                        pending += piece
                        if len(pending) >= _BUFFER:
                            yield bytes(pending)
                            pending.clear()
                if len(pending) >= _BUFFER:
                    yield bytes(pending)
                    pending.clear()
    except zstandard.ZstdError as error:
        raise DamagedLayer(f"{record}: the layer's record is damaged: {error}") from error
    finally:
        os.close(root)
    if pending:
        yield bytes(pending)


def _exactly(stream: IO[bytes], size: int) -> bytes:
    parts = []
    while size:
        piece = stream.read(size)
        if not piece:
            raise DamagedLayer("the layer's record is cut off")
        parts.append(piece)
        size -= len(piece)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _content(root: int, path: bytes, size: int) -> Iterator[bytes]:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=root)
    except OSError as error:
        raise DamagedLayer(f"{os.fsdecode(path)}: {error.strerror}") from error
    try:
        left = size
        while left:
            piece = os.read(fd, min(left, _BUFFER))
            if not piece:
                raise DamagedLayer(f"{os.fsdecode(path)}: the file is shorter than it was")
            left -= len(piece)
            yield piece
    finally:
        os.close(fd)
