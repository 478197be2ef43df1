"""A lane: the namespaces in which one side is measured, so that it meets neither the other nor the host.

Process, mount and network namespaces, with a runtime folder of its own. Everything in it dies with it; the kernel takes
mounts, interfaces and packet filter rules down. Control groups are the host's: `remove_cgroups`.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_AGENT = Path(__file__).with_name("agent.py")
_STATE = Path("/var/lib/dockless")
# sh is the lane's init, which reaps orphans. $1 is what /var/lib/dockless is to be in there.
_INIT = (
    "ip link set lo up && mkdir -p /run/dockless && mount -t tmpfs -o mode=755 none /run/dockless && "
    'mount --bind "$1" /var/lib/dockless && shift && "$@"; exit $?'
)
_LEADING = ("DOCKER_", "COMPOSE_", "DOCKLESS_", "PYTHON")
_UNSHARE = ("unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c", _INIT, "sh")


class CommandFailed(Exception):
    """A command that must succeed did not."""


@dataclass(frozen=True, slots=True)
class Done:
    """`seconds` from before the spawn to the end, `cpu` of the command and its own children."""

    seconds: float
    cpu: float
    output: str


@dataclass(frozen=True, slots=True)
class Served:
    """`seconds` until the first answer 200, or until it was given up; `command` until the command's end."""

    ok: bool
    seconds: float
    command: float
    output: str


@dataclass(frozen=True, slots=True)
class Process:
    """`pss` in KiB."""

    pid: int
    name: str
    pss: int
    threads: int


class Lane:
    """One at a time is asked; a context manager. `state` is the default state folder of dockless in there."""

    def __init__(self, work: Path, state: Path) -> None:
        self._log = work / "output"
        self._made = not _STATE.exists()
        _STATE.mkdir(parents=True, exist_ok=True)
        command = [*_UNSHARE, str(state), sys.executable, "-I", str(_AGENT)]
        self._agent = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> "Lane":
        return self

    def __exit__(self, *_: object) -> None:
        assert self._agent.stdin is not None and self._agent.stdout is not None
        self._agent.stdin.close()
        self._agent.wait(60)
        self._agent.stdout.close()
        if self._made:
            _STATE.rmdir()

    def run(self, argv: Sequence[str], folder: Path, environ: Mapping[str, str]) -> Done:
        """Raises `CommandFailed`."""
        answer = self._ask("run", argv=list(argv), folder=str(folder), environ=dict(environ))
        if answer["status"]:
            raise CommandFailed(f"{' '.join(argv)}: status {answer['status']}\n{answer['output'][-3000:]}")
        return Done(answer["seconds"], answer["cpu"], answer["output"])

    def serve(
        self, argv: Sequence[str], folder: Path, environ: Mapping[str, str], *, port: int, ended: Sequence[str]
    ) -> Served:
        """Runs the command until the port serves; `ended` prints something once it never will."""
        answer = self._ask(
            "serve",
            argv=list(argv),
            folder=str(folder),
            environ=dict(environ),
            port=port,
            path="/",
            ended=list(ended),
            limit=60.0,
        )
        served = answer["served"] and answer["status"] == 0
        return Served(served, answer["seconds"], answer["command"], answer["output"])

    def start(self, argv: Sequence[str], folder: Path, environ: Mapping[str, str], log: Path) -> int:
        """The pid within the lane."""
        pid: int = self._ask("start", argv=list(argv), folder=str(folder), environ=dict(environ), log=str(log))["pid"]
        return pid

    def stop(self, pid: int) -> None:
        self._ask("stop", pid=pid)

    def processes(self) -> list[Process]:
        """All of the lane's that are in no container."""
        return [Process(**found) for found in self._ask("memory")["processes"]]

    def _ask(self, operation: str, **request: Any) -> dict[str, Any]:
        assert self._agent.stdin is not None and self._agent.stdout is not None
        print(
            json.dumps({"log": str(self._log)} | request | {"operation": operation}), file=self._agent.stdin, flush=True
        )
        line = self._agent.stdout.readline()
        if not line:
            raise CommandFailed(f"the lane's agent ended with status {self._agent.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer


def clean_environment(**extra: str) -> dict[str, str]:
    """This process's, without what leads clients elsewhere or makes Python behave otherwise than by default."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_LEADING)}
    return kept | extra


def remove_cgroups(name: str) -> None:
    """The empty control groups `name` and below, in every hierarchy."""
    for top in [*Path("/sys/fs/cgroup").glob(f"*/{name}"), Path("/sys/fs/cgroup") / name]:
        for folder, _, _ in os.walk(top, topdown=False):
            os.rmdir(folder)
