"""The build cache: the key of a step → the layer that it made, in state.db.

A key holds everything that can change the result: the instruction as expanded, the layers below, the environment, and
the content read. Keys are made here from plain values, so that they can be printed and compared.
"""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from dockless.state import Database

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS build_cache (
        key TEXT PRIMARY KEY,
        diff_id TEXT NOT NULL,
        size INTEGER NOT NULL,
        description TEXT NOT NULL,
        created TEXT NOT NULL,
        used REAL NOT NULL,
        uses INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS build_cache_diff_id ON build_cache (diff_id)",
)

# Part of every key: a new number forgets all results, for when a step comes to mean something else.
_FORMAT = 3
_PATIENCE = 0.5  # seconds between two looks at whether a build that waits for another one's step was cancelled


class Record(msgspec.Struct, frozen=True):
    """A finished step. `created` is RFC 3339, `used` seconds since the epoch, `size` bytes of the layer's files."""

    key: str
    diff_id: str
    size: int
    description: str
    created: str
    used: float
    uses: int


def make_key(kind: str, below: Sequence[str], values: dict[str, Any]) -> str:
    """SHA-256 (hex) over the step's kind, the diff ids below it (bottom first) and its values (plain, for JSON)."""
    described = json.dumps([_FORMAT, kind, list(below), values], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(described.encode("utf-8", "surrogateescape")).hexdigest()


class BuildCache:
    """The table, and the locks by which two builds do not make the same step twice. For any thread."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock
        self._guard = threading.Lock()
        self._busy: dict[str, tuple[threading.Lock, int]] = {}

    @contextmanager
    def step(self, key: str, still_wanted: Callable[[], None]) -> Iterator[None]:
        """One at a time for each key in this process: whoever comes second finds the first one's result.

        `still_wanted` is called while waiting, and ends the waiting by raising.
        """
        with self._guard:
            lock, waiting = self._busy.get(key, (threading.Lock(), 0))
            self._busy[key] = (lock, waiting + 1)
        try:
            while not lock.acquire(timeout=_PATIENCE):
                still_wanted()
            try:
                yield
            finally:
                lock.release()
        finally:
            with self._guard:
                lock, waiting = self._busy[key]
                if waiting == 1:
                    del self._busy[key]
                else:
                    self._busy[key] = (lock, waiting - 1)

    def knows(self, key: str) -> bool:
        """Whether there is a record, which does not count as a use."""
        found = self._database.connection.execute("SELECT 1 FROM build_cache WHERE key = ?", (key,)).fetchone()
        return found is not None

    def find(self, key: str) -> Record | None:
        """The record, marked as used now (its `uses` count this one)."""
        row = self._database.connection.execute("SELECT * FROM build_cache WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        now = self._clock()
        self._database.connection.execute("UPDATE build_cache SET used = ?, uses = uses + 1 WHERE key = ?", (now, key))
        return msgspec.structs.replace(Record(*row), used=now, uses=row["uses"] + 1)

    def add(self, key: str, diff_id: str, size: int, description: str, created: str) -> Record:
        """Keeps the result; one that was there under this key is replaced (a step run again without the cache)."""
        now = self._clock()
        self._database.connection.execute(
            "INSERT OR REPLACE INTO build_cache (key, diff_id, size, description, created, used) VALUES (?,?,?,?,?,?)",
            (key, diff_id, size, description, created, now),
        )
        return Record(key, diff_id, size, description, created, now, 0)

    def forget(self, key: str) -> None:
        self._database.connection.execute("DELETE FROM build_cache WHERE key = ?", (key,))

    def records(self) -> list[Record]:
        """All of them, the one used last first: what `builder du` shows."""
        rows = self._database.connection.execute("SELECT * FROM build_cache ORDER BY used DESC, key")
        return [Record(*row) for row in rows]

    def layers(self) -> set[str]:
        """The diff ids that the cache needs: what a collector of layers has to keep."""
        return {row[0] for row in self._database.connection.execute("SELECT DISTINCT diff_id FROM build_cache")}

    def prune(
        self, chosen: Collection[str] | None = None, *, unused_for: float = 0.0, keep_bytes: int = 0
    ) -> list[Record]:
        """Forgets what was not used for so many seconds, oldest first, as long as more than `keep_bytes` stay; of that,
        what has one of the keys `chosen`, where these are given.

        The answer is what was forgotten; the layers go with the next collection.
        """
        latest = self._clock() - unused_for
        kept = sum({record.diff_id: record.size for record in self.records()}.values())
        gone: list[Record] = []
        for record in reversed(self.records()):
            if chosen is not None and record.key not in chosen:
                continue
            if record.used > latest or (keep_bytes and kept <= keep_bytes):
                continue
            self.forget(record.key)
            gone.append(record)
            kept -= record.size
        return gone
