"""capabilities(7): the names, the kernel's highest one, and the sets of the calling process."""

import ctypes
import os
from collections.abc import Collection

from dockless.linux import prctl
from dockless.linux.syscalls import invoke, number

NAMES = (
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
)
"""In the order of their numbers."""

NUMBERS = {name: position for position, name in enumerate(NAMES)}

_VERSION_3 = 0x20080522


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Data(ctypes.Structure):
    _fields_ = [("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32)]


def last_capability() -> int:
    """The number of the kernel's highest capability that this module knows too."""
    descriptor = os.open("/proc/sys/kernel/cap_last_cap", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return min(int(os.read(descriptor, 16)), len(NAMES) - 1)
    finally:
        os.close(descriptor)


def mask(names: Collection[str]) -> int:
    """The bits of `names`; one that the kernel or this module does not know counts for nothing."""
    bits = 0
    for name in names:
        if name in NUMBERS:
            bits |= 1 << NUMBERS[name]
    return bits


def drop_bounding(kept: int) -> None:
    """Takes every capability outside `kept` from the bounding set. Raises OSError."""
    for position in range(64):
        if kept >> position & 1:
            continue
        try:
            prctl.prctl(prctl.PR_CAPBSET_DROP, position)
        except OSError as error:
            if error.errno == 22:  # beyond the kernel's last one
                return
            raise


def set_capabilities(effective: int, permitted: int, inheritable: int) -> None:
    """capset(2) for the calling thread. Raises OSError."""
    data = (_Data * 2)()
    for half in (0, 1):
        shift = 32 * half
        data[half].effective = effective >> shift & 0xFFFFFFFF
        data[half].permitted = permitted >> shift & 0xFFFFFFFF
        data[half].inheritable = inheritable >> shift & 0xFFFFFFFF
    invoke(None, number("capset"), ctypes.byref(_Header(_VERSION_3, 0)), ctypes.byref(data))


def get_capabilities() -> tuple[int, int, int]:
    """(effective, permitted, inheritable) of the calling thread."""
    data = (_Data * 2)()
    invoke(None, number("capget"), ctypes.byref(_Header(_VERSION_3, 0)), ctypes.byref(data))
    low, high = data
    return (
        low.effective | high.effective << 32,
        low.permitted | high.permitted << 32,
        low.inheritable | high.inheritable << 32,
    )


def raise_ambient(bits: int) -> None:
    """Clears the ambient set and raises `bits` in it; they must be permitted and inheritable. Raises OSError."""
    prctl.prctl(prctl.PR_CAP_AMBIENT, prctl.PR_CAP_AMBIENT_CLEAR_ALL)
    for position in range(64):
        if bits >> position & 1:
            prctl.prctl(prctl.PR_CAP_AMBIENT, prctl.PR_CAP_AMBIENT_RAISE, position)
