"""Unpacks Debian packages into a root and enters their control files into its dpkg database.

Run as a program by its path (`python unpack.py ROOT DOCUMENTATION LOWER…`, the archives' names on stdin), several side
by side on one root, each with packages of its own: so it imports nothing of ours, and prints what it did as JSON.
The archives were verified by apt; still nothing is written outside of the root. deb(5), dpkg(1), deb-conffiles(5).
"""

import contextlib
import gzip
import io
import json
import lzma
import os
import shutil
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

# What slim images leave out, but for the copyright files: kept apart, so that it can be a layer of its own.
_DOCUMENTATION = tuple(f"usr/share/{name}/" for name in ("doc", "man", "locale", "info", "lintian", "doc-base"))
_KEPT = ("copyright", "locale.alias")
_SCRIPTS = ("preinst", "postinst", "prerm", "postrm", "config")


@dataclass(frozen=True, slots=True)
class Unpacked:
    """One package: what it is called in dpkg's info folder, its stanza for the status file, its triggers, its files."""

    name: str
    info: str
    status: str
    preinst: bool
    interests: tuple[tuple[str, str], ...]
    files: tuple[str, ...]


@dataclass(slots=True)
class Tree:
    """A folder that is being written to, seen on top of `lower` ones (topmost first), as an overlay shows them.

    Symbolic links are followed as a process inside would, so nothing is written elsewhere. Folders that a lower one has
    are made with the owner and mode they have there.
    """

    root: str
    lower: tuple[str, ...] = ()
    _real: dict[str, str] = field(default_factory=dict)
    _found: set[str] = field(default_factory=set)

    def folder(self, path: str) -> str:
        """Where the folder `path` (relative, normalised) is on the host; makes it where it is missing."""
        return f"{self.root}/{self._resolved(path)}"

    def place(self, path: str) -> str:
        """Where the file `path` is to be on the host; its folder is made."""
        parent, _, name = path.rpartition("/")
        return f"{self.folder(parent)}/{name}"

    def is_folder(self, path: str) -> bool:
        """Whether there is a folder already, and no link."""
        parent, _, name = path.rpartition("/")
        below = f"{self._resolved(parent)}/{name}"
        for layer in (self.root, *self.lower):
            if os.path.lexists(f"{layer}/{below}"):
                return os.path.isdir(f"{layer}/{below}") and not os.path.islink(f"{layer}/{below}")
        return False

    def is_new(self, path: str) -> bool:
        """Whether the folder is ours to give an owner and a mode: no link led to it and no lower one has it."""
        return self._resolved(path) == path and path not in self._found

    def _resolved(self, path: str) -> str:
        if path not in self._real:
            self._real[path] = self._resolve(path) if path else ""
        return self._real[path]

    def _resolve(self, path: str) -> str:
        parent, _, name = path.rpartition("/")
        above = self._resolved(parent)
        real = f"{above}/{name}" if above else name
        for layer in (self.root, *self.lower):
            full = f"{layer}/{real}"
            if os.path.islink(full):
                return self._resolved(_joined(above, os.readlink(full)))
            if os.path.isdir(full):
                if layer != self.root:
                    self._take_over(full, real)
                return real
        with contextlib.suppress(FileExistsError):
            os.mkdir(f"{self.root}/{real}", 0o755)
        return real

    def _take_over(self, below: str, path: str) -> None:
        self._found.add(path)
        with contextlib.suppress(FileExistsError):
            os.mkdir(f"{self.root}/{path}")
            found = os.stat(below)
            os.chown(f"{self.root}/{path}", found.st_uid, found.st_gid)
            os.chmod(f"{self.root}/{path}", found.st_mode & 0o7777)


def unpack(archive: Path, root: Tree, documentation: Tree) -> Unpacked:
    """Unpacks one package; what is documentation goes to a tree of its own."""
    control = dict(control_files(archive))
    text = control["control"].decode()
    fields = parse_control(text)
    name = fields["Package"]
    info = f"{name}:{fields['Architecture']}" if fields.get("Multi-Arch") == "same" else name
    conffiles = [line for line in control.get("conffiles", b"").decode().splitlines() if line.startswith("/")]
    names = _unpack_data(archive, root, documentation, {path.lstrip("/") for path in conffiles})
    folder = Path(root.folder("var/lib/dpkg/info"))
    for file, content in control.items():
        if file != "control":
            target = folder / f"{info}.{file}"
            target.write_bytes(content)
            target.chmod(0o755 if file in _SCRIPTS else 0o644)
    (folder / f"{info}.list").write_text("".join(f"/{path}\n" for path in names))
    interests = _interests(control.get("triggers", b"").decode())
    return Unpacked(name, info, _status(text, conffiles), "preinst" in control, interests, tuple(names))


def control_files(archive: Path) -> Iterator[tuple[str, bytes]]:
    """The name and content of each file of a package's control archive."""
    with tarfile.open(fileobj=_member(archive, "control.tar"), mode="r|", bufsize=1 << 20) as tar:
        for member in tar:
            if member.isfile() and (stream := tar.extractfile(member)) is not None:
                yield os.path.basename(member.name), stream.read()


def extract(archive: Path, ending: str) -> tuple[str, bytes]:
    """The path and content of the first regular file in the package whose path ends so."""
    with tarfile.open(fileobj=_member(archive, "data.tar"), mode="r|", bufsize=1 << 20) as tar:
        for member in tar:
            if member.isfile() and member.name.endswith(ending) and (stream := tar.extractfile(member)) is not None:
                return member.name, stream.read()
    raise FileNotFoundError(f"{archive.name} holds no …{ending}")


def parse_control(text: str) -> dict[str, str]:
    """The fields of one control stanza; of a field with several lines only the first."""
    return dict(line.split(": ", 1) for line in text.splitlines() if not line[:1].isspace() and ": " in line)


def _member(archive: Path, wanted: str) -> IO[bytes]:
    """The uncompressed bytes of a member of the package, an ar archive (ar(5))."""
    with archive.open("rb") as file:
        if file.read(8) != b"!<arch>\n":
            raise ValueError(f"{archive.name} is not a Debian package")
        while len(header := file.read(60)) == 60:
            name, size = header[:16].decode().strip().rstrip("/"), int(header[48:58])
            if name.startswith(wanted):
                return _opened(io.BytesIO(file.read(size)), name.removeprefix(wanted))
            file.seek(size + size % 2, os.SEEK_CUR)
    raise ValueError(f"{archive.name} has no {wanted}")


def _opened(packed: io.BytesIO, suffix: str) -> IO[bytes]:
    match suffix:
        case ".xz":
            return lzma.open(packed)
        case ".gz":
            return gzip.open(packed)  # type: ignore[return-value]
        case ".zst":
            import zstandard  # Debian itself does not compress so

            return zstandard.ZstdDecompressor().stream_reader(packed)
    return packed


def _unpack_data(archive: Path, root: Tree, documentation: Tree, conffiles: set[str]) -> list[str]:
    """The names of all that the package holds, as dpkg's `.list` files have them (the root is `.`)."""
    names = []
    with tarfile.open(fileobj=_member(archive, "data.tar"), mode="r|", bufsize=1 << 20) as tar:
        for member in tar:
            path = _joined("", member.name)
            names.append(path or ".")
            tree = documentation if _is_documentation(path, member.isdir()) else root
            if member.isdir():
                _make_folder(tree, path, member)
            elif member.isreg() and (stream := tar.extractfile(member)) is not None:
                _write_file(tree.place(path + ".dpkg-new" if path in conffiles else path), member, stream)
            elif member.issym():
                _make_link(tree, path, member)
            elif member.islnk():
                source = _joined("", member.linkname)
                held_by = documentation if _is_documentation(source, False) else root
                _remove(target := tree.place(path))
                os.link(held_by.place(source), target, follow_symlinks=False)
    return names


def _is_documentation(path: str, folder: bool) -> bool:
    return path.startswith(_DOCUMENTATION) and (folder or path.rpartition("/")[2] not in _KEPT)


def _make_folder(tree: Tree, path: str, member: tarfile.TarInfo) -> None:
    real = tree.folder(path)
    if path and tree.is_new(path):
        os.chown(real, member.uid, member.gid)
        os.chmod(real, member.mode & 0o7777)


def _write_file(target: str, member: tarfile.TarInfo, stream: IO[bytes]) -> None:
    _remove(target)
    fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb", buffering=0) as file:
        shutil.copyfileobj(stream, file, 1 << 20)
        os.fchown(fd, member.uid, member.gid)
        os.fchmod(fd, member.mode & 0o7777)
        os.utime(fd, (member.mtime, member.mtime))


def _make_link(tree: Tree, path: str, member: tarfile.TarInfo) -> None:
    if tree.is_folder(path):
        return  # dpkg keeps a folder where a package brings a link
    _remove(target := tree.place(path))
    os.symlink(member.linkname, target)
    os.chown(target, member.uid, member.gid, follow_symlinks=False)


def _remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _joined(folder: str, path: str) -> str:
    """`path` as seen from `folder`, relative to the root and without `.` and `..` (which stop at the root)."""
    parts: list[str] = []
    for part in (path if path.startswith("/") else f"{folder}/{path}").split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def _status(control: str, conffiles: list[str]) -> str:
    """The stanza for `/var/lib/dpkg/status`; conffiles stand in it until dpkg has moved them into place."""
    first, _, rest = control.strip("\n").partition("\n")
    lines = [first, "Status: install ok unpacked", rest]
    if conffiles:
        lines += ["Conffiles:", *(f" {path} newconffile" for path in conffiles)]
    return "\n".join(lines) + "\n"


def _interests(triggers: str) -> tuple[tuple[str, str], ...]:
    """(trigger's name, suffix behind the package's name in dpkg's triggers folder) pairs (deb-triggers(5))."""
    found = []
    for line in triggers.splitlines():
        words = line.split("#")[0].split()
        if len(words) == 2 and words[0].startswith("interest"):
            found.append((words[1], "/noawait" if words[0] == "interest-noawait" else ""))
    return tuple(found)


def main() -> None:
    lower = tuple(sys.argv[3:])
    root = Tree(sys.argv[1], lower)
    documentation = root if sys.argv[2] == sys.argv[1] else Tree(sys.argv[2], lower)
    os.umask(0o022)
    done = [asdict(unpack(Path(line), root, documentation)) for line in sys.stdin.read().splitlines()]
    json.dump(done, sys.stdout)


if __name__ == "__main__":
    main()
