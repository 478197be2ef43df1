"""A git repository of two commits behind a real `git daemon`, for whatever fetches one."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def served_repository(base: Path, first: Mapping[str, str], second: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The address, and the commit of `first`, which the tag `v1` names; `second` is on top of it, in `main`.

    Files by name; one that begins as a script does is executable.
    """
    if not shutil.which("git"):
        pytest.skip("needs git")
    folder = base / "repo.git"
    folder.mkdir(parents=True)

    def git(*arguments: str) -> str:
        identity = ("-c", "user.name=a", "-c", "user.email=a@b.example")
        return subprocess.run(
            ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
        ).stdout.strip()

    git("init", "-q", "-b", "main")
    _write(folder, first)
    git("add", ".")
    git("commit", "-qm", "one")
    git("tag", "v1")
    commit = git("rev-parse", "HEAD")
    _write(folder, second)
    git("add", ".")
    git("commit", "-qm", "two")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    daemon = subprocess.Popen(
        ["git", "daemon", f"--port={port}", "--listen=127.0.0.1", "--export-all", "--reuseaddr",
         f"--base-path={base}"],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield f"git://127.0.0.1:{port}/repo.git", commit
    finally:
        daemon.terminate()
        daemon.wait()


def _write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
        (folder / name).chmod(0o755 if text.startswith("#!") else 0o644)
