"""The two builders, each served for as long as a block lasts: our engine, and a recent dockerd with its BuildKit."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import own_engine


@contextmanager
def our_engine(folder: Path) -> Iterator[dict[str, str]]:
    """The environment for commands; its state is in `folder`, without proxies and without a CA bundle."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG")}
    environ = kept | {"DOCKLESS_ROOT": str(folder / "root"), "DOCKLESS_IDLE_SECONDS": "1", "HOME": str(folder)}
    with own_engine.serving(environ):
        yield environ


@contextmanager
def buildkit(folder: Path, *, containerd_store: bool = False) -> Iterator[tuple[dict[str, str], int]]:
    """The environment for `docker`, and the daemon's process; `containerd_store`: images of several platforms."""
    peers = os.environ.get("DOCKLESS_TEST_BUILDKIT", "")
    if not peers or not shutil.which("docker") or not shutil.which("iptables"):
        pytest.skip("DOCKLESS_TEST_BUILDKIT names no folder with a recent dockerd and buildx")
    plugins = folder / ".docker/cli-plugins"
    plugins.mkdir(parents=True)
    (plugins / "docker-buildx").symlink_to(f"{peers}/usr/libexec/docker/cli-plugins/docker-buildx")
    base = folder / "d"
    base.mkdir()
    (base / "daemon.json").write_text(json.dumps({"features": {"containerd-snapshotter": containerd_store}}))
    address = f"unix://{base}/docker.sock"
    path = f"{peers}/usr/sbin:{peers}/usr/bin:{os.environ['PATH']}"
    command = f"ip link set lo up 2>/dev/null || true; exec dockerd --data-root {base}/data --exec-root {base}/exec"
    command += f" --config-file {base}/daemon.json -p {base}/pid -H {address} --userland-proxy=false --ip6tables=false"
    with (base / "log").open("wb") as log:
        daemon = subprocess.Popen(
            ["unshare", "--net", "--mount", "sh", "-c", command],
            env=os.environ | {"PATH": path}, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DOCKER_", "SOURCE_DATE"))}
    environ = kept | {"DOCKER_HOST": address, "HOME": str(folder), "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
    try:
        deadline = time.monotonic() + 60
        while subprocess.run(["docker", "info"], env=environ, capture_output=True).returncode:
            assert time.monotonic() < deadline and daemon.poll() is None, (base / "log").read_text()[-2000:]
            time.sleep(0.2)
        yield environ, daemon.pid
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(timeout=60)
        shutil.rmtree(base, ignore_errors=True)


def run(command: tuple[str, ...], environ: dict[str, str], *arguments: str, cwd: Path | None = None) -> str:
    done = subprocess.run([*command, *arguments], env=environ, capture_output=True, text=True, timeout=120, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout
