"""`build --output`: the image in the engine (the default), an archive, a folder of files, a registry.

All of it goes through the API that every engine has: the image is saved, or a container of it exported and removed.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from dockless.cli.docker.build_options import fields
from dockless.cli.failure import Failure
from dockless.client.api import Client
from dockless.client.streams import BodyStream
from dockless.client.unpacking import UnpackError, unpack

_TYPES = ("image", "registry", "docker", "oci", "tar", "local", "cacheonly")
_FILES = ("tar", "local", "cacheonly")


class Output(Struct, frozen=True):
    """`destination`: a path, `-` for standard output, or "" where the engine keeps the image."""

    type: str
    destination: str = ""
    push: bool = False
    name: str = ""
    as_tar: bool = True


class Outputs(Struct, frozen=True):
    items: tuple[Output, ...]

    @property
    def keeps_names(self) -> bool:
        """Whether the image is to bear its names: nobody asked for its files alone."""
        return not self.items or any(item.type not in _FILES for item in self.items)

    def deliver(self, client: Client, image: str, tags: Iterable[str]) -> None:
        """Raises `Failure`, `OSError` as a `Failure`, and what the engine answers."""
        names = tuple(tags)
        for item in self.items:
            try:
                _deliver(client, item, image, names)
            except OSError as error:
                raise Failure(f"--output {item.destination}: {error.strerror or error}") from error
            except UnpackError as error:
                raise Failure(f"--output {error}") from error
        if self.items and not names and all(item.type in (*_FILES, "oci") for item in self.items):
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
    return Output(kind, destination, push, given.get("name", ""), as_tar)


def _deliver(client: Client, item: Output, image: str, tags: tuple[str, ...]) -> None:
    if item.type in ("image", "registry"):
        names = [name for name in item.name.split(",") if name]
        for name in names:
            repository, tag = _split(name)
            client.images.tag(image, repo=repository, tag=tag)
        if item.push:
            _push(client, [*tags, *names], item)
        return
    if item.type in ("docker", "oci"):
        if item.destination:
            with client.images.save(tags or (image,)) as archive:
                _write(archive, item)
        return
    if item.type in ("tar", "local"):
        with _files(client, image) as archive:
            _write(archive, Output(item.type, item.destination, as_tar=item.type == "tar"))


def _push(client: Client, names: list[str], item: Output) -> None:
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
        self._body = self._client.containers.export(self._container)
        return self._body

    def __exit__(self, *_: object) -> None:
        if self._body is not None:
            self._body.close()
        self._client.containers.remove(self._container, force=True, volumes=True)


def _write(archive: BodyStream, item: Output) -> None:
    if not item.as_tar:
        unpack(archive, Path(item.destination))
    elif item.destination == "-":
        sys.stdout.flush()
        for chunk in archive:
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
    else:
        with Path(item.destination).open("wb") as file:
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
