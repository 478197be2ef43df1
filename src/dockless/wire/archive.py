"""Copying into and out of containers: the description of a path that stands in `X-Docker-Container-Path-Stat`."""

import binascii

from dockless.wire.base import Message, always, decode, encode


class PathStat(Message, rename="camel", frozen=True, kw_only=True):
    """`mode` is Go's file mode: permission bits, and the kind in the high ones; `mtime` in RFC 3339."""

    name: str
    size: int = always(0)
    mode: int = always(0)
    mtime: str = always("0001-01-01T00:00:00Z")
    link_target: str = always("")


def path_stat_header(stat: PathStat) -> str:
    return binascii.b2a_base64(encode(stat), newline=False).decode()


def parse_path_stat(header: str) -> PathStat:
    return decode(binascii.a2b_base64(header), PathStat)


def go_mode(mode: int) -> int:
    """From `st_mode` to Go's file mode."""
    kinds = {0o040000: 1 << 31, 0o120000: 1 << 27, 0o060000: 1 << 26, 0o020000: 1 << 26 | 1 << 21}
    kinds |= {0o010000: 1 << 25, 0o140000: 1 << 24}
    special = ((0o4000, 1 << 23), (0o2000, 1 << 22), (0o1000, 1 << 20))
    return (mode & 0o777) | kinds.get(mode & 0o170000, 0) | sum(bit for mask, bit in special if mode & mask)
