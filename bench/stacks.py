"""The two stacks that are measured: the example of this repository, and many services of a tiny image."""

import shutil
from pathlib import Path

from peers import REPOSITORY

EXAMPLE = REPOSITORY / "examples" / "fetch_c1"
EXAMPLE_IMAGES = ("fetch_c1-web:latest", "postgres:15.1-bullseye")
TINY_IMAGE = "busybox:latest"
PORT = 8055


def example(parent: Path) -> Path:
    """A copy with an `.env` of its own; the folder's name is the project's."""
    folder = parent / "fetch_c1"
    if folder.exists():
        shutil.rmtree(folder)
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__", ".env"))
    text = (folder / ".env.example").read_text()
    for name in ("POSTGRES_PASSWORD", "DJANGO_SECRET_KEY"):
        text = text.replace(f"{name}=", f"{name}=bench-{'0123456789' * 5}")
    (folder / ".env").write_text(text)
    return folder


def many(parent: Path, count: int) -> Path:
    """Services that do nothing. `sleep` as process 1 ignores TERM, so they are told to stop by KILL."""
    folder = parent / "many"
    folder.mkdir(exist_ok=True)
    service = f"{{image: {TINY_IMAGE}, command: sleep 100000, stop_signal: SIGKILL}}"
    lines = [f"  s{number:02}: {service}\n" for number in range(count)]
    (folder / "docker-compose.yml").write_text("services:\n" + "".join(lines))
    return folder
