"""Starts the launcher process, from an interpreter that nobody inside a container could write to.

A container's program may be a script whose interpreter is /proc/self/exe: the kernel resolves that while our forked
child is still Python. So the launcher runs its interpreter from a read-only mount that is attached nowhere (or, where
there is no right to make one, from a sealed copy in memory).
"""

import fcntl
import os
import socket
import subprocess
import sys
from pathlib import Path

from dockless.launcher import __main__ as entry
from dockless.linux.mounts import clone_read_only
from dockless.places import Places


def spawn(places: Places, mount_namespace: int | None) -> tuple[socket.socket, "subprocess.Popen[bytes]"]:
    """Our end of its first connection, and the process: it ends when the launcher has daemonised. Raises OSError."""
    places.runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    interpreter = protected_interpreter()
    passed = [theirs.fileno(), *([] if mount_namespace is None else [mount_namespace])]
    try:
        places.engine_log.parent.mkdir(parents=True, exist_ok=True)
        # A traceback can show what it was at work on: for this user alone.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        with os.fdopen(os.open(places.engine_log, flags, 0o600), "ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-X", "utf8", entry.__file__, str(places.runtime), *map(str, passed)],
                executable=f"/proc/self/fd/{interpreter}",
                pass_fds=(*passed, interpreter),
                env={},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
    except BaseException:
        ours.close()
        raise
    finally:
        os.close(interpreter)
        theirs.close()
    return ours, process


def protected_interpreter() -> int:
    """A descriptor to execute. Raises OSError."""
    path = os.path.realpath(sys.executable)
    try:
        return clone_read_only(path)
    except OSError:
        return _sealed_copy(path)


def _sealed_copy(path: str) -> int:
    file = os.memfd_create("python", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with Path(path).open("rb") as original:
        size = os.fstat(original.fileno()).st_size
        while os.lseek(file, 0, os.SEEK_CUR) < size:
            os.sendfile(file, original.fileno(), None, size)
    seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
    fcntl.fcntl(file, fcntl.F_ADD_SEALS, seals)
    # Opened again for reading: the kernel does not execute what somebody may write to.
    reader = os.open(f"/proc/self/fd/{file}", os.O_RDONLY | os.O_CLOEXEC)
    os.close(file)
    return reader
