"""A real dockerd of the tests' own, in a network namespace of its own: started, asked whether it answers, ended."""

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

PLENTY = 12 << 30  # bytes


@dataclass(frozen=True)
class Daemon:
    """`address` is what DOCKER_HOST says; `pid` a process whose network namespace is the daemon's."""

    address: str
    pid: int


@contextmanager
def dockerd(base: Path, program: str | None = None) -> Iterator[Daemon]:
    """Debian's, or another `program`. Skips the test where there is no dockerd, or where it does not run."""
    daemon = program or os.environ.get("DOCKLESS_TEST_DOCKERD") or shutil.which("dockerd")
    if os.geteuid() != 0 or daemon is None or not shutil.which("iptables"):
        pytest.skip("needs root, dockerd and iptables")
    address = f"unix://{base}/docker.sock"
    command = "ip link set lo up 2>/dev/null || true; "
    if _memory() > PLENTY:
        # In the daemon's own mount namespace, so it goes with it: unpacking and removing images costs no disk.
        command += f"mkdir {base}/data && mount -t tmpfs none {base}/data && "
    command += f"exec {daemon} --data-root {base}/data --exec-root {base}/exec"
    command += f" -p {base}/pid -H {address} --userland-proxy=false --ip6tables=false"
    environ = dict(os.environ)
    if program:
        # With the containerd that came with it.
        beside = f"{Path(program).parent}:{Path(program).parents[1] / 'bin'}"
        environ["PATH"] = f"{beside}:{environ['PATH']}"
    with (base / "log").open("wb") as log:
        process = subprocess.Popen(
            ["unshare", "--net", "--mount", "sh", "-c", command],
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=environ,
        )
        try:
            _until_up(base / "docker.sock", process, base / "log")
            yield Daemon(address, process.pid)
        finally:
            process.terminate()
            process.wait(90)


def _memory() -> int:
    """What is available, in bytes."""
    found = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text())
    return int(found[1]) * 1024 if found else 0


def _until_up(path: Path, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 90
    while not _answers(path):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            pytest.skip(f"dockerd does not run here: {log.read_text()[-400:]}")
        time.sleep(0.1)


def _answers(path: Path) -> bool:
    """The socket is there before the daemon behind it is."""
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(path))
            connection.sendall(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
            return b"200 OK" in connection.recv(64)
        except OSError:
            return False
