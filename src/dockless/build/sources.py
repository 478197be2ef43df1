"""What a COPY or ADD reads: the build context, another stage, an image, a named context; and which of it.

Selection follows Docker's builder: wildcards are Go's `filepath.Match`, a folder stands for its contents, `--exclude`
and `.dockerignore` leave out, `--parents` keeps the folders on the way. The digest of a selection is part of a step's
key: names, types, permissions, links and content, and no times.
"""

import hashlib
import os
import posixpath
import stat
from collections.abc import Callable, Iterator, Sequence

import msgspec

from dockless.build.digests import hash_file
from dockless.build.owners import Owner
from dockless.build.target import own_xattrs
from dockless.build.tree import Entry, Tree, clean
from dockless.dockerfile.ignore import Ignore, component_pattern, has_wildcard


def _hashed(entry: Entry) -> bytes:
    return hash_file(entry.real)


class SourceError(Exception):
    """A source that is not there; the message is Docker's."""


class Source(msgspec.Struct, frozen=True):
    """A tree to copy from. `owner` is whose its files become; None: they keep their own (a stage, an image)."""

    tree: Tree
    title: str
    owner: Owner | None = None
    ignore: Ignore = msgspec.field(default_factory=Ignore)

    @property
    def xattrs(self) -> bool:
        """Whether extended attributes count: those of an image do, those that a machine put on its files do not."""
        return self.owner is None

    def visible(self, path: str) -> bool:
        return not self.ignore or path == "/" or not self.ignore.ignored(path[1:])


class Item(msgspec.Struct, frozen=True):
    """One entry to be copied; `relative` is where, below the destination ("" for the selected entry itself)."""

    relative: str
    entry: Entry


class Selected(msgspec.Struct, frozen=True):
    """One source that was found: a file, or a folder with everything in it that is wanted, parents first."""

    name: str
    entry: Entry
    items: tuple[Item, ...]


def select(source: Source, pattern: str, exclude: Sequence[str] = (), *, parents: bool = False) -> list[Selected]:
    """What `pattern` (a path or a wildcard, relative to the source's root) names, in order.

    A wildcard may match nothing. Raises `SourceError` where a plain path is not there, `IgnoreError` for a bad pattern.
    """
    left_out = Ignore(exclude)
    if parents:
        return [_with_parents(source, pattern, left_out)]
    cleaned = clean(pattern)
    found = []
    for path in _matching(source, cleaned):
        resolved, entry = source.tree.resolve(path)
        if entry is None or not _reachable(source, resolved, entry):
            raise SourceError(f'"{path}": not found')
        if not entry.is_dir and left_out and left_out.ignored(posixpath.basename(path)):
            continue
        if not entry.is_dir:
            items: tuple[Item, ...] = (Item("", entry),)
        elif source.ignore or left_out:
            items = tuple(_below(source, entry, "", left_out))
        else:
            items = tuple(_everything(source, entry))
        found.append(Selected(posixpath.basename(path), entry, items))
    return found


def digest(
    selected: Sequence[Selected], *, owners: bool, xattrs: bool, content: Callable[[Entry], bytes] = _hashed
) -> str:
    """SHA-256 (hex) over names, types, permissions, link targets, content, and as asked owners and attributes.

    `content` gives the SHA-256 of a regular file.
    """
    total = hashlib.sha256()
    for chosen in selected:
        total.update(f"{chosen.name}\0{chosen.entry.is_dir}\0".encode("utf-8", "surrogateescape"))
        for item in chosen.items:
            total.update(_described(item, owners, xattrs, content))
    return total.hexdigest()


def _described(item: Item, owners: bool, xattrs: bool, content: Callable[[Entry], bytes]) -> bytes:
    """One entry in a form that no other one has: fields of variable length have their length before them."""
    entry = item.entry
    status = entry.status
    kind = stat.S_IFMT(status.st_mode)
    name = os.fsencode(item.relative)
    whose = f"{status.st_uid}:{status.st_gid}" if owners else ""
    described = b"%d:%s%o %s " % (len(name), name, status.st_mode, whose.encode())
    if kind == stat.S_IFREG:
        described += content(entry)
    elif kind == stat.S_IFLNK:
        link = os.fsencode(os.readlink(entry.real))
        described += b"%d:%s" % (len(link), link)
    elif kind in (stat.S_IFCHR, stat.S_IFBLK):
        described += b"%d " % status.st_rdev
    if xattrs:
        for attribute in own_xattrs(entry.real):
            value = os.getxattr(entry.real, attribute, follow_symlinks=False)
            key = os.fsencode(attribute)
            described += b"%d:%s%d:%s" % (len(key), key, len(value), value)
    return described + b"\n"


def _matching(source: Source, path: str) -> list[str]:
    """The paths that match, `path` being clean; without a wildcard it is `path` itself, there or not."""
    parts = [part for part in path.split("/") if part]
    first = next((index for index, part in enumerate(parts) if has_wildcard(part)), None)
    if first is None:
        return [path]
    _, base = source.tree.resolve("/" + "/".join(parts[:first]))
    level = [base] if base is not None and base.is_dir else []
    for part in parts[first:]:
        pattern = component_pattern(part)
        level = [
            child
            for folder in level
            if folder.is_dir
            for child in source.tree.children(folder)
            if pattern.fullmatch(child.name) and _reachable(source, child.path, child)
        ]
    return [entry.path for entry in level]


def _reachable(source: Source, path: str, entry: Entry) -> bool:
    """Not ignored, or an ignored folder in which something is taken back."""
    if source.visible(path):
        return True
    return entry.is_dir and any(_below(source, entry, "", Ignore()))


def _everything(source: Source, folder: Entry) -> Iterator[Item]:
    """All below a folder, each folder before its contents: where nothing is left out, which large contexts feel."""
    stack = [("", iter(source.tree.children(folder)))]
    while stack:
        prefix, children = stack[-1]
        for child in children:
            relative = prefix + child.name
            if child.is_dir:
                yield Item(relative, child)
                stack.append((relative + "/", iter(source.tree.children(child))))
                break
            if not stat.S_ISSOCK(child.status.st_mode):
                yield Item(relative, child)
        else:
            stack.pop()


def _below(source: Source, folder: Entry, relative: str, left_out: Ignore) -> Iterator[Item]:
    """Everything wanted below a folder, each folder before its contents."""
    for child in source.tree.children(folder):
        below = f"{relative}/{child.name}" if relative else child.name
        ignored = not source.visible(child.path)
        excluded = bool(left_out) and left_out.ignored(below)
        if not child.is_dir:
            if not ignored and not excluded and not stat.S_ISSOCK(child.status.st_mode):
                yield Item(below, child)
            continue
        if (ignored and source.ignore.prunes(child.path[1:])) or (excluded and left_out.prunes(below)):
            continue
        inner = _below(source, child, below, left_out)
        if not ignored and not excluded:
            yield Item(below, child)
            yield from inner
            continue
        first = next(inner, None)
        if first is not None:
            yield Item(below, child)
            yield first
            yield from inner


def _with_parents(source: Source, pattern: str, left_out: Ignore) -> Selected:
    """COPY --parents: below the pivot (`/./`, or the root) all that matches, with the folders that lead there."""
    before, pivot, after = pattern.partition("/./")
    start = clean(before) if pivot else "/"
    wanted = Ignore([clean(after if pivot else pattern)[1:] or "**"])
    _, base = source.tree.resolve(start)
    if base is None or not base.is_dir:
        raise SourceError(f'"{start}": not found')
    items: list[Item] = []
    for item in _below(source, base, "", left_out):
        if item.entry.is_dir and not wanted.ignored(item.relative):
            items.append(item)  # perhaps a parent of something wanted
            continue
        if wanted.ignored(item.relative):
            items.append(item)
    kept = _needed(items, wanted)
    if not kept and not has_wildcard(pattern):
        raise SourceError(f'"{clean(pattern)}": not found')
    return Selected("", base, tuple(kept))


def _needed(items: Sequence[Item], wanted: Ignore) -> list[Item]:
    needed: set[str] = set()
    for item in items:
        if wanted.ignored(item.relative):
            path = item.relative
            while path and path not in needed:
                needed.add(path)
                path = posixpath.dirname(path)
    return [item for item in items if item.relative in needed]
