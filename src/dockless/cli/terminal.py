"""This process's terminal while it belongs to a container: raw mode, size, detach keys, and standard streams as bytes.

Whatever happens, the terminal is as before when the `with` block of `raw` ends.
"""

import fcntl
import os
import select
import signal
import struct
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

DETACH_KEYS = b"\x10\x11"
"""ctrl-p, ctrl-q."""


class Duplex(Protocol):
    """A hijacked connection, as bytes."""

    def send(self, data: bytes) -> None: ...

    def send_eof(self) -> None: ...


def size(descriptor: int) -> tuple[int, int] | None:
    """(rows, columns), or None where the descriptor is no terminal or its size is unknown."""
    try:
        packed = fcntl.ioctl(descriptor, termios.TIOCGWINSZ, b"\0" * 8)
    except OSError:
        return None
    rows, columns, _, _ = struct.unpack("HHHH", packed)
    return (rows, columns) if rows and columns else None


@contextmanager
def raw(descriptor: int) -> Iterator[None]:
    """Every key goes through as it is: no echo, no line editing, no signals. Restores what was, on the way out."""
    if not os.isatty(descriptor):
        yield
        return
    before = termios.tcgetattr(descriptor)
    mode = termios.tcgetattr(descriptor)
    mode[0] &= ~(
        termios.IGNBRK
        | termios.BRKINT
        | termios.PARMRK
        | termios.ISTRIP
        | termios.INLCR
        | termios.IGNCR
        | termios.ICRNL
        | termios.IXON
    )
    mode[1] &= ~termios.OPOST
    mode[2] = mode[2] & ~(termios.CSIZE | termios.PARENB) | termios.CS8
    mode[3] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN)
    termios.tcsetattr(descriptor, termios.TCSADRAIN, mode)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


@contextmanager
def on_resize(act: Callable[[], None]) -> Iterator[None]:
    """Calls `act` at each SIGWINCH, between the main thread's instructions."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGWINCH, lambda *_: act())
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)


def written_detach_keys(keys: bytes) -> str:
    """As `parse_detach_keys` reads them: for the engine, which looks for the keys, too."""
    return ",".join(f"ctrl-{chr(key + 64).lower()}" if key < 32 else chr(key) for key in keys)


def parse_detach_keys(text: str) -> bytes:
    """`ctrl-p,ctrl-q` or `ctrl-x,a`, as bytes.

    Raises `ValueError` for what is neither a character nor `ctrl-` and one of `a-z@[\\]^_`.
    """
    keys = bytearray()
    for key in text.split(","):
        name = key.removeprefix("ctrl-")
        if name != key and len(name) == 1 and name.upper() in "@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_":
            keys.append(ord(name.upper()) - 64)
        elif len(key) == 1:
            keys += key.encode()
        else:
            raise ValueError(f'invalid detach keys "{text}": unknown character "{key}"')
    return bytes(keys)


class DetachFilter:
    """Looks for the detach sequence in what is typed; holds back a beginning of it until it is decided."""

    def __init__(self, keys: bytes) -> None:
        self._keys = keys
        self._held = b""

    def feed(self, data: bytes) -> tuple[bytes, bool]:
        """What goes to the container, and whether the sequence is complete."""
        through = bytearray()
        for byte in data:
            self._held += bytes((byte,))
            if self._keys and self._keys == self._held:
                return bytes(through), True
            while self._held and not self._keys.startswith(self._held):
                through.append(self._held[0])
                self._held = self._held[1:]
        return bytes(through), False


def pump_stdin(connection: Duplex, keys: bytes | None, stop: int, *, tell_eof: bool = True) -> bool:
    """Carries standard input to `connection` until it ends, the detach keys come (True), or `stop` is readable."""
    filter_ = DetachFilter(keys) if keys else None
    source = sys.stdin.fileno()
    while True:
        ready, _, _ = select.select([source, stop], [], [])
        if stop in ready:
            return False
        data = os.read(source, 65536)
        if not data:
            if tell_eof:
                connection.send_eof()
            return False
        if filter_:
            data, detach = filter_.feed(data)
            if detach:
                return True
        if data:
            connection.send(data)


def write_all(descriptor: int, data: bytes) -> None:
    """All of it, whatever a single write takes."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
