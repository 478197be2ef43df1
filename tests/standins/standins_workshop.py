"""A state folder with stand-ins in it, and containers of them as far as tests need them."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from standins_runner import UnshareRunner, started

from dockless.images.store import Image, ImageStore
from dockless.places import Places
from dockless.standins.schema import SCHEMA
from dockless.standins.standins import StandIns
from dockless.state import Database


@dataclass
class Workshop:
    """Stand-ins with a store of their own, and containers of them."""

    places: Places
    images: ImageStore
    stand_ins: StandIns
    said: list[str] = field(default_factory=list)

    def image(self, ref: str) -> Image:
        return self.stand_ins.make(ref, self.said.append)

    @contextmanager
    def container(
        self,
        ref: str,
        *argv: str,
        env: dict[str, str] | None = None,
        volume: Path | None = None,
        ids: tuple[int, int] = (0, 0),
        binds: Sequence[tuple[Path, str]] = (),
        network: str = "host",
    ) -> Iterator["subprocess.Popen[bytes]"]:
        """`docker run REF ARGV…` as far as these tests need it; `volume` is mounted at the image's first VOLUME."""
        image = self.image(ref)
        config = image.config.config
        folder = Path(tempfile.mkdtemp(prefix="container-", dir=self.places.root))
        (folder / "upper").mkdir(mode=0o755)
        (folder / "work").mkdir()
        mounts = [(str(source), target) for source, target in binds]
        if volume is not None:
            mounts.append((str(volume), next(iter(config.volumes))))
        if network == "host":
            mounts.append(("/etc/resolv.conf", "/etc/resolv.conf"))
        try:
            with started(
                (*(config.entrypoint or ()), *(argv or config.cmd or ())),
                env={"HOME": "/root", **dict(pair.split("=", 1) for pair in config.env), **(env or {})},
                lower=self.images.chain(image),
                upper=folder / "upper",
                work=folder / "work",
                network=network,
                ids=ids,
                binds=mounts,
            ) as process:
                yield process
        finally:
            shutil.rmtree(folder)

    def run(self, ref: str, *argv: str, status: int = 0, **options: object) -> str:
        """Runs a container to its end and gives what it printed; its exit status must be `status`."""
        with self.container(ref, *argv, **options) as process:  # type: ignore[arg-type]
            out, _ = process.communicate(timeout=300)
        text = out.decode(errors="replace")
        assert process.returncode == status, text
        return text


def new_workshop(root: Path) -> Workshop:
    places = Places(root, root / "run")
    database = Database(places.database, (*ImageStore.SCHEMA, *SCHEMA))
    images = ImageStore(places, database)
    stand_ins = StandIns(places, images, images.layers, database, UnshareRunner(), dict(os.environ))
    return Workshop(places, images, stand_ins)
