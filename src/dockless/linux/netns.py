"""network_namespaces(7): entering and making network namespaces from a thread that comes back.

A socket stays in the namespace in which it was made, so that one thread can serve many.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from dockless.linux.namespaces import CLONE_NEWNET, setns, unshare


def current() -> int:
    """A descriptor (close-on-exec) of the calling thread's network namespace."""
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def of_process(pid: int) -> int:
    """A descriptor of a process's network namespace. Raises OSError (ENOENT: no such process)."""
    return os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)


@contextmanager
def inside(namespace: int, home: int) -> Iterator[None]:
    """The body runs in `namespace`; the thread is back in `home` afterwards, whatever happens."""
    setns(namespace, CLONE_NEWNET)
    try:
        yield
    finally:
        setns(home, CLONE_NEWNET)


@contextmanager
def inside_new(home: int) -> Iterator[int]:
    """The body runs in a new network namespace, lo down, and gets its descriptor (the caller's to close)."""
    unshare(CLONE_NEWNET)
    try:
        yield current()
    finally:
        setns(home, CLONE_NEWNET)
