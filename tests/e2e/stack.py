"""Drives the installed `dockless` command the way a person does: in a folder, with a state folder of its own."""

import http.client
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
EXAMPLE = REPOSITORY / "examples" / "fetch_c1"
DOCKLESS = Path(os.environ.get("DOCKLESS_COMMAND") or shutil.which("dockless") or REPOSITORY / ".venv/bin/dockless")
PORT = 8055


@dataclass
class Dockless:
    """One state folder. Its engine ends by itself a second after the last container."""

    root: Path
    folder: Path
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DOCKER_", "COMPOSE_"))}
        return {**kept, "DOCKLESS_ROOT": str(self.root), "DOCKLESS_IDLE_SECONDS": "1", **self.environ}

    def run(
        self, *arguments: str, folder: Path | None = None, timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(DOCKLESS), *arguments],
            cwd=folder or self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
        )

    def ok(self, *arguments: str, folder: Path | None = None, timeout: float = 300) -> str:
        """Standard output of a command that must succeed."""
        done = self.run(*arguments, folder=folder, timeout=timeout)
        assert done.returncode == 0, f"dockless {' '.join(arguments)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [str(DOCKLESS), *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    def rows(self, *arguments: str) -> list[dict[str, str]]:
        """What a list command prints with `--format json`: one object a line, or one array."""
        text = self.ok(*arguments, "--format", "json").strip()
        if text.startswith("["):
            return json.loads(text)
        return [json.loads(line) for line in text.splitlines()]

    def inspect(self, name: str) -> dict:
        return json.loads(self.ok("inspect", name))[0]

    def engine_pids(self) -> list[int]:
        """The engine's process, by its environment: the state folder is in it."""
        return self._pids("dockless.server")

    def _pids(self, what: str) -> list[int]:
        mark = f"DOCKLESS_ROOT={self.root}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdecimal():
                continue
            try:
                if what in (entry / "cmdline").read_bytes().decode() and mark in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
        return found

    def clear(self) -> None:
        """Ends and removes whatever a test left running, so that the check after it speaks of dockless alone."""
        if names := self.ok("ps", "-aq", folder=self.root).split():
            self.ok("rm", "-f", "-v", *names, folder=self.root)
        if volumes := self.ok("volume", "ls", "-q", folder=self.root).split():
            self.ok("volume", "rm", *volumes, folder=self.root)
        self.ok("network", "prune", "-f", folder=self.root)

    def state(self) -> list[str]:
        """What the state folder holds of containers, volumes and half-made things, once no engine is at work on it."""
        folders = [self.root / name for name in ("containers", "volumes", "scratch")]
        kept = (path for folder in folders if folder.exists() for path in folder.iterdir())
        return sorted(str(path.relative_to(self.root)) for path in kept if path.suffix != ".lock")


def project(folder: Path) -> Path:
    """A copy of the example with an .env of its own."""
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__", ".env"))
    text = (folder / ".env.example").read_text()
    text = text.replace("POSTGRES_PASSWORD=", "POSTGRES_PASSWORD=a-password-for-tests")
    text = text.replace(
        "DJANGO_SECRET_KEY=", "DJANGO_SECRET_KEY=a-key-for-tests-that-is-long-enough-to-be-accepted-0123"
    )
    (folder / ".env").write_text(text)
    return folder


def get(path: str, port: int = PORT, timeout: float = 10) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()
