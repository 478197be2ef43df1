"""Containers' output as people read it: whole lines, each behind its container's name, a colour for each.

Any thread may write; a line is never torn by another's.
"""

import threading
from collections.abc import Iterable
from typing import TextIO

_COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)
"""Docker Compose's: cyan, yellow, green, magenta, blue, and then the bright ones."""


class LogView:
    """Prints `web-1  | line`. `prefix` False prints the lines alone; stdout and stderr go where they came from."""

    def __init__(
        self, out: TextIO, err: TextIO, *, colour: bool, prefix: bool, project: str = "", names: Iterable[str] = ()
    ) -> None:
        self._out = out
        self._err = err
        self._colour = colour
        self._prefix = prefix
        self._project = project
        self._lock = threading.Lock()
        self._held: dict[tuple[str, int], bytes] = {}
        self._colours: dict[str, int] = {}
        self._width = 0
        for name in names:
            self.expect(name)

    def expect(self, name: str) -> None:
        """Makes room for a container's name and gives it a colour."""
        with self._lock:
            self._register(name)

    def _register(self, name: str) -> None:
        if name not in self._colours:
            self._colours[name] = _COLOURS[len(self._colours) % len(_COLOURS)]
            self._width = max(self._width, len(self.short(name)))

    def short(self, name: str) -> str:
        """Without the project's name, as Docker Compose shows it."""
        prefixes = (f"{self._project}-", f"{self._project}_")
        return name[len(prefixes[0]) :] if self._project and name.startswith(prefixes) else name

    def write(self, name: str, stream: int, data: bytes) -> None:
        """Output of a container as it comes; a line is shown when it is complete."""
        with self._lock:
            self._register(name)
            *lines, rest = (self._held.get((name, stream), b"") + data).split(b"\n")
            self._held[name, stream] = rest
            self._show(name, stream, lines)

    def flush(self, name: str) -> None:
        """Shows what a container left without an end of line."""
        with self._lock:
            for stream in (1, 2):
                rest = self._held.pop((name, stream), b"")
                if rest:
                    self._show(name, stream, [rest])

    def say(self, name: str, text: str) -> None:
        """A line of our own about a container."""
        with self._lock:
            self._register(name)
            self._out.write(f"{self._head(name)}{text}\n" if self._prefix else f"{self.short(name)} {text}\n")
            self._out.flush()

    def remark(self, text: str) -> None:
        """A line of our own about the project, marked as Docker Compose marks those of its watch."""
        with self._lock:
            mark = f"{' ' * self._width}  ⦿ " if self._prefix else ""
            self._out.write((f"\x1b[92m{mark}\x1b[0m" if self._colour and mark else mark) + f"{text}\n")
            self._out.flush()

    def _show(self, name: str, stream: int, lines: list[bytes]) -> None:
        if not lines:
            return
        head = self._head(name) if self._prefix else ""
        target = self._err if stream == 2 else self._out
        text = "".join(f"{head}{line.decode('utf-8', 'replace').rstrip(chr(13))}\n" for line in lines)
        target.write(text)
        target.flush()

    def _head(self, name: str) -> str:
        label = f"{self.short(name).ljust(self._width)}  | "
        return f"\x1b[{self._colours[name]}m{label}\x1b[0m" if self._colour else label
