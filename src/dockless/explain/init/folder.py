"""What `init` looks at: the names of a folder's files, and the contents of those that say what the application is."""

import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import msgspec

DEPTH = 4  # folders below the application's own
MOST_FILES = 2000
MOST_BYTES = 200_000  # of one file
_READ = (".py", ".js", ".mjs", ".cjs", ".ts", ".toml", ".json", ".txt", ".in", ".cfg", ".ini", ".html")
_READ_NAMES = ("Pipfile", "Procfile", ".python-version", ".nvmrc", ".node-version", "runtime.txt", ".gitignore")
_PASSED_OVER = frozenset(
    [
        "node_modules",
        "__pycache__",
        "venv",
        "env",
        "site-packages",
        "dist",
        "build",
        "target",
        "vendor",
        "coverage",
        "htmlcov",
        "static",
        "media",
    ]
)


class Folder(msgspec.Struct, frozen=True):
    """`names`: all files by their path relative to the folder; `texts`: what those of interest contain."""

    name: str
    names: frozenset[str]
    texts: dict[str, str]

    def text(self, name: str) -> str:
        """A file's content, or nothing where there is no such file."""
        return self.texts.get(name, "")

    def ending(self, *suffixes: str) -> list[str]:
        """The files that end so, those nearest to the top first."""
        found = (name for name in self.texts if name.endswith(suffixes))
        return sorted(found, key=lambda name: (name.count("/"), name))


def read_folder(path: Path) -> Folder:
    """Looks at the first `MOST_FILES` files, `DEPTH` folders deep; hidden folders and what tools made are passed over.

    Raises `OSError` where the folder itself cannot be read.
    """
    names: set[str] = set()
    texts: dict[str, str] = {}
    os.listdir(path)
    for name in _walk(path):
        names.add(name)
        if _is_read(name) and (text := _text(path / name)) is not None:
            texts[name] = text
        if len(names) >= MOST_FILES:
            break
    return Folder(path.resolve().name, frozenset(names), texts)


def _walk(path: Path) -> Iterable[str]:
    for folder, below, files in os.walk(path):
        here = Path(folder).relative_to(path)
        deep = len(here.parts)
        below[:] = sorted(
            name for name in below if deep < DEPTH and not name.startswith(".") and name not in _PASSED_OVER
        )
        yield from ((here / name).as_posix() for name in sorted(files))


def _is_read(name: str) -> bool:
    return name.endswith(_READ) or PurePosixPath(name).name in _READ_NAMES


def _text(path: Path) -> str | None:
    try:
        if path.stat().st_size > MOST_BYTES:
            return None
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None  # a file that cannot be read says nothing about the application
