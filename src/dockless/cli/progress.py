"""Live progress: on a terminal a block of lines that is redrawn, otherwise one plain line for each change.

Everything goes to standard error, as Docker Compose does, so that a pipe gets only what was asked for. The drawing is a
few escape sequences of our own: a library's import would cost more than the whole command may.
"""

import os
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Protocol, Self, TextIO

from msgspec import Struct, field

_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_FRAME_SECONDS = 0.1


class Progress(Protocol):
    """Receives what happens, from any thread."""

    def report(self, subject: str, text: str, *, done: bool, failed: bool = False) -> None:
        """`subject` (`Container p-web-1`) is now in the state `text`; `done`: nothing more happens to it for now."""

    def line(self, text: str) -> None:
        """A line that stays: a build's output, a warning."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def progress_for(stream: TextIO, mode: str, environ: Mapping[str, str]) -> Progress:
    """`mode` is `--progress`: `auto`, `tty`, `plain`, `json` or `quiet`."""
    if mode == "quiet":
        return Quiet()
    if mode == "json":
        return JsonLines(stream)
    if mode == "tty" or (mode == "auto" and is_terminal(stream, environ)):
        return Live(stream, colour=wants_colour(stream, environ))
    return Plain(stream)


def is_terminal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    return stream.isatty() and environ.get("TERM") != "dumb"


def wants_colour(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """`NO_COLOR` (whatever its value, if it has one) turns colour off; so does a stream that is no terminal."""
    return is_terminal(stream, environ) and not environ.get("NO_COLOR")


class _Base:
    def report(self, subject: str, text: str, *, done: bool, failed: bool = False) -> None:
        """Nothing is drawn."""

    def line(self, text: str) -> None:
        """Nothing is drawn."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class Quiet(_Base):
    """Says nothing."""


class Plain(_Base):
    """` Container p-web-1  Created`, one line for each change."""

    wants_output = True

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def report(self, subject: str, text: str, *, done: bool, failed: bool = False) -> None:
        self.line(f" {subject}  {text}")

    def line(self, text: str) -> None:
        self._stream.write(text + "\n")
        self._stream.flush()


class JsonLines(_Base):
    """`{"id":…,"status":…}`, one object a line, as `docker compose --progress json`."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def report(self, subject: str, text: str, *, done: bool, failed: bool = False) -> None:
        self._write({"id": subject, "status": text})

    def line(self, text: str) -> None:
        self._write({"text": text})

    def _write(self, message: dict[str, str]) -> None:
        import json

        self._stream.write(json.dumps(message, ensure_ascii=False) + "\n")
        self._stream.flush()


class _Line(Struct):
    subject: str
    text: str
    begun: float
    ended: float | None = None
    failed: bool = False


class _State(Struct):
    lines: dict[str, _Line] = field(default_factory=dict)
    drawn: int = 0
    frame: int = 0


class Live(_Base):
    """A heading and a line for each subject, redrawn in place ten times a second while something works."""

    def __init__(self, stream: TextIO, *, colour: bool) -> None:
        self._stream = stream
        self._colour = colour
        self._state = _State()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._ticker: threading.Thread | None = None

    def report(self, subject: str, text: str, *, done: bool, failed: bool = False) -> None:
        now = time.monotonic()
        with self._lock:
            line = self._state.lines.setdefault(subject, _Line(subject, text, now))
            line.text, line.failed = text, failed
            if done:
                line.ended = now
            elif line.ended is not None:
                line.begun, line.ended = now, None
            if self._ticker is None:
                self._ticker = threading.Thread(target=self._tick, daemon=True)
                self._ticker.start()

    def line(self, text: str) -> None:
        with self._lock:
            self._stream.write(self._erase() + text + "\n")
            self._state.drawn = 0
            self._draw()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        if self._ticker:
            self._ticker.join()
        with self._lock:
            self._draw(last=True)

    def _tick(self) -> None:
        while not self._closing.wait(_FRAME_SECONDS):
            with self._lock:
                self._state.frame += 1
                self._draw()

    def _erase(self) -> str:
        return f"\x1b[{self._state.drawn}A\r\x1b[J" if self._state.drawn else ""

    def _draw(self, *, last: bool = False) -> None:
        lines = list(self._state.lines.values())
        if not lines:
            return
        columns, rows = self._size()
        finished = sum(line.ended is not None and not line.failed for line in lines)
        width = max(len(line.subject) for line in lines)
        shown = lines if last else _most_telling(lines, rows - 2)
        text = [f"[+] {finished}/{len(lines)}", *[self._one(line, width, columns) for line in shown]]
        self._stream.write(self._erase() + "\n".join(text) + "\n")
        self._stream.flush()
        self._state.drawn = 0 if last else len(text)

    def _one(self, line: _Line, width: int, columns: int) -> str:
        seconds = f"{(line.ended or time.monotonic()) - line.begun:.1f}s"
        if line.failed:
            mark, colour = "✘", "31"
        elif line.ended is not None:
            mark, colour = "✔", "32"
        else:
            mark, colour = _SPINNER[self._state.frame % len(_SPINNER)], "33"
        room = max(columns - width - len(seconds) - 8, 8)
        text = line.text if len(line.text) <= room else line.text[: room - 1] + "…"
        subject = line.subject.ljust(width)
        if columns <= width + 12:
            return f" {mark} {line.subject}"[:columns]
        padding = " " * max(columns - width - len(text) - len(seconds) - 6, 1)
        if not self._colour:
            return f" {mark} {subject}  {text}{padding}{seconds}"
        return f" \x1b[{colour}m{mark}\x1b[0m {subject}  \x1b[{colour}m{text}\x1b[0m{padding}\x1b[34m{seconds}\x1b[0m"

    def _size(self) -> tuple[int, int]:
        try:
            size = os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError):  # `--progress tty` into something that has no size
            return 80, 24
        return size.columns or 80, size.lines or 24


def _most_telling(lines: list[_Line], rows: int) -> list[_Line]:
    """What fits: those at work go before those that are done."""
    if len(lines) <= rows:
        return lines
    busy = [line for line in lines if line.ended is None or line.failed]
    done = [line for line in lines if line.ended is not None and not line.failed]
    room = max(rows - len(busy), 0)
    keep = {id(line) for line in [*busy[: max(rows, 1)], *(done[-room:] if room else [])]}
    return [line for line in lines if id(line) in keep]
