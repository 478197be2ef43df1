"""The other peers: the distribution's podman and buildah, unpacked into a folder and not installed, with storage,
registries and policy of their own.
"""

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from lane import Lane, clean_environment
from peers import Side, execute, triplet

FOLDER = Path("/opt/dockless-peers-podman")
_PACKAGES = (
    "podman", "buildah", "conmon", "crun", "golang-github-containers-common", "golang-github-containers-image",
    "libgpgme11", "libassuan0", "libgpg-error0", "libsubid4", "libyajl2",
)  # fmt: skip
_POLICY = '{"default": [{"type": "insecureAcceptAnything"}]}'
_REGISTRIES = """unqualified-search-registries = ["docker.io"]
[[registry]]
location = "localhost:{port}"
insecure = true
"""
_CONFIG = """[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
helper_binaries_dir = ["{peers}/usr/lib/podman"]
conmon_path = ["{peers}/usr/bin/conmon"]
[engine.runtimes]
crun = ["{peers}/usr/bin/crun"]
"""


def install(peers: Path) -> None:
    """Puts both into the folder, where they are not there yet. Raises `CalledProcessError`."""
    peers.mkdir(parents=True, exist_ok=True)
    if all((peers / "usr/bin" / program).exists() for program in ("podman", "buildah")):
        return
    with tempfile.TemporaryDirectory() as downloads:
        execute(["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", *_PACKAGES], downloads)
        for package in Path(downloads).glob("*.deb"):
            execute(["dpkg", "-x", str(package), str(peers)], downloads)


@dataclass(frozen=True)
class Tools:
    """Both programs with a storage of their own below `work`; `remove` takes it away."""

    peers: Path
    work: Path
    environ: dict[str, str]

    @classmethod
    def at(cls, peers: Path, work: Path, port: int) -> "Tools":
        """`port` on loopback is a registry without TLS."""
        install(peers)
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        policy = work / ".config/containers/policy.json"
        policy.parent.mkdir(parents=True)
        policy.write_text(_POLICY)
        (work / "registries.conf").write_text(_REGISTRIES.format(port=port))
        (work / "containers.conf").write_text(_CONFIG.format(peers=peers))
        environ = clean_environment(
            PATH=f"{peers}/usr/bin:{os.environ['PATH']}",
            LD_LIBRARY_PATH=f"{peers}/usr/lib/{triplet()}",
            CONTAINERS_CONF=str(work / "containers.conf"),
            CONTAINERS_REGISTRIES_CONF=str(work / "registries.conf"),
            HOME=str(work),
            TMPDIR=str(work),
        )
        return cls(peers, work, environ)

    def program(self, name: str) -> tuple[str, ...]:
        """The first words of a command of `podman` or `buildah`. What they leave mounted goes with its namespace."""
        storage = ("--root", f"{self.work}/storage", "--runroot", f"{self.work}/run", "--storage-driver", "overlay")
        return (shutil.which("unshare") or "unshare", "--mount", f"{self.peers}/usr/bin/{name}", *storage)

    def version(self, name: str) -> str:
        command = [*self.program(name), "--version"]
        done = subprocess.run(command, env=self.environ, capture_output=True, text=True, check=True)
        return done.stdout.split(" (")[0].strip()

    def remove(self) -> None:
        shutil.rmtree(self.work, ignore_errors=True)


def podman(lane: Lane, tools: Tools) -> Side:
    """As the side that pulls, saves and loads."""
    return Side("podman", lane, tools.environ, (), tools.program("podman"))
