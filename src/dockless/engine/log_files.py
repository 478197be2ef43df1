"""The files of one log: the one that is written, and the older ones that `max-size` and `max-file` made of it.

`NAME` is written; `NAME.1` is the newest of the old ones. A rotation is a row of renames that may be cut off after any
of them: a number is missing then, and every line is still there once.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([kmgtp]?)i?b?", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
# Those that say nothing about files are taken and have no effect.
_OPTIONS = frozenset(
    ("max-size", "max-file", "compress", "labels", "labels-regex", "env", "env-regex", "tag", "mode", "max-buffer-size")
)
_LOCAL_OPTIONS = frozenset(("max-size", "max-file", "compress"))
_LOCAL_DEFAULTS = {"max-size": "20m", "max-file": "5"}  # Docker's
_MOST_FILES = 1000


class BadOption(Exception):
    """A logging option that means nothing."""


@dataclass(frozen=True)
class Rotation:
    """A file of `max_size` bytes or more is not written any more; `max_files` are kept, the written one among them."""

    max_size: int
    max_files: int = 1


def parse_options(options: Mapping[str, str], driver: str = "json-file") -> Rotation | None:
    """None: one file that grows for ever. Raises BadOption in Docker's words.

    The drivers `json-file` and `local` write the same files here; `local` bounds them where nothing is asked for.
    """
    known = _LOCAL_OPTIONS if driver == "local" else _OPTIONS
    for name in options:
        if name not in known:
            raise BadOption(f"unknown log opt '{name}' for {driver} log driver")
    if driver == "local":
        options = {**_LOCAL_DEFAULTS, **options}
    size, files = options.get("max-size", ""), options.get("max-file", "")
    if files and not (files.isdecimal() and 1 <= int(files) <= _MOST_FILES):
        raise BadOption(f"max-file cannot be less than 1 or more than {_MOST_FILES}: {files!r}")
    if not size or size == "-1":
        return None  # `max-file` alone has nothing to count
    found = _SIZE.fullmatch(size.strip())
    most = round(float(found[1]) * 1000 ** _POWERS[found[2].lower()]) if found else 0
    if most <= 0:
        raise BadOption(f"invalid value {size!r} for max-size: must be a positive size such as 10m")
    return Rotation(most, int(files or 1))


def rotate(path: Path, rotation: Rotation) -> int:
    """Puts the written file aside and opens a new one, for appending. Raises OSError."""
    old = _old_files(path)
    for number in sorted(old, reverse=True):
        if number >= rotation.max_files - 1:
            os.unlink(old[number])
        else:
            os.rename(old[number], f"{path}.{number + 1}")
    if rotation.max_files > 1:
        os.rename(path, f"{path}.1")
    else:
        os.unlink(path)
    return open_log(path)


def open_log(path: Path) -> int:
    """For appending, made where it is missing."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)


def open_all(path: Path) -> list[int]:
    """All files for reading, the oldest first, the written one last (an empty one where there is none)."""
    old = _old_files(path)
    opened = [os.open(old[number], os.O_RDONLY | os.O_CLOEXEC) for number in sorted(old, reverse=True)]
    try:
        opened.append(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    except FileNotFoundError:
        opened.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
    return opened


def open_later(path: Path, current: int) -> list[int]:
    """The files that came after the one behind `current`, the oldest first: none as long as that is the written one."""
    own = os.fstat(current)
    try:
        if os.path.samestat(os.stat(path), own):
            return []
    except FileNotFoundError:
        return []
    opened = open_all(path)
    for index, descriptor in enumerate(opened):
        if os.path.samestat(os.fstat(descriptor), own):
            for earlier in opened[: index + 1]:
                os.close(earlier)
            return opened[index + 1 :]
    return opened


def _old_files(path: Path) -> dict[int, Path]:
    found = {}
    for file in path.parent.glob(f"{path.name}.*"):
        if (number := file.name[len(path.name) + 1 :]).isdecimal():
            found[int(number)] = file
    return found
