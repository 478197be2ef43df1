"""What a pull or a push says while it goes on, in the form of Docker's progress messages."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from dockless.registry.manifests import Descriptor

_INTERVAL = 0.1  # seconds between two messages on one transfer


@dataclass(frozen=True, slots=True)
class PullEvent:
    """`id`: a layer's first twelve digits, a tag, or nothing. `current` and `total` in bytes, where they are known."""

    id: str
    status: str
    current: int | None = None
    total: int | None = None


Progress = Callable[[PullEvent], None]


def silent(event: PullEvent) -> None:
    """For those who do not want to know."""


def short(descriptor: Descriptor) -> str:
    """As Docker shows a layer."""
    return descriptor.digest.removeprefix("sha256:")[:12]


def counter(progress: Progress, name: str, status: str, total: int) -> Callable[[int], None]:
    """Takes byte counts, as often as they come, and passes on a few of them and always the last."""
    last = 0.0

    def arrived(count: int) -> None:
        nonlocal last
        now = time.monotonic()
        if count == total or now - last >= _INTERVAL:
            last = now
            progress(PullEvent(name, status, count, total))

    return arrived


class OneAtATime:
    """Locks by name: two threads that want the same thing do it one after the other."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: dict[str, tuple[threading.Lock, int]] = {}

    @contextmanager
    def one(self, name: str) -> Iterator[None]:
        with self._guard:
            lock, waiting = self._locks.get(name, (threading.Lock(), 0))
            self._locks[name] = (lock, waiting + 1)
        try:
            with lock:
                yield
        finally:
            with self._guard:
                lock, waiting = self._locks[name]
                if waiting == 1:
                    del self._locks[name]
                else:
                    self._locks[name] = (lock, waiting - 1)
