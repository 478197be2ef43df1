"""Reads a tar stream that may be hostile: bytes → entries. No file is touched here.

Understands what layers of Docker, BuildKit, buildah, kaniko, GNU tar, bsdtar and Go's archive/tar are made of: v7,
ustar and GNU headers, long names, PAX records, extended attributes (`SCHILY.xattr.`) and all four forms of sparse
files. Where the formats leave room it decides as Go's reader does, since that is what the images were tested with.
Every byte that is not the content of a file goes to `record` as well, so that the stream can be made again.
"""

import re
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from dockless.registry.errors import ImageError

BLOCK = 512
# A header record, a long name or a sparse map larger than this is an attack, not a file (Go's limit).
MAX_SPECIAL = 1 << 20

REGULAR, HARD_LINK, SYMLINK, CHARACTER, BLOCK_DEVICE, DIRECTORY, FIFO = b"0", b"1", b"2", b"3", b"4", b"5", b"6"
_V7_REGULAR, _CONTIGUOUS, _GNU_SPARSE = b"\0", b"7", b"S"
_PAX, _PAX_SOLARIS, _PAX_GLOBAL, _GNU_LONG_NAME, _GNU_LONG_LINK = b"x", b"X", b"g", b"L", b"K"
# These have no content, whatever their size field says.
_HEADER_ONLY = frozenset((HARD_LINK, SYMLINK, CHARACTER, BLOCK_DEVICE, DIRECTORY, FIFO))

_HEADER = struct.Struct("100s8s8s8s12s12s8s1s100s8s32s32s8s8s155s12s")
_ZEROS = bytes(BLOCK)
_XATTR = b"SCHILY.xattr."
_OCTAL = re.compile(rb"[ \0]*([0-7]*)[ \0]*(?:\0.*)?", re.DOTALL)
_DECIMAL = re.compile(rb"-?[0-9]{1,19}")
_TIME = re.compile(rb"(-?)([0-9]{1,19})(?:\.([0-9]*))?")
_FAR = 1 << 40  # seconds; beyond what any file system stores, and safely within what utimensat takes

Record = Callable[[bytes | memoryview], None]


class BadTar(ImageError):
    """The stream is no tar archive, is cut off, or breaks the format's rules."""


@dataclass(slots=True)
class Entry:
    """One member. `size` is what its content takes in the stream, `real_size` (sparse files) what it takes on disk."""

    name: bytes
    type: bytes
    mode: int
    uid: int
    gid: int
    size: int
    mtime_ns: int
    link: bytes
    device: tuple[int, int]
    xattrs: dict[bytes, bytes] = field(default_factory=dict)
    sparse: Sequence[tuple[int, int]] | None = None
    real_size: int = 0


class TarReader:
    """Iterating gives the entries; `content()` the current one's bytes. What is not read is skipped (and recorded)."""

    def __init__(self, chunks: Iterator[bytes], record: Record, limit: int) -> None:
        self._chunks = chunks
        self._record = record
        self._limit = limit
        self._view = memoryview(b"")
        self._position = 0
        self._pending = 0  # bytes of the current entry's content still in the stream
        self._padding = 0
        self.total = 0  # bytes taken from `chunks`

    def __iter__(self) -> Iterator[Entry]:
        while (entry := self._next_entry()) is not None:
            yield entry
            self._finish_entry()

    def content(self) -> Iterator[memoryview]:
        """The pieces of the current entry's content, each valid until the next is asked for. Not recorded."""
        while self._pending:
            piece = self._piece(self._pending)
            self._pending -= len(piece)
            yield piece

    @property
    def offset(self) -> int:
        """How many bytes of the stream are consumed: for a fresh entry, where its content begins."""
        return self.total - len(self._view) + self._position

    def drain(self) -> None:
        """Reads (and records) what follows the archive's end, for the sake of the digest."""
        while True:
            rest = self._view[self._position :]
            if rest:
                self._record(rest)
            self._position = len(self._view)
            if not self._refill():
                return

    def _finish_entry(self) -> None:
        for piece in self.content():
            self._record(piece)
        if self._padding:
            self._record(self._exactly(self._padding))
            self._padding = 0

    def _next_entry(self) -> Entry | None:
        extra: dict[bytes, bytes] = {}
        sparse_pairs: list[bytes] = []
        while True:
            block = self._header_block()
            if block is None:
                return None
            fields = _HEADER.unpack(block)
            kind = fields[7]
            size = _number(fields[4])
            if kind in (_PAX, _PAX_SOLARIS):
                for key, value in _pax_records(self._special(size)):
                    if key in (b"GNU.sparse.offset", b"GNU.sparse.numbytes"):
                        sparse_pairs.append(value)
                    extra[key] = value
            elif kind == _PAX_GLOBAL:
                self._special(size)
            elif kind == _GNU_LONG_NAME:
                extra[b"path"] = self._special(size).partition(b"\0")[0]
            elif kind == _GNU_LONG_LINK:
                extra[b"linkpath"] = self._special(size).partition(b"\0")[0]
            else:
                return self._entry(block, fields, extra, sparse_pairs)

    def _entry(
        self, block: bytes, fields: tuple[bytes, ...], extra: dict[bytes, bytes], sparse_pairs: list[bytes]
    ) -> Entry:
        kind = fields[7]
        name = _ustar_name(block, fields)
        size = _number(fields[4])
        uid, gid = _number(fields[2]), _number(fields[3])
        mtime_ns = max(-_FAR, min(_number(fields[5]), _FAR)) * 1_000_000_000
        link = fields[8].partition(b"\0")[0]
        xattrs: dict[bytes, bytes] = {}
        if extra:
            name, link = extra.get(b"path") or name, extra.get(b"linkpath") or link
            size = _pax_number(extra, b"size", size)
            uid, gid = _pax_number(extra, b"uid", uid), _pax_number(extra, b"gid", gid)
            if b"mtime" in extra:
                mtime_ns = _pax_time(extra[b"mtime"])
            xattrs = {key[len(_XATTR) :]: value for key, value in extra.items() if key.startswith(_XATTR)}
        device = (0, 0)
        if kind in (CHARACTER, BLOCK_DEVICE):
            device = (_number(fields[12]), _number(fields[13]))
        if kind in (_V7_REGULAR, _CONTIGUOUS):
            kind = DIRECTORY if name.endswith(b"/") and kind == _V7_REGULAR else REGULAR
        if kind in _HEADER_ONLY:
            size = 0
        if size < 0 or uid < 0 or gid < 0 or uid >= 0xFFFFFFFF or gid >= 0xFFFFFFFF:
            raise BadTar(f"{_show(name)}: its size or owner is out of range")
        mode = _number(fields[1]) & 0o7777
        entry = Entry(name, kind, mode, uid, gid, size, mtime_ns, link, device, xattrs, None, size)
        self._pending, self._padding = size, -size % BLOCK
        if kind == _GNU_SPARSE:
            self._old_sparse(entry, block)
        elif any(key.startswith(b"GNU.sparse.") for key in extra) and kind == REGULAR:
            self._pax_sparse(entry, extra, sparse_pairs)
        if b"\0" in entry.name or b"\0" in entry.link or any(b"\0" in key for key in xattrs):
            raise BadTar(f"{_show(entry.name)}: a name with a NUL byte")
        return entry

    # Sparse files. GNU tar's manual, "Storing Sparse Files", describes all four forms.

    def _old_sparse(self, entry: Entry, block: bytes) -> None:
        numbers = _sparse_numbers(block[386:482])
        entry.real_size = _number(block[483:495])
        more = block[482] != 0
        while more:
            extension = bytes(self._exactly(BLOCK))
            self._record(extension)
            numbers += _sparse_numbers(extension[:504])
            if len(numbers) * 8 > MAX_SPECIAL:
                raise BadTar(f"{_show(entry.name)}: its sparse map is too long")
            more = extension[504] != 0
        entry.type = REGULAR
        _set_sparse(entry, numbers, entry.size)

    def _pax_sparse(self, entry: Entry, extra: dict[bytes, bytes], pairs: list[bytes]) -> None:
        entry.name = extra.get(b"GNU.sparse.name", entry.name)
        version = (extra.get(b"GNU.sparse.major", b"0"), extra.get(b"GNU.sparse.minor", b"0"))
        size = _pax_number(extra, b"GNU.sparse.size", entry.size)
        entry.real_size = _pax_number(extra, b"GNU.sparse.realsize", size)
        if version == (b"1", b"0"):
            numbers, taken = self._sparse_map_in_content(entry)
            _set_sparse(entry, numbers, entry.size - taken)
            return
        texts = extra[b"GNU.sparse.map"].split(b",") if b"GNU.sparse.map" in extra else pairs
        _set_sparse(entry, [_decimal(text, entry.name) for text in texts if text], entry.size)

    def _sparse_map_in_content(self, entry: Entry) -> tuple[list[int], int]:
        """Version 1.0: the content begins with the map, as decimal lines, filled up to a block."""
        lines: list[bytes] = []
        rest, taken, wanted = b"", 0, 1
        while len(lines) < wanted:
            if self._pending < BLOCK or taken > MAX_SPECIAL:
                raise BadTar(f"{_show(entry.name)}: its sparse map is cut off or too long")
            block = bytes(self._exactly(BLOCK))
            self._record(block)
            self._pending -= BLOCK
            taken += BLOCK
            *whole, rest = (rest + block).split(b"\n")
            lines += whole
            if lines:
                wanted = 1 + 2 * _decimal(lines[0], entry.name)
        return [_decimal(line, entry.name) for line in lines[1:wanted]], taken

    # The stream.

    def _header_block(self) -> bytes | None:
        """The next header; None at the end: a block of zeros, or no bytes at all (Go accepts that, too)."""
        if self._position == len(self._view) and not self._refill():
            return None
        block = bytes(self._exactly(BLOCK))
        self._record(block)
        if block == _ZEROS:
            return None
        if not is_header(block):
            raise BadTar("this is no tar archive, or it is damaged: a header's checksum is wrong")
        return block

    def _special(self, size: int) -> bytes:
        """The content of a header record, with its padding recorded."""
        if not 0 <= size <= MAX_SPECIAL:
            raise BadTar(f"a header record of {size} bytes is refused (the limit is {MAX_SPECIAL})")
        content = bytes(self._exactly(size))
        self._record(content)
        if padding := -size % BLOCK:
            self._record(self._exactly(padding))
        return content

    def _exactly(self, size: int) -> bytes | memoryview:
        end = self._position + size
        if end <= len(self._view):
            view = self._view[self._position : end]
            self._position = end
            return view
        parts: list[bytes] = []
        while size:
            piece = self._piece(size)
            parts.append(bytes(piece))
            size -= len(piece)
        return b"".join(parts)

    def _piece(self, most: int) -> memoryview:
        if self._position == len(self._view) and not self._refill():
            raise BadTar("the tar archive is cut off")
        piece = self._view[self._position : self._position + most]
        self._position += len(piece)
        return piece

    def _refill(self) -> bool:
        for chunk in self._chunks:
            if chunk:
                self.total += len(chunk)
                if self.total > self._limit:
                    raise BadTar(f"the archive has more than {self._limit} bytes, the limit for one layer")
                self._view, self._position = memoryview(chunk), 0
                return True
        return False


def is_header(block: bytes) -> bool:
    """Whether a tar archive could begin so: a block whose checksum is right (old programs summed signed bytes)."""
    field = _OCTAL.fullmatch(block[148:156])
    if len(block) != BLOCK or field is None:
        return False
    stored = int(field[1] or b"0", 8)
    unsigned = sum(block) - sum(block[148:156]) + 8 * 32
    return stored == unsigned or stored == unsigned - 256 * sum(byte > 127 for byte in block[:148] + block[156:])


def _ustar_name(block: bytes, fields: tuple[bytes, ...]) -> bytes:
    name = fields[0].partition(b"\0")[0]
    if fields[9][:6] == b"ustar\0":  # GNU's magic is "ustar ", and its prefix field holds other things
        width = 131 if block[508:512] == b"tar\0" else 155
        prefix = fields[14][:width].partition(b"\0")[0]
        if prefix:
            return prefix + b"/" + name
    return name


def _number(text: bytes) -> int:
    """Octal text, or GNU's base 256 (the first bit set; two's complement in what follows)."""
    if text[0] & 0x80:
        value = int.from_bytes(text, "big")
        bits = 8 * len(text)
        return value - (1 << bits) if text[0] & 0x40 else value - (1 << (bits - 1))
    match = _OCTAL.fullmatch(text)
    if match is None:
        raise BadTar(f"a header's number is malformed: {text!r}")
    return int(match[1] or b"0", 8)


def _pax_records(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """`"%d %s=%s\\n"`, the length counting itself (POSIX.1-2017, pax, "pax Extended Header")."""
    position = 0
    while position < len(data):
        space = data.find(b" ", position, position + 20)
        length = data[position:space]
        if space < 0 or not length.isdigit():
            raise BadTar("a PAX record is malformed")
        end = position + int(length)
        key, equals, value = data[space + 1 : end - 1].partition(b"=")
        if end > len(data) or end <= space or data[end - 1] != 0x0A or not equals or not key:
            raise BadTar("a PAX record is malformed")
        yield key, value
        position = end


def _pax_number(records: dict[bytes, bytes], key: bytes, otherwise: int) -> int:
    value = records.get(key)
    return otherwise if not value else _decimal(value, records.get(b"path", b"a PAX record"))


def _decimal(text: bytes, name: bytes) -> int:
    if not _DECIMAL.fullmatch(text):
        raise BadTar(f"{_show(name)}: a number is malformed: {text[:40]!r}")
    return int(text)


def _pax_time(text: bytes) -> int:
    match = _TIME.fullmatch(text)
    if match is None:
        raise BadTar(f"a PAX time is malformed: {text[:40]!r}")
    sign, seconds, fraction = match.groups()
    value = min(int(seconds), _FAR) * 1_000_000_000 + int((fraction or b"")[:9].ljust(9, b"0"))
    return -value if sign else value


def _sparse_numbers(data: bytes) -> list[int]:
    numbers: list[int] = []
    for start in range(0, len(data) - 23, 24):
        if data[start] == 0:
            break
        numbers += [_number(data[start : start + 12]), _number(data[start + 12 : start + 24])]
    return numbers


def _set_sparse(entry: Entry, numbers: list[int], stored: int) -> None:
    """Checks that the pieces ascend, do not overlap, lie in the file and are what the stream holds."""
    if len(numbers) % 2:
        raise BadTar(f"{_show(entry.name)}: its sparse map is malformed")
    pieces = list(zip(numbers[::2], numbers[1::2], strict=True))
    end = 0
    for offset, length in pieces:
        if offset < end or length < 0:
            raise BadTar(f"{_show(entry.name)}: its sparse map is malformed")
        end = offset + length
    if end > entry.real_size or sum(length for _, length in pieces) != stored:
        raise BadTar(f"{_show(entry.name)}: its sparse map does not fit its size")
    entry.sparse = pieces


def _show(name: bytes) -> str:
    return name[:200].decode("utf-8", "backslashreplace")
