"""A stack as it is read: the project, where each part of it comes from, its Dockerfiles and their contexts.

Everything that a story needs of the disk is read here, once; the rest of the room computes.
"""

import os
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from dockless.compose.errors import ComposeError
from dockless.compose.load.loader import Traced
from dockless.compose.load.reading import read
from dockless.compose.load.tree import Files
from dockless.compose.model import Build, Project
from dockless.dockerfile import Dockerfile, DockerfileError, parse
from dockless.dockerfile.ignore import Ignore, IgnoreError

_REMOTE = ("http://", "https://", "git://", "git@", "ssh://", "github.com/", "oci://", "docker-image://")


class ComposeFile(msgspec.Struct, frozen=True):
    """One file of the project. `document` has its values as written, with their places."""

    path: str
    text: str
    document: Mapping[str, Any]
    how: str
    """Why it is read: `given`, `included` or `extended`."""


class Context(msgspec.Struct, frozen=True):
    """A build's folder. `kept` and `left_out` are the names at its top that `.dockerignore` lets through and not."""

    folder: str
    ignore_file: str = ""
    kept: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


class Image(msgspec.Struct, frozen=True):
    """An image that the project builds: for which services, of what."""

    services: tuple[str, ...]
    path: str
    text: str
    file: Dockerfile
    context: Context
    target: str = ""
    arguments: Mapping[str, str | None] = {}
    inline: bool = False


class Stack(msgspec.Struct, frozen=True, dict=True):
    """All that was read. `folder` is where the reader stands; `secrets` whether secret values may be shown."""

    folder: str
    traced: Traced | None = None
    files: tuple[ComposeFile, ...] = ()
    images: tuple[Image, ...] = ()
    warnings: tuple[str, ...] = ()
    shell: Mapping[str, str] = {}
    reveal: bool = False

    @property
    def project(self) -> Project:
        return self.traced.project if self.traced else Project()

    @property
    def written(self) -> Project:
        """The project before env files are read."""
        return self.traced.written if self.traced else Project()

    @cached_property
    def by_service(self) -> dict[str, Image]:
        return {name: image for image in self.images for name in image.services}

    def shown(self, path: str) -> str:
        """A path as the reader would write it."""
        if not os.path.isabs(path):
            return path
        relative = os.path.relpath(path, self.folder)
        if relative == ".":
            return "."
        return path if relative.startswith("../..") else relative


def read_stack(traced: Traced, *, folder: str, shell: Mapping[str, str], reveal: bool = False) -> Stack:
    """Reads what the project refers to. What cannot be read becomes a warning: the rest can still be explained."""
    warnings = list(traced.project.warnings)
    warnings += [str(problem).split("\n")[0] for problem in traced.missing]
    images = tuple(_images(traced.project, warnings))
    files = tuple(_files(traced, warnings))
    return Stack(folder, traced, files, images, tuple(warnings), shell, reveal)


def read_dockerfile(path: str, *, folder: str) -> Stack:
    """A Dockerfile on its own; its folder is the context. Raises DockerfileError, OSError."""
    text = Path(path).read_text(encoding="utf-8-sig")
    parsed = parse(text, name=path)
    image = Image((), path, text, parsed, _context(os.path.dirname(path), path, []))
    return Stack(folder, images=(image,))


def _files(traced: Traced, warnings: list[str]) -> Iterator[ComposeFile]:
    """The files given, then those that they include or extend, each once."""
    seen: set[str] = set()
    queue = [(path, document, "given") for path, document in traced.documents]
    folder = traced.project.working_dir
    while queue:
        path, document, how = queue.pop(0)
        document = plain_document(document)
        if not isinstance(document, dict):
            continue
        if how != "given" and path in seen:
            continue
        seen.add(path)
        yield ComposeFile(path, traced.files.text(path).decode("utf-8", "replace"), document, how)
        for other, base, reason in _others(document, path, folder):
            full = os.path.normpath(os.path.join(base, os.path.expanduser(other)))
            if full in seen or "$" in other or not os.path.isfile(full):
                continue
            try:
                queue += [(full, each, reason) for each in read(Path(full).read_bytes(), full, Files())]
            except (OSError, ComposeError) as error:
                warnings.append(f"{full}: {error}")
            if full not in seen and not traced.files.text(full):
                traced.files.add(full, Path(full).read_bytes())


def _others(document: Mapping[str, Any], path: str, folder: str) -> Iterator[tuple[str, str, str]]:
    for entry in _listed(document.get("include")):
        for each in _listed(entry.get("path") if isinstance(entry, dict) else entry):
            if isinstance(each, str):
                yield each, folder, "included"
    services = document.get("services")
    for service in services.values() if isinstance(services, dict) else ():
        extends = service.get("extends") if isinstance(service, dict) else None
        if isinstance(extends, dict) and isinstance(file := extends.get("file"), str):
            yield file, os.path.dirname(path), "extended"


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def plain_document(document: Any) -> Any:
    """What stands behind `!override`."""
    return getattr(document, "value", document)


def _images(project: Project, warnings: list[str]) -> Iterator[Image]:
    """What is built, in the services' order; services with the same build share an entry."""
    found: dict[tuple[str, str, str], tuple[Build, list[str]]] = {}
    for service in project.services.values():
        if service.build is None:
            continue
        build = service.build
        key = (build.context, build.dockerfile or build.dockerfile_inline, build.target)
        found.setdefault(key, (build, []))[1].append(service.name)
    for build, names in found.values():
        image = _image(build, names, warnings)
        if image is not None:
            yield image


def _image(build: Build, names: list[str], warnings: list[str]) -> Image | None:
    if build.context.startswith(_REMOTE):
        warnings.append(
            f"services.{names[0]}.build: {build.context} is not on this machine: its Dockerfile is not read"
        )
        return None
    path = os.path.join(build.context, build.dockerfile or "Dockerfile")
    text = build.dockerfile_inline
    inline = bool(text)
    if inline:
        path = f"dockerfile_inline of {names[0]}"
    try:
        text = text or Path(path).read_text(encoding="utf-8-sig")
        parsed = parse(text, name=path)
    except OSError as error:
        warnings.append(f"services.{names[0]}.build: open {path}: {(error.strerror or str(error)).lower()}")
        return None
    except DockerfileError as error:
        warnings.append(str(error).split("\n")[0])
        return None
    context = _context(build.context, "" if inline else path, warnings)
    return Image(tuple(names), path, text, parsed, context, build.target, dict(build.args), inline)


def _context(folder: str, dockerfile: str, warnings: list[str]) -> Context:
    folder = os.path.abspath(folder)
    candidates = [dockerfile + ".dockerignore"] if dockerfile else []
    ignore_file = next(
        (path for path in (*candidates, os.path.join(folder, ".dockerignore")) if os.path.isfile(path)), ""
    )
    ignore = Ignore()
    if ignore_file:
        try:
            ignore = Ignore.parse(Path(ignore_file).read_text(encoding="utf-8-sig"))
        except (OSError, IgnoreError) as error:
            warnings.append(f"{ignore_file}: {error}")
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        warnings.append(f"{folder}: {(error.strerror or str(error)).lower()}")
        return Context(folder, ignore_file)
    left_out = tuple(name for name in names if ignore.ignored(name) and ignore.prunes(name))
    return Context(folder, ignore_file, tuple(name for name in names if name not in left_out), left_out)
