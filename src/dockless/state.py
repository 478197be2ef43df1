"""The one database of the state folder: `state.db`, SQLite in WAL mode.

Each room of the lower half keeps its own tables here and hands their definitions to `Database`; this module knows
none of them. A connection belongs to the thread that asks for it.
"""

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


class Database:
    """`schema` is a sequence of idempotent DDL statements (`CREATE TABLE IF NOT EXISTS …`), from all rooms."""

    def __init__(self, path: Path, schema: Sequence[str]) -> None:
        self._path = path
        self._local = threading.local()
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
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            found = sqlite3.connect(self._path, isolation_level=None, timeout=10.0)
            found.row_factory = sqlite3.Row
            found.execute("PRAGMA journal_mode=WAL")
            found.execute("PRAGMA synchronous=NORMAL")
            found.execute("PRAGMA foreign_keys=ON")
            self._local.connection = found
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


def _make_private(path: Path) -> None:
    """Containers' environments are in it, and so passwords. SQLite gives the files beside it the database's mode."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    for file in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        if file.exists():
            file.chmod(0o600)
