"""Processes by descriptor: pidfd_open(2), pidfd_send_signal(2), waitid(2) on a pidfd, and PIDFD_GET_INFO."""

import ctypes
import errno
import fcntl
import os
import struct

from dockless.linux.syscalls import invoke, number

_open = number("pidfd_open")
_send_signal = number("pidfd_send_signal")

# _IOWR(0xFF, 11, struct pidfd_info of the first published size, 64 bytes)
_PIDFD_GET_INFO = 0xC040FF0B
_PIDFD_INFO_EXIT = 1 << 3

# Positions among the fields of /proc/PID/stat that follow the name.
_STATE, _START_TIME, _EXIT_CODE = 0, 19, 49


def pidfd_open(pid: int) -> int:
    """A descriptor (close-on-exec) that becomes readable when `pid` ends. Raises ProcessLookupError."""
    return invoke(f"pid {pid}", _open, pid, 0)


def send_signal(pidfd: int, number: int) -> None:
    """Raises ProcessLookupError where the process has been reaped."""
    invoke(None, _send_signal, pidfd, number, ctypes.c_void_p(None), 0)


def wait(pidfd: int) -> int | None:
    """Reaps a child of ours: its exit code, or minus the signal that ended it; None while it runs.

    Raises ChildProcessError where it is not a child of ours (any more).
    """
    result = os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOHANG)
    if result is None:
        return None
    return result.si_status if result.si_code == os.CLD_EXITED else -result.si_status


def exit_of_stranger(pidfd: int, pid: int) -> int | None:
    """The wait status, as of wait(2), of a process that is no child of ours; None while nobody can tell.

    The kernel keeps it with the pidfd once somebody has reaped the process (Linux 6.15); until then /proc shows it to
    whoever may trace the process. `pid` is believed only as long as the process has not been reaped.
    """
    buffer = bytearray(64)
    struct.pack_into("=Q", buffer, 0, _PIDFD_INFO_EXIT)
    try:
        fcntl.ioctl(pidfd, _PIDFD_GET_INFO, buffer)
    except OSError as error:
        if error.errno not in (errno.ENOTTY, errno.EINVAL, errno.ESRCH, errno.EOPNOTSUPP):
            raise
    else:
        if struct.unpack_from("=Q", buffer, 0)[0] & _PIDFD_INFO_EXIT:
            return int(struct.unpack_from("=i", buffer, 60)[0])
    return _exit_of_zombie(pidfd, pid)


def _exit_of_zombie(pidfd: int, pid: int) -> int | None:
    try:
        fields = _stat(pid)
        # Still there after the reading: then it was this process that we read of.
        send_signal(pidfd, 0)
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(fields[_EXIT_CODE]) if fields[_STATE] == b"Z" else None


def start_time(pid: int) -> int:
    """Clock ticks from boot to its start (/proc/PID/stat, field 22). Raises FileNotFoundError, ProcessLookupError."""
    return int(_stat(pid)[_START_TIME])


def _stat(pid: int) -> list[bytes]:
    """The fields of /proc/PID/stat after the name, which may itself hold spaces and brackets."""
    descriptor = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    try:
        text = os.read(descriptor, 4096)
    finally:
        os.close(descriptor)
    return text[text.rindex(b")") + 2 :].split()
