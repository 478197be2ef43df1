"""Whether a client has read what was sent to it, as the kernel knows it of a Unix socket."""

import asyncio
import fcntl
import select
import socket
import struct
import termios

_GONE = select.EPOLLHUP | select.EPOLLERR
# While the kernel tells of a message that was read, the last byte of its account is not yet given back.
_NOTHING = 1


async def taken(sock: socket.socket) -> None:
    """Returns when the client has read all, or is gone. Cancelled where the socket is closed here.

    The kernel wakes whoever waits to write each time the other side has read a message: an edge for epoll.
    """
    if sock.family != socket.AF_UNIX or _unread(sock) <= _NOTHING:
        return
    loop = asyncio.get_running_loop()
    with select.epoll(1) as edges:
        edges.register(sock.fileno(), select.EPOLLOUT | select.EPOLLET)
        changed = asyncio.Event()
        loop.add_reader(edges.fileno(), changed.set)
        try:
            while True:
                changed.clear()
                found = edges.poll(0)
                if _unread(sock) <= _NOTHING or any(events & _GONE for _, events in found):
                    return
                await changed.wait()
        finally:
            loop.remove_reader(edges.fileno())


def _unread(sock: socket.socket) -> int:
    """Bytes of the kernel's memory that hold what the other side has not read."""
    (found,) = struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0" * 4))
    return int(found)
