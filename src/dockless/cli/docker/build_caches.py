"""`build --cache-from` and `--cache-to`: known steps from and to a registry or a folder.

The engine puts a build's steps into an image (and takes them out of one) by name; how that image travels, pushed to a
registry or saved into a folder as an OCI layout, is decided here.
"""

import secrets
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct, field

from dockless.cli.docker.build_options import fields
from dockless.cli.failure import Failure
from dockless.client.api import Client

_PREFIX = "dockless-cache-"
_LAYOUT = "oci-layout"


class Target(Struct, frozen=True):
    """`name` is the image's; `folder` where it is saved, None: it is pushed under its name."""

    name: str
    every: bool
    folder: Path | None = None
    lenient: bool = False


class Caches(Struct):
    """`texts_from` and `texts_to` are the options as given. Raises `Failure` when it is `ready`."""

    texts_from: Sequence[str]
    texts_to: Sequence[str]
    sources: tuple[str, ...] = ()
    _targets: list[Target] = field(default_factory=list)

    @property
    def targets(self) -> tuple[str, ...]:
        """As the engine is asked: `NAME` for the result's own steps, `max:NAME` for those of all stages."""
        return tuple(f"max:{target.name}" if target.every else target.name for target in self._targets)

    @contextmanager
    def ready(self, client: Client) -> Iterator["Caches"]:
        """Loads what comes from folders; at the end the images that were only made for the way are gone."""
        self._targets = [_target(text) for text in self.texts_to]
        passing: list[str] = []
        sources = []
        try:
            for text in self.texts_from:
                name, folder = _source(text)
                if folder is None:
                    sources.append(name)
                elif (folder / _LAYOUT).exists():
                    sources += _load(client, folder, passing)
            self.sources = tuple(sources)
            yield self
        finally:
            passing += [target.name for target in self._targets]
            for name in passing:
                _remove(client, name)

    def deliver(self, client: Client) -> None:
        """Sends the new caches to where they were wanted. Raises `Failure`, and what the engine answers."""
        from dockless.cli.docker.build_outputs import unpack
        from dockless.cli.output import note
        from dockless.client.errors import RequestFailed

        for target in self._targets:
            if target.folder is not None:
                with client.images.save([target.name]) as archive:
                    unpack(archive, target.folder)
                continue
            repository, _, tag = target.name.rpartition(":")
            try:
                for _message in client.images.push(repository, tag=tag):
                    continue
            except RequestFailed as error:
                if not target.lenient:
                    raise Failure(f"--cache-to {target.name}: {error.message}") from error
                note(f"WARNING: --cache-to {target.name}: {error.message}")


def _target(text: str) -> Target:
    given = fields("cache-to", text) if "=" in text else {"type": "registry", "ref": text}
    kind = given.get("type", "registry")
    mode = given.get("mode", "min")
    if mode not in ("min", "max"):
        raise Failure(f"--cache-to {text}: mode is min or max")
    lenient = given.get("ignore-error", "").lower() in ("true", "1")
    if kind == "registry" and given.get("ref"):
        return Target(_tagged(given["ref"]), mode == "max", lenient=lenient)
    if kind == "local" and given.get("dest"):
        return Target(f"{_PREFIX}{secrets.token_hex(8)}:latest", mode == "max", Path(given["dest"]))
    raise Failure(
        f"--cache-to {text}: write type=registry,ref=NAME or type=local,dest=FOLDER (other kinds are not known)"
    )


def _source(text: str) -> tuple[str, Path | None]:
    given = fields("cache-from", text) if "=" in text else {"type": "registry", "ref": text}
    kind = given.get("type", "registry")
    if kind == "registry" and given.get("ref"):
        return given["ref"], None
    if kind == "local" and given.get("src"):
        return "", Path(given["src"])
    raise Failure(f"--cache-from {text}: write NAME, type=registry,ref=NAME or type=local,src=FOLDER")


def _tagged(name: str) -> str:
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def _load(client: Client, folder: Path, passing: list[str]) -> list[str]:
    ids = []
    for message in client.images.load(_archive(folder)):
        head, colon, name = message.stream.strip().partition(": ")
        if colon and head in ("Loaded image", "Loaded image ID"):
            image = client.images.inspect(name)
            ids.append(image.id)
            passing.append(name)
    return ids


def _archive(folder: Path) -> Iterator[bytes]:
    """The layout as the archive that an engine loads."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        member = tarfile.TarInfo(path.relative_to(folder).as_posix())
        member.size = path.stat().st_size
        yield member.tobuf(tarfile.PAX_FORMAT)
        with path.open("rb") as file:
            while data := file.read(1 << 18):
                yield data
        yield bytes(-member.size % tarfile.BLOCKSIZE)
    yield bytes(2 * tarfile.BLOCKSIZE)


def _remove(client: Client, name: str) -> None:
    from dockless.wire.errors import Conflict, NotFound

    try:
        client.images.remove(name)
    except (Conflict, NotFound):
        return  # never made, or somebody uses it
