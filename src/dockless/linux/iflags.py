"""ioctl_iflags(2), chattr(1): attributes of an inode that its file system acts on."""

import errno
import fcntl
import os
import struct
from pathlib import Path

_LONG = struct.calcsize("l")
FS_IOC_GETFLAGS = 2 << 30 | _LONG << 16 | ord("f") << 8 | 1
FS_IOC_SETFLAGS = 1 << 30 | _LONG << 16 | ord("f") << 8 | 2
FS_TOPDIR_FL = 0x00020000

_UNKNOWN = frozenset((errno.ENOTTY, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS, errno.EPERM, errno.EACCES))


def spread_below(folder: Path) -> None:
    """Tells the file system that the directories made in `folder` have nothing to do with one another (`chattr +T`);
    where it knows no such thing all stays as it is.

    ext4 then gives each a part of the disk of its own, which matters after something large was removed: for some
    minutes ext4 does not hand out the removed files' inodes again, and in the part where they were it walks over all
    of them for each new file.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        answer = fcntl.ioctl(descriptor, FS_IOC_GETFLAGS, bytes(_LONG))
        (flags,) = struct.unpack("=I", answer[:4])  # an int, whatever the request's number says
        if not flags & FS_TOPDIR_FL:
            fcntl.ioctl(descriptor, FS_IOC_SETFLAGS, struct.pack("=I", flags | FS_TOPDIR_FL).ljust(_LONG, b"\0"))
    except OSError as error:
        if error.errno not in _UNKNOWN:
            raise
    finally:
        os.close(descriptor)
