"""openat2(2): paths that are resolved inside a root folder and never outside it.

Symbolic links, `..` and a leading `/` mean the root's own; the magic links of /proc are refused. A container's image
and its volumes are hostile here: whatever they hold, a descriptor that this module returns lies inside the root.
"""

import ctypes
import errno
import os
import stat

from dockless.linux.syscalls import invoke, number

RESOLVE_NO_XDEV = 0x01
RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_BENEATH = 0x08
RESOLVE_IN_ROOT = 0x10

MAX_LINKS = 40


class _OpenHow(ctypes.Structure):
    _fields_ = [("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64)]


_openat2 = number("openat2")


def openat2(folder: int, path: str, flags: int, mode: int = 0, resolve: int = 0) -> int:
    """A close-on-exec descriptor. Raises OSError naming `path`. A rename that races the call is tried again."""
    how = _OpenHow(flags | os.O_CLOEXEC, mode, resolve)
    encoded = os.fsencode(path)
    for _ in range(128):
        try:
            return invoke(path, _openat2, folder, encoded, ctypes.byref(how), ctypes.sizeof(_OpenHow))
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EINTR):
                raise
    raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN), path)


def open_in_root(root: int, path: str, flags: int = os.O_PATH, mode: int = 0) -> int:
    """`path` as a process whose root is the folder `root` would see it. Raises OSError."""
    return openat2(root, path, flags, mode, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)


def make_folder(root: int, path: str, mode: int = 0o755) -> int:
    """The folder at `path` (O_PATH), made with its parents where missing. Raises OSError (ENOTDIR, EROFS, …)."""
    try:
        return open_in_root(root, path, os.O_PATH | os.O_DIRECTORY)
    except FileNotFoundError:
        return _make_last(root, path, mode, is_folder=True)


def make_file(root: int, path: str, mode: int = 0o644) -> int:
    """What is not a folder at `path` (O_PATH), made as an empty file with its parents where missing. Raises OSError."""
    try:
        return open_in_root(root, path)
    except FileNotFoundError:
        return _make_last(root, path, mode, is_folder=False)


def _make_last(root: int, path: str, mode: int, *, is_folder: bool) -> int:
    """The usual case, in few calls: only the last component is missing, and it is a name."""
    parent, _, name = path.rstrip("/").rpartition("/")
    if name not in ("", ".", ".."):
        try:
            folder = open_in_root(root, parent or "/", os.O_PATH | os.O_DIRECTORY)
        except FileNotFoundError:
            return _make(root, path, mode, is_folder=is_folder)
        try:
            found = _enter(folder, name, mode, is_folder=is_folder)
        finally:
            os.close(folder)
        if not stat.S_ISLNK(os.fstat(found).st_mode):
            return found
        os.close(found)
    return _make(root, path, mode, is_folder=is_folder)


def _make(root: int, path: str, mode: int, *, is_folder: bool) -> int:
    """Walks one component at a time; links are followed by name, so that a dangling one is made where it points."""
    pending = [part for part in reversed(path.split("/")) if part not in ("", ".")]
    walked: list[int] = [os.dup(root)]
    links = 0
    try:
        while pending:
            part = pending.pop()
            if part == "..":
                if len(walked) > 1:
                    os.close(walked.pop())
                continue
            found = _enter(walked[-1], part, mode if not pending else 0o755, is_folder=is_folder or bool(pending))
            status = os.fstat(found)
            if not stat.S_ISLNK(status.st_mode):
                walked.append(found)
                continue
            target = os.readlink("", dir_fd=found)
            os.close(found)
            links += 1
            if links > MAX_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            if target.startswith("/"):
                while len(walked) > 1:
                    os.close(walked.pop())
            pending += [piece for piece in reversed(target.split("/")) if piece not in ("", ".")]
        return walked.pop()
    finally:
        for descriptor in walked:
            os.close(descriptor)


def _enter(folder: int, name: str, mode: int, *, is_folder: bool) -> int:
    """The entry itself (a link is not followed), made where it is missing."""
    try:
        return openat2(folder, name, os.O_PATH | os.O_NOFOLLOW, 0, RESOLVE_BENEATH)
    except FileNotFoundError:
        try:
            if is_folder:
                os.mkdir(name, mode, dir_fd=folder)
            else:
                os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, mode, dir_fd=folder))
        except FileExistsError:
            # Made by somebody else in between; it is as good as ours.
            return openat2(folder, name, os.O_PATH | os.O_NOFOLLOW, 0, RESOLVE_BENEATH)
        return openat2(folder, name, os.O_PATH | os.O_NOFOLLOW, 0, RESOLVE_BENEATH)
