"""Images, as the API asks for them. The store, the registry and the builder do the work; here are the answers."""

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from dockless.build.builder import Builder
from dockless.engine.background import Feed
from dockless.engine.building import Building
from dockless.engine.events import Events
from dockless.engine.obtaining import CannotObtain, Obtaining, Wish
from dockless.engine.records import ContainerRecord
from dockless.engine.transfers import Transfers, new_name, parsed
from dockless.images import config as image_config
from dockless.images.progress import PullEvent
from dockless.images.store import Image, ImageConflict, ImageStore, NoSuchImage, Removed
from dockless.images.variants import no_platform
from dockless.places import Places
from dockless.registry.credentials import Credentials
from dockless.registry.errors import ImageError
from dockless.registry.platform import InvalidPlatform, Platform
from dockless.registry.reference import InvalidReference, Reference
from dockless.wire.auth import AuthConfig
from dockless.wire.config import ContainerConfig, Empty, HealthConfig
from dockless.wire.containers import GraphDriver
from dockless.wire.errors import BadParameter, Conflict, NotFound
from dockless.wire.filters import Filters
from dockless.wire.images import (
    BuildPruneResponse,
    DistributionInspect,
    HistoryItem,
    ImageDeleteItem,
    ImageInspect,
    ImagePruneResponse,
    ImageSummary,
    RootFS,
    SearchResult,
    StandIn,
)
from dockless.wire.progress import Progress, ProgressDetail
from dockless.wire.queries import BuildQuery
from dockless.wire.times import parse_rfc3339, parse_time, rfc3339
from dockless.wire.usage import BuildCacheRecord

#: As everywhere where a registry cannot be reached.
_UNREACHABLE = 503
_ID = re.compile(r"(?:sha256:)?[0-9a-f]{4,64}")


class Images:
    """`containers` gives all container records; `keep` the ids that garbage collection must spare."""

    def __init__(
        self,
        places: Places,
        store: ImageStore,
        builder: Builder,
        obtaining: Obtaining,
        events: Events,
        containers: Callable[[], Iterable[ContainerRecord]],
        keep: Callable[[], set[str]],
        environ: Mapping[str, str],
    ) -> None:
        self._store = store
        self._building = Building(places, store, builder, obtaining, keep, environ)
        self._obtaining = obtaining
        self._events = events
        self._containers = containers
        self._keep = keep
        self._transfers = Transfers(store, events, environ, _pull_message)
        self._working = 0

    @property
    def busy(self) -> bool:
        """Whether a pull or a build is under way."""
        return self._working > 0

    def find(self, name: str, platform: str = "") -> Image:
        """The image for this machine, or for the `platform`. Raises NotFound in Docker's words, BadParameter."""
        try:
            found = self._store.resolve(name)
            if platform and found is not None:
                return self._for_platform(name, _platform(platform))
        except InvalidReference as error:
            raise BadParameter(str(error)) from error
        if found is None:
            shown = name if ":" in name.rpartition("/")[2] or name.startswith("sha256:") else f"{name}:latest"
            raise NotFound(f"No such image: {shown}")
        return found

    def _for_platform(self, name: str, wanted: Platform) -> Image:
        found = self._store.for_platform(name, wanted)
        if found is None:
            raise NotFound(no_platform(name, wanted, [offered for offered, _ in self._store.variants(name)]))
        return found

    def descendants(self, names: Sequence[str]) -> set[str]:
        """The ids of the images named, and of all whose layers begin with those of one of them."""
        found: set[str] = set()
        for name in names:
            with contextlib.suppress(NotFound, BadParameter):
                ancestor = self.find(name)
                found |= {image.id for image in self._store.list() if _made_from(image, ancestor)}
        return found

    async def list(self, *, all: bool, filters: Filters) -> Sequence[ImageSummary]:
        used: dict[str, int] = {}
        for record in self._containers():
            used[record.image_id] = used.get(record.image_id, 0) + 1
        images = [image for image in self._store.list() if self._wanted(image, filters)]
        parents = self._store.parents()
        return [
            ImageSummary(
                id=image.id,
                parent_id=parents.get(image.id, ""),
                repo_tags=image.names,
                repo_digests=image.digests,
                created=int(image.created),
                size=image.size,
                labels=image.config.config.labels or None,
                containers=used.get(image.id, 0),
            )
            for image in images
        ]

    async def inspect(self, name: str, *, platform: str = "") -> ImageInspect:
        image = self.find(name, platform)
        config = image.config
        return ImageInspect(
            id=image.id,
            repo_tags=image.names,
            repo_digests=image.digests,
            parent=self._store.parents().get(image.id, ""),
            created=config.created or rfc3339(0),
            author=config.author,
            config=container_config(config.config),
            architecture=config.architecture,
            variant=config.variant,
            os=config.os or "linux",
            os_version=config.os_version,
            size=image.size,
            graph_driver=GraphDriver(name="overlay2", data=self._folders(image)),
            root_fs=RootFS(layers=image.layers),
        )

    def _folders(self, image: Image) -> dict[str, str]:
        """As Docker shows an image's layers: the topmost, and those below it."""
        folders = [str(folder) for folder in self._store.chain(image)]
        return {"UpperDir": folders[0], "LowerDir": ":".join(folders[1:])} if folders else {}

    async def stand_ins(self) -> Sequence[StandIn]:
        return [
            StandIn(
                image=one.image,
                software=one.software,
                versions=one.versions,
                differs=one.differs,
                refused=one.refused,
            )
            for one in await asyncio.to_thread(self._obtaining.stand_ins)
        ]

    async def history(self, name: str, *, platform: str = "") -> Sequence[HistoryItem]:
        image = self.find(name, platform)
        layers = iter(image.layers)
        items = []
        for step in image.config.history:
            size = 0
            if not step.empty_layer and (diff_id := next(layers, None)) is not None:
                layer = self._store.layers.get(diff_id)
                size = layer.size if layer else 0
            created = parse_rfc3339(step.created) // 1_000_000_000 if step.created else 0
            items.append(HistoryItem(created=created, created_by=step.created_by, size=size, comment=step.comment))
        items.reverse()
        if items:
            items[0] = HistoryItem(
                id=image.id,
                created=items[0].created,
                created_by=items[0].created_by,
                tags=image.names or None,
                size=items[0].size,
                comment=items[0].comment,
            )
        return items

    async def remove(self, name: str, *, force: bool, noprune: bool) -> Sequence[ImageDeleteItem]:
        image = self.find(name)
        by_id = name not in image.names and f"{name}:latest" not in image.names and "@" not in name
        # With the last tag the digests go, too.
        is_last = len({*image.names, *image.digests} - {name}) == 0 if "@" in name else len(image.names) <= 1
        if by_id or is_last:
            for each in self._with_variants([name] if not by_id else [name, *image.names]):
                self._refuse_used(each, name, force)
        try:
            removed = await asyncio.to_thread(self._store.remove, name, force=force)
        except NoSuchImage as error:
            raise NotFound(str(error)) from error
        except ImageConflict as error:
            raise Conflict(str(error)) from error
        await asyncio.to_thread(self._store.collect, self._keep())
        for item in removed:
            self._publish_removed(image, item)
        return [ImageDeleteItem(untagged=item.untagged or "", deleted=item.deleted or "") for item in removed]

    async def tag(self, name: str, *, repo: str, tag: str) -> None:
        image = self.find(name)
        wanted = new_name(repo, tag)
        try:
            self._store.tag(image.id, wanted, like=name)
        except InvalidReference as error:
            raise BadParameter(str(error)) from error
        self._events.publish("image", "tag", image.id, {"name": wanted.familiar})

    async def prune(self, *, filters: Filters) -> ImagePruneResponse:
        """Images without a name; with the filter `dangling=false` all that no container uses."""
        every = filters.flag("dangling") is False
        for text in filters.wanted("until"):
            parse_time(text, time.time_ns())
        used = {image for record in self._containers() for image in _images_of(record)}
        deleted: list[ImageDeleteItem] = []
        for image in self._store.list():
            if not (every or not image.names) or not self._wanted(image, filters, dangling=False):
                continue
            if any(each.id in used for each in self._with_variants([image.id, *image.names])):
                continue
            for item in await asyncio.to_thread(self._store.remove, image.id, force=True):
                self._publish_removed(image, item)
                deleted.append(ImageDeleteItem(untagged=item.untagged or "", deleted=item.deleted or ""))
        collected = await asyncio.to_thread(self._store.collect, self._keep())
        self._events.publish("image", "prune", "", {"reclaimed": str(collected.size)})
        return ImagePruneResponse(images_deleted=tuple(deleted) or None, space_reclaimed=collected.size)

    async def pull(
        self, from_image: str, *, tag: str, platform: str, auth: AuthConfig | None, stand_ins: bool = True
    ) -> AsyncIterator[Progress]:
        reference = parsed(from_image, tag)
        if platform:
            _platform(platform)
        wish = Wish(reference, platform, _credentials(auth), stand_ins)
        # As in Docker: a name alone means all that the repository has. Clients that want the latest say so.
        return self._pull(wish, all_tags=not tag and reference == _without_tag(from_image))

    async def build(self, body: AsyncIterator[bytes], query: BuildQuery) -> AsyncIterator[Progress]:
        return self._counted(await self._building.build(body, query))

    async def push(
        self, name: str, *, tag: str, auth: AuthConfig | None, platform: str = ""
    ) -> AsyncIterator[Progress]:
        wanted = _platform(platform) if platform else None
        return self._counted(await self._transfers.push(name, tag, _credentials(auth), wanted))

    async def save(self, names: Sequence[str], *, platform: str = "", together: bool = False) -> AsyncIterator[bytes]:
        wanted = _platform(platform) if platform else None
        return await self._transfers.save(names, wanted, together=together)

    async def load(self, content: AsyncIterator[bytes], *, quiet: bool) -> AsyncIterator[Progress]:
        return self._counted(self._transfers.load(content))

    def fetched(self, url: str) -> AsyncIterator[bytes]:
        """The content of a URL, for `import_`. Raises ApiError once it is iterated."""
        return self._transfers.fetched(url)

    async def import_(
        self,
        content: AsyncIterator[bytes],
        *,
        repo: str,
        tag: str,
        message: str,
        changes: Sequence[str],
        platform: str = "",
    ) -> AsyncIterator[Progress]:
        name = new_name(repo, tag) if repo else None
        wanted = _platform(platform) if platform else Platform.host()
        return self._counted(self._transfers.import_(content, name, message, changes, wanted))

    async def distribution(self, name: str, *, auth: AuthConfig | None) -> DistributionInspect:
        return await self._transfers.distribution(name, _credentials(auth))

    async def search(self, term: str, *, limit: int, filters: Filters) -> Sequence[SearchResult]:
        return await self._transfers.search(term, limit, filters)

    async def log_in(self, auth: AuthConfig) -> None:
        await self._transfers.log_in(
            auth.server_address, Credentials(auth.username, auth.password, auth.identity_token)
        )

    async def build_prune(self, *, all: bool, keep_storage: int, filters: Filters) -> BuildPruneResponse:
        pruned = await self._building.prune(all=all, keep_storage=keep_storage, filters=filters)
        self._events.publish("builder", "prune", "", {"reclaimed": str(pruned.space_reclaimed)})
        return pruned

    def build_cache(self) -> Sequence[BuildCacheRecord]:
        """For `system df`."""
        return self._building.records()

    async def _counted(self, messages: AsyncIterator[Progress]) -> AsyncIterator[Progress]:
        """The engine does not end meanwhile."""
        self._working += 1
        try:
            async for message in messages:
                yield message
        finally:
            self._working -= 1

    async def _pull(self, wish: Wish, *, all_tags: bool) -> AsyncIterator[Progress]:
        feed: Feed[Progress] = Feed()

        def work() -> None:
            for one in self._obtaining.each_tag(wish) if all_tags else [wish]:
                with self._store.layers.use():
                    image = self._obtaining.obtain(one, lambda event: feed.put(_pull_message(event)))
                feed.put(Progress(status=f"Status: {one.reference.familiar} is image {image.id[7:19]}"))

        self._working += 1
        try:
            async for message in feed.run(work):
                yield message
            self._events.publish("image", "pull", wish.reference.familiar, {"name": wish.reference.familiar})
        except CannotObtain as error:
            yield Progress.failure(str(error), _UNREACHABLE)
        except ImageError as error:
            yield Progress.failure(str(error))
        finally:
            self._working -= 1

    def _with_variants(self, names: Iterable[str]) -> Sequence[Image]:
        """What these names stand for, on any platform."""
        found = {image.id: image for name in names for _, image in self._store.variants(name)}
        return tuple(found.values())

    def _publish_removed(self, image: Image, item: Removed) -> None:
        action = "untag" if item.untagged else "delete"
        self._events.publish("image", action, image.id, {"name": item.untagged or item.deleted or ""})

    def _refuse_used(self, image: Image, name: str, force: bool) -> None:
        for record in self._containers():
            if image.id not in _images_of(record):
                continue
            if record.running:
                raise Conflict(
                    f"conflict: unable to delete {name} (cannot be forced) - image is being used by running container "
                    f"{record.id[:12]}"
                )
            if not force:
                raise Conflict(
                    f'conflict: unable to remove repository reference "{name}" (must force) - container '
                    f"{record.id[:12]} is using its referenced image {image.id[7:19]}"
                )

    def _wanted(self, image: Image, filters: Filters, *, dangling: bool = True) -> bool:
        asked = filters.flag("dangling") if dangling else None
        if asked is not None and asked == bool(image.names):
            return False
        patterns = filters.wanted("reference")
        if patterns and not any(_reference_matches(pattern, name) for pattern in patterns for name in image.names):
            return False
        if not filters.accepts_labels(image.config.config.labels):
            return False
        made = int(image.created * 1e9)
        before = all(made < self.find(other).created * 1e9 for other in filters.wanted("before"))
        since = all(made > self.find(other).created * 1e9 for other in filters.wanted("since"))
        return before and since and all(made <= parse_time(text, time.time_ns()) for text in filters.wanted("until"))


def checked_name(name: str) -> str:
    """Of the image for a container: what cannot be one is not looked for. Raises BadParameter."""
    try:
        Reference.parse(name)
    except InvalidReference as error:
        if not _ID.fullmatch(name):
            raise BadParameter(str(error)) from error
    return name


def _made_from(image: Image, ancestor: Image) -> bool:
    """By layers, which is all that images know of where they come from."""
    return image.id == ancestor.id or (
        len(image.layers) > len(ancestor.layers) > 0 and image.layers[: len(ancestor.layers)] == ancestor.layers
    )


def _images_of(record: ContainerRecord) -> set[str]:
    """Its own, and those that it mounts."""
    return {record.image_id} | {mount.image_id for mount in record.mounts if mount.image_id}


def container_config(config: image_config.ContainerConfig) -> ContainerConfig:
    """An image's configuration in the API's form: what a container takes as its defaults."""
    check = config.healthcheck
    return ContainerConfig(
        hostname=config.hostname,
        domainname=config.domainname,
        user=config.user,
        exposed_ports=dict.fromkeys(config.exposed_ports, Empty()) or None,
        env=config.env or None,
        cmd=config.cmd,
        healthcheck=HealthConfig(
            test=check.test or None,
            interval=check.interval,
            timeout=check.timeout,
            start_period=check.start_period,
            start_interval=check.start_interval,
            retries=check.retries,
        )
        if check
        else None,
        args_escaped=config.args_escaped,
        volumes=dict.fromkeys(config.volumes, Empty()) or None,
        working_dir=config.working_dir,
        entrypoint=config.entrypoint,
        on_build=config.on_build or None,
        labels=config.labels or None,
        stop_signal=config.stop_signal,
        stop_timeout=config.stop_timeout,
        shell=config.shell,
    )


def _pull_message(event: PullEvent) -> Progress:
    detail = ProgressDetail(current=event.current, total=event.total or 0) if event.current is not None else None
    return Progress(status=event.status, id=event.id, progress_detail=detail)


def _platform(text: str) -> Platform:
    """Raises BadParameter."""
    try:
        return Platform.parse(text)
    except InvalidPlatform as error:
        raise BadParameter(str(error)) from error


def _without_tag(name: str) -> Reference | None:
    """What the name stands for if it has neither tag nor digest."""
    return None if "@" in name or ":" in name.rpartition("/")[2] else Reference.parse(name)


def _credentials(auth: AuthConfig | None) -> Credentials | None:
    if auth is None or not (auth.username or auth.identity_token or auth.registry_token):
        return None
    return Credentials(auth.username, auth.password, auth.identity_token, auth.registry_token)


def _reference_matches(pattern: str, name: str) -> bool:
    repository = name.rpartition(":")[0] or name
    return fnmatchcase(name, pattern) or fnmatchcase(repository, pattern)
