"""Mounts: mount(2), umount(2), pivot_root(2), and the newer calls that work by descriptor (fsopen, open_tree, …).

Overlay roots of any number of layers are made by the newer calls or, on a kernel without what that takes, by mount(2).
"""

import ctypes
import errno
import os
from collections.abc import Iterable, Sequence

from dockless.linux.syscalls import check, invoke, libc, number

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_SYNCHRONOUS = 16
MS_DIRSYNC = 128
MS_NOSYMFOLLOW = 256
MS_NOATIME = 1024
MS_NODIRATIME = 2048
MS_REC = 16384
MS_UNBINDABLE = 1 << 17
MS_PRIVATE = 1 << 18
MS_SLAVE = 1 << 19
MS_SHARED = 1 << 20
MS_RELATIME = 1 << 21
MS_STRICTATIME = 1 << 24
MS_LAZYTIME = 1 << 25

MNT_DETACH = 2

OPEN_TREE_CLONE = 1
AT_FDCWD = -100
AT_EMPTY_PATH = 0x1000
AT_RECURSIVE = 0x8000
MOVE_MOUNT_F_EMPTY_PATH = 0x04
MOVE_MOUNT_T_EMPTY_PATH = 0x40

MOUNT_ATTR_RDONLY = 0x01
MOUNT_ATTR_NOSUID = 0x02
MOUNT_ATTR_NODEV = 0x04
MOUNT_ATTR_NOEXEC = 0x08
MOUNT_ATTR_ATIME = 0x70
MOUNT_ATTR_NOATIME = 0x10
MOUNT_ATTR_STRICTATIME = 0x20
MOUNT_ATTR_NODIRATIME = 0x80
MOUNT_ATTR_NOSYMFOLLOW = 0x00200000

_FSCONFIG_SET_FLAG = 0
_FSCONFIG_SET_STRING = 1
_FSCONFIG_CMD_CREATE = 6
_MAX_FSCONFIG_STRING = 255

_open_tree = number("open_tree")
_move_mount = number("move_mount")
_mount_setattr = number("mount_setattr")
_fsopen = number("fsopen")
_fsconfig = number("fsconfig")
_fsmount = number("fsmount")
_pivot_root = number("pivot_root")

FLAGS = {
    "ro": (MS_RDONLY, 0),
    "rw": (0, MS_RDONLY),
    "nosuid": (MS_NOSUID, 0),
    "suid": (0, MS_NOSUID),
    "nodev": (MS_NODEV, 0),
    "dev": (0, MS_NODEV),
    "noexec": (MS_NOEXEC, 0),
    "exec": (0, MS_NOEXEC),
    "sync": (MS_SYNCHRONOUS, 0),
    "async": (0, MS_SYNCHRONOUS),
    "dirsync": (MS_DIRSYNC, 0),
    "nosymfollow": (MS_NOSYMFOLLOW, 0),
    "symfollow": (0, MS_NOSYMFOLLOW),
    "noatime": (MS_NOATIME, MS_RELATIME | MS_STRICTATIME),
    "atime": (0, MS_NOATIME),
    "relatime": (MS_RELATIME, MS_NOATIME | MS_STRICTATIME),
    "norelatime": (0, MS_RELATIME),
    "strictatime": (MS_STRICTATIME, MS_NOATIME | MS_RELATIME),
    "nostrictatime": (0, MS_STRICTATIME),
    "nodiratime": (MS_NODIRATIME, 0),
    "diratime": (0, MS_NODIRATIME),
    "lazytime": (MS_LAZYTIME, 0),
    "nolazytime": (0, MS_LAZYTIME),
    "defaults": (0, 0),
}
"""Options of mount(8) → the flags of mount(2) they set and clear."""

PROPAGATION = {
    "private": MS_PRIVATE,
    "rprivate": MS_PRIVATE | MS_REC,
    "slave": MS_SLAVE,
    "rslave": MS_SLAVE | MS_REC,
    "shared": MS_SHARED,
    "rshared": MS_SHARED | MS_REC,
    "unbindable": MS_UNBINDABLE,
    "runbindable": MS_UNBINDABLE | MS_REC,
}

_ATTRIBUTES = {
    MS_RDONLY: MOUNT_ATTR_RDONLY,
    MS_NOSUID: MOUNT_ATTR_NOSUID,
    MS_NODEV: MOUNT_ATTR_NODEV,
    MS_NOEXEC: MOUNT_ATTR_NOEXEC,
    MS_NODIRATIME: MOUNT_ATTR_NODIRATIME,
    MS_NOSYMFOLLOW: MOUNT_ATTR_NOSYMFOLLOW,
}


class _MountAttributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "userns")]


def mount(source: str | None, target: str, kind: str | None, flags: int = 0, data: str | None = None) -> None:
    """mount(2). Raises OSError naming `target`."""
    check(
        libc.mount(_text(source), _text(target), _text(kind), ctypes.c_ulong(flags), _text(data)),
        target,
    )


def umount(target: str, flags: int = 0) -> None:
    """umount2(2). Raises OSError naming `target`."""
    check(libc.umount2(_text(target), ctypes.c_int(flags)), target)


def pivot_root(new: str, old: str) -> None:
    """pivot_root(2). Raises OSError."""
    invoke(new, _pivot_root, _text(new), _text(old))


def set_propagation(target: str, option: str) -> None:
    """`option` is a key of PROPAGATION. Raises OSError."""
    mount(None, target, None, PROPAGATION[option])


def make_private_namespace(propagation: str = "rslave") -> None:
    """A mount namespace of the process's own that hears of the host's mounts and tells it nothing. Raises OSError."""
    check(libc.unshare(ctypes.c_int(0x20000)))
    set_propagation("/", propagation)


def open_tree(path: str, *, recursive: bool = False, folder: int = AT_FDCWD) -> int:
    """A detached copy (bind) of what is mounted at `path`; with an empty `path` at the descriptor `folder`.

    Raises OSError.
    """
    flags = OPEN_TREE_CLONE | os.O_CLOEXEC | (AT_RECURSIVE if recursive else 0) | (0 if path else AT_EMPTY_PATH)
    return invoke(path, _open_tree, folder, _text(path), flags)


def move_mount(tree: int, target: int, name: str | None = None) -> None:
    """Attaches the detached mount `tree` at the descriptor `target`. Raises OSError naming `name`."""
    invoke(name, _move_mount, tree, b"", target, b"", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)


def mount_setattr(
    tree: int, *, set: int = 0, clear: int = 0, propagation: int = 0, recursive: bool = False, name: str | None = None
) -> None:
    """mount_setattr(2) on a descriptor. `set` and `clear` are MOUNT_ATTR_*. Raises OSError naming `name`."""
    attributes = _MountAttributes(set, clear, propagation, 0)
    flags = AT_EMPTY_PATH | (AT_RECURSIVE if recursive else 0)
    size = ctypes.sizeof(_MountAttributes)
    invoke(name, _mount_setattr, tree, b"", flags, ctypes.byref(attributes), size)


def attributes(flags: int) -> int:
    """The MOUNT_ATTR_* of mount(2)'s flags."""
    result = 0
    for flag, attribute in _ATTRIBUTES.items():
        if flags & flag:
            result |= attribute
    if flags & MS_NOATIME:
        result |= MOUNT_ATTR_NOATIME
    elif flags & MS_STRICTATIME:
        result |= MOUNT_ATTR_STRICTATIME
    return result


def parse_options(options: Iterable[str]) -> tuple[int, int, list[str]]:
    """Options of mount(8) → (flags set, flags cleared, the rest, for the file system; propagation words among it)."""
    flags = cleared = 0
    data: list[str] = []
    for option in options:
        if option in FLAGS:
            to_set, to_clear = FLAGS[option]
            flags = flags & ~to_clear | to_set
            cleared = cleared & ~to_set | to_clear
        else:
            data.append(option)
    return flags, cleared, data


def fsopen(kind: str) -> int:
    """A context for a new file system of `kind`. Raises OSError."""
    return invoke(kind, _fsopen, _text(kind), 1)


def fsconfig(context: int, key: str, value: str | None = None) -> None:
    """Sets a parameter; without a value a flag. Raises OSError naming `key`."""
    command = _FSCONFIG_SET_FLAG if value is None else _FSCONFIG_SET_STRING
    invoke(key, _fsconfig, context, command, _text(key), _text(value), 0)


def fsmount(context: int, attributes: int = 0) -> int:
    """Makes the file system and returns it as a detached mount. Raises OSError with the context's message."""
    try:
        invoke(None, _fsconfig, context, _FSCONFIG_CMD_CREATE, None, None, 0)
        return invoke(None, _fsmount, context, 1, attributes)
    except OSError as error:
        raise _explained(context, error) from None


def made(kind: str, source: str | None, flags: int, data: Iterable[str]) -> int:
    """A file system of `kind` as a detached mount; `data` are its own options, as mount(8) has them. Raises OSError."""
    context = fsopen(kind)
    try:
        if source is not None:
            fsconfig(context, "source", source)
        for option in data:
            key, equals, value = option.partition("=")
            fsconfig(context, key, value if equals else None)
        return fsmount(context, attributes(flags))
    finally:
        os.close(context)


def _explained(context: int, error: OSError) -> OSError:
    """What the kernel wrote into the context's log says more than the errno."""
    try:
        message = os.read(context, 4096).decode(errors="replace").strip()
    except OSError:
        return error
    return OSError(error.errno, f"{os.strerror(error.errno or 0)} ({message[2:]})")


def mount_overlay(
    target: str,
    lower: Sequence[str],
    upper: str | None = None,
    work: str | None = None,
    *,
    flags: int = 0,
    user_xattr: bool = False,
) -> None:
    """An overlay of `lower` (absolute folders, topmost first) at `target`; without `upper` a read-only view.

    For processes in a mount namespace of their own. `user_xattr` is needed inside a user namespace. Raises OSError.
    """
    tree = overlay_tree(lower, upper, work, flags=flags, user_xattr=user_xattr)
    if tree is None:
        _mount_overlay_classic(target, lower, upper, work, flags, user_xattr)
        return
    try:
        place = os.open(target, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            move_mount(tree, place, target)
        finally:
            os.close(place)
    finally:
        os.close(tree)


def overlay_tree(
    lower: Sequence[str], upper: str | None, work: str | None, *, flags: int = 0, user_xattr: bool = False
) -> int | None:
    """The same, detached; None where the kernel (before 6.5) cannot take the layers one by one. Raises OSError."""
    if upper is None and len(lower) == 1:
        return _read_only_folder(lower[0], flags)
    opened: list[int] = []
    try:
        context = fsopen("overlay")
    except OSError as error:
        if error.errno == errno.ENOSYS:
            return None
        raise
    try:
        fsconfig(context, "source", "overlay")
        for key, value in _overlay_options(upper, work, user_xattr):
            fsconfig(context, key, value and _short(value, opened))
        for layer in lower:
            fsconfig(context, "lowerdir+", _short(layer, opened))
        return fsmount(context, attributes(flags | (MS_RDONLY if upper is None else 0)))
    except OSError as error:
        if error.errno == errno.EINVAL and error.filename == "lowerdir+":
            return None
        raise
    finally:
        os.close(context)
        for descriptor in opened:
            os.close(descriptor)


def _overlay_options(upper: str | None, work: str | None, user_xattr: bool) -> list[tuple[str, str | None]]:
    """Plain upper folders (no indexes, redirections, metadata-only copies), so that one can become a layer as it is."""
    options: list[tuple[str, str | None]] = [("index", "off"), ("metacopy", "off")]
    if user_xattr:
        options.append(("userxattr", None))
    else:
        options.append(("redirect_dir", "off"))
    if upper is not None:
        options += [("upperdir", upper), ("workdir", work)]
    return options


def _read_only_folder(path: str, flags: int) -> int:
    # An overlay wants two layers at least; one alone is shown as it is.
    tree = open_tree(path)
    mount_setattr(tree, set=attributes(flags | MS_RDONLY), propagation=MS_PRIVATE, name=path)
    return tree


def _short(path: str, opened: list[int]) -> str:
    """A path that fits into one parameter: itself, or the name of a descriptor of it."""
    if len(os.fsencode(path)) <= _MAX_FSCONFIG_STRING:
        return path
    opened.append(os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
    return f"/proc/self/fd/{opened[-1]}"


def _mount_overlay_classic(
    target: str, lower: Sequence[str], upper: str | None, work: str | None, flags: int, user_xattr: bool
) -> None:
    """mount(2) takes one page of options: the layers go by descriptor, since /proc/self/fd/N is shorter than a path."""
    opened = [os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC) for path in lower]
    try:
        joined = ":".join(f"/proc/self/fd/{descriptor}" for descriptor in opened)
        options = [
            key if value is None else f"{key}={value}" for key, value in _overlay_options(None, None, user_xattr)
        ]
        options.append(f"lowerdir={joined}")
        if upper is not None and work is not None:
            for key, path in (("upperdir", upper), ("workdir", work)):
                opened.append(os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
                options.append(f"{key}=/proc/self/fd/{opened[-1]}")
        mount("overlay", target, "overlay", flags | (MS_RDONLY if upper is None else 0), ",".join(options))
    finally:
        for descriptor in opened:
            os.close(descriptor)


def clone_read_only(path: str) -> int:
    """A descriptor of the file `path` on a read-only mount that is attached nowhere: whoever gets at it cannot write.

    Raises OSError (EPERM without privilege over the mount namespace, ENOSYS before Linux 5.12).
    """
    tree = open_tree(path)
    try:
        mount_setattr(tree, set=MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, propagation=MS_PRIVATE, name=path)
    except OSError:
        os.close(tree)
        raise
    return tree


def _text(value: str | None) -> bytes | None:
    return None if value is None else os.fsencode(value)
