"""Output of a container without a terminal on one connection: frames of eight bytes of header and the data.

The header is the stream (0 stdin, 1 stdout, 2 stderr, 3 an error of the engine's own), three zero bytes and the
length in big-endian. No I/O happens here.
"""

from struct import Struct

STDIN, STDOUT, STDERR, SYSTEM_ERROR = 0, 1, 2, 3

_HEADER = Struct(">BxxxI")


def frame(stream: int, data: bytes) -> bytes:
    return _HEADER.pack(stream, len(data)) + data


class Demultiplexer:
    """Bytes as they come, frames or parts of frames as they can be given."""

    def __init__(self) -> None:
        self._held = b""
        self._stream = STDOUT
        self._missing = 0

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """(stream, data) pairs; a frame's beginning is given before its end has come. Raises `ValueError`."""
        out: list[tuple[int, bytes]] = []
        buffer = self._held + data if self._held else data
        at, end = 0, len(buffer)
        while True:
            if self._missing:
                part = buffer[at : at + self._missing]
                if not part:
                    break
                out.append((self._stream, part))
                at += len(part)
                self._missing -= len(part)
            if end - at < _HEADER.size:
                break
            self._stream, self._missing = _HEADER.unpack_from(buffer, at)
            if self._stream > SYSTEM_ERROR:
                raise ValueError(f"not a multiplexed stream: header begins with {self._stream}")
            at += _HEADER.size
        self._held = buffer[at:]
        return out

    @property
    def complete(self) -> bool:
        """Whether the data so far ends with a whole frame."""
        return not self._held and not self._missing
