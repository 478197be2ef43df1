"""prctl(2), personality of a process: dumpable, names, privileges; and its keyring, close_range(2)."""

import ctypes

from dockless.linux.syscalls import check, invoke, libc, number

PR_SET_DUMPABLE = 4
PR_SET_KEEPCAPS = 8
PR_SET_NAME = 15
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
PR_CAP_AMBIENT_CLEAR_ALL = 4

_KEYCTL_JOIN_SESSION_KEYRING = 1
_LAST_DESCRIPTOR = 2**32 - 1

_close_range = number("close_range")
_prctl = libc.prctl
_prctl.argtypes = (ctypes.c_int, *([ctypes.c_void_p] * 4))


def prctl(option: int, first: int = 0, second: int = 0, third: int = 0, fourth: int = 0) -> int:
    """The call's result. Raises OSError."""
    return check(_prctl(option, first, second, third, fourth))


def set_name(name: str) -> None:
    """The name that /proc/PID/comm shows; the kernel keeps 15 bytes."""
    check(_prctl(PR_SET_NAME, name.encode()[:15], 0, 0, 0))


def set_dumpable(value: bool) -> None:
    """Not dumpable: other processes may neither trace it nor open its /proc/PID/{exe,fd,mem,root …}."""
    prctl(PR_SET_DUMPABLE, int(value))


def join_new_session_keyring() -> None:
    """An anonymous session keyring of its own. Raises OSError (ENOSYS without keys, EDQUOT)."""
    invoke(None, number("keyctl"), _KEYCTL_JOIN_SESSION_KEYRING, 0)


def close_range(first: int, last: int = _LAST_DESCRIPTOR, flags: int = 0) -> None:
    """close_range(2), both ends included. Raises OSError."""
    invoke(None, _close_range, first, last, flags)


def close_all_but(kept: set[int]) -> None:
    """Closes every descriptor that is not in `kept`."""
    start = 0
    for descriptor in sorted(kept):
        if descriptor > start:
            close_range(start, descriptor - 1)
        start = descriptor + 1
    close_range(start)
