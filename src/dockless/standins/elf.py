"""What an ELF file (elf(5), of 64 or 32 bits) needs to run: its libraries and the version of the C library."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PT_LOAD, _PT_DYNAMIC = 1, 2
_DT_NULL, _DT_NEEDED, _DT_STRTAB, _DT_RPATH, _DT_RUNPATH = 0, 1, 5, 15, 29
_DT_VERNEED, _DT_VERNEEDNUM = 0x6FFFFFFE, 0x6FFFFFFF


@dataclass(frozen=True, slots=True)
class Needs:
    """The sonames that the loader looks for, and the newest `GLIBC_x.y` symbol version, (0, 0) where there is none."""

    libraries: tuple[str, ...]
    glibc: tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where a file has its dynamic section and its segments; `word` is an address's struct code."""

    order: str
    word: str
    loads: tuple[tuple[int, int, int], ...]
    dynamic: tuple[int, int] | None

    def offset(self, address: int) -> int:
        for start, size, offset in self.loads:
            if start <= address < start + size:
                return address - start + offset
        raise ValueError(f"address {address:#x} lies in no segment")


def is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def machine(path: Path) -> bytes:
    """The kind of machine the file is for (e_machine), to be compared."""
    with path.open("rb") as file:
        return file.read(20)[18:]


def needs(data: bytes) -> Needs:
    """Raises `ValueError` or `struct.error` where `data` is not a whole ELF file. A static file needs nothing."""
    layout = _layout(data)
    tags = list(_dynamic(data, layout))
    strings = next((layout.offset(value) for tag, value, _ in tags if tag == _DT_STRTAB), 0)
    libraries = tuple(_string(data, strings + value) for tag, value, _ in tags if tag == _DT_NEEDED)
    found = {tag: value for tag, value, _ in tags}
    versions: list[tuple[int, int]] = [(0, 0)]
    if _DT_VERNEED in found:
        start = layout.offset(found[_DT_VERNEED])
        for name in _needed_versions(data, layout.order, start, found.get(_DT_VERNEEDNUM, 0), strings):
            kind, _, number = name.partition("_")
            if kind == "GLIBC" and number[:1].isdigit():
                major, _, minor = number.partition(".")
                versions.append((int(major), int(minor.partition(".")[0] or 0)))
    return Needs(libraries, max(versions))


def without_run_path(data: bytes) -> bytes:
    """The file without DT_RUNPATH and DT_RPATH: the entries behind them move up, and the loader asks ld.so.cache."""
    layout = _layout(data)
    if layout.dynamic is None:
        return data
    entries = list(_dynamic(data, layout))
    kept = [(tag, value) for tag, value, _ in entries if tag not in (_DT_RUNPATH, _DT_RPATH)]
    kept += [(_DT_NULL, 0)] * (len(entries) - len(kept))
    packed = b"".join(struct.pack(layout.order + layout.word * 2, tag, value) for tag, value in kept)
    start = layout.dynamic[0]
    return data[:start] + packed + data[start + len(packed) :]


def _layout(data: bytes) -> _Layout:
    if data[:4] != b"\x7fELF":
        raise ValueError("not an ELF file")
    wide, order = data[4] == 2, "<" if data[5] == 1 else ">"
    word = "Q" if wide else "I"
    (table,) = struct.unpack_from(order + word, data, 32 if wide else 28)
    size, count = struct.unpack_from(order + "HH", data, 54 if wide else 42)
    loads, dynamic = [], None
    for index in range(count):
        at = table + index * size
        if wide:
            kind, _, offset, address, _, in_file = struct.unpack_from(order + "IIQQQQ", data, at)
        else:
            kind, offset, address, _, in_file = struct.unpack_from(order + "IIIII", data, at)
        if kind == _PT_LOAD:
            loads.append((address, in_file, offset))
        elif kind == _PT_DYNAMIC:
            dynamic = (offset, in_file)
    return _Layout(order, word, tuple(loads), dynamic)


def _dynamic(data: bytes, layout: _Layout) -> Iterator[tuple[int, int, int]]:
    """(tag, value, offset in the file) of each entry up to and with the closing DT_NULL."""
    if layout.dynamic is None:
        return
    start, size = layout.dynamic
    step = struct.calcsize(layout.order + layout.word * 2)
    for at in range(start, start + size, step):
        tag, value = struct.unpack_from(layout.order + layout.word * 2, data, at)
        yield tag, value, at
        if tag == _DT_NULL:
            return


def _needed_versions(data: bytes, order: str, start: int, count: int, strings: int) -> Iterator[str]:
    at = start
    for _ in range(count):
        _, auxiliaries, _, auxiliary, following = struct.unpack_from(order + "HHIII", data, at)
        inner = at + auxiliary
        for _ in range(auxiliaries):
            _, _, _, name, step = struct.unpack_from(order + "IHHII", data, inner)
            yield _string(data, strings + name)
            inner += step
        at += following


def _string(data: bytes, at: int) -> str:
    return data[at : data.index(b"\0", at)].decode(errors="replace")
