"""A step runner out of `unshare` and `mount`: what these tests use in the engine's place. Needs root."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from dockless.build.steps import Output, Step

ENTER = Path(__file__).with_name("standins_enter.py")


class UnshareRunner:
    """Runs steps in namespaces of their own; the network "default" is the host's here."""

    def run(self, step: Step, output: Output) -> int:
        network = "none" if step.network == "none" else "host"
        with started(
            step.argv,
            env=step.env,
            lower=step.lower,
            upper=step.upper,
            work=step.work,
            cwd=step.cwd,
            network=network,
            binds=[(str(bind.source), bind.target) for bind in step.binds],
        ) as process:
            assert process.stdout is not None
            while data := os.read(process.stdout.fileno(), 1 << 16):
                output(data)
            return process.wait()


@contextmanager
def started(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    lower: Sequence[Path],
    upper: Path,
    work: Path,
    cwd: str = "/",
    network: str = "host",
    ids: tuple[int, int] = (0, 0),
    binds: Sequence[tuple[str, str]] = (),
) -> Iterator["subprocess.Popen[bytes]"]:
    """A process in a container: pid 1 of its own pid namespace, stdout and stderr in one pipe; killed at the end."""
    root = upper.with_name(f"{upper.name}-root")
    nothing = upper.with_name(f"{upper.name}-nothing")
    for folder in (root, nothing):
        folder.mkdir(exist_ok=True)
    told = {
        "argv": list(argv),
        "env": dict(env),
        "lower": [str(path) for path in lower or (nothing,)],
        "upper": str(upper),
        "work": str(work),
        "root": str(root),
        "cwd": cwd,
        "ids": ids,
        "binds": list(binds),
    }
    unshare = ["unshare", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child", "--propagation", "private"]
    if network == "none":
        unshare.append("--net")
    process = subprocess.Popen(
        [*unshare, "--", sys.executable, "-I", str(ENTER), json.dumps(told)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            # The container's first process by itself: one that has changed its user outlives `unshare`.
            with contextlib.suppress(FileNotFoundError, IndexError, ProcessLookupError):
                os.kill(init_of(process), signal.SIGKILL)
            process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
        for folder in (root, nothing):
            shutil.rmtree(folder)


def init_of(process: "subprocess.Popen[bytes]") -> int:
    """The pid, on the host, of the container's first process."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return int(children[0])


def send(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    os.kill(init_of(process), number)
