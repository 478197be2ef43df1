"""Where connections are made from: the host's namespace, in which the relay lives, or the fabric's.

A socket stays in the namespace in which it was made. Those of the fabric are made in batches, so that a connection
does not pay for two changes of namespace.
"""

from __future__ import annotations

import os
import socket

from dockless.linux import netns

_BATCH = 16
_KEEPALIVE_IDLE_SECONDS = 60
_IP_TRANSPARENT, _IPV6_TRANSPARENT = 19, 75


class Sockets:
    """Makes non-blocking sockets; raises OSError (EMFILE, EAFNOSUPPORT)."""

    def __init__(self) -> None:
        self._home = netns.current()
        self._pools: dict[tuple[int, int], list[socket.socket]] = {}
        self.fabric: int | None = None

    def use_fabric(self, namespace: int) -> None:
        """Takes the descriptor over."""
        for pool in self._pools.values():
            for made in pool:
                made.close()
        self._pools.clear()
        if self.fabric is not None:
            os.close(self.fabric)
        self.fabric = namespace

    def in_host(self, family: int, kind: int) -> socket.socket:
        return _make(family, kind)

    def in_fabric(self, family: int, kind: int) -> socket.socket:
        pool = self._pools.setdefault((family, kind), [])
        if not pool:
            self._refill(pool, family, kind)
        return pool.pop()

    def _refill(self, pool: list[socket.socket], family: int, kind: int) -> None:
        if self.fabric is None:
            raise OSError("the relay has no fabric yet")
        with netns.inside(self.fabric, self._home):
            pool.append(_make(family, kind))
            while len(pool) < _BATCH:
                try:
                    pool.append(_make(family, kind))
                except OSError:
                    # Few descriptors are left; the one in hand is enough.
                    return


def _make(family: int, kind: int) -> socket.socket:
    made = socket.socket(family, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    if kind == socket.SOCK_STREAM:
        tune(made)
    return made


def be_transparent(made: socket.socket) -> None:
    """From now on it may be bound to an address that is not ours. Raises OSError without the right to it."""
    if made.family == socket.AF_INET:
        made.setsockopt(socket.IPPROTO_IP, _IP_TRANSPARENT, 1)
    else:
        made.setsockopt(socket.IPPROTO_IPV6, _IPV6_TRANSPARENT, 1)


def tune(stream: socket.socket) -> None:
    """No delay, and probes that find a dead peer; accepted sockets inherit both from their listener."""
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_IDLE_SECONDS)
