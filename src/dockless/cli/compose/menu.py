"""`up --menu`: keys that do something while the services' output runs by, and a line below it that names them.

The line is taken away before anything is written and put back after each whole line, so both standard streams go
through here as long as there is a menu. Ctrl-C stays the terminal's.
"""

import io
import os
import select
import sys
import termios
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import TextIO

from dockless.compose.truth import means_yes

WATCH, DETACH, LINE = "w", "d", "\n"
_KEYS = (WATCH, DETACH, LINE)
_ERASE = "\r\x1b[2K"


def wanted(flag: bool | None, environ: Mapping[str, str]) -> bool:
    """What `--menu` says, else COMPOSE_MENU."""
    return means_yes(environ.get("COMPOSE_MENU")) if flag is None else flag


class Menu:
    """`text` gives the line; `key` the next key that was pressed and means something."""

    def __init__(self) -> None:
        self.text: Callable[[], str] = lambda: ""
        self._pressed: SimpleQueue[str] = SimpleQueue()
        self._lock = threading.RLock()
        self._shown = False
        self._out: TextIO | None = None
        self._hidden = True

    @property
    def active(self) -> bool:
        return self._out is not None

    def key(self) -> str:
        """Empty where none was pressed since."""
        try:
            return self._pressed.get_nowait()
        except Empty:
            return ""

    def show(self) -> None:
        """From now on there is a line."""
        self._hidden = False
        self.redraw()

    def hide(self) -> None:
        """For good: what comes now is no time for keys."""
        with self._lock:
            self._erase()
            self._hidden = True

    def redraw(self) -> None:
        with self._lock:
            self._erase()
            self._draw()

    def write(self, stream: TextIO, text: str, *, at_start: bool) -> None:
        """`at_start`: the stream stands at the beginning of a line."""
        with self._lock:
            if at_start:
                self._erase()
            stream.write(text)
            stream.flush()
            if text.endswith("\n"):
                self._draw()

    def _draw(self) -> None:
        if self._out is not None and not self._hidden and not self._shown:
            self._out.write(self.text())
            self._out.flush()
            self._shown = True

    def _erase(self) -> None:
        if self._out is not None and self._shown:
            self._out.write(_ERASE)
            self._out.flush()
            self._shown = False

    @contextmanager
    def on(self, keyboard: int) -> Iterator[None]:
        """The terminal gives keys at once and shows none; as it was before at the end."""
        before = termios.tcgetattr(keyboard)
        mode = termios.tcgetattr(keyboard)
        mode[3] &= ~(termios.ECHO | termios.ICANON)
        ended, end = os.pipe()
        reader = threading.Thread(target=self._read, args=(keyboard, ended), daemon=True)
        streams = sys.stdout, sys.stderr
        self._out = sys.stdout
        sys.stdout, sys.stderr = _Above(sys.stdout, self), _Above(sys.stderr, self)
        try:
            termios.tcsetattr(keyboard, termios.TCSADRAIN, mode)
            reader.start()
            yield
        finally:
            os.close(end)
            self.hide()
            sys.stdout, sys.stderr = streams
            self._out = None
            termios.tcsetattr(keyboard, termios.TCSADRAIN, before)
            if reader.ident is not None:
                reader.join()
            os.close(ended)

    def _read(self, keyboard: int, ended: int) -> None:
        while True:
            ready, _, _ = select.select([keyboard, ended], [], [])
            if ended in ready or not (data := os.read(keyboard, 64)):
                return
            for key in data.decode("ascii", "replace"):
                if key in _KEYS:
                    self._pressed.put(key)


class _Above(io.TextIOBase):
    """A standard stream whose lines appear above the menu."""

    def __init__(self, stream: TextIO, menu: Menu) -> None:
        self._stream = stream
        self._menu = menu
        self._at_start = True

    def write(self, text: str) -> int:
        if text:
            self._menu.write(self._stream, text, at_start=self._at_start)
            self._at_start = text.endswith("\n")
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()


@contextmanager
def menu(*, asked: bool) -> Iterator[Menu]:
    """One that does nothing where nobody asked, or where this has no terminal of its own."""
    found = Menu()
    keyboard = _keyboard() if asked else None
    if keyboard is None:
        yield found
        return
    with found.on(keyboard):
        yield found


def _keyboard() -> int | None:
    try:
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            return None
        descriptor = sys.stdin.fileno()
        return descriptor if os.tcgetpgrp(descriptor) == os.getpgrp() else None
    except (OSError, ValueError):
        return None


def line(*, watching: bool, colour: bool) -> str:
    """As Docker Compose writes it: the key in inverse, what it does faint."""
    entries = ((WATCH, "Disable Watch" if watching else "Enable Watch"), (DETACH, "Detach"))
    if not colour:
        return "   ".join(f"{key} {text}" for key, text in entries)
    return "   ".join(f"\x1b[1;38;2;0;0;0;48;2;255;255;255m{key}\x1b[0m\x1b[2m {text}\x1b[0m" for key, text in entries)
