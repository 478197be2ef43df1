"""Two threads where one would wait: reading ahead of a consumer, and hashing behind a producer.

Worth it because reading, inflating and hashing give up the interpreter's lock for large pieces.
"""

import hashlib
import queue
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

_DEPTH = 8  # pieces under way: a few megabytes


@contextmanager
def read_ahead(chunks: Iterable[bytes]) -> Iterator[Iterator[bytes]]:
    """Iterates `chunks` in a thread of its own, at most a few pieces ahead; what it raises is raised to the consumer.

    When the block is left early the thread stops at its next piece, and is not waited for: it may hang in a socket.
    """
    pieces: queue.Queue[bytes | BaseException | None] = queue.Queue(_DEPTH)
    stopped = threading.Event()

    def produce() -> None:
        last: BaseException | None = None
        try:
            for chunk in chunks:
                pieces.put(chunk)
                if stopped.is_set():
                    return
        except BaseException as error:  # noqa: BLE001 - handed over, not swallowed: the consumer raises it
            last = error
        pieces.put(last)

    def consume() -> Iterator[bytes]:
        while (piece := pieces.get()) is not None:
            if isinstance(piece, BaseException):
                raise piece
            yield piece

    thread = threading.Thread(target=produce, name="images-read-ahead", daemon=True)
    thread.start()
    try:
        yield consume()
    finally:
        stopped.set()
        _empty(pieces)


class Hasher:
    """SHA-256 in a thread of its own; `digest` is there when the block is left."""

    def __init__(self) -> None:
        self._pieces: queue.Queue[bytes | None] = queue.Queue(_DEPTH)
        self._sha = hashlib.sha256()
        self._thread = threading.Thread(target=self._run, name="images-hash", daemon=True)

    def update(self, data: bytes) -> None:
        self._pieces.put(data)

    @property
    def digest(self) -> str:
        return "sha256:" + self._sha.hexdigest()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._pieces.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (data := self._pieces.get()) is not None:
            self._sha.update(data)


def _empty(pieces: "queue.Queue[bytes | BaseException | None]") -> None:
    """So that a producer that waits for room goes on, and sees that it is to stop."""
    while True:
        try:
            pieces.get_nowait()
        except queue.Empty:
            return
