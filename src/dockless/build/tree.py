"""Reading a tree that an overlay of several folders would show, without mounting it.

Lookups go topmost layer first and honour overlayfs's whiteouts (a character device 0/0) and opaque folders. Symbolic
links are resolved inside the root and never lead out of it, as in a chroot.
"""

import errno
import operator
import os
import posixpath
import stat
from collections.abc import Sequence
from pathlib import Path

import msgspec

_MAX_LINKS = 255
_OPAQUE = ("trusted.overlay.opaque", "user.overlay.opaque")


class Entry(msgspec.Struct, frozen=True):
    """One name of the tree. `path` is seen from inside ("/usr/bin/env"), `real` where its bytes are on the host.

    For a folder `parts` are the real folders whose union it is, topmost first; for everything else it is empty.
    """

    path: str
    real: str
    status: os.stat_result
    parts: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def is_dir(self) -> bool:
        return stat.S_ISDIR(self.status.st_mode)

    @property
    def is_file(self) -> bool:
        return stat.S_ISREG(self.status.st_mode)

    @property
    def is_link(self) -> bool:
        return stat.S_ISLNK(self.status.st_mode)


def clean(path: str) -> str:
    """An absolute path without ".", ".." and doubled slashes; ".." never climbs out."""
    return "/" + posixpath.normpath("/" + path).lstrip("/")


class Tree:
    """The union of `layers`, topmost first. With `plain` it is one ordinary folder: nothing in it is a whiteout.

    Nothing is remembered, so that a tree may be read while its topmost layer is written.
    """

    def __init__(self, layers: Sequence[Path | str], *, plain: bool = False) -> None:
        self._layers = tuple(os.fspath(layer) for layer in layers)
        self._plain = plain

    def root(self) -> Entry:
        if not self._layers:
            return Entry("/", "", os.stat_result((stat.S_IFDIR | 0o755, 0, 0, 1, 0, 0, 0, 0, 0, 0)))
        return Entry("/", self._layers[0], os.stat(self._layers[0]), self._layers)

    def child(self, folder: Entry, name: str) -> Entry | None:
        """The entry `name` of a folder; symbolic links are not followed."""
        path = f"{folder.path.rstrip('/')}/{name}"
        merged: list[str] = []
        top: os.stat_result | None = None
        for part in folder.parts:
            real = f"{part}/{name}"
            try:
                status = os.lstat(real)
            except (FileNotFoundError, NotADirectoryError):
                continue
            if self._whiteout(status):
                break
            if not stat.S_ISDIR(status.st_mode):
                if top is None:
                    return Entry(path, real, status)
                break
            top = top or status
            merged.append(real)
            if part is not folder.parts[-1] and self._opaque(real):
                break
        return None if top is None else Entry(path, merged[0], top, tuple(merged))

    def children(self, folder: Entry) -> list[Entry]:
        """Everything in a folder, sorted by name."""
        if self._plain:
            return _plain_children(folder)
        merging: dict[str, tuple[os.stat_result, list[str]]] = {}
        settled: dict[str, Entry | None] = {}
        base = folder.path.rstrip("/")
        for part in folder.parts:
            with os.scandir(part) as listing:
                for item in listing:
                    name = item.name
                    if name in settled:
                        continue
                    status = item.stat(follow_symlinks=False)
                    known = merging.get(name)
                    if not self._plain and self._whiteout(status):
                        if known is None:
                            settled[name] = None
                        else:
                            settled[name] = Entry(f"{base}/{name}", known[1][0], known[0], tuple(known[1]))
                    elif stat.S_ISDIR(status.st_mode):
                        if known is None:
                            known = merging[name] = (status, [])
                        known[1].append(item.path)
                        if part is not folder.parts[-1] and self._opaque(item.path):
                            settled[name] = Entry(f"{base}/{name}", known[1][0], known[0], tuple(known[1]))
                    elif known is None:
                        settled[name] = Entry(f"{base}/{name}", item.path, status)
                    else:
                        settled[name] = Entry(f"{base}/{name}", known[1][0], known[0], tuple(known[1]))
        for name, (status, parts) in merging.items():
            if name not in settled:
                settled[name] = Entry(f"{base}/{name}", parts[0], status, tuple(parts))
        return [entry for _, entry in sorted(settled.items()) if entry is not None]

    def resolve(self, path: str, *, follow: bool = True) -> tuple[str, Entry | None]:
        """Where `path` leads inside the root, and what is there (None: nothing).

        Symbolic links are followed, the last one only with `follow`; names that do not exist stay as they are, and
        ".." never climbs out. Raises `OSError` (ELOOP) for links in a circle.
        """
        pending = [part for part in reversed(path.split("/")) if part and part != "."]
        walked: list[Entry | str] = [self.root()]
        links = 0
        while pending:
            name = pending.pop()
            if name == ".":
                continue
            if name == "..":
                if len(walked) > 1:
                    walked.pop()
                continue
            folder = walked[-1]
            entry = self.child(folder, name) if isinstance(folder, Entry) else None
            if entry is not None and entry.is_link and (follow or pending):
                links += 1
                if links > _MAX_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
                target = os.readlink(entry.real)
                if target.startswith("/"):
                    del walked[1:]
                pending += [part for part in reversed(target.split("/")) if part and part != "."]
                continue
            walked.append(name if entry is None else entry)
        last = walked[-1]
        if isinstance(last, Entry):
            return last.path, last
        return "/" + "/".join(step if isinstance(step, str) else step.name for step in walked[1:]), None

    def lookup(self, path: str, *, follow: bool = True) -> Entry | None:
        return self.resolve(path, follow=follow)[1]

    def _whiteout(self, status: os.stat_result) -> bool:
        return not self._plain and stat.S_ISCHR(status.st_mode) and status.st_rdev == 0

    def _opaque(self, real: str) -> bool:
        if self._plain:
            return False
        for name in _OPAQUE:
            try:
                if os.getxattr(real, name, follow_symlinks=False) == b"y":
                    return True
            except OSError:
                # Not set, or not ours to read: then overlayfs, mounted by us, does not see it either.
                continue
        return False


def _plain_children(folder: Entry) -> list[Entry]:
    base = folder.path.rstrip("/")
    with os.scandir(folder.real) as listing:
        items = sorted(listing, key=operator.attrgetter("name"))
    found = []
    for item in items:
        status = item.stat(follow_symlinks=False)
        path = item.path
        parts = (path,) if stat.S_ISDIR(status.st_mode) else ()
        found.append(Entry(f"{base}/{item.name}", path, status, parts))
    return found
