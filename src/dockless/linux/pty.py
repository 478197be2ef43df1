"""Pseudo-terminals of a given devpts instance: pts(4), ioctl_tty(2)."""

import fcntl
import os
import struct
import termios

from dockless.linux.paths import RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, openat2

_TIOCSPTLCK = 0x40045431
_TIOCGPTN = 0x80045430
_TIOCGPTPEER = 0x5441


def open_pty(root: int) -> tuple[int, int, str]:
    """A new terminal of the devpts at dev/pts in the folder `root`: (master, slave, path such as /dev/pts/0).

    No symbolic link is followed, and what is found must be the multiplexer. Raises OSError.
    """
    flags = os.O_RDWR | os.O_NOCTTY
    master = openat2(root, "dev/pts/ptmx", flags, 0, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)
    try:
        if os.fstat(master).st_rdev != os.makedev(5, 2):
            raise OSError(22, "not a terminal multiplexer", "/dev/pts/ptmx")
        fcntl.ioctl(master, _TIOCSPTLCK, struct.pack("i", 0))
        position = struct.unpack("i", fcntl.ioctl(master, _TIOCGPTN, bytes(4)))[0]
        slave = fcntl.ioctl(master, _TIOCGPTPEER, flags | os.O_CLOEXEC)
    except OSError:
        os.close(master)
        raise
    return master, slave, f"/dev/pts/{position}"


def set_size(terminal: int, rows: int, columns: int) -> None:
    """Raises OSError."""
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def make_controlling(terminal: int) -> None:
    """Makes it the controlling terminal of the calling session leader. Raises OSError."""
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
