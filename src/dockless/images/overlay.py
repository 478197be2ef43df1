"""How overlayfs writes down what is not there (kernel documentation, filesystems/overlayfs.rst).

As root the marks are `trusted.overlay.*` attributes; in a user namespace, which may not set those, overlayfs is
mounted with `userxattr` and uses `user.overlay.*`.
"""

import os
import stat
from functools import cache
from pathlib import Path

PREFIXES = ("trusted.overlay.", "user.overlay.")
OPAQUE = "opaque"


def is_whiteout(status: os.stat_result) -> bool:
    """A character device 0/0: the name is removed from the layers below."""
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


@cache
def opaque_attribute() -> str:
    """The attribute that hides what a directory holds in the layers below; its value is `y`."""
    return PREFIXES[in_user_namespace()] + OPAQUE


def in_user_namespace() -> bool:
    """Whether this process's user ids are mapped (user_namespaces(7)): the first namespace maps all of them."""
    return Path("/proc/self/uid_map").read_text().split() != ["0", "0", "4294967295"]
