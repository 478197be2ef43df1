"""An image of 500 MB: pulled from a registry on loopback, saved to a file and loaded from it, on each side."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from lane import CommandFailed
from measure import Samples
from peers import Side

SIZE = 500 << 20
LAYERS = 5
PORT = 15000
_NAME = f"localhost:{PORT}/large:1"
_REGISTRY = """version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {root}}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


def images(work: Path, peers: Path) -> Callable[[Side, Samples], None]:
    """Pull, save and load. The image is made and pushed by whichever side is first."""
    here = work / "images"

    def images(side: Side, samples: Samples) -> None:
        here.mkdir(exist_ok=True)
        config = here / "registry.yml"
        config.write_text(_REGISTRY.format(root=here / "registry", port=PORT))
        program = str(peers / "usr/bin/docker-registry")
        registry = side.lane.start([program, "serve", str(config)], here, side.environ, here / "registry.log")
        try:
            _measure(side, samples, here)
        finally:
            side.lane.stop(registry)

    return images


def _measure(side: Side, samples: Samples, here: Path) -> None:
    archive = here / f"{side.name}.tar"
    if not (here / "pushed").exists():
        _make(side, here)
    _settle()
    samples.add("pull", side, _when_there(side, "pull", "-q", _NAME))
    _settle()
    samples.add("save", side, side.command("save", "-o", str(archive), _NAME).seconds)
    side.command("rmi", _NAME)
    _settle()
    samples.add("load", side, side.command("load", "-q", "-i", str(archive)).seconds)
    side.command("rmi", _NAME)
    archive.unlink()


def _make(side: Side, here: Path) -> None:
    """Files of this machine's own system, as many as the size asks for, in layers of the same size."""
    context = here / "context"
    shutil.rmtree(context, ignore_errors=True)
    files = _system_files()
    for number in range(LAYERS):
        left = SIZE // LAYERS
        while left > 0:
            file = next(files)
            place = context / str(number) / file.relative_to("/usr")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, place)
            left -= file.stat().st_size
    lines = "\n".join(f"COPY {number} /{number}" for number in range(LAYERS))
    (context / "Dockerfile").write_text(f"FROM scratch\n{lines}\n")
    side.lane.run([*side.docker, "build", "-q", "-t", _NAME, str(context)], here, side.environ)
    _when_there(side, "push", "-q", _NAME)
    side.command("rmi", _NAME)
    side.command("builder", "prune", "-a", "-f")
    shutil.rmtree(context)
    (here / "pushed").touch()


def _settle() -> None:
    """What the step before left to be written is not this one's."""
    os.sync()
    time.sleep(0.5)


def _system_files() -> Iterator[Path]:
    for top in ("/usr/lib", "/usr/share", "/usr/bin"):
        for folder, below, names in os.walk(top):
            below.sort()
            for name in sorted(names):
                file = Path(folder, name)
                if file.is_file() and not file.is_symlink() and file.stat().st_size < 20 << 20:
                    yield file


def _when_there(side: Side, *arguments: str) -> float:
    """The command's seconds, once the registry answers."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return side.command(*arguments).seconds
        except CommandFailed as error:
            if "refused" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.2)
