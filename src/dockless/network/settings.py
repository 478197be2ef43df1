"""Settings of network namespaces, which the kernel shows below /proc/sys/net to the threads that are in them."""

import os
from pathlib import Path

_NET = Path("/proc/sys/net")


def setting(name: str, value: str) -> None:
    """Of the namespace that the calling thread is in; one that this kernel does not have (IPv6) is passed over.

    Raises OSError (EINVAL for a value that it does not take).
    """
    try:
        descriptor = os.open(_NET / name, os.O_WRONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        os.write(descriptor, value.encode())
    finally:
        os.close(descriptor)
