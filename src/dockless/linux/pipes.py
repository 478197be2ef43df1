"""pipe(7), tee(2), splice(2): moving and copying what a pipe holds without losing a byte of it."""

import ctypes
import errno
import fcntl
import os
import struct
import termios

SPLICE_F_MOVE = 0x01
SPLICE_F_NONBLOCK = 0x02

_libc = ctypes.CDLL(None, use_errno=True)
_libc.tee.restype = ctypes.c_ssize_t
_libc.tee.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_size_t, ctypes.c_uint)


def pending(descriptor: int) -> int:
    """How many bytes a pipe holds (FIONREAD)."""
    size: int = struct.unpack("i", fcntl.ioctl(descriptor, termios.FIONREAD, b"\0\0\0\0"))[0]
    return size


def enlarge(descriptor: int, size: int) -> None:
    """Gives a pipe room for `size` bytes where the system's limits allow it (F_SETPIPE_SZ); else it stays as it is."""
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, size)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EBUSY, errno.EINVAL, errno.EBADF):
            raise


def tee(source: int, target: int, size: int) -> int:
    """Copies up to `size` bytes from one pipe to another and leaves them in the first; returns how many."""
    copied: int = _libc.tee(source, target, size, SPLICE_F_NONBLOCK)
    if copied < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"tee: {os.strerror(number)}")
    return copied


def move(source: int, target: int, size: int) -> int:
    """Moves up to `size` bytes into a pipe or out of one, without waiting; 0 at the end of the source.

    Raises BlockingIOError where there is nothing to move or no room for it.
    """
    return os.splice(source, target, size, flags=SPLICE_F_MOVE | SPLICE_F_NONBLOCK)
