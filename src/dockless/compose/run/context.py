"""A build context as a stream of tar: the folder's files less what `.dockerignore` leaves out, nothing held in memory.

The Dockerfile and `.dockerignore` are always sent, since the builder needs them; a Dockerfile that is not in the
context (inline, or elsewhere on the disk) is sent under a name of its own that `.dockerignore` then leaves out.
"""

import hashlib
import os
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from dockless.dockerfile.ignore import Ignore, IgnoreError

_CHUNK = 1 << 18
_IGNORE_FILE = ".dockerignore"


class ContextError(Exception):
    """The context cannot be sent: it is missing, or its `.dockerignore` is wrong."""


class BuildContext(Struct, frozen=True):
    """`dockerfile` is the name that the engine is told; `extra` are files beside those of the folder, by name.

    `title` is what a Dockerfile that is not in the folder is called, `beside` the text of its own .dockerignore.
    """

    root: Path
    dockerfile: str
    ignore: Ignore
    always: frozenset[str]
    extra: tuple[tuple[str, bytes], ...] = ()
    title: str = "Dockerfile"
    beside: str | None = None

    @property
    def outside(self) -> tuple[str, bytes] | None:
        """A Dockerfile that is not in the folder: what to call it, and its bytes (for `Lent.dockerfile`)."""
        return next(((self.title, content) for name, content in self.extra if name == self.dockerfile), None)

    def stream(self) -> Iterator[bytes]:
        """The tar, in pieces. Raises `ContextError` when a file cannot be read."""
        yield from _folder(self)
        for name, content in self.extra:
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o644
            yield _header(member) + content + _padding(len(content))
        yield b"\0" * 1024


def open_context(root: Path, dockerfile: str = "", inline: str | None = None) -> BuildContext:
    """`dockerfile`: relative to the context, or absolute; empty is `Dockerfile`. `inline`: its text instead.

    Raises `ContextError`.
    """
    if not root.is_dir():
        raise ContextError(f'unable to prepare context: path "{root}" not found')
    name, outside = _dockerfile(root, dockerfile, inline)
    beside = _beside(root / dockerfile) if outside is not None and inline is None else None
    text, source = (beside, "") if beside is not None else ignore_text(root, name if outside is None else "")
    extra: list[tuple[str, bytes]] = []
    if outside is not None:
        name = f".dockerfile.{hashlib.sha256(outside).hexdigest()[:20]}"
        extra.append((name, outside))
        extra.append(
            (_IGNORE_FILE, f"{text}\n{name}\n{_IGNORE_FILE}\n".encode() if not source else f"{text}\n{name}\n".encode())
        )
    try:
        ignore = Ignore.parse(text)
    except IgnoreError as error:
        raise ContextError(f"{root / (source or _IGNORE_FILE)}: {error}") from error
    replaced = {each for each, _ in extra}
    always = frozenset({name, source} - replaced - {""})
    title = Path(dockerfile).name if dockerfile else "Dockerfile"
    return BuildContext(root, name, ignore, always, tuple(extra), title, beside)


def _beside(dockerfile: Path) -> str | None:
    """The .dockerignore of a Dockerfile that lies elsewhere."""
    try:
        return Path(f"{dockerfile}{_IGNORE_FILE}").read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ContextError(f"{dockerfile}{_IGNORE_FILE}: {error}") from error


def _dockerfile(root: Path, dockerfile: str, inline: str | None) -> tuple[str, bytes | None]:
    """The name inside the context, or the bytes of one that is not in it."""
    if inline is not None:
        return "", inline.encode()
    path = root / (dockerfile or "Dockerfile")
    if not dockerfile and not path.exists() and (root / "dockerfile").exists():
        path = root / "dockerfile"
    try:
        relative = Path(os.path.normpath(path)).relative_to(os.path.normpath(root))
    except ValueError:
        try:
            return "", path.read_bytes()
        except OSError as error:
            raise ContextError(f"failed to read dockerfile: open {path}: {error.strerror}") from error
    if not path.is_file():
        why = "is a directory" if path.is_dir() else "no such file or directory"
        raise ContextError(f"failed to read dockerfile: open {path}: {why}")
    return relative.as_posix(), None


def ignore_text(root: Path, dockerfile: str) -> tuple[str, str]:
    """The patterns and the file that they are from: `Dockerfile.dockerignore` goes before `.dockerignore`."""
    for name in ([f"{dockerfile}{_IGNORE_FILE}"] if dockerfile else []) + [_IGNORE_FILE]:
        try:
            return (root / name).read_text(encoding="utf-8"), name
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise ContextError(f"{root / name}: {error}") from error
    return "", ""


def _folder(context: BuildContext) -> Iterator[bytes]:
    replaced = {name for name, _ in context.extra}
    inodes: dict[tuple[int, int], str] = {}
    open_ = [""]
    while open_:
        folder = open_.pop()
        try:
            entries = sorted(os.scandir(context.root / folder), key=lambda entry: entry.name)
        except OSError as error:
            raise ContextError(f"error checking context: can't stat '{context.root / folder}': {error}") from error
        below = []
        for entry in entries:
            path = f"{folder}/{entry.name}" if folder else entry.name
            is_folder = entry.is_dir(follow_symlinks=False)
            if path in replaced:
                continue
            if path not in context.always and context.ignore.ignored(path):
                if is_folder and (not context.ignore.prunes(path) or _holds(path, context.always)):
                    below.append(path)
                continue
            yield from _entry(entry, path, inodes)
            if is_folder:
                below.append(path)
        open_ += reversed(below)


def _holds(folder: str, paths: frozenset[str]) -> bool:
    return any(path.startswith(folder + "/") for path in paths)


def _entry(entry: os.DirEntry[str], path: str, inodes: dict[tuple[int, int], str]) -> Iterator[bytes]:
    """One file, folder or link; sockets are left out, as they cannot be archived."""
    try:
        found = entry.stat(follow_symlinks=False)
        member = tarfile.TarInfo(path)
        member.mode = stat.S_IMODE(found.st_mode)
        member.mtime = int(found.st_mtime)
        # Docker's client sends everything as root's, so that an image does not depend on who builds it.
        if stat.S_ISDIR(found.st_mode):
            member.type = tarfile.DIRTYPE
            yield _header(member)
        elif stat.S_ISLNK(found.st_mode):
            member.type, member.linkname = tarfile.SYMTYPE, os.readlink(entry.path)
            yield _header(member)
        elif stat.S_ISFIFO(found.st_mode):
            member.type = tarfile.FIFOTYPE
            yield _header(member)
        elif stat.S_ISREG(found.st_mode):
            first = inodes.setdefault((found.st_dev, found.st_ino), path) if found.st_nlink > 1 else path
            if first != path:
                member.type, member.linkname = tarfile.LNKTYPE, first
                yield _header(member)
                return
            member.size = found.st_size
            yield from _regular(entry.path, member)
    except FileNotFoundError:
        return  # gone since the folder was listed: as if it had never been
    except OSError as error:
        raise ContextError(f"error from sender: open {entry.path}: {error.strerror}") from error


def _regular(source: str, member: tarfile.TarInfo) -> Iterator[bytes]:
    """Exactly as many bytes as the header says, however the file changes meanwhile."""
    with open(source, "rb") as file:  # noqa: PTH123
        yield _header(member)
        missing = member.size
        while missing:
            data = file.read(min(_CHUNK, missing))
            if not data:
                data = b"\0" * min(_CHUNK, missing)
            missing -= len(data)
            yield data
        yield _padding(member.size)


def _header(member: tarfile.TarInfo) -> bytes:
    return member.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _padding(size: int) -> bytes:
    return b"\0" * (-size % tarfile.BLOCKSIZE)
