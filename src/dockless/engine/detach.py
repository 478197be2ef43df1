"""The keys with which a client leaves a terminal and lets the process in it go on: `ctrl-p,ctrl-q`, or as asked for.

Pure: bytes in, bytes out.
"""

from dockless.wire.errors import BadParameter

DEFAULT = "ctrl-p,ctrl-q"
_CONTROLS = {**{f"ctrl-{chr(letter)}": letter - 96 for letter in range(97, 123)}, "ctrl-@": 0, "ctrl-[": 27}
_CONTROLS |= {"ctrl-\\": 28, "ctrl-]": 29, "ctrl-^": 30, "ctrl-_": 31}


def parse_keys(text: str) -> bytes:
    """`ctrl-x`, single characters, separated by commas; empty takes the default. Raises BadParameter."""
    found = bytearray()
    for key in (text or DEFAULT).split(","):
        if key in _CONTROLS:
            found.append(_CONTROLS[key])
        elif len(key) == 1 and key.isascii():
            found += key.encode()
        else:
            raise BadParameter(f"Invalid detach keys ({text}) provided")
    return bytes(found)


class DetachKeys:
    """Looks for the sequence in what a client types. A part of it that comes to nothing is typed text after all."""

    def __init__(self, keys: bytes) -> None:
        self._keys = keys
        self._seen = 0

    def feed(self, data: bytes) -> tuple[bytes, bool]:
        """What is for the process, and whether the client has left (what follows the keys is nobody's)."""
        out = bytearray()
        for byte in data:
            if byte == self._keys[self._seen]:
                self._seen += 1
                if self._seen == len(self._keys):
                    self._seen = 0
                    return bytes(out), True
                continue
            out += self._keys[: self._seen]
            self._seen = 0
            if byte == self._keys[0]:
                self._seen = 1
            else:
                out.append(byte)
        return bytes(out), False
