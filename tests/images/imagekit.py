"""What the tests of this folder share: small images, and a real registry (Debian's docker-registry) on loopback."""

import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from dockless.images.config import ContainerConfig, History, ImageConfig, RootFs
from dockless.images.store import Image, ImageStore
from dockless.places import Places
from dockless.state import Database

USER, PASSWORD = "someone", "a secret"
_HTPASSWD = "someone:$2b$04$vUB6982uTpPFjkBsplIT..HNbgeEAHlwnn9U1uW6mi7bq7by1WMie\n"


def open_store(root: Path) -> ImageStore:
    places = Places(root, root / "run")
    return ImageStore(places, Database(places.database, ImageStore.SCHEMA))


def build_image(
    store: ImageStore,
    *layers: dict[str, bytes],
    names: tuple[str, ...] = (),
    cmd: str = "run",
    architecture: str = "amd64",
) -> Image:
    """An image with one layer for each mapping of file names to contents."""
    diff_ids = []
    with store.layers.use():
        for files in layers:
            upper = store.layers.scratch.folder("upper")
            for name, content in files.items():
                path = upper / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            diff_ids.append(store.layers.adopt(upper).diff_id)
        config = ImageConfig(
            architecture=architecture,
            os="linux",
            created="2024-05-06T07:08:09.123456789Z",
            config=ContainerConfig(cmd=(cmd,), env=("PATH=/bin",), labels={"a": "b"}),
            rootfs=RootFs(diff_ids=tuple(diff_ids)),
            history=tuple(History(created_by=f"step {number}") for number in range(len(diff_ids))),
        )
        return store.create(config, names=names)


@dataclass(frozen=True)
class Registry:
    """`host` is what stands in a reference: `127.0.0.1:port`."""

    host: str
    storage: Path


@dataclass
class RegistryStarter:
    folder: Path
    started: list["subprocess.Popen[bytes]"]

    def __call__(self, *, password: bool = False, certificate: tuple[Path, Path] | None = None) -> Registry:
        port = free_port()
        home = self.folder / f"registry-{port}"
        home.mkdir()
        lines = [
            "version: 0.1",
            "log: {level: error, accesslog: {disabled: true}}",
            f"storage: {{filesystem: {{rootdirectory: {home}/data}}, delete: {{enabled: true}}}}",
            f"http: {{addr: '127.0.0.1:{port}'"
            + (f", tls: {{certificate: {certificate[0]}, key: {certificate[1]}}}}}" if certificate else "}"),
        ]
        if password:
            (home / "htpasswd").write_text(_HTPASSWD)
            lines.append(f"auth: {{htpasswd: {{realm: here, path: {home}/htpasswd}}}}")
        (home / "config.yml").write_text("\n".join(lines))
        log = (home / "log").open("wb")
        with log:
            process = subprocess.Popen(
                ["docker-registry", "serve", str(home / "config.yml")], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        self.started.append(process)
        wait_for_port(port, process, home / "log")
        return Registry(f"127.0.0.1:{port}", home / "data")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for_port(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(200):
        if process.poll() is not None:
            raise AssertionError(log.read_text())
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"nothing listens on {port}: {log.read_text()}")
