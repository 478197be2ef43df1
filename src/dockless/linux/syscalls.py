"""System calls through ctypes: the C library's functions, and calls by number for those it lacks.

The other modules of this room take what they need from `libc` and `number`; each takes Python values and raises
`OSError` with the errno and the path. Imports little, since the launcher's memory and start count.
"""

import ctypes
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    Argument = int | bytes | Any | None

libc = ctypes.CDLL(None, use_errno=True)

MACHINE = os.uname().machine

# The numbers from 424 on are the same on every architecture; of the older ones these two lists are all we need.
_COMMON = {
    "pidfd_send_signal": 424,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "pidfd_open": 434,
    "clone3": 435,
    "close_range": 436,
    "openat2": 437,
    "mount_setattr": 442,
}
_OLDER = {
    "x86_64": {
        "capget": 125,
        "capset": 126,
        "pivot_root": 155,
        "keyctl": 250,
        "seccomp": 317,
        "bpf": 321,
        "execveat": 322,
    },
    "aarch64": {
        "capget": 90,
        "capset": 91,
        "pivot_root": 41,
        "keyctl": 219,
        "seccomp": 277,
        "bpf": 280,
        "execveat": 281,
    },
}

_syscall = libc.syscall
_syscall.restype = ctypes.c_long
# A pointer's parameter takes integers, bytes, ctypes objects and None alike, in C: this is the hot path of every start.
_syscall.argtypes = (ctypes.c_long, *([ctypes.c_void_p] * 6))


def number(name: str) -> int:
    """The number of `name` on this machine. Raises OSError(ENOSYS) on an architecture without a table."""
    found = _COMMON.get(name) or _OLDER.get(MACHINE, {}).get(name)
    if found is None:
        raise OSError(38, f"no system call number of {name} for {MACHINE}")
    return found


def invoke(
    path: str | None,
    call: int,
    first: "Argument" = 0,
    second: "Argument" = 0,
    third: "Argument" = 0,
    fourth: "Argument" = 0,
    fifth: "Argument" = 0,
) -> int:
    """Calls by number. Integers are passed as longs, bytes and ctypes objects by reference, None as a null pointer.

    Raises OSError naming `path`.
    """
    result: int = _syscall(call, first, second, third, fourth, fifth, 0)
    if result == -1:
        fail(path)
    return result


def check(result: int, path: str | None = None) -> int:
    """The result of a C library function; -1 raises OSError naming `path`."""
    if result == -1:
        fail(path)
    return result


def fail(path: str | None = None) -> "NoReturn":
    """Raises OSError for the C library's current errno."""
    number = ctypes.get_errno()
    if path is None:
        raise OSError(number, os.strerror(number))
    raise OSError(number, os.strerror(number), path)
