"""The launcher's place in the runtime folder: the lock, the socket, and the empty folder that roots are mounted on.

The runtime folder may vanish at any time (somebody cleans /run): then all three are made anew, unless another launcher
has been there first.
"""

import _socket
import fcntl
import os

from dockless.launcher import protocol

_BACKLOG = 16


class Taken(Exception):
    """Another launcher serves this runtime folder."""


class Address:
    """Takes the lock and binds the socket. Raises Taken, OSError."""

    def __init__(self, runtime: str) -> None:
        self._runtime = runtime
        self._path = f"{runtime}/{protocol.SOCKET_NAME}"
        self.place = f"{runtime}/rootfs"
        self._lock = -1
        self._bind()

    def _bind(self) -> None:
        os.makedirs(self._runtime, mode=0o700, exist_ok=True)
        lock = os.open(f"{self._runtime}/launcher.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise Taken from None
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = lock
        os.makedirs(self.place, mode=0o700, exist_ok=True)
        # The lock is ours: a socket that is there belongs to a launcher that is dead.
        if os.path.lexists(self._path):
            os.unlink(self._path)
        self.listener = _socket.socket(
            _socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC | _socket.SOCK_NONBLOCK
        )
        self.listener.bind(self._path)
        self.listener.listen(_BACKLOG)
        self._inode = os.stat(self._path).st_ino

    def is_there(self) -> bool:
        """Whether the socket's name still leads to us."""
        try:
            return os.stat(self._path).st_ino == self._inode and os.path.isdir(self.place)
        except FileNotFoundError:
            return False

    def renew(self) -> bool:
        """Makes what has vanished again: `listener` is then a new one. False where another launcher was first."""
        try:
            self._bind()
        except Taken:
            return False
        return True

    def remove(self) -> None:
        """Takes the socket and the folder away, where they are still ours."""
        if self.is_there():
            os.unlink(self._path)
            os.rmdir(self.place)
