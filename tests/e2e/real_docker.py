"""The real Docker as its users have it: a daemon, BuildKit by the buildx plugin, and Docker Compose.

The daemon has no registry: base images are given to it from dockless. Its builds get out as they do on a machine
behind a proxy: the proxy is in ~/.docker/config.json, and where the host trusts a bundle of its own, so do the base
images.
"""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import way_out
from stack import Dockless

import docker_peer
from dockless.build.handover import ca_bundle

BUILDX = "usr/libexec/docker/cli-plugins/docker-buildx"
ASK = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1], timeout=5).read().decode())"
TRUST = "FROM {image}\nCOPY bundle.crt /etc/ssl/certs/ca-certificates.crt\nCOPY pip.conf /etc/pip.conf\n"


@dataclass(frozen=True)
class RealDocker:
    """`home` holds the users' configuration; `pid` is a process in the daemon's network namespace."""

    address: str
    pid: int
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("DOCKER_", "COMPOSE_", "BUILDX_"))}
        kept = {k: v for k, v in kept.items() if not k.lower().endswith("_proxy")}
        return kept | {"DOCKER_HOST": self.address, "HOME": str(self.home), "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}

    def docker(self, *arguments: str, folder: Path | None = None) -> str:
        return self._ok("docker", *arguments, folder=folder)

    def compose(self, *arguments: str, folder: Path) -> str:
        return self._ok(os.environ["DOCKLESS_TEST_COMPOSE"], *arguments, folder=folder)

    def _ok(self, *command: str, folder: Path | None) -> str:
        done = subprocess.run(
            command,
            cwd=folder or self.home,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def ask(self, path: str, port: int) -> str:
        """What is answered on the loopback of the daemon's own network namespace; nothing where there is no answer."""
        enter = ["nsenter", f"--net=/proc/{self.pid}/ns/net"]
        command = [*enter, sys.executable, "-c", ASK, f"http://127.0.0.1:{port}{path}"]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, env=self.environment).stdout

    def take(self, dockless: Dockless, *images: str) -> None:
        """Gets images out of dockless, and lets them trust what the host trusts."""
        archive = self.home / "images.tar"
        # What a build began with need not have a name of its own.
        for image in images:
            dockless.ok("pull", image, timeout=900, folder=dockless.root)
        dockless.ok("save", "-o", str(archive), *images, folder=dockless.root)
        self.docker("load", "-i", str(archive))
        archive.unlink()
        bundle = ca_bundle(os.environ)
        for image in images if bundle else ():
            context = self.home / "context"
            context.mkdir(exist_ok=True)
            shutil.copyfile(str(bundle), context / "bundle.crt")
            (context / "pip.conf").write_text("[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n")
            (context / "Dockerfile").write_text(TRUST.format(image=image))
            self.docker("build", "-q", "-t", image, str(context))

    def holds(self, image: str, *words: str) -> list[str]:
        """Which of the words stand anywhere in an image: in a layer, its configuration, or its history."""
        archive = self.home / "image.tar"
        self.docker("save", "-o", str(archive), image)
        found = set()
        with tarfile.open(archive) as parts:
            for part in parts:
                if part.isfile() and (file := parts.extractfile(part)):
                    before = b""
                    while data := file.read(1 << 20):
                        found |= {word for word in words if word.encode() in before + data}
                        before = data[-200:]
        archive.unlink()
        return sorted(found)


@contextmanager
def real_docker(base: Path) -> Iterator[RealDocker]:
    """Skips the test where the peers are not there."""
    plugin = Path(os.environ.get("DOCKLESS_TEST_BUILDKIT", "/nowhere"), BUILDX)
    if not plugin.exists() or not os.environ.get("DOCKLESS_TEST_COMPOSE") or not shutil.which("docker"):
        pytest.skip("needs docker, buildx (DOCKLESS_TEST_BUILDKIT) and Docker Compose (DOCKLESS_TEST_COMPOSE)")
    home = base / "home"
    plugins = home / ".docker" / "cli-plugins"
    plugins.mkdir(parents=True)
    (plugins / "docker-buildx").symlink_to(plugin)
    with docker_peer.dockerd(base, os.environ.get("DOCKLESS_TEST_DOCKERD_26")) as daemon:
        found = RealDocker(daemon.address, daemon.pid, home)
        gateway = found.docker("network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}").strip()
        with way_out.proxy(daemon.pid, gateway) as url:
            proxies = {"default": {"httpProxy": url, "httpsProxy": url, "noProxy": "localhost"}}
            (home / ".docker" / "config.json").write_text(json.dumps({"proxies": proxies}))
            yield found
            if names := found.docker("ps", "-aq").split():
                found.docker("rm", "-fv", *names)
