"""A listener that survives a lack of descriptors: it pauses instead of turning idly."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable

from dockless.relay.loop import IN, Loop, Timer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ACCEPTS_PER_EVENT = 64
_PAUSE_SECONDS = 0.1
_OUT_OF_RESOURCES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Acceptor:
    """Owns a listening socket; hands each accepted one (non-blocking) and its peer's address to `accepted`."""

    def __init__(self, loop: Loop, listener: socket.socket, accepted: Callable[[socket.socket, Any], None]) -> None:
        self._loop = loop
        self._listener = listener
        self._accepted = accepted
        self._pause: Timer | None = None
        listener.setblocking(False)
        loop.add(listener.fileno(), IN, self._ready)

    def close(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove(self._listener.fileno())
        # At once, not at the end of the round: the port may be wanted again by the next message.
        self._listener.close()

    def _ready(self, _: int) -> None:
        for _ in range(_ACCEPTS_PER_EVENT):
            try:
                connection, peer = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as problem:
                if problem.errno in _OUT_OF_RESOURCES:
                    self._loop.remove(self._listener.fileno())
                    self._pause = self._loop.later(_PAUSE_SECONDS, self._resume)
                    return
                # The connection ended while it was queued (ECONNABORTED and network errors, accept(2)): the next one.
                continue
            connection.setblocking(False)
            self._accepted(connection, peer)

    def _resume(self) -> None:
        self._pause = None
        self._loop.add(self._listener.fileno(), IN, self._ready)
