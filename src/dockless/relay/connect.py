"""Connecting to one of several targets: the next one when a target refuses or does not answer in time."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterator

from dockless.relay.loop import OUT, Loop, Timer

#: How long a target is waited for that neither accepts nor refuses: as long as the kernel itself would.
PATIENT_SECONDS = 120.0
#: The same where another target can answer as well.
HURRIED_SECONDS = 1.0


class Target:
    """A socket to connect, made where it must be, and the address to connect it to."""

    __slots__ = ("address", "make")

    def __init__(self, make: Callable[[], socket.socket], address: tuple[str, int]) -> None:
        self.make = make
        self.address = address


class Connecting:
    """Tries targets in turn; then calls `done` once, with the connected socket, or None and the last errno."""

    __slots__ = ("_current", "_done", "_last_errno", "_loop", "_patience", "_targets", "_timer", "_upcoming")

    def __init__(
        self,
        loop: Loop,
        targets: Iterator[Target],
        done: Callable[[socket.socket | None, Target | None, int], None],
        patience: float = PATIENT_SECONDS,
    ) -> None:
        """`patience`: seconds for each target but the last, which has PATIENT_SECONDS."""
        self._loop = loop
        self._patience = patience
        self._targets = targets
        self._done = done
        self._current: tuple[socket.socket, Target] | None = None
        self._upcoming = next(targets, None)
        self._timer: Timer | None = None
        self._last_errno = errno.ECONNREFUSED
        self._try_next()

    def cancel(self) -> None:
        """`done` is not called."""
        self._leave_current()

    def _try_next(self) -> None:
        while (target := self._upcoming) is not None:
            self._upcoming = next(self._targets, None)
            try:
                attempt = target.make()
            except OSError as problem:
                self._last_errno = problem.errno or errno.EIO
                continue
            number = attempt.connect_ex(target.address)
            if number == errno.EINPROGRESS:
                # On this machine the whole handshake has mostly happened within the call: asking again tells.
                number = attempt.connect_ex(target.address)
            if number == 0:
                self._done(attempt, target, 0)
                return
            if number == errno.EALREADY:
                self._current = (attempt, target)
                self._timer = self._loop.later(self._patience if self._upcoming else PATIENT_SECONDS, self._too_late)
                self._loop.add(attempt.fileno(), OUT, self._settled)
                return
            self._last_errno = number
            attempt.close()
        self._done(None, None, self._last_errno)

    def _settled(self, _: int) -> None:
        if self._current is None:
            return
        attempt, target = self._current
        if number := attempt.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._last_errno = number
            self._leave_current()
            self._try_next()
            return
        self._current = None
        self._end_watch(attempt)
        self._done(attempt, target, 0)

    def _too_late(self) -> None:
        self._last_errno = errno.ETIMEDOUT
        self._leave_current()
        self._try_next()

    def _leave_current(self) -> None:
        if self._current is not None:
            attempt, _ = self._current
            self._current = None
            self._end_watch(attempt)
            self._loop.at_end_of_round(attempt.close)

    def _end_watch(self, attempt: socket.socket) -> None:
        self._loop.remove(attempt.fileno())
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
