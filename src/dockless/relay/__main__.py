"""`python -m dockless.relay SOCKET`: the relay process. Descriptor 3 is its listening socket, bound to that path.

Started by the engine with its standard error on the log; it leaves the engine's session so that nothing that ends the
engine ends it.
"""

from __future__ import annotations

import gc
import os
import resource
import signal
import socket
import sys

from dockless.relay.control import Control
from dockless.relay.loop import Loop
from dockless.relay.state import State

_LISTENER = 3
_COMM = "dockless-relay"


def main(arguments: list[str]) -> int:
    (path,) = arguments
    _raise_descriptor_limit()
    with open("/proc/self/comm", "w") as comm:  # noqa: PTH123  pathlib is not imported here
        comm.write(_COMM)
    os.chdir("/")
    for ignored in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
        signal.signal(ignored, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    identity = _identity(path)
    loop = Loop()
    listener = socket.socket(fileno=_LISTENER)
    Control(loop, State(loop), listener)
    # What exists now lives for ever: the collector need not look at it again.
    gc.freeze()
    loop.run()
    if identity is not None and _identity(path) == identity:
        os.unlink(path)
    return 0


def _raise_descriptor_limit() -> None:
    """Each connection takes two: as many as the kernel gives (with the right to raise the hard limit), or the limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with open("/proc/sys/fs/nr_open") as file:  # noqa: PTH123  pathlib is not imported here
        most = int(file.read())
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    except (PermissionError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _identity(path: str) -> tuple[int, int] | None:
    """None once the runtime folder has been cleared away."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
