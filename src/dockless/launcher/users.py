"""A container's user, as Docker reads it: `name[:group]` or ids, looked up in the image's own passwd and group files.

The root is either one mounted folder or the image's layers, topmost first (then overlayfs's rules for whiteouts and
opaque folders are followed). The image is hostile: symbolic links are resolved inside the root, and reading is bounded.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

MAX_ID = 2**31 - 1
MAX_FILE = 8 * 1024 * 1024
MAX_LINKS = 40


class UnknownUser(ValueError):
    """The message is Docker's."""


@dataclass(frozen=True, slots=True)
class User:
    """`additional` are the supplementary groups, the primary one among them, as Docker sets them."""

    uid: int = 0
    gid: int = 0
    additional: tuple[int, ...] = (0,)
    home: str = "/root"


def resolve_user(root: Path | Sequence[Path], name: str, extra_groups: Sequence[str] = ()) -> User:
    """`name` is a configuration's `User` (`""`, `web`, `1000`, `web:adm`, `1000:1000`), `extra_groups` is `GroupAdd`.

    Raises UnknownUser for a name that the image's files do not have, or an id out of range.
    """
    layers = (root,) if isinstance(root, Path) else tuple(root)
    wanted_user, _, wanted_group = name.partition(":")
    matched, uid, gid, home = _find_user(_records(layers, "/etc/passwd", 7), wanted_user)
    groups = list(_records(layers, "/etc/group", 4))
    supplementary: list[int] = []
    if wanted_group:
        gid = _find_group(groups, wanted_group)
    elif matched is not None:
        supplementary = [int(group[2]) for group in groups if matched in group[3].split(",") and group[2].isdigit()]
    supplementary += [_find_group(groups, extra) for extra in extra_groups]
    return User(uid, gid, tuple(dict.fromkeys([gid, *supplementary])), home)


def _find_user(records: Iterator[list[str]], wanted: str) -> tuple[str | None, int, int, str]:
    number = _number(wanted) if wanted else 0
    for entry in records:
        if not (entry[2].isdigit() and entry[3].isdigit()):
            continue
        if (wanted and entry[0] == wanted) or (number is not None and int(entry[2]) == number):
            return entry[0], int(entry[2]), int(entry[3]), entry[5] or "/"
    if number is None:
        raise UnknownUser(f"unable to find user {wanted}: no matching entries in passwd file")
    return None, number, 0, "/root" if number == 0 else "/"


def _find_group(groups: list[list[str]], wanted: str) -> int:
    number = _number(wanted)
    for entry in groups:
        if entry[0] == wanted and entry[2].isdigit():
            return int(entry[2])
    if number is None:
        raise UnknownUser(f"unable to find group {wanted}: no matching entries in group file")
    return number


def _number(text: str) -> int | None:
    if not (text.isascii() and text.lstrip("-").isdigit()):
        return None
    number = int(text)
    if not 0 <= number <= MAX_ID:
        raise UnknownUser(f"uids and gids must be in range 0-{MAX_ID}")
    return number


def _records(layers: Sequence[Path], path: str, fields: int) -> Iterator[list[str]]:
    content = read_in_layers(layers, path)
    for line in (content or b"").decode("utf-8", "surrogateescape").splitlines():
        entry = line.strip().split(":")
        if len(entry) >= 3 and not line.startswith("#"):
            yield entry + [""] * (fields - len(entry))


def read_in_layers(layers: Sequence[Path], path: str) -> bytes | None:
    """The file as an overlay of `layers` (topmost first) would show it, or None where it would show none."""
    pending = [part for part in reversed(path.split("/")) if part]
    walked: list[str] = []
    links = 0
    while pending:
        part = pending.pop()
        if part in (".", ""):
            continue
        if part == "..":
            walked = walked[:-1]
            continue
        found = _lookup(layers, [*walked, part])
        if found is None:
            return None
        mode = os.lstat(found).st_mode
        if stat.S_ISLNK(mode):
            links += 1
            if links > MAX_LINKS:
                return None
            target = os.readlink(found)
            walked = [] if target.startswith("/") else walked
            pending += [piece for piece in reversed(target.split("/")) if piece]
        elif pending:
            if not stat.S_ISDIR(mode):
                return None
            walked.append(part)
        else:
            return _read_regular(found, mode)
    return None


def _lookup(layers: Sequence[Path], parts: list[str]) -> str | None:
    """The topmost layer's entry at `parts`, whose parents are known to be real folders."""
    for layer in layers:
        path = os.fspath(layer)
        opaque = False
        for position, part in enumerate(parts):
            path = f"{path}/{part}"
            try:
                status = os.lstat(path)
            except (FileNotFoundError, NotADirectoryError):
                break
            if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
                return None
            if position == len(parts) - 1:
                return path
            if not stat.S_ISDIR(status.st_mode):
                # A file over a lower layer's folder hides what was in it.
                return None
            opaque = opaque or _is_opaque(path)
        if opaque:
            return None
    return None


def _is_opaque(path: str) -> bool:
    for name in ("trusted.overlay.opaque", "user.overlay.opaque"):
        try:
            if os.getxattr(path, name, follow_symlinks=False) == b"y":
                return True
        except OSError:
            # Not set, or not ours to read: then overlayfs in this user namespace does not see it either.
            continue
    return False


def _read_regular(path: str, mode: int) -> bytes | None:
    if not stat.S_ISREG(mode):
        return None
    with open(path, "rb") as file:  # noqa: PTH123 (a string path of a hostile tree)
        return file.read(MAX_FILE)
