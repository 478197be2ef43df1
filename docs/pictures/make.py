"""Makes the pictures beside it: what `up`, `explain` and `doctor` show in a terminal, and the example stack as drawn.

    python docs/pictures/make.py [NAME…]

The commands are run in a terminal of a fixed size, in a copy of `examples/fetch_c1`; what is on the screen in the end
becomes an SVG. `up` starts the example, which needs what `./dev demo` needs, and takes it down again.
"""

import argparse
import fcntl
import os
import pty
import re
import secrets
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

HERE = Path(__file__).parent
EXAMPLE = HERE.parent.parent / "examples" / "fetch_c1"
WIDE, HIGH = 8.4, 19.0
COLOURS = {
    "31": "#ff7b72",
    "32": "#7ee787",
    "33": "#f0c16b",
    "34": "#79b8ff",
    "35": "#d2a8ff",
    "36": "#76e3ea",
    "37": "#e6edf3",
    "90": "#8b949e",
}
FONT = "ui-monospace,SFMono-Regular,Menlo,'DejaVu Sans Mono',Consolas,monospace"
INK, SOFT, PAPER, EDGE = "#e6edf3", "#8b949e", "#0d1117", "#30363d"


@dataclass(frozen=True)
class Picture:
    """Commands, each shown after a prompt; at most `lines` lines of their output are kept.

    `hidden` are run before, `after` at the end. `no_warnings` drops warnings: they name the folder of the moment.
    """

    commands: tuple[str, ...]
    columns: int = 112
    lines: int = 60
    after: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    no_warnings: bool = False


PICTURES = {
    "up": Picture(
        ("dockless up -d", "curl -sI localhost:8055 | head -1"),
        columns=100,
        hidden=("dockless down -v",),
        after=("dockless down -v",),
        no_warnings=True,
    ),
    "explain": Picture(("dockless explain web.command web.volumes web.depends_on",), columns=116),
    "doctor": Picture(("dockless doctor",), columns=116, lines=29),
}

Cell = tuple[str, str]
"""A character and its style: SGR codes, as `1;31`."""

_CONTROL = re.compile(rb"\x1b\[([?0-9;]*)([A-Za-z])|\x1b[()][A-Z0-9]|\x1b.|\r|\n|\x08|[\x00-\x07\x0b-\x1a]")


@dataclass
class Screen:
    """What is on a terminal: enough of one for commands that draw over their own lines."""

    columns: int
    rows: list[list[Cell]] = field(default_factory=lambda: [[]])
    row: int = 0
    column: int = 0
    style: str = ""

    def feed(self, data: bytes) -> None:
        at = 0
        for match in _CONTROL.finditer(data):
            self._write(data[at : match.start()].decode("utf-8", "replace"))
            at = match.end()
            self._control(match)
        self._write(data[at:].decode("utf-8", "replace"))

    def _write(self, text: str) -> None:
        for character in text:
            if self.column >= self.columns:
                self._down()
                self.column = 0
            row = self.rows[self.row]
            row += [(" ", "")] * (self.column + 1 - len(row))
            row[self.column] = (character, self.style)
            self.column += 1

    def _down(self) -> None:
        self.row += 1
        if self.row == len(self.rows):
            self.rows.append([])

    def _control(self, match: "re.Match[bytes]") -> None:
        if match[0] == b"\r":
            self.column = 0
        elif match[0] == b"\n":
            self._down()
        elif match[0] == b"\x08":
            self.column = max(self.column - 1, 0)
        elif match[2] is not None:
            self._sequence(match[2].decode(), match[1].decode())

    def _sequence(self, verb: str, arguments: str) -> None:
        count = int(arguments) if arguments.isdigit() and int(arguments) else 1
        if verb == "A":
            self.row = max(self.row - count, 0)
        elif verb == "B":
            for _ in range(count):
                self._down()
        elif verb == "C":
            self.column += count
        elif verb == "D":
            self.column = max(self.column - count, 0)
        elif verb == "G":
            self.column = count - 1
        elif verb == "K":
            del self.rows[self.row][0 if arguments == "2" else self.column :]
        elif verb == "J":
            del self.rows[self.row][self.column :]
            del self.rows[self.row + 1 :]
        elif verb == "m":
            self._style(arguments)

    def _style(self, arguments: str) -> None:
        codes = [code for code in self.style.split(";") if code]
        for code in arguments.split(";"):
            codes = [] if code in ("", "0") else [*codes, code]
        self.style = ";".join(codes)


def show(command: str, folder: Path, columns: int) -> Screen:
    """Runs a command in a terminal and returns what is on it in the end. Raises SystemExit if it fails to run."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "LINES")}
    environment |= {"TERM": "xterm-256color", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    screen = Screen(columns)
    with subprocess.Popen(
        command,
        shell=True,
        cwd=folder,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        while True:
            try:
                data = os.read(ours, 65536)
            except OSError:
                break
            if not data:
                break
            screen.feed(data)
        os.close(ours)
        status = process.wait()
    if status not in (0, 1):
        raise SystemExit(f"{command}: status {status}\n" + "\n".join("".join(c for c, _ in row) for row in screen.rows))
    return screen


def shown(picture: Picture, folder: Path) -> list[list[Cell]]:
    """All rows of a picture: prompts and output."""
    rows: list[list[Cell]] = []
    for number, command in enumerate(picture.commands):
        if number:
            rows.append([])
        rows.append([("$", "32"), (" ", ""), *((character, "1") for character in command)])
        output = _without(list(show(command, folder, picture.columns).rows), picture)
        while output and not any(character.strip() for character, _ in output[-1]):
            output.pop()
        while output and not output[0]:
            output.pop(0)
        if len(output) > picture.lines:
            output = output[: picture.lines]
            while output and not any(character.strip() for character, _ in output[-1]):
                output.pop()
            output.append([("…", "90")])
        rows += output
    return rows


def _without(rows: list[list[Cell]], picture: Picture) -> list[list[Cell]]:
    """The rows without a warning, which goes on in the next row as long as rows are full."""
    kept: list[list[Cell]] = []
    dropping = False
    for row in rows:
        begins = picture.no_warnings and "".join(character for character, _ in row).startswith("WARN[")
        if not (begins or dropping):
            kept.append(row)
        dropping = (begins or dropping) and len(row) == picture.columns
    return kept


def drawn(rows: Sequence[Sequence[Cell]], columns: int) -> str:
    """A terminal's window as SVG."""
    width, height = columns * WIDE + 36, len(rows) * HIGH + 62
    return "\n".join(_window(rows, width, height)) + "\n"


def _window(rows: Sequence[Sequence[Cell]], width: float, height: float) -> Iterator[str]:
    size = f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}"'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" {size}>'
    yield f"<style>text{{font:14px {FONT};white-space:pre}}</style>"
    frame = f'width="{width - 1:.1f}" height="{height - 1:.1f}"'
    yield f'<rect x=".5" y=".5" {frame} rx="10" fill="{PAPER}" stroke="{EDGE}"/>'
    for number, colour in enumerate(("#ff5f57", "#febc2e", "#28c840")):
        yield f'<circle cx="{22 + number * 18}" cy="20" r="5.5" fill="{colour}"/>'
    for number, row in enumerate(rows):
        yield from _line(row, 52 + number * HIGH)


def _line(row: Sequence[Cell], y: float) -> Iterator[str]:
    start = 0
    while start < len(row):
        style = row[start][1]
        end = start
        while end < len(row) and row[end][1] == style:
            end += 1
        text = "".join(character for character, _ in row[start:end])
        if text.strip():
            skipped = len(text) - len(text.lstrip(" "))
            text = text.strip(" ")
            x = 18 + (start + skipped) * WIDE
            yield (
                f'<text x="{x:.1f}" y="{y:.1f}" textLength="{len(text) * WIDE:.1f}" lengthAdjust="spacingAndGlyphs" '
                f"{_attributes(style)}>{escape(text)}</text>"
            )
        start = end


def _attributes(style: str) -> str:
    codes = style.split(";")
    colour = next((COLOURS[code] for code in reversed(codes) if code in COLOURS), SOFT if "2" in codes else INK)
    return f'fill="{colour}"' + (' font-weight="700"' if "1" in codes else "")


def _folder(base: Path) -> Path:
    """A copy of the example with its secrets set."""
    folder = base / "fetch_c1"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns(".env", "__pycache__"))
    text = (folder / ".env.example").read_text(encoding="utf-8")
    for name in ("POSTGRES_PASSWORD", "DJANGO_SECRET_KEY"):
        text = re.sub(rf"(?m)^{name}=.*$", f"{name}={secrets.token_urlsafe(40)}", text)
    (folder / ".env").write_text(text, encoding="utf-8")
    return folder


def _stack(folder: Path) -> str:
    """The example as `explain --format html` draws it."""
    page = subprocess.run(
        [sys.executable, "-m", "dockless.cli", "explain", "--format", "html"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found = re.search(r"<svg.*?</svg>", page, re.DOTALL)
    if found is None:
        raise SystemExit("explain drew no stack")
    return found[0] + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join([*PICTURES, 'stack'])} (default: all)")
    names = parser.parse_args().names or [*PICTURES, "stack"]
    with tempfile.TemporaryDirectory(prefix="dockless-pictures-") as base:
        folder = _folder(Path(base))
        for name in names:
            if name == "stack":
                text = _stack(folder)
            elif name in PICTURES:
                picture = PICTURES[name]
                try:
                    for command in picture.hidden:
                        show(command, folder, picture.columns)
                    text = drawn(shown(picture, folder), picture.columns)
                finally:
                    for command in picture.after:
                        show(command, folder, picture.columns)
            else:
                raise SystemExit(f"there is no picture {name!r}: they are {', '.join([*PICTURES, 'stack'])}")
            path = HERE / f"{name}.svg"
            path.write_text(text + ("" if name == "stack" else "</svg>\n"), encoding="utf-8")
            print(f"{path}: {len(text)} bytes")


if __name__ == "__main__":
    main()
