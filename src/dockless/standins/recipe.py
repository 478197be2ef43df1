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

from dockless import decoding
from dockless.registry.reference import Reference

FOLDER = Path(__file__).parent / "recipes"
_OTHERS_FILES = re.compile(r"^\.\./([^/]+)/")


class Release(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A release that stand-ins are made of. `names` are its other names as tags; `glibc` is its C library's.

    `one_line`: its image has a `sources.list`, not a file of stanzas.
    """

    glibc: str
    names: tuple[str, ...] = ()
    one_line: bool = False


class Distribution(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an archive of packages is known by: its `origin`, the keyrings that it may be signed with (the first that
    the host has counts where its sources name none), and the `components` that are used. `instead` is what to do where
    the host's apt has no such archive."""

    origin: str
    keyrings: tuple[str, ...]
    components: tuple[str, ...]
    instead: str


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One layer. Its folder of files is laid down, `before` is run, the packages come, `after` is run.

    Scripts find the plan's variables in their environment; the names of packages have them in braces. `when` holds
    patterns that variables must match whole. `base`: the layer is a Debian root itself, and `documentation` what was
    kept apart of it. `interpreter`: the host's is copied in. `extract` takes files out of packages that are not
    installed: target (a folder, if it ends in a slash) → (package, end of the file's path). `shell` runs the scripts.
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
    """A sentence on what differs, said `when` variables match these patterns whole."""

    text: str
    when: Mapping[str, str] = {}


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way to get the image's software: from a release (`releases`: its version there) or from the host.

    `match`: whether a version asked for must be the `same`, may be the nearest `newer` one of the same major version,
    or `any` (the nearest newer one, else the newest); `release`: the Debian release is what is asked for. Of the host's
    the first `precision` numbers must be the same, and `preferred` is the release for it if none is asked for.
    `package` is the one whose version is the version of the image's software, and `title` its name if it is another's.
    """

    parts: tuple[Part, ...]
    releases: Mapping[str, str] = {}
    host: Literal["", "cpython", "node"] = ""
    precision: int = 2
    preferred: str = ""
    match: Literal["same", "newer", "any", "release"] = "same"
    package: str = ""
    title: str = ""
    differs: tuple[Difference, ...] = ()


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A stand-in for the official image `image`, of which `title` is the software.

    `refused` instead of sources: why none is made, and what to do instead. `internal`: no image of that name exists,
    it is what others are based on. `distribution`: the image is a whole system, made of its archive, with the releases
    that are `known`, and those `elsewhere` that are not made here.
    """

    image: str
    title: str
    tags: tuple[str, ...]
    sources: tuple[Source, ...] = ()
    refused: str = ""
    internal: bool = False
    distribution: Distribution | None = None
    elsewhere: tuple[str, ...] = ()
    known: Mapping[str, Release] = {}

    @property
    def folder(self) -> Path:
        return FOLDER / self.image

    @property
    def release_names(self) -> list[str]:
        """Every name by which a release of the distribution goes, whether it is made here or not."""
        return [*self.known, *self.elsewhere, *(name for release in self.known.values() for name in release.names)]

    @property
    def patterns(self) -> tuple[re.Pattern[str], ...]:
        """`tags` with their placeholders filled in."""
        return tuple(map(_pattern, self.tags))


class Wanted(msgspec.Struct, frozen=True):
    """What a reference asks for: the recipe, the tag, and what the tag says (empty where it says nothing).

    `said` has every other group of the recipe's patterns.
    """

    recipe: Recipe
    name: str
    tag: str
    version: str = ""
    release: str = ""
    slim: str = ""
    said: Mapping[str, str] = {}


def find(text: str) -> Wanted | None:
    """The recipe for an image's name, if it is one of Docker's official images and a recipe knows its tag."""
    wanted = find_base(text)
    return None if wanted is None or wanted.recipe.internal else wanted


def find_base(text: str) -> Wanted | None:
    """The recipe for what another recipe is based on: an official image, or one that exists only for that."""
    reference = Reference.parse(text)
    namespace, _, image = reference.repository.rpartition("/")
    if reference.registry != "docker.io" or namespace != "library" or reference.digest or not reference.tag:
        return None
    recipe = recipes().get(image)
    if recipe is None:
        return None
    said = {name: "" for pattern in recipe.patterns for name in pattern.groupindex}
    for pattern in recipe.patterns:
        if matched := pattern.fullmatch(reference.tag):
            said |= {name: text for name, text in matched.groupdict().items() if text}
            version, release, slim = (said.pop(name, "") for name in ("version", "release", "slim"))
            slim = "-slim" if slim else ""
            codename = _codename(recipe if recipe.distribution else recipes()["debian"], release)
            return Wanted(recipe, reference.familiar, reference.tag, version, codename, slim, said)
    return None


@functools.cache
def recipes() -> Mapping[str, Recipe]:
    """All recipes, by the image that they stand in for."""
    found = {}
    for file in sorted(FOLDER.glob("*/recipe.yaml")):
        recipe = decoding.convert(yaml.load(file.read_bytes(), yaml.CSafeLoader), Recipe)
        found[recipe.image] = recipe
    return found


def releases() -> Mapping[str, Release]:
    """Debian's releases that can be made here, by codename, oldest first."""
    return recipes()["debian"].known


def distribution_of(release: str) -> Recipe:
    """Whose release this codename is: the recipe with the `distribution`."""
    return next(recipe for recipe in recipes().values() if recipe.distribution and release in recipe.known)


def folder_digest(folder: Path) -> str:
    """A digest over the names and contents of a folder's files."""
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(folder)}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


# Part of every edition: a change of the code that makes layers makes them anew.
CODE = "1"


@functools.cache
def edition(image: str) -> str:
    """A digest over the recipe and those that it is based on or takes files from: what it makes is the same by it."""
    one = recipes()[image]
    text = (one.folder / "Dockerfile").read_text(encoding="utf-8")
    below = set(re.findall(r"^FROM ([a-z0-9-]+):", text, re.MULTILINE))
    below |= {found for source in one.sources for part in source.parts for found in _OTHERS_FILES.findall(part.files)}
    parts = [folder_digest(one.folder), *(edition(other) for other in sorted(below))]
    return hashlib.sha256("\0".join((CODE, *parts)).encode()).hexdigest()


@functools.cache
def _pattern(tag: str) -> re.Pattern[str]:
    """A tag's pattern with its placeholders filled in. Releases that are not made here (any more or yet) match, too."""
    codenames = [*releases(), *recipes()["debian"].elsewhere]
    tag = tag.replace("<release>", f"(?P<release>{'|'.join(map(re.escape, codenames))})")
    for image in ("debian", "ubuntu"):
        names = "|".join(map(re.escape, recipes()[image].release_names))
        tag = tag.replace(f"<{image}>", f"(?P<release>{names})")
    return re.compile(tag.replace("<alpine>", r"(?P<alpine>alpine)(\d+\.\d+)?"))


def _codename(recipe: Recipe, name: str) -> str:
    for codename, release in recipe.known.items():
        if name in release.names:
            return codename
    return name
