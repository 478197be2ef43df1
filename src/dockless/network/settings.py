"""Settings of network namespaces, which the kernel shows below /proc/sys/net to the threads that are in them."""

import os


def setting(name: str, value: str) -> None:
    """Of the namespace that the calling thread is in; one that this kernel does not have (IPv6) is passed over.

    Raises OSError (EINVAL for a value that it does not take).
    """
    try:
        descriptor = os.open(f"/proc/sys/net/{name}", os.O_WRONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        os.write(descriptor, value.encode())
    finally:
        os.close(descriptor)
