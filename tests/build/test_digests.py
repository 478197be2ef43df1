"""Digests of files that are remembered: what has changed is read again, what may change unseen is not kept."""

import hashlib
import os
import time
from pathlib import Path

import pytest

from dockless.build.digests import Digests
from dockless.build.tree import Entry


def entry(path: Path) -> Entry:
    return Entry("/f", str(path), os.lstat(path))


def test_a_file_is_read_once_and_again_when_it_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "f"
    file.write_text("one")
    late = lambda: time.time_ns() + 10_000_000_000  # noqa: E731
    digests = Digests(tmp_path / "state/digests", late)
    assert digests.of(entry(file)) == hashlib.sha256(b"one").digest()
    digests.save()
    again = Digests(tmp_path / "state/digests", late)
    seen = entry(file)
    monkeypatch.setattr("dockless.build.digests.hash_file", lambda path: pytest.fail("read again"))
    assert again.of(seen) == hashlib.sha256(b"one").digest()
    monkeypatch.undo()
    file.write_text("two")
    os.utime(file, ns=(seen.status.st_atime_ns, seen.status.st_mtime_ns))
    assert again.of(entry(file)) == hashlib.sha256(b"two").digest()


def test_a_file_that_has_just_changed_is_not_remembered(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("one")
    digests = Digests(tmp_path / "digests")
    digests.of(entry(file))
    digests.save()
    assert not (tmp_path / "digests").exists()


def test_a_damaged_memory_is_none(tmp_path: Path) -> None:
    (tmp_path / "digests").write_bytes(b"\xff\x00garbage")
    file = tmp_path / "f"
    file.write_text("one")
    assert Digests(tmp_path / "digests").of(entry(file)) == hashlib.sha256(b"one").digest()
