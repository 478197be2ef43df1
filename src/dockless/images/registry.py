"""Pulling images: from the first question to the image in the store.

Layers come side by side; each is verified while it streams and unpacked while the next piece arrives, so there is
never a compressed copy on the disk. Pushing is in push.py.
"""

import contextlib
import threading
from collections.abc import Mapping
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from dockless.images import config as image_config
from dockless.images import push
from dockless.images.progress import OneAtATime, Progress, PullEvent, counter, short, silent
from dockless.images.store import Image, ImageStore, NoSuchImage
from dockless.registry import credentials as credential_files
from dockless.registry import manifests
from dockless.registry.auth import Authenticator
from dockless.registry.credentials import Credentials
from dockless.registry.manifests import Descriptor, Index, Manifest, NoSuchPlatform
from dockless.registry.platform import Platform
from dockless.registry.reference import Reference
from dockless.registry.repository import Repository, Stopped
from dockless.registry.transport import (
    BadContent,
    Endpoint,
    Patience,
    RegistryError,
    Transport,
)

_SIDE_BY_SIDE = 3  # layers under way at once, as in Docker


@dataclass(frozen=True, slots=True)
class _Resolved:
    """What a reference names at a registry: the digest under the name, and the one image chosen below it."""

    digest: str
    raw: bytes
    manifest: Manifest


class RegistryClient:
    """Synchronous; for many threads."""

    def __init__(self, images: ImageStore, environ: Mapping[str, str], patience: Patience = Patience()) -> None:
        self._images = images
        self._environ = environ
        self._transport = Transport(environ, patience)
        self._layers = OneAtATime()

    def pull(
        self,
        reference: Reference,
        *,
        platform: Platform | None = None,
        auth: Credentials | None = None,
        progress: Progress = silent,
    ) -> Image:
        """Brings the image and names it. `platform`: the machine's own where it is None.

        The mirrors are asked first, and a mirror that fails is passed over. `progress` may be called from several
        threads; what it raises ends the pull. Raises `RegistryUnreachable` (within about three seconds where nobody
        answers), `ManifestNotFound`, `AccessDenied`, `RateLimited`, `BadContent`, `NoSuchPlatform`, and what
        `LayerStore.unpack` raises.
        """
        endpoints = self._transport.endpoints(reference.registry)
        for endpoint in endpoints[:-1]:
            with contextlib.suppress(RegistryError):  # a mirror need not have it, nor work
                return self._pull_from(endpoint, reference, platform, auth, progress)
        return self._pull_from(endpoints[-1], reference, platform, auth, progress)

    def tags(self, reference: Reference, *, auth: Credentials | None = None) -> list[str]:
        """Of the reference's repository; the mirrors are asked first, as for a pull. Raises as `pull` does."""
        endpoints = self._transport.endpoints(reference.registry)
        for endpoint in endpoints[:-1]:
            with contextlib.suppress(RegistryError):
                return self._repository(endpoint, reference, auth, "pull").tags()
        return self._repository(endpoints[-1], reference, auth, "pull").tags()

    def push(
        self,
        reference: Reference,
        *,
        platform: Platform | None = None,
        auth: Credentials | None = None,
        progress: Progress = silent,
    ) -> str:
        """Sends the image of that name; the answer is its digest there. What the registry has is not sent again.

        A name that stands for several platforms becomes an index there; `platform`: the one image of it alone. Raises
        `NoSuchImage`, `RegistryUnreachable`, `AccessDenied`, …
        """
        found = self._images.variants(reference.canonical)
        if platform is not None:
            one = self._images.for_platform(reference.canonical, platform)
            found = [(platform, one)] if one is not None else []
        if not found or reference.tag is None:
            raise NoSuchImage(f"An image does not exist locally with the tag: {reference.familiar_repository}")
        endpoint = self._transport.own_endpoint(reference.registry)
        progress(PullEvent("", f"The push refers to repository [{reference.canonical_repository}]"))
        with self._images.layers.use():
            repository = self._repository(endpoint, reference, auth, "pull,push")
            if len(found) > 1:
                return push.push_index(self._images, repository, found, reference, progress)
            return push.push(self._images, repository, found[0][1], reference, progress)

    def _pull_from(
        self,
        endpoint: Endpoint,
        reference: Reference,
        platform: Platform | None,
        auth: Credentials | None,
        progress: Progress,
    ) -> Image:
        repository = self._repository(endpoint, reference, auth, "pull")
        progress(PullEvent(reference.tag or "", f"Pulling from {reference.repository}"))
        resolved = self._resolve(repository, reference, platform or Platform.host())
        raw_config = repository.small_blob(resolved.manifest.config, image_config.MAX_CONFIG_BYTES)
        config = image_config.decode(raw_config)
        diff_ids = config.rootfs.diff_ids
        if len(diff_ids) != len(resolved.manifest.layers):
            raise BadContent(f"{reference}: {len(resolved.manifest.layers)} layers, but {len(diff_ids)} diff ids")
        offered = Platform(config.os or "linux", config.architecture, config.variant)
        if platform is not None and not any(wanted.accepts(offered) for wanted in platform.fallbacks()):
            raise NoSuchPlatform(f"image {reference} is for {offered}, which does not match {platform}")
        before = self._images.for_platform(reference.canonical, offered)
        with self._images.layers.use():
            pairs = dict(zip(diff_ids, resolved.manifest.layers, strict=True))
            self._bring(repository, reference, pairs, progress)
            image = self._images.add(raw_config, manifest=resolved.raw)
            tag = reference if reference.digest is None else None
            image = self._images.join_pulled(image, reference.with_digest(resolved.digest), tag)
        progress(PullEvent("", f"Digest: {resolved.digest}"))
        newer = before is None or before.id != image.id
        outcome = "Downloaded newer image for" if newer else "Image is up to date for"
        progress(PullEvent("", f"Status: {outcome} {reference}"))
        return image

    def _resolve(self, repository: Repository, reference: Reference, platform: Platform) -> _Resolved:
        raw, top, content_type = repository.manifest(reference.digest or reference.tag or "latest")
        parsed = manifests.parse(raw, content_type)
        for _ in range(2):  # an index may hold an index
            if isinstance(parsed, Manifest):
                return _Resolved(top, raw, parsed)
            raw, parsed = self._chosen(repository, parsed, platform, str(reference))
        if isinstance(parsed, Manifest):
            return _Resolved(top, raw, parsed)
        raise BadContent(f"{reference}: an index in an index in an index")

    def _chosen(
        self, repository: Repository, index: Index, platform: Platform, name: str
    ) -> tuple[bytes, Manifest | Index]:
        descriptor = manifests.choose(index, platform, name)
        raw, _, content_type = repository.manifest(descriptor.digest)
        if len(raw) != descriptor.size:
            raise BadContent(f"{descriptor.digest} has {len(raw)} bytes, not the {descriptor.size} that the index says")
        return raw, manifests.parse(raw, content_type)

    def _bring(
        self, repository: Repository, reference: Reference, layers: dict[str, Descriptor], progress: Progress
    ) -> None:
        stop = threading.Event()
        for descriptor in layers.values():
            progress(PullEvent(short(descriptor), "Pulling fs layer"))
        with ThreadPoolExecutor(_SIDE_BY_SIDE, thread_name_prefix="images-pull") as pool:
            jobs = [
                pool.submit(self._bring_one, repository, reference, diff_id, descriptor, progress, stop)
                for diff_id, descriptor in layers.items()
            ]
            try:
                wait(jobs, return_when=FIRST_EXCEPTION)
            finally:
                stop.set()  # where one has failed the others stop at their next piece
                pool.shutdown(cancel_futures=True)
        _raise_first(jobs)

    def _bring_one(
        self,
        repository: Repository,
        reference: Reference,
        diff_id: str,
        descriptor: Descriptor,
        progress: Progress,
        stop: threading.Event,
    ) -> None:
        name = short(descriptor)
        with self._layers.one(diff_id):
            if self._images.layers.has(diff_id):
                progress(PullEvent(name, "Already exists"))
            else:
                arrived = counter(progress, name, "Downloading", descriptor.size)
                self._images.layers.unpack(repository.blob(descriptor, arrived, stop), diff_id)
                progress(PullEvent(name, "Pull complete"))
        self._images.note_blob(
            diff_id, reference.canonical_repository, descriptor.digest, descriptor.size, descriptor.media_type
        )

    def _repository(
        self, endpoint: Endpoint, reference: Reference, auth: Credentials | None, action: str
    ) -> Repository:
        reached = self._transport.reach(endpoint)
        host = reached.url.partition("://")[2].partition("/")[0]
        credentials = auth if not endpoint.mirror else None
        credentials = credentials or credential_files.find(
            host if endpoint.mirror else reference.registry, self._environ
        )
        authenticator = Authenticator(self._transport, credentials, lenient=endpoint.lenient)
        return Repository(self._transport, reached, authenticator, reference.repository, str(reference), action)


def _raise_first(jobs: list[Future[None]]) -> None:
    """The failure that made the others stop, not one of those."""
    failures = [error for job in jobs if not job.cancelled() and (error := job.exception()) is not None]
    for error in failures:
        if not isinstance(error, Stopped):
            raise error
    for error in failures:
        raise error
