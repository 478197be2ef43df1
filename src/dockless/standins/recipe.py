"""Recipes as values: what stands in for which image, read from `recipes/<image>/`.

A recipe is data: `recipe.yaml` (which tags, which versions Debian's releases offer, which packages, what differs),
a `Dockerfile` with the image's configuration, and folders of files. To add an image is to add a folder.
`recipes/README.md` describes every key. This module reads and matches; it runs nothing.
"""

import functools
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec
import yaml

from dockless.images.reference import Reference

FOLDER = Path(__file__).parent / "recipes"


class Release(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A Debian release that stand-ins are made of. `names` are its other names as tags; `glibc` is its C library's."""

    glibc: str
    names: tuple[str, ...] = ()


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One layer. Its folder of files is laid down, `before` is run, the packages come, `after` is run.

    Scripts find the plan's variables in their environment; the names of packages have them in braces. `when` holds
    values that variables must have. `base`: the layer is a Debian root itself, and `documentation` what was kept apart
    of it. `interpreter`: the host's CPython is copied in. `extract` takes files out of packages that are not installed:
    target (a folder, if it ends in a slash) → (package, end of the file's path). `shell` runs the scripts.
    """

    name: str
    when: Mapping[str, str] = {}
    packages: tuple[str, ...] = ()
    files: str = ""
    before: str = ""
    after: str = ""
    base: bool = False
    documentation: bool = False
    interpreter: bool = False
    extract: Mapping[str, tuple[str, str]] = {}
    shell: tuple[str, ...] = ("/bin/sh",)


class Difference(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sentence on what differs, said `when` variables have these values."""

    text: str
    when: Mapping[str, str] = {}


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way to get the image's software: from a Debian release (`releases`: its version there) or from the host.

    `match`: whether a version asked for must be the `same`, may be the nearest `newer` one, or `any`; `release`: the
    Debian release is what is asked for. `package` is the one whose version is the version of the image's software.
    """

    parts: tuple[Part, ...]
    releases: Mapping[str, str] = {}
    host: Literal["", "cpython"] = ""
    match: Literal["same", "newer", "any", "release"] = "same"
    package: str = ""
    differs: tuple[Difference, ...] = ()


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A stand-in for the official image `image`, of which `title` is the software."""

    image: str
    title: str
    tags: tuple[str, ...]
    sources: tuple[Source, ...]
    elsewhere: tuple[str, ...] = ()
    known: Mapping[str, Release] = {}

    @property
    def folder(self) -> Path:
        return FOLDER / self.image

    @property
    def digest(self) -> str:
        return folder_digest(self.folder)


class Wanted(msgspec.Struct, frozen=True):
    """What a reference asks for: the recipe, the tag, and what the tag says (empty where it says nothing)."""

    recipe: Recipe
    name: str
    tag: str
    version: str = ""
    release: str = ""
    slim: str = ""


def find(text: str) -> Wanted | None:
    """The recipe for an image's name, if it is one of Docker's official images and a recipe knows its tag."""
    reference = Reference.parse(text)
    namespace, _, image = reference.repository.rpartition("/")
    if reference.registry != "docker.io" or namespace != "library" or reference.digest or not reference.tag:
        return None
    recipe = recipes().get(image)
    if recipe is None:
        return None
    for pattern in recipe.tags:
        pattern = pattern.replace("<release>", _names(aliases=False)).replace("<debian>", _names(aliases=True))
        if matched := re.fullmatch(pattern, reference.tag):
            said = matched.groupdict()
            release = _codename(said.get("release") or "")
            slim = "-slim" if said.get("slim") else ""
            return Wanted(recipe, reference.familiar, reference.tag, said.get("version") or "", release, slim)
    return None


@functools.cache
def recipes() -> Mapping[str, Recipe]:
    """All recipes, by the image that they stand in for."""
    found = {}
    for file in sorted(FOLDER.glob("*/recipe.yaml")):
        recipe = msgspec.convert(yaml.load(file.read_bytes(), yaml.CSafeLoader), Recipe)
        found[recipe.image] = recipe
    return found


def releases() -> Mapping[str, Release]:
    """Debian's releases that can be made here, by codename, oldest first."""
    return recipes()["debian"].known


def release_names() -> list[str]:
    """Every name by which a release of Debian goes, whether it is made here or not."""
    names = [*releases(), *recipes()["debian"].elsewhere]
    return names + [name for release in releases().values() for name in release.names]


def folder_digest(folder: Path) -> str:
    """A digest over the names and contents of a folder's files."""
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(folder)}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _names(*, aliases: bool) -> str:
    """A group that matches the names of releases, also of those that are not made here any more or not yet."""
    names = release_names() if aliases else [*releases(), *recipes()["debian"].elsewhere]
    return f"(?P<release>{'|'.join(map(re.escape, names))})"


def _codename(name: str) -> str:
    for codename, release in releases().items():
        if name in release.names:
            return codename
    return name
