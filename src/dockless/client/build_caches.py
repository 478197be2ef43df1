"""Where a build's known steps come from and go to: `build --cache-from` and `--cache-to`, and a compose file's keys.

The engine puts a build's steps into an image (and takes them out of one) by name; how that image travels, pushed to a
registry or saved into a folder as an OCI layout, is decided here. Only our own engine has such images.
"""

import io
import json
import secrets
import tarfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from dockless.client.api import Client
from dockless.client.build_fields import fields
from dockless.client.errors import RequestFailed
from dockless.client.unpacking import UnpackError, unpack
from dockless.wire.errors import ApiError, Conflict, NotFound

#: The build argument by which BuildKit is asked for a cache inside the image; it asks our builder, too.
INLINE_ARGUMENT = "BUILDKIT_INLINE_CACHE"

_PREFIX = "dockless-cache-"
_LISTING = "manifest.json"

#: Two builds of one project may write into one folder.
_writing = threading.Lock()


class CacheError(Exception):
    """A cache that is named wrongly or cannot be written; the message begins with the option or the key."""


class Called(Struct, frozen=True):
    """What messages call the two: the command's options, or a compose file's keys."""

    source: str = "--cache-from"
    target: str = "--cache-to"


class Target(Struct, frozen=True):
    """`name` is the image's; `folder` where it is saved, None: it is pushed under its name."""

    name: str
    every: bool
    folder: Path | None = None
    lenient: bool = False


class Caches(Struct):
    """`texts_from` and `texts_to` as they are given. Raises `CacheError` when it is `ready`."""

    texts_from: Sequence[str]
    texts_to: Sequence[str]
    called: Called = Called()
    sources: tuple[str, ...] = ()
    inline: bool = False
    _targets: list[Target] = field(default_factory=list)

    @property
    def targets(self) -> tuple[str, ...]:
        """As the engine is asked: `NAME` for the result's own steps, `max:NAME` for those of all stages."""
        return tuple(f"max:{target.name}" if target.every else target.name for target in self._targets)

    @property
    def arguments(self) -> dict[str, str]:
        """The build arguments that ask for a cache inside the image."""
        return {INLINE_ARGUMENT: "1"} if self.inline else {}

    @contextmanager
    def ready(self, client: Client, say: Callable[[str], None]) -> Iterator["Caches"]:
        """Loads what comes from folders; at the end the images that were only made for the way are gone.

        A folder that holds no cache of ours makes the build slow, not wrong: `say` is told.
        """
        self._read_targets()
        if self.inline and not client.is_ours:
            raise CacheError(f"{self.called.target} type=inline: only dockless's own engine can do that")
        wanted = [_source(text, self.called.source) for text in self.texts_from]
        passing = [target.name for target in self._targets]
        sources = []
        try:
            for name, folder in wanted:
                if folder is None:
                    sources.append(name)
                    continue
                try:
                    sources += _load(client, folder, passing)
                except (ApiError, OSError, ValueError, KeyError) as error:
                    said = error.message if isinstance(error, ApiError) else str(error)
                    say(f"WARNING: cache from {folder} is not used: {said.strip()}")
            self.sources = tuple(sources)
            yield self
        finally:
            for name in passing:
                _remove(client, name)

    def deliver(self, client: Client, say: Callable[[str], None]) -> None:
        """Sends the new caches to where they were wanted. Raises `CacheError`, and what the engine answers."""
        for target in self._targets:
            try:
                _send(client, target)
            except (RequestFailed, OSError, UnpackError) as error:
                said = error.message if isinstance(error, RequestFailed) else str(error)
                message = f"{self.called.target} {target.folder or target.name}: {said.strip()}"
                if not target.lenient:
                    raise CacheError(message) from error
                say(f"WARNING: {message}")

    def _read_targets(self) -> None:
        for text in self.texts_to:
            target = _target(text, self.called.target)
            if target is None:
                self.inline = True
            else:
                self._targets.append(target)


def kind_of(text: str) -> str:
    """The type of a cache as it is written; a name alone is an image in a registry. What cannot be read is "": `Caches`
    says so."""
    try:
        return fields(text).get("type", "registry") if "=" in text else "registry"
    except ValueError:
        return ""


def _target(text: str, option: str) -> Target | None:
    """None for the image itself (`type=inline`)."""
    given = _given(text, option)
    kind = given.get("type", "registry")
    mode = given.get("mode", "min")
    if mode not in ("min", "max"):
        raise CacheError(f"{option} {text}: mode is min or max")
    lenient = given.get("ignore-error", "").lower() in ("true", "1")
    if kind == "inline":
        return None
    if kind == "registry" and given.get("ref"):
        return Target(_tagged(given["ref"]), mode == "max", lenient=lenient)
    if kind == "local" and given.get("dest"):
        return Target(_fresh_name(), mode == "max", Path(given["dest"]), lenient)
    forms = "type=registry,ref=NAME, type=local,dest=FOLDER or type=inline"
    raise CacheError(f"{option} {text}: write {forms} (other kinds are not known)")


def _source(text: str, option: str) -> tuple[str, Path | None]:
    given = _given(text, option)
    kind = given.get("type", "registry")
    if kind == "registry" and given.get("ref"):
        return given["ref"], None
    if kind == "local" and given.get("src"):
        return "", Path(given["src"])
    raise CacheError(f"{option} {text}: write NAME, type=registry,ref=NAME or type=local,src=FOLDER")


def _given(text: str, option: str) -> dict[str, str]:
    try:
        return fields(text) if "=" in text else {"type": "registry", "ref": text}
    except ValueError as error:
        raise CacheError(f"{option} {error}") from error


def _tagged(name: str) -> str:
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def _fresh_name() -> str:
    return f"{_PREFIX}{secrets.token_hex(8)}:latest"


def _send(client: Client, target: Target) -> None:
    if target.folder is not None:
        with _writing, client.images.save([target.name]) as archive:
            unpack(archive, target.folder)
        return
    repository, _, tag = target.name.rpartition(":")
    for _message in client.images.push(repository, tag=tag):
        continue


def _load(client: Client, folder: Path, passing: list[str]) -> list[str]:
    """The ids of the images in a folder that is there, which bear names of their own as long as they pass through.

    Raises `ApiError`, `OSError`, `ValueError`, `KeyError` for a folder that holds something else.
    """
    if not (folder / "index.json").exists():
        return []
    if not (folder / _LISTING).exists():
        raise ValueError("it is not one that was written here")
    listing: list[dict[str, Any]] = json.loads((folder / _LISTING).read_bytes())
    images = [{**entry, "RepoTags": [_fresh_name()]} for entry in listing]
    passing += [image["RepoTags"][0] for image in images]
    for _message in client.images.load(_archive(folder, images)):
        continue
    return [client.images.inspect(image["RepoTags"][0]).id for image in images]


def _archive(folder: Path, images: list[dict[str, Any]]) -> Iterator[bytes]:
    """What the images need of the layout, as the archive that an engine loads; older ones' files stay behind."""
    root = folder.resolve()
    data = json.dumps(images).encode()
    yield from _member(_LISTING, len(data), io.BytesIO(data))
    for name in dict.fromkeys(name for image in images for name in (image["Config"], *image["Layers"])):
        path = (root / name).resolve()
        if not path.is_relative_to(root):
            raise ValueError(f"{name} is outside")
        with path.open("rb") as file:
            yield from _member(name, path.stat().st_size, file)
    yield bytes(2 * tarfile.BLOCKSIZE)


def _member(name: str, size: int, file: io.BufferedIOBase) -> Iterator[bytes]:
    member = tarfile.TarInfo(name)
    member.size = size
    yield member.tobuf(tarfile.PAX_FORMAT)
    while data := file.read(1 << 18):
        yield data
    yield bytes(-size % tarfile.BLOCKSIZE)


def _remove(client: Client, name: str) -> None:
    try:
        client.images.remove(name)
    except (Conflict, NotFound):
        return  # never made, or somebody uses it
