"""Changes of files on this machine, as batches in a queue, told within a few hundredths of a second.

Folders are watched with all that is in them. A rule about a single file watches its folder, since editors replace a
file rather than write into it; for what does not exist yet, the nearest folder that does.
"""

import os
import threading
from collections.abc import Iterable
from queue import SimpleQueue

_STEP_MILLISECONDS = 15
_LONGEST_MILLISECONDS = 60
_TICK_MILLISECONDS = 100

Batch = dict[str, bool]
"""From a path to whether it is new; what is gone is not there any more when one looks."""


class Changes:
    """Told into `batches` until `close`. A broken watch is told as the error that broke it."""

    def __init__(self, paths: Iterable[str]) -> None:
        """Returns when every watch is in place. Raises `OSError`."""
        self.batches: SimpleQueue[Batch | BaseException] = SimpleQueue()
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        deep, flat = roots(paths)
        for chosen, recursive in ((deep, True), (flat, False)):
            if chosen:
                self._begin(chosen, recursive)

    def close(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _begin(self, paths: list[str], recursive: bool) -> None:
        ready: SimpleQueue[BaseException | None] = SimpleQueue()
        thread = threading.Thread(target=self._watch, args=(paths, recursive, ready), daemon=True)
        self._threads.append(thread)
        thread.start()
        failure = ready.get()
        if failure is not None:
            self.close()
            raise failure

    def _watch(self, paths: list[str], recursive: bool, ready: "SimpleQueue[BaseException | None]") -> None:
        # A large import that only this needs.
        from watchfiles import Change, watch

        told = False
        try:
            for batch in watch(
                *paths,
                watch_filter=None,
                debounce=_LONGEST_MILLISECONDS,
                step=_STEP_MILLISECONDS,
                stop_event=self._stop,
                rust_timeout=_TICK_MILLISECONDS,
                yield_on_timeout=True,
                recursive=recursive,
                ignore_permission_denied=True,
            ):
                if not told:  # the first answer, be it empty, says that the kernel is watching
                    told = True
                    ready.put(None)
                if batch:
                    self.batches.put({path: kind == Change.added for kind, path in sorted(batch, reverse=True)})
        except BaseException as error:  # noqa: BLE001  (told to the thread that reads)
            if told:
                self.batches.put(error)
            else:
                ready.put(error)


def roots(paths: Iterable[str]) -> tuple[list[str], list[str]]:
    """The folders to watch with what is below them, and those of which only the entries matter."""
    deep: set[str] = set()
    flat: set[str] = set()
    for path in paths:
        if os.path.isdir(path):
            deep.add(path)
        elif os.path.lexists(path):
            flat.add(os.path.dirname(path))
        else:
            deep.add(_existing(path))
    chosen = [path for path in deep if not any(_under(path, other) for other in deep if other != path)]
    return sorted(chosen), sorted(path for path in flat if not any(_under(path, other) for other in (*chosen,)))


def _existing(path: str) -> str:
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


def _under(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
