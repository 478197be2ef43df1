"""Images that come from elsewhere or go there, other than by a pull: push, save, load, import, and a registry's word.

Progress is said in Docker's messages; a failure after the first of them is the last one.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from dockless.engine import committing
from dockless.engine.background import Feed
from dockless.engine.events import Events
from dockless.engine.pieces import Pieces, consumed
from dockless.images import asking, export
from dockless.images.config import ContainerConfig as ImageContainerConfig
from dockless.images.progress import PullEvent
from dockless.images.registry import RegistryClient
from dockless.images.store import ImageStore, NoSuchImage
from dockless.images.variants import no_platform
from dockless.registry.credentials import Credentials
from dockless.registry.errors import ImageError
from dockless.registry.platform import Platform
from dockless.registry.reference import DEFAULT_REGISTRY, InvalidReference, Reference
from dockless.registry.transport import AccessDenied, ManifestNotFound, RegistryUnreachable
from dockless.wire.errors import ApiError, BadParameter, NotFound, Unavailable
from dockless.wire.filters import Filters
from dockless.wire.images import Descriptor, DistributionInspect, PlatformSpec, SearchResult
from dockless.wire.progress import Progress

_PUSHED = re.compile(r"(?P<tag>\S+): digest: (?P<digest>\S+) size: (?P<size>\d+)")


@dataclass(frozen=True)
class Transfers:
    """`message` gives a registry's event in the API's form; `environ` names mirrors and credentials."""

    store: ImageStore
    events: Events
    environ: Mapping[str, str]
    message: Callable[[PullEvent], Progress]

    async def push(
        self, name: str, tag: str, auth: Credentials | None, platform: Platform | None
    ) -> AsyncIterator[Progress]:
        """Without a tag all tags of the repository. Raises NotFound (also for another platform), BadParameter."""
        reference = parsed(name, tag)
        wanted = [reference]
        if not tag and ":" not in name.rpartition("/")[2]:
            known = [Reference.parse(text) for image in self.store.list() for text in image.names]
            wanted = [one for one in known if one.canonical_repository == reference.canonical_repository]
        images = [self.store.variants(one.canonical) for one in wanted]
        if not images or [] in images:
            raise NotFound(f"An image does not exist locally with the tag: {reference.familiar_repository}")
        for one, variants in zip(wanted, images, strict=True):
            if platform is not None and self.store.for_platform(one.canonical, platform) is None:
                raise NotFound(no_platform(one.familiar, platform, [offered for offered, _ in variants]))
        return self._push(wanted, auth, platform)

    async def _push(
        self, wanted: Sequence[Reference], auth: Credentials | None, platform: Platform | None
    ) -> AsyncIterator[Progress]:
        feed: Feed[Progress] = Feed()

        def say(event: PullEvent) -> None:
            feed.put(self.message(event))
            if (done := _PUSHED.fullmatch(event.status)) is not None:
                aux = {"Tag": done["tag"], "Digest": done["digest"], "Size": int(done["size"])}
                feed.put(Progress(aux=aux))

        def work() -> None:
            client = RegistryClient(self.store, self.environ)
            for reference in wanted:
                client.push(reference, platform=platform, auth=auth, progress=say)

        try:
            async for message in feed.run(work):
                yield message
        except ImageError as error:
            yield Progress.failure(str(error))
            return
        for reference in wanted:
            self.events.publish("image", "push", reference.familiar, {"name": reference.familiar})

    async def save(self, names: Sequence[str], platform: Platform | None, *, together: bool) -> AsyncIterator[bytes]:
        """Raises NotFound."""
        try:
            source = await asyncio.to_thread(export.save, self.store, names, platform=platform, together=together)
        except NoSuchImage as error:
            raise NotFound(str(error)) from error
        for name in names:
            self.events.publish("image", "save", name, {"name": name})
        return Pieces(source, lambda: None)

    async def load(self, content: AsyncIterator[bytes]) -> AsyncIterator[Progress]:
        """Raises BadParameter once it is iterated."""
        try:
            loaded = await consumed(content, lambda chunks: export.load(self.store, chunks))
        except (ImageError, InvalidReference) as error:
            raise BadParameter(str(error)) from error
        for item in loaded:
            for name in item.names:
                yield Progress(stream=f"Loaded image: {name}\n")
            if not item.names:
                yield Progress(stream=f"Loaded image ID: {item.image.id}\n")
            self.events.publish("image", "load", item.image.id, {"name": item.image.id})

    async def import_(
        self,
        content: AsyncIterator[bytes],
        name: Reference | None,
        message: str,
        changes: Sequence[str],
        platform: Platform,
    ) -> AsyncIterator[Progress]:
        """Raises BadParameter once it is iterated."""
        committing.changed(ImageContainerConfig(), changes)
        with self.store.layers.use():
            try:
                config = await consumed(
                    content, lambda chunks: committing.imported(self.store, chunks, message, changes, platform)
                )
                image = await asyncio.to_thread(self.store.create, config, names=[name] if name else [])
            except ImageError as error:
                raise BadParameter(str(error)) from error
        self.events.publish("image", "import", image.id, {"name": name.familiar if name else image.id})
        yield Progress(status=image.id)

    async def distribution(self, name: str, auth: Credentials | None) -> DistributionInspect:
        """Raises ApiError."""
        reference = parsed(name, "")
        try:
            found = await asyncio.to_thread(asking.describe, reference, auth, self.environ)
        except ManifestNotFound as error:
            raise NotFound(str(error)) from error
        except AccessDenied as error:
            raise ApiError(str(error), 403) from error
        except RegistryUnreachable as error:
            raise Unavailable(str(error)) from error
        except ImageError as error:
            raise ApiError(str(error), 500) from error
        descriptor = found.descriptor
        return DistributionInspect(
            descriptor=Descriptor(media_type=descriptor.media_type, digest=descriptor.digest, size=descriptor.size),
            platforms=tuple(
                PlatformSpec(architecture=one.architecture, os=one.os, variant=one.variant) for one in found.platforms
            ),
        )

    async def search(self, term: str, limit: int, filters: Filters) -> list[SearchResult]:
        """Raises ApiError."""
        try:
            found = await asyncio.to_thread(asking.search, term, limit, self.environ)
        except RegistryUnreachable as error:
            raise Unavailable(str(error)) from error
        except ImageError as error:
            raise ApiError(str(error), 500) from error
        official, automated = filters.flag("is-official"), filters.flag("is-automated")
        least = max((int(stars) for stars in filters.wanted("stars")), default=0)
        return [
            SearchResult(
                name=one.name,
                description=one.description,
                star_count=one.stars,
                is_official=one.official,
                is_automated=one.automated,
            )
            for one in found
            if official in (None, one.official) and automated in (None, one.automated) and one.stars >= least
        ]

    def fetched(self, url: str) -> AsyncIterator[bytes]:
        """Raises ApiError once it is iterated."""
        address = url if "://" in url else f"http://{url}"

        def content() -> Iterator[bytes]:
            try:
                yield from asking.download(address, self.environ)
            except RegistryUnreachable as error:
                raise BadParameter(str(error)) from error
            except ImageError as error:
                raise BadParameter(str(error)) from error

        return Pieces(content(), lambda: None)

    async def log_in(self, address: str, credentials: Credentials) -> None:
        """`address` as clients send it: a host, or an URL (the hub's). Raises ApiError."""
        host = address.partition("://")[2].partition("/")[0] if "://" in address else address.partition("/")[0]
        registry = parsed(f"{host or DEFAULT_REGISTRY}/any", "").registry
        try:
            await asyncio.to_thread(asking.log_in, registry, credentials, self.environ)
        except AccessDenied as error:
            raise ApiError(str(error), 401) from error
        except RegistryUnreachable as error:
            raise Unavailable(str(error)) from error
        except ImageError as error:
            raise ApiError(str(error), 500) from error


def new_name(repo: str, tag: str) -> Reference:
    """For an image that is made or named here. Raises BadParameter."""
    if "@" in repo:
        raise BadParameter("cannot import digest reference")
    return parsed(repo, tag)


def parsed(name: str, tag: str) -> Reference:
    """Of the two parameters in which requests say it: `tag` (or a digest) takes the place of the name's own, as in
    Docker. Raises BadParameter."""
    try:
        reference = Reference.parse(name)
        if not tag:
            return reference
        return Reference.parse(f"{reference.canonical_repository}{'@' if tag.startswith('sha256:') else ':'}{tag}")
    except InvalidReference as error:
        raise BadParameter(str(error)) from error
