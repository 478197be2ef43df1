"""COPY and ADD, once their sources are selected: where each file goes, by the rules of Docker's builder.

A folder's contents go into the destination; a file goes to the destination, or into it where it is a folder or is
written with a slash at its end. Missing folders are made with 0755 and the owner of the copied files; as with Docker,
a `--chmod` in octal counts for them, too, as far as an umask of 022 lets it.
"""

import posixpath
import stat
from collections.abc import Callable, Sequence

import msgspec

from dockless.build.owners import Owner
from dockless.build.sources import Selected
from dockless.build.target import Target, TargetError
from dockless.build.tree import Entry, clean

Chmod = Callable[[int], int]


class Destination(msgspec.Struct, frozen=True):
    """`path` is absolute; a slash at its end says that it is a folder. `owner` None: files keep their own.

    `xattrs`: whether files keep their extended attributes. `folder_mode`: what folders get that are missing.
    """

    path: str
    owner: Owner | None = None
    chmod: Chmod | None = None
    xattrs: bool = True
    folder_mode: int = 0o755

    def make_folder(self, path: str, target: Target) -> None:
        """A folder that is only there because something is copied into it."""
        target.make_folder(path, self.owner or Owner(), self.folder_mode)

    def like(self, entry: Entry) -> str | None:
        """Whose extended attributes the copy gets."""
        return entry.real if self.xattrs else None

    def owner_of(self, entry: Entry) -> Owner:
        return self.owner or Owner(entry.status.st_uid, entry.status.st_gid)

    def mode_of(self, entry: Entry) -> int:
        if self.chmod is not None and not entry.is_link:
            return self.chmod(entry.status.st_mode)
        return stat.S_IMODE(entry.status.st_mode)


def absolute(path: str, working_dir: str) -> str:
    """The destination as an absolute path; "." and what ends in a slash (or in "/.") keep a slash at the end."""
    folder = path == "" or path.endswith(("/", "/.", "/..")) or path in (".", "..")
    cleaned = clean(posixpath.join("/", working_dir, path))
    return cleaned + "/" if folder and cleaned != "/" else cleaned


def check_many(destination: Destination, count: int, target: Target) -> None:
    """Several files need a folder to go to (reference: "COPY": "the destination must be a directory").

    Docker asks for a slash at the end; a folder that exists already is as clear. Raises `TargetError`.
    """
    if count < 2 or destination.path.endswith("/"):
        return
    found = target.tree.lookup(destination.path)
    if found is None or not found.is_dir:
        raise TargetError(
            "with more than one source file the destination must be a directory and end with a /: "
            f"write {destination.path}/"
        )


def copy_selected(chosen: Selected, destination: Destination, target: Target) -> None:
    """Copies one selected source. Raises `TargetError`, `OSError`."""
    prepare_parent(destination, target)
    path, existing = target.tree.resolve(destination.path)
    if chosen.entry.is_dir:
        if existing is not None and not existing.is_dir:
            raise TargetError(f"cannot copy to non-directory: {path}")
        destination.make_folder(path, target)
        for item in chosen.items:
            _place(item.entry, posixpath.join(path, item.relative), destination, target)
        status = chosen.entry.status
        target.set_times(path, (status.st_atime_ns, status.st_mtime_ns))
        return
    if not chosen.items:
        return
    if existing is not None and existing.is_dir:
        path = posixpath.join(path, chosen.name)
    destination.make_folder(posixpath.dirname(path), target)
    _place(chosen.entry, path, destination, target)


def prepare_parent(destination: Destination, target: Target) -> None:
    """The folder in which the destination lies, or the destination itself where it is written as a folder."""
    wanted = destination.path if destination.path.endswith("/") else posixpath.dirname(destination.path)
    path, _ = target.tree.resolve(wanted)
    destination.make_folder(path, target)


def place_content(content: bytes, name: str, destination: Destination, target: Target, mode: int) -> None:
    """A here-document or a download: bytes that become a file called `name`, or the destination itself."""
    path = file_path(name, destination, target)
    if destination.chmod is not None:
        mode = destination.chmod(stat.S_IFREG | mode)
    target.write(path, content, destination.owner or Owner(), mode)


def file_path(name: str, destination: Destination, target: Target) -> str:
    """Where a single file called `name` goes; its folder is made."""
    prepare_parent(destination, target)
    path, existing = target.tree.resolve(destination.path)
    if destination.path.endswith("/") or (existing is not None and existing.is_dir):
        path = posixpath.join(path, name)
    destination.make_folder(posixpath.dirname(path), target)
    return path


def count_files(selected: Sequence[Selected]) -> int:
    return sum(1 for chosen in selected if not chosen.entry.is_dir)


def _place(entry: Entry, path: str, destination: Destination, target: Target) -> None:
    owner, mode = destination.owner_of(entry), destination.mode_of(entry)
    if not entry.is_dir:
        target.put(entry, path, owner, mode, xattrs=destination.xattrs)
        return
    target.make_folder(path, owner, mode)
    target.dress(target.real(path), owner, mode, destination.like(entry))
    target.set_times(path, (entry.status.st_atime_ns, entry.status.st_mtime_ns))
