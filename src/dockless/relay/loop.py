"""The event loop: level-triggered epoll, timers, and closing that is safe within a round of events."""

from __future__ import annotations

import heapq
import select
import sys
import time
from collections.abc import Callable

IN, OUT, ERR, HUP = select.EPOLLIN, select.EPOLLOUT, select.EPOLLERR, select.EPOLLHUP

_EVENTS_PER_ROUND = 256
#: So many cancelled timers are never worth a clearing away.
_CANCELLED = 256


class Timer:
    """A call that is due later; cancel() forgets it."""

    __slots__ = ("_loop", "call", "when")

    def __init__(self, loop: Loop, when: float, call: Callable[[], None]) -> None:
        self._loop = loop
        self.when = when
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        """May be called again, and after the call."""
        if self.call is not None:
            self.call = None
            self._loop.timer_cancelled()

    def __lt__(self, other: Timer) -> bool:
        return self.when < other.when


class Loop:
    """Handlers by descriptor. One thread; nothing in here blocks but the wait for events."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._handlers: dict[int, Callable[[int], None]] = {}
        self._timers: list[Timer] = []
        self._cancelled = 0
        self._ending: list[Callable[[], None]] = []
        self._running = False
        self.now = time.monotonic()

    def add(self, descriptor: int, events: int, handler: Callable[[int], None]) -> None:
        """Raises OSError (ENOSPC, ENOMEM) where epoll takes no more."""
        self._epoll.register(descriptor, events)
        self._handlers[descriptor] = handler

    def change(self, descriptor: int, events: int) -> None:
        self._epoll.modify(descriptor, events)

    def remove(self, descriptor: int) -> None:
        """Its events of this round are dropped as well. A descriptor that is not registered is passed over."""
        if self._handlers.pop(descriptor, None) is not None:
            self._epoll.unregister(descriptor)

    def later(self, seconds: float, call: Callable[[], None]) -> Timer:
        timer = Timer(self, time.monotonic() + seconds, call)
        heapq.heappush(self._timers, timer)
        return timer

    def timer_cancelled(self) -> None:
        """For Timer. Nearly all timers are cancelled long before they are due: they must not pile up until then."""
        self._cancelled += 1
        if self._cancelled > _CANCELLED and self._cancelled * 2 > len(self._timers):
            self._timers = [timer for timer in self._timers if timer.call is not None]
            heapq.heapify(self._timers)
            self._cancelled = 0

    def at_end_of_round(self, call: Callable[[], None]) -> None:
        """For closing: a number that is closed within a round may come back in it, and with it another's event."""
        self._ending.append(call)

    def stop(self) -> None:
        self._running = False

    def run(self) -> None:
        """Until stop(). A handler that fails is logged and taken out; the others go on."""
        self._running = True
        while self._running:
            events = self._epoll.poll(self._wait(), _EVENTS_PER_ROUND)
            self.now = time.monotonic()
            for descriptor, happened in events:
                if (handler := self._handlers.get(descriptor)) is not None:
                    try:
                        handler(happened)
                    except Exception:  # noqa: BLE001  one connection's fault must not cut all others; it is logged
                        self._fault(descriptor)
            self._run_timers()
            while self._ending:
                self._ending.pop()()

    def _wait(self) -> float:
        while self._timers and self._timers[0].call is None:
            heapq.heappop(self._timers)
            self._cancelled -= 1
        if not self._timers:
            return -1
        # Rounded up to epoll's milliseconds, or the loop would turn idly until the timer is due.
        return max(0.0, self._timers[0].when - time.monotonic() + 0.001)

    def _run_timers(self) -> None:
        while self._timers and self._timers[0].when <= self.now:
            timer = heapq.heappop(self._timers)
            if timer.call is None:
                self._cancelled -= 1
                continue
            call, timer.call = timer.call, None
            try:
                call()
            except Exception:  # noqa: BLE001  as above
                _log_fault()

    def _fault(self, descriptor: int) -> None:
        _log_fault()
        self.remove(descriptor)


def _log_fault() -> None:
    # As the interpreter itself prints an uncaught one, without the traceback module's size.
    sys.excepthook(*sys.exc_info())
    sys.stderr.flush()
