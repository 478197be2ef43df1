"""The stand-ins: from an image's name to an image made here, and what differs from the official one.

Which image is meant is decided by `recipe` and `plan`, how a layer is made by `layering`. Here layers and images are
remembered, so that what is made once is shared: by key, in the state's database.
"""

import hashlib
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from dockless.build.steps import StepRunner
from dockless.images.config import ContainerConfig, History, ImageConfig, RootFs
from dockless.images.layers import LayerStore
from dockless.images.scratch import Scratch
from dockless.images.store import Image, ImageStore
from dockless.places import Places
from dockless.registry.platform import Platform
from dockless.registry.reference import Reference
from dockless.standins import apt, configuration, host, libraries, recipe, renewal
from dockless.standins import plan as planning
from dockless.standins.archives import Archive, Archives
from dockless.standins.errors import StandInError
from dockless.standins.host import HostSoftware
from dockless.standins.layering import Layering, Progress
from dockless.standins.listing import Listed, listed
from dockless.standins.plan import Plan
from dockless.standins.recipe import Part, Recipe
from dockless.state import Database

LABEL = "dev.dockless.stand-in"
LABEL_DIFFERS = "dev.dockless.stand-in.differs"

# Layers older than this (seconds) are not built upon any more: they miss a week of security updates.
_LAYER_AGE = 7 * 86400.0


@dataclass(frozen=True, slots=True)
class Making:
    """One request: whether everything is to be made anew, and who waits for it."""

    fresh: bool
    say: Progress


@dataclass(frozen=True, slots=True)
class Made:
    """A plan that has become layers (bottom first, with their names) and a configuration, and the software's version
    that was found."""

    plan: Plan
    version: str
    config: ContainerConfig
    diff_ids: tuple[str, ...]
    names: tuple[str, ...]


class StandIns:
    """One for the engine. All methods may be called from many threads; `make` blocks for seconds."""

    def __init__(
        self,
        places: Places,
        images: ImageStore,
        layers: LayerStore,
        database: Database,
        runner: StepRunner,
        environ: Mapping[str, str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._images = images
        self._layers = layers
        self._database = database
        self._runner = runner
        self._environ = environ
        self._clock = clock
        self._archives = Archives(Scratch.of(places), environ)
        self._locks: dict[str, threading.Lock] = {}
        self._locks_lock = threading.Lock()

    def find(self, ref: str) -> Recipe | None:
        """The recipe that stands in for the image `ref`, None if there is none. Raises `InvalidReference`."""
        wanted = recipe.find(ref)
        return wanted.recipe if wanted else None

    def make(self, ref: str, progress: Progress, *, fresh: bool = False) -> Image:
        """The stand-in for `ref`, tagged with its name. What was made before is used again, unless `fresh`.

        Raises `StandInError` with the reason. `progress` takes whole lines.
        """
        wanted = recipe.find(ref)
        if wanted is None:
            raise StandInError(f"no stand-in can be made for {ref}: there is no recipe for it")
        chosen = planning.plan(wanted, self._of_host)
        key = _image_key(chosen)
        with self._alone(key):
            image = None if fresh else self._made_image(key)
            if image is None:
                with self._layers.use(), self._archives.kept():
                    image = self._make_image(chosen, Making(fresh, progress))
                self._remember("standin_images", "image_id", key, image.id)
            self._images.tag(image.id, Reference.parse(ref))
            renewal.note(self._database, wanted.name, image, recipe.edition(wanted.recipe.image))
        progress(f"{wanted.name} is a stand-in: {image.config.config.labels[LABEL_DIFFERS]}")
        return self._images.resolve(image.id) or image

    def take_back(self, ref: str) -> Image | None:
        """What an earlier dockless made for `ref`, and what was to be made anew; None where there is none."""
        return renewal.take_back(self._database, self._images, Reference.parse(ref).familiar)

    def differences(self, ref: str) -> list[str]:
        """In what the stand-in for `ref` differs from the official image, a sentence each.

        For an image that was made, what its label says; otherwise what is known without asking a mirror.
        """
        image = self._images.resolve(ref)
        if image is not None and LABEL_DIFFERS in image.config.config.labels:
            return image.config.config.labels[LABEL_DIFFERS].split("; ")
        wanted = recipe.find(ref)
        if wanted is None:
            return []
        chosen = planning.plan(wanted, self._of_host)
        return planning.differences(chosen, chosen.version)

    def list(self) -> Sequence[Listed]:
        """All stand-ins that there are recipes for, without asking a mirror."""
        why = apt.missing(self._environ)
        with self._archives.kept():  # so that the host's apt is asked once
            return listed(recipe.recipes(), self._of_host, lambda one: why or self._archives.lacking(one))

    def keep(self) -> set[str]:
        """Layers that no image refers to and that collecting garbage should spare: the documentation that belongs to
        bases in use, without which the next image that is not slim would need its base made again."""
        bases = {diff_id for image in self._images.list() for diff_id in image.layers[:1]}
        return {known for base in bases if (known := self._made_layer(_documentation_key(base))) is not None}

    def _make_image(self, chosen: Plan, making: Making) -> Image:
        made = self._make_layers(chosen, making)
        config = made.config
        labels = {LABEL: "true", LABEL_DIFFERS: "; ".join(planning.differences(made.plan, made.version))}
        created = datetime.fromtimestamp(self._clock(), UTC).isoformat()
        return self._images.create(
            ImageConfig(
                architecture=Platform.host().architecture,
                os="linux",
                created=created,
                config=msgspec.structs.replace(config, labels={**config.labels, **labels}),
                rootfs=RootFs(diff_ids=made.diff_ids),
                history=tuple(History(created=created, created_by=f"dockless stand-in: {name}") for name in made.names),
            ),
            names=(chosen.wanted.name,),
        )

    def _make_layers(self, chosen: Plan, making: Making) -> Made:
        """The layers of a plan, on those of the stand-in that its Dockerfile names."""
        archive = self._archives.of(chosen.release)
        found = self._carried(chosen, archive)
        while found is None:
            following = chosen.on_next_release()
            if following is None:
                raise StandInError(f"no stand-in can be made for {chosen.wanted.name}: no Debian release carries it")
            chosen, archive = following, self._archives.of(following.release)
            found = self._carried(chosen, archive)
        file = configuration.read(chosen.wanted.recipe.folder)
        base = configuration.base(file, chosen.variables)
        below = self._make_below(base, making) if base else Made(chosen, "", ContainerConfig(), (), ())
        package = chosen.source.package.format_map(chosen.variables)
        package_version = archive.versions([package]).get(package, "") if package else ""
        version = _upstream(package_version) or chosen.version
        if chosen.source.match != "release":
            title = chosen.source.title or chosen.wanted.recipe.title
            making.say(f"{chosen.wanted.name}: {title} {version} on Debian {chosen.release}")
        diff_ids, names = below.diff_ids, below.names
        for part in chosen.parts:
            diff_ids = (*diff_ids, self._make_part(chosen, part, diff_ids, archive, found, making))
            names = (*names, f"{chosen.wanted.recipe.image}: {part.name}")
        variables = {**chosen.variables, "version": version, "package_version": package_version}
        return Made(chosen, version, configuration.configure(file, variables, below.config), diff_ids, names)

    def _make_below(self, base: str, making: Making) -> Made:
        wanted = recipe.find_base(base)
        if wanted is None:
            raise StandInError(f"no stand-in can be made: the recipe is based on {base}, for which there is none")
        return self._make_layers(planning.plan(wanted, self._of_host), making)

    def _make_part(
        self,
        chosen: Plan,
        part: Part,
        below: tuple[str, ...],
        archive: Archive,
        found: tuple[str, ...],
        making: Making,
    ) -> str:
        """The layer's diff id. Of two who need the same layer one makes it, and the other waits."""
        software = chosen.interpreter if part.interpreter else None
        wanted = [name.format_map(chosen.variables) for name in part.packages] + list(found if software else ())
        key = _documentation_key(below[0]) if part.documentation else _layer_key(chosen, part, below, wanted, archive)
        layering = Layering(self._layers, self._runner, self._archives.host, making.say)
        with self._alone(key):
            # The documentation came into being with its base, so it is as fresh as that.
            if (part.documentation or not making.fresh) and (known := self._made_layer(key)) is not None:
                return known
            if part.base or part.documentation:
                base, documentation = layering.make_base(archive, chosen.release, _base_files(chosen))
                self._remember("standin_layers", "diff_id", _documentation_key(base.diff_id), documentation.diff_id)
                diff_id = base.diff_id if part.base else documentation.diff_id
            else:
                diff_id = layering.make_part(
                    part,
                    name=chosen.wanted.name,
                    files=chosen.wanted.recipe.folder / part.files if part.files else None,
                    variables=chosen.variables,
                    lower=[self._layers.path(diff_id) for diff_id in reversed(below)],
                    archive=archive,
                    packages=wanted,
                    software=software,
                ).diff_id
            self._remember("standin_layers", "diff_id", key, diff_id)
            return diff_id

    def _carried(self, chosen: Plan, archive: Archive) -> tuple[str, ...] | None:
        """The packages with the libraries that the host's interpreter needs; None where the release has one not."""
        if chosen.interpreter is None:
            return ()
        candidates = [libraries.package_names(name) for name in chosen.interpreter.needs().libraries]
        there = archive.versions(sorted({name for names in candidates for name in names}))
        found = [next((name for name in names if name in there), None) for names in candidates if names]
        return None if None in found else tuple(sorted({name for name in found if name}))

    def _of_host(self, kind: str) -> Sequence[HostSoftware]:
        homes = tuple(Path(self._environ[name]) for name in ("HOME",) if self._environ.get(name))
        return host.FINDERS[kind](self._environ, homes, Path(sys.base_prefix))

    def _made_image(self, key: str) -> Image | None:
        row = self._database.connection.execute("SELECT image_id FROM standin_images WHERE key = ?", (key,)).fetchone()
        return self._images.resolve(row["image_id"]) if row else None

    def _made_layer(self, key: str) -> str | None:
        """A layer that is there still, and not too old to be built upon."""
        row = self._database.connection.execute(
            "SELECT diff_id FROM standin_layers WHERE key = ? AND made > ?", (key, self._clock() - _LAYER_AGE)
        ).fetchone()
        return row["diff_id"] if row and self._layers.has(row["diff_id"]) else None

    def _remember(self, table: str, column: str, key: str, value: str) -> None:
        self._database.connection.execute(
            f"INSERT OR REPLACE INTO {table} (key, {column}, made) VALUES (?, ?, ?)", (key, value, self._clock())
        )

    @contextmanager
    def _alone(self, key: str) -> Iterator[None]:
        """One thread at a time for each key. Two processes may do the same work twice; the stores bear that."""
        with self._locks_lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            yield


def _image_key(chosen: Plan) -> str:
    """Everything that an image depends on and that can be known without asking a mirror."""
    python = chosen.interpreter.digest() if chosen.interpreter else ""
    wanted = chosen.wanted
    variables = sorted(chosen.variables.items())
    return _digest(
        "image",
        wanted.recipe.image,
        recipe.edition(wanted.recipe.image),
        wanted.tag,
        chosen.release,
        repr(variables),
        python,
    )


def _layer_key(chosen: Plan, part: Part, below: tuple[str, ...], packages: Sequence[str], archive: Archive) -> str:
    """Everything that a layer depends on but for the packages' versions, which its age stands for.

    Only the variables that the part refers to count, so that a layer of packages serves images of many versions.
    """
    text = msgspec.json.encode(part).decode()
    used = {name: value for name, value in chosen.variables.items() if f"${name}" in text or f"{{{name}}}" in text}
    folder = chosen.wanted.recipe.folder / part.files
    files = recipe.folder_digest(folder) if part.files else ""
    python = chosen.interpreter.digest() if part.interpreter and chosen.interpreter else ""
    suites = "" if below else repr(archive.suites)
    release = chosen.release if part.base else ""
    return _digest("layer", text, repr(sorted(used.items())), files, python, suites, release, *below, "", *packages)


def _base_files(chosen: Plan) -> Path:
    """The files that are laid into a root before it is configured."""
    files = next(part.files for part in chosen.parts if part.base)
    return chosen.wanted.recipe.folder / files


def _documentation_key(base: str) -> str:
    return _digest("documentation", base)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join((recipe.CODE, *parts)).encode()).hexdigest()


def _upstream(version: str) -> str:
    """`1:1.35.0-4+b7` → `1.35.0`: the version that the software's authors gave."""
    matched = re.match(r"(?:\d+:)?(\d+(?:\.\d+)*)", version)
    return matched[1] if matched else ""
