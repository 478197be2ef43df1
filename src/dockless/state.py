"""The one database of the state folder: `state.db`, SQLite in WAL mode.

Each room of the lower half keeps its own tables here and hands their definitions to `Database`; this module knows
none of them. A connection belongs to the thread that asks for it.
"""

import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


class Database:
    """`schema` is a sequence of idempotent DDL statements (`CREATE TABLE IF NOT EXISTS …`), from all rooms."""

    def __init__(self, path: Path, schema: Sequence[str]) -> None:
        self._path = path
        self._local = threading.local()
        self._free: deque[sqlite3.Connection] = deque()
        path.parent.mkdir(parents=True, exist_ok=True)
        _make_private(path)
        connection = self.connection
        for statement in schema:
            connection.execute(statement)

    @property
    def connection(self) -> sqlite3.Connection:
        """This thread's connection, in autocommit; rows are `sqlite3.Row`.

        With WAL and `synchronous=NORMAL` a killed process loses nothing, and a power cut loses at most the newest
        transactions, never consistency.
        """
        lease: _Lease | None = getattr(self._local, "lease", None)
        if lease is None:
            lease = self._local.lease = _Lease(self._free, self._open)
        return lease.connection

    def _open(self) -> sqlite3.Connection:
        # One thread at a time has it, but not always the same.
        found = sqlite3.connect(self._path, isolation_level=None, timeout=10.0, check_same_thread=False)
        found.row_factory = sqlite3.Row
        found.execute("PRAGMA journal_mode=WAL")
        found.execute("PRAGMA synchronous=NORMAL")
        found.execute("PRAGMA foreign_keys=ON")
        return found

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, on this thread's connection; takes the write lock at once."""
        connection = self.connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")


class _Lease:
    """A thread's connection. It goes back with the thread: SQLite does not close a database's descriptor as long as the
    process has another connection to it, so one for each thread that ever was would use them up."""

    def __init__(self, free: deque[sqlite3.Connection], make: Callable[[], sqlite3.Connection]) -> None:
        self._free = free
        try:
            self.connection = free.pop()
        except IndexError:
            self.connection = make()

    def __del__(self) -> None:
        self._free.append(self.connection)


def _make_private(path: Path) -> None:
    """Containers' environments are in it, and so passwords. SQLite gives the files beside it the database's mode."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    for file in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        if file.exists():
            file.chmod(0o600)
