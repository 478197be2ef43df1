"""`build --output`: the image in the engine (the default), an archive, a folder of files, a registry.

All of it goes through the API that every engine has: the image is saved, or a container of it exported and removed.
Of a build for several platforms an archive holds an index, and files are in a folder for each platform.
"""

import sys
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from msgspec import Struct

from dockless.cli.docker.build_options import fields
from dockless.cli.failure import Failure
from dockless.client.api import Client
from dockless.client.streams import BodyStream
from dockless.client.unpacking import UnpackError, reader, unpack

_TYPES = ("image", "registry", "docker", "oci", "tar", "local", "cacheonly")
_FILES = ("tar", "local", "cacheonly")
_NAMED = ("image", "registry", "docker", "oci")


class Output(Struct, frozen=True):
    """`destination`: a path, `-` for standard output, or "" where the engine keeps the image."""

    type: str
    destination: str = ""
    push: bool = False
    names: tuple[str, ...] = ()
    as_tar: bool = True
    split: bool | None = None

    @property
    def text(self) -> str:
        return f"type={self.type}" + (f",dest={self.destination}" if self.destination else "")


class Result(Struct, frozen=True):
    """What was built: the image that answers to the names, and, of several platforms, the image of each."""

    image: str
    platforms: Mapping[str, str] = {}

    @property
    def images(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.platforms.values())) or (self.image,)


class Outputs(Struct, frozen=True):
    items: tuple[Output, ...]

    @property
    def keeps_names(self) -> bool:
        """Whether the image is to bear its names: nobody asked for its files alone."""
        return not self.items or any(item.type not in _FILES for item in self.items)

    @property
    def names(self) -> tuple[str, ...]:
        """Further names of the image."""
        return tuple(dict.fromkeys(name for item in self.items for name in item.names))

    def check(self, *, platforms: bool) -> None:
        """Before the build: whether they can take several platforms' images. Raises `Failure`."""
        for item in self.items if platforms else ():
            if item.type == "docker" and item.destination:
                raise Failure(f"--output {item.text}: Docker's archive holds one platform; write type=oci")
            if item.split is False:
                raise Failure(
                    f"--output {item.text}: platform-split=false: files of several platforms lie side by side"
                )

    def deliver(self, client: Client, result: Result, tags: Iterable[str]) -> None:
        """Raises `Failure`, `OSError` as a `Failure`, and what the engine answers."""
        names = tuple(tags)
        for item in self.items:
            try:
                _deliver(client, item, result, names)
            except OSError as error:
                raise Failure(f"--output {item.destination}: {error.strerror or error}") from error
            except UnpackError as error:
                raise Failure(f"--output {error}") from error
        if self.items and not names and all(item.type in (*_FILES, "oci") for item in self.items):
            for image in result.images:
                _forget(client, image)


def parse_outputs(texts: Iterable[str], *, push: bool) -> Outputs:
    """Raises `Failure`."""
    items = [_parse(text) for text in texts]
    if push:
        items.append(Output("image", push=True))
    return Outputs(tuple(items))


def _parse(text: str) -> Output:
    if text == "-":
        return Output("tar", "-")
    if "=" not in text:
        return Output("local", text)
    given = fields("output", text)
    kind = given.get("type", "")
    destination = given.get("dest", "")
    if kind not in _TYPES:
        raise Failure(f"--output {text}: unknown type {kind!r} (known: {', '.join(_TYPES)})")
    if kind == "local" and destination in ("", "-"):
        raise Failure(f"--output {text}: a folder is needed (dest=FOLDER)")
    as_tar = given.get("tar", "true").lower() not in ("false", "0")
    if not as_tar and not destination:
        raise Failure(f"--output {text}: a folder is needed (dest=FOLDER)")
    if kind in ("tar", "oci"):
        destination = destination or "-"
    if destination == "-" and sys.stdout.isatty():
        raise Failure(f"--output {text}: an archive is not written to a terminal; name a file (dest=FILE)")
    push = kind == "registry" or given.get("push", "").lower() in ("true", "1")
    names = tuple(name for name in given.get("name", "").split(",") if name)
    split = given["platform-split"].lower() in ("", "true", "1") if "platform-split" in given else None
    return Output(kind, destination, push, names if kind in _NAMED else (), as_tar, split)


def _deliver(client: Client, item: Output, result: Result, tags: tuple[str, ...]) -> None:
    if item.push:
        _push(client, tags, item)
    elif item.type in ("docker", "oci") and item.destination:
        names = [":".join(_split(name)) for name in tags]
        with client.images.save(names or result.images, together=not names and len(result.images) > 1) as archive:
            _write(archive, item)
    elif item.type in ("tar", "local"):
        _deliver_files(client, item, result)


def _deliver_files(client: Client, item: Output, result: Result) -> None:
    """A folder for each platform where there are several, or where it is asked for."""
    if not result.platforms and not item.split:
        with _files(client, result.image) as archive:
            _write(archive, Output(item.type, item.destination, as_tar=item.type == "tar"))
        return
    of_each = result.platforms or {_platform_of(client, result.image): result.image}
    if item.type == "local":
        for platform, image in of_each.items():
            with _files(client, image) as archive:
                unpack(archive, Path(item.destination) / platform.replace("/", "_"))
        return
    with _opened(item.destination) as file, tarfile.open(fileobj=file, mode="w|", format=tarfile.PAX_FORMAT) as whole:
        for platform, image in of_each.items():
            with _files(client, image) as archive:
                _append(whole, platform.replace("/", "_"), archive)


def _platform_of(client: Client, image: str) -> str:
    found = client.images.inspect(image)
    return "/".join(part for part in (found.os, found.architecture, found.variant) if part)


def _append(whole: tarfile.TarFile, folder: str, archive: BodyStream) -> None:
    """The archive's members, below a folder of its own."""
    top = tarfile.TarInfo(folder)
    top.type, top.mode = tarfile.DIRTYPE, 0o755
    whole.addfile(top)
    with tarfile.open(fileobj=reader(archive), mode="r|") as members:
        for member in members:
            link = f"{folder}/{member.linkname}" if member.islnk() else member.linkname
            moved = member.replace(name=f"{folder}/{member.name}", linkname=link, deep=False)
            # What the archive said of long names would be said again of the new ones.
            moved.pax_headers = {
                key: value for key, value in member.pax_headers.items() if key not in ("path", "linkpath")
            }
            whole.addfile(moved, members.extractfile(member) if member.isreg() else None)


@contextmanager
def _opened(destination: str) -> Iterator[IO[bytes]]:
    if destination != "-":
        with Path(destination).open("wb") as file:
            yield file
        return
    sys.stdout.flush()
    yield sys.stdout.buffer
    sys.stdout.buffer.flush()


def _push(client: Client, names: tuple[str, ...], item: Output) -> None:
    if not names:
        raise Failure(f"--output type={item.type},push=true: the image has no name (-t NAME, or name=NAME)")
    for name in names:
        repository, tag = _split(name)
        for message in client.images.push(repository, tag=tag):
            if message.status and message.progress_detail is None:
                sys.stderr.write(f"{message.id + ': ' if message.id else ''}{message.status}\n")


def _split(name: str) -> tuple[str, str]:
    head, colon, tag = name.rpartition(":")
    return (head, tag) if colon and "/" not in tag else (name, "latest")


class _files:
    """The image's files as an archive, by way of a container that never runs."""

    def __init__(self, client: Client, image: str) -> None:
        self._client = client
        self._image = image
        self._container = ""
        self._body: BodyStream | None = None

    def __enter__(self) -> BodyStream:
        from dockless.wire.containers import ContainerCreateRequest

        made = self._client.containers.create(None, ContainerCreateRequest(image=self._image, cmd=("/",)))
        self._container = made.id
        self._body = self._client.containers.export(self._container, bare=True)
        return self._body

    def __exit__(self, *_: object) -> None:
        if self._body is not None:
            self._body.close()
        self._client.containers.remove(self._container, force=True, volumes=True)


def _write(archive: BodyStream, item: Output) -> None:
    if not item.as_tar:
        unpack(archive, Path(item.destination))
        return
    with _opened(item.destination) as file:
        for chunk in archive:
            file.write(chunk)


def _forget(client: Client, image: str) -> None:
    """The image was only a way to its files, unless it has a name or a container from before."""
    from dockless.wire.errors import Conflict, NotFound

    try:
        if not client.images.inspect(image).repo_tags:
            client.images.remove(image)
    except (Conflict, NotFound):
        return  # somebody uses it, or somebody else has removed it: then it is not ours to remove
