"""From a Dockerfile and a context to an image.

The whole way on one page: read and parse, make the plan, run its stages side by side (session.py, stage.py), store the
image and name it. What runs a command is the `StepRunner`'s, what finds a base image the `BaseResolver`'s.
"""

import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec

from dockless.build import entitlements, handover, outlining
from dockless.build.cache import BuildCache, Record
from dockless.build.cacheimages import cache_image, take_steps, with_steps
from dockless.build.cachemounts import CacheMounts
from dockless.build.checking import Checks, image_base
from dockless.build.digests import Digests
from dockless.build.draft import Draft
from dockless.build.errors import BuildCancelled, BuildError
from dockless.build.events import BuildEvent, Built, Examined, Offers, Planned, Warned
from dockless.build.options import BuildOptions
from dockless.build.plan import Plan, make_plan
from dockless.build.platforms import Part, ResolvedOnce, Telling, carried_out, parts_of
from dockless.build.session import IMAGE_SCHEME, Resolve, Session, Tools, folder_source, platform_variables
from dockless.build.sources import Source
from dockless.build.stage import run_stage
from dockless.build.steps import Cancellation, StepRunner
from dockless.build.tree import Tree
from dockless.dockerfile import Dockerfile, DockerfileError, parse
from dockless.dockerfile.checks import Base, Situation
from dockless.dockerfile.ignore import Ignore, IgnoreError
from dockless.dockerfile.model import Arg
from dockless.images.layers import LayerStore
from dockless.images.store import Image, ImageStore
from dockless.images.variants import Variant, answering
from dockless.places import Places
from dockless.registry.errors import ImageError
from dockless.registry.platform import Platform
from dockless.registry.reference import Reference
from dockless.state import Database

__all__ = ["BaseResolver", "BuildCancelled", "BuildError", "BuildOptions", "Builder", "Cancellation"]

_Result = tuple[Draft, list[Record]]

#: BuildKit's own: with `1` the image holds the keys of its steps, and is a cache by itself.
INLINE_ARGUMENT = "BUILDKIT_INLINE_CACHE"
_IGNORE_FILE = ".dockerignore"
_MAX_DOCKERFILE = 16 << 20
# Arguments that may be given without being declared (reference: "Predefined ARGs").
_PREDEFINED = {*handover.PROXY_VARIABLES, "SOURCE_DATE_EPOCH"}
_OWN = "BUILDKIT_"  # how BuildKit's own begin


class BaseResolver(Protocol):
    """Finds a base image: in the store, or pulled, or made as a stand-in. Called in a thread.

    `platform` is "os/arch[/variant]" or None for the host's; `pull` asks for a fresh look at the registry; `say` takes
    lines for the person who waits. Raises whatever says best why the image cannot be had; the message is shown.
    """

    def __call__(self, reference: str, platform: str | None, pull: bool, say: Callable[[str], None]) -> Image: ...


class Builder:
    """One for the engine; `build` may run many times at once, in threads."""

    def __init__(
        self,
        images: ImageStore,
        layers: LayerStore,
        database: Database,
        runner: StepRunner,
        resolve_base: BaseResolver,
        places: Places,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`clock`: seconds since the epoch. The database has `cache.SCHEMA`."""
        self._images = images
        self._layers = layers
        self.cache = BuildCache(database, clock)
        self.cache_mounts = CacheMounts(places.root / "build-cache")
        self._digests = Digests(places.root / "build-digests")
        self._runner = runner
        self._resolve = resolve_base
        self._secrets = places.runtime / "secrets"
        self._width = threading.Semaphore(max(4, 2 * (os.cpu_count() or 1)))
        self._clock = clock

    def build(
        self,
        context: Path | None,
        options: BuildOptions,
        progress: Callable[[BuildEvent], None],
        cancellation: Cancellation | None = None,
        *,
        resolve_base: BaseResolver | None = None,
    ) -> Image:
        """Blocks until the image is there; `context` is a folder, None for a Dockerfile alone.

        `resolve_base` replaces the builder's own for this build. Raises `BuildError` (the message is for the person),
        `BuildCancelled`, `DockerfileError`. A build that does not end well leaves its finished steps in the cache.
        """
        cancellation = cancellation or Cancellation()
        for tag in options.tags:
            _check_tag(tag)
        dockerfile = read_dockerfile(context, options)
        options = _with_epoch(options)
        parts = self._parts(dockerfile, options)
        for part in parts:
            entitlements.check(dockerfile, part.plan, options)
        progress(Planned(tuple(vertex for part in parts for vertex in part.plan.vertices)))
        tell, made = Telling(progress), set[str]()
        resolve = ResolvedOnce(resolve_base or self._resolve)

        def carry_out(part: Part) -> _Result:
            return self._carry_out(context, dockerfile, part, tell, cancellation, resolve, made)

        with self._layers.use():
            results = carried_out(parts, carry_out, cancellation)
            image, variants = self._stored(parts, results, options)
            self._keep_caches(options, results)
        tags = tuple(Reference.parse(tag).familiar for tag in options.tags)
        progress(Built(image.id, tags, tuple((str(one.platform), one.image) for one in variants)))
        return image

    def _stored(
        self, parts: list[Part], results: "list[_Result]", options: BuildOptions
    ) -> tuple[Image, list[Variant]]:
        """The image that answers to the names, and, where there are several, those of all platforms."""
        if len(parts) == 1:
            return self._created(options, *results[0], names=options.tags), []
        images = [self._created(part.options, *result) for part, result in zip(parts, results, strict=True)]
        variants = [Variant(part.platform, image.id) for part, image in zip(parts, images, strict=True)]
        self._images.join(options.tags, variants)
        image = images[variants.index(answering(variants, Platform.host()))]
        return self._images.resolve(image.id) or image, variants

    def _created(
        self, options: BuildOptions, draft: Draft, records: list[Record], names: tuple[str, ...] = ()
    ) -> Image:
        config = draft.image_config(options.labels)
        if options.args.get(INLINE_ARGUMENT) in ("1", "true"):
            config = with_steps(config, records)
        return self._images.create(config, names=names)

    def _keep_caches(self, options: BuildOptions, results: "list[_Result]") -> None:
        records = list({record.key: record for _, found in results for record in found}.values())
        own = {diff_id for draft, _ in results for diff_id in draft.diff_ids}
        for wanted in options.cache_to:
            name = wanted.removeprefix("max:")
            chosen = [one for one in records if name != wanted or one.diff_id in own]
            self._images.create(cache_image(chosen), names=[name])

    def examine(self, context: Path | None, options: BuildOptions, progress: Callable[[BuildEvent], None]) -> None:
        """Only the build checks: what they find is told as `Warned`, and nothing is built.

        Of base images that are not here nothing is known. Raises `BuildError`, `DockerfileError`.
        """
        if options.platforms:
            options = msgspec.structs.replace(options, platform=options.platforms[0])
        dockerfile = read_dockerfile(context, options)
        progress(Examined(dockerfile.name, dockerfile.text))
        checks = Checks(dockerfile, options, _context_source(context, options))
        try:
            plan = self.plan(dockerfile, options)
            stages = frozenset(planned.stage.index for planned in plan.stages) if options.target else None
        except (BuildError, DockerfileError):
            for warned in checks.warnings(stages=None, base=self._local_base(options)):
                progress(warned)
            raise
        checks.complain(checks.warnings(stages=stages, base=self._local_base(options)), progress)

    def outline(
        self, context: Path | None, options: BuildOptions, progress: Callable[[BuildEvent], None], *, targets: bool
    ) -> None:
        """Only what the Dockerfile offers, told as `Offers`: its targets, or the outline of the one that is wanted.

        Of base images that are not here nothing is known. Raises `BuildError`, `DockerfileError`.
        """
        dockerfile = read_dockerfile(context, options)
        progress(Examined(dockerfile.name, dockerfile.text))
        if targets:
            found: object = {"targets": outlining.targets(dockerfile)}
        else:
            situation = Situation(given=_strings(options), base=self._local_base(options))
            found = outlining.outline(dockerfile, self.plan(dockerfile, options), situation)
        progress(Offers(msgspec.to_builtins(found)))

    def take_cache(self, image: Image) -> int:
        """Makes the steps known that a cache image holds; how many were new. Raises `ValueError` where it is none."""
        return take_steps(image.config, self.cache, self._layers)

    def plan(self, dockerfile: Dockerfile, options: BuildOptions) -> Plan:
        """What `build` would do, as a value. Raises `BuildError`."""
        try:
            return make_plan(dockerfile, options, platform_variables(options))
        except ImageError as error:
            raise BuildError(str(error)) from error

    def _parts(self, dockerfile: Dockerfile, options: BuildOptions) -> list[Part]:
        try:
            return parts_of(options, lambda own: self.plan(dockerfile, own))
        except ImageError as error:
            raise BuildError(str(error)) from error

    def _local_base(self, options: BuildOptions) -> Callable[[str, str], Base | None]:
        def base(reference: str, platform: str) -> Base | None:
            named = options.contexts.get(reference, reference)
            if isinstance(named, Path):
                return None
            try:
                image = self._images.resolve(named.removeprefix(IMAGE_SCHEME))
            except ImageError:
                return None  # no reference at all; the build says so, with its line
            return image_base(image) if image else None

        return base

    def _carry_out(
        self,
        context: Path | None,
        dockerfile: Dockerfile,
        part: Part,
        progress: Callable[[BuildEvent], None],
        cancellation: Cancellation,
        resolve: Resolve,
        made: set[str],
    ) -> "_Result":
        options, plan = part.options, part.plan
        folder = self._layers.scratch.folder("build")
        tools = Tools(
            layers=self._layers,
            cache=self.cache,
            runner=self._runner,
            resolve=resolve,
            cache_mounts=self.cache_mounts,
            digests=self._digests,
            secrets=self._secrets / secrets.token_hex(8),
            width=threading.Semaphore(options.width) if options.width else self._width,
            made=made,
            clock=self._clock,
        )
        try:
            session = Session(
                tools,
                dockerfile,
                plan,
                options,
                _context_source(context, options),
                handover.prepare(options.environ, _strings(options), folder / "handover"),
                progress,
                cancellation,
                run_stage,
            )
            checks = Checks(dockerfile, options, session.context)
            if checks.settings.error:
                checks.insist(session)
            try:
                draft = session.run()
            except BuildCancelled:
                raise
            except Exception:
                checks.tell(session)
                raise
            checks.tell(session)
            _warn_unused(session, plan)
            return draft, session.records
        finally:
            self._digests.save()
            shutil.rmtree(folder)
            if tools.secrets.exists():
                shutil.rmtree(tools.secrets)


def read_dockerfile(context: Path | None, options: BuildOptions) -> Dockerfile:
    """The Dockerfile that the options name, parsed. Raises `BuildError`, `DockerfileError`."""
    text = options.dockerfile_text
    if text is None:
        found = None if context is None else Tree([context], plain=True).lookup(options.dockerfile)
        if found is None or not found.is_file:
            raise BuildError(f"failed to read dockerfile: open {options.dockerfile}: no such file or directory")
        if found.status.st_size > _MAX_DOCKERFILE:
            raise BuildError(f"{options.dockerfile}: too large for a Dockerfile")
        try:
            text = Path(found.real).read_text("utf-8")
        except UnicodeDecodeError as error:
            raise BuildError(f"{options.dockerfile}: not a text in UTF-8 ({error.reason})") from error
    return parse(text, name=options.dockerfile)


def _context_source(context: Path | None, options: BuildOptions) -> Source | None:
    """The context without what its .dockerignore (or the one that belongs to the Dockerfile) leaves out."""
    if context is None:
        return None
    if options.ignore_text is not None:
        try:
            return folder_source(context, "the build context", Ignore.parse(options.ignore_text))
        except IgnoreError as error:
            raise BuildError(f"{options.dockerfile}.dockerignore: {error}") from error
    tree = Tree([context], plain=True)
    for name in (f"{options.dockerfile}.dockerignore", _IGNORE_FILE):
        found = tree.lookup(name)
        if found is not None and found.is_file:
            try:
                ignore = Ignore.parse(Path(found.real).read_text("utf-8", "surrogateescape"))
            except IgnoreError as error:
                raise BuildError(f"{name}: {error}") from error
            return folder_source(context, "the build context", ignore)
    return folder_source(context, "the build context")


def _check_tag(tag: str) -> None:
    try:
        reference = Reference.parse(tag)
    except ImageError as error:
        raise BuildError(f'invalid tag "{tag}": {error}') from error
    if reference.digest is not None:
        raise BuildError(f'invalid tag "{tag}": a digest is given by the content, not chosen')


def _with_epoch(options: BuildOptions) -> BuildOptions:
    """SOURCE_DATE_EPOCH may come as a build argument, as with Docker."""
    said = options.args.get("SOURCE_DATE_EPOCH")
    if options.epoch is not None or not said:
        return options
    if not (said.isascii() and said.isdigit()):
        raise BuildError(f"invalid SOURCE_DATE_EPOCH: {said}")
    return msgspec.structs.replace(options, epoch=int(said))


def _strings(options: BuildOptions) -> dict[str, str]:
    return {name: value for name, value in options.args.items() if value is not None}


def _warn_unused(session: Session, plan: Plan) -> None:
    declared = set(session.used_arguments)
    for planned in plan.stages:
        for instruction in planned.stage.instructions:
            if isinstance(instruction, Arg):
                declared |= {name for name, _ in instruction.pairs}
    unused = sorted(name for name in session.given.keys() - declared - _PREDEFINED if not name.startswith(_OWN))
    if unused:
        session.emit(Warned(f"One or more build-args [{' '.join(unused)}] were not consumed"))
