"""Tar archives written byte by byte, so that they can be wrong."""

from collections.abc import Mapping

END = bytes(1024)


def header(
    name: bytes,
    kind: bytes = b"0",
    size: int = 0,
    *,
    link: bytes = b"",
    mode: int = 0o644,
    uid: int = 0,
    gid: int = 0,
    mtime: int = 1_000_000_000,
    device: tuple[int, int] = (0, 0),
    magic: bytes = b"ustar\x0000",
    prefix: bytes = b"",
    size_field: bytes | None = None,
    tail: bytes | None = None,
) -> bytes:
    """One header block with a right checksum, whatever else is wrong. `tail` replaces the bytes from 345 on."""
    fields = [
        name[:100].ljust(100, b"\0"),
        b"%07o\0%07o\0%07o\0" % (mode, uid, gid),
        size_field or b"%011o\0" % size,
        b"%011o\0" % mtime,
        b" " * 8,
        kind,
        link[:100].ljust(100, b"\0"),
        magic,
        bytes(64),
        b"%07o\0%07o\0" % device,
        (tail if tail is not None else prefix.ljust(155, b"\0")).ljust(167, b"\0"),
    ]
    block = b"".join(fields)
    assert len(block) == 512
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)


def member(name: bytes, data: bytes = b"", kind: bytes = b"0", **more: object) -> bytes:
    return header(name, kind, len(data), **more) + padded(data)  # type: ignore[arg-type]


def directory(name: bytes, **more: object) -> bytes:
    return header(name, b"5", **{"mode": 0o755, **more})  # type: ignore[arg-type]


def symlink(name: bytes, target: bytes) -> bytes:
    return (pax({b"linkpath": target}) if len(target) > 100 else b"") + header(name, b"2", link=target)


def hard_link(name: bytes, target: bytes) -> bytes:
    return header(name, b"1", link=target)


def pax(records: Mapping[bytes, bytes] | bytes, kind: bytes = b"x") -> bytes:
    """A PAX header for the member that follows; bytes are taken as they are."""
    data = records if isinstance(records, bytes) else b"".join(record(key, value) for key, value in records.items())
    return member(b"PaxHeaders/x", data, kind)


def record(key: bytes, value: bytes) -> bytes:
    rest = b" " + key + b"=" + value + b"\n"
    length = len(rest)
    while len(b"%d" % length) + len(rest) != length:
        length = len(b"%d" % length) + len(rest)
    return b"%d" % length + rest


def gnu_long(name: bytes, kind: bytes = b"L") -> bytes:
    return member(b"././@LongLink", name + b"\0", kind)
