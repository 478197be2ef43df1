"""Namespaces and processes in them: clone3(2), unshare(2), setns(2), namespaces(7)."""

import ctypes
import os

from dockless.linux.syscalls import check, fail, libc, number

CLONE_PIDFD = 0x1000
CLONE_NEWNS = 0x20000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
CLONE_INTO_CGROUP = 0x200000000

_SIGCHLD = 17

FLAGS = {
    "user": CLONE_NEWUSER,
    "pid": CLONE_NEWPID,
    "mount": CLONE_NEWNS,
    "network": CLONE_NEWNET,
    "ipc": CLONE_NEWIPC,
    "uts": CLONE_NEWUTS,
    "cgroup": CLONE_NEWCGROUP,
}
"""The OCI specification's kinds of namespace → the flag of clone(2), unshare(2) and setns(2)."""

FILES = {
    "user": "user",
    "pid": "pid",
    "mount": "mnt",
    "network": "net",
    "ipc": "ipc",
    "uts": "uts",
    "cgroup": "cgroup",
}
"""The OCI specification's kinds of namespace → their file in /proc/PID/ns."""


class _CloneArguments(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_uint64)
        for name in (
            "flags",
            "pidfd",
            "child_tid",
            "parent_tid",
            "exit_signal",
            "stack",
            "stack_size",
            "tls",
            "set_tid",
            "set_tid_size",
            "cgroup",
        )
    ]


_clone3 = number("clone3")
# With the interpreter's lock held throughout: the child continues as the one thread that there is.
_raw_syscall = ctypes.PyDLL(None, use_errno=True).syscall
_raw_syscall.restype = ctypes.c_long


def clone(flags: int = 0, cgroup: int | None = None) -> tuple[int, int]:
    """fork(2) with `flags` and a pidfd: (pid, pidfd), in the child (0, -1). For single-threaded processes only.

    `cgroup`: descriptor of the v2 cgroup that the child begins in. Raises OSError.
    """
    pidfd = ctypes.c_int(-1)
    arguments = _CloneArguments(
        flags=flags | CLONE_PIDFD | (0 if cgroup is None else CLONE_INTO_CGROUP),
        pidfd=ctypes.addressof(pidfd),
        exit_signal=_SIGCHLD,
        cgroup=0 if cgroup is None else cgroup,
    )
    pid: int = _raw_syscall(
        ctypes.c_long(_clone3), ctypes.byref(arguments), ctypes.c_long(ctypes.sizeof(_CloneArguments))
    )
    if pid == -1:
        fail("clone3")
    return (pid, pidfd.value) if pid else (0, -1)


def unshare(flags: int) -> None:
    """unshare(2). Raises OSError."""
    check(libc.unshare(ctypes.c_int(flags)))


def setns(descriptor: int, kinds: int = 0) -> None:
    """setns(2): `descriptor` is a namespace's file, or a pidfd with all the `kinds` to join. Raises OSError."""
    check(libc.setns(ctypes.c_int(descriptor), ctypes.c_int(kinds)))


def open_namespace(pid: int | str, kind: str) -> int:
    """The descriptor of a namespace (an OCI kind) of process `pid` (or `self`). Raises OSError."""
    return os.open(f"/proc/{pid}/ns/{FILES[kind]}", os.O_RDONLY | os.O_CLOEXEC)


def sethostname(name: str) -> None:
    encoded = name.encode()
    check(libc.sethostname(ctypes.c_char_p(encoded), ctypes.c_size_t(len(encoded))), name)


def setdomainname(name: str) -> None:
    encoded = name.encode()
    check(libc.setdomainname(ctypes.c_char_p(encoded), ctypes.c_size_t(len(encoded))), name)
