"""Pushing an image: what the registry has already is not sent, what it has in another repository is mounted.

A layer's compressed form is made when it is needed, in scratch. An image that was pulled goes back with the very
manifest it came with, as long as the registry has, or can mount, the same compressed layers.
"""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from dockless.images.compression import gzip
from dockless.images.progress import Progress, PullEvent, counter
from dockless.images.store import Image, ImageStore, KnownBlob
from dockless.images.variants import Variant
from dockless.registry import manifests
from dockless.registry.manifests import Descriptor, Index, IndexPlatform, Manifest
from dockless.registry.platform import Platform
from dockless.registry.reference import Reference, digest_of
from dockless.registry.repository import Repository

_SIDE_BY_SIDE = 3


@dataclass(frozen=True, slots=True)
class _Push:
    """One push: what every step of it needs."""

    images: ImageStore
    repository: Repository
    image: Image
    reference: Reference
    progress: Progress


def push(images: ImageStore, repository: Repository, image: Image, reference: Reference, progress: Progress) -> str:
    """Sends `image` to `repository` under the reference's tag; the answer is the manifest's digest there."""
    raw, media_type = _send_image(_Push(images, repository, image, reference, progress))
    digest = digest_of(raw)
    tag = reference.tag or digest
    repository.put_manifest(tag, raw, media_type)
    images.note_digest(image.id, reference.with_digest(digest))
    progress(PullEvent("", f"{tag}: digest: {digest} size: {len(raw)}"))
    return digest


def push_index(
    images: ImageStore,
    repository: Repository,
    variants: Sequence[tuple[Platform, Image]],
    reference: Reference,
    progress: Progress,
) -> str:
    """Sends each of the images, and an index of them under the reference's tag; the answer is the index's digest."""
    entries = []
    for platform, image in variants:
        raw, media_type = _send_image(_Push(images, repository, image, reference, progress))
        digest = digest_of(raw)
        repository.put_manifest(digest, raw, media_type)
        progress(PullEvent("", f"{platform}: {digest}"))
        normal = platform.normal()
        named = IndexPlatform(architecture=normal.architecture, os=normal.os, variant=normal.variant)
        entries.append(Descriptor(media_type, len(raw), digest, platform=named))
    dockers = all(entry.media_type == manifests.DOCKER_MANIFEST for entry in entries)
    media_type = manifests.DOCKER_INDEX if dockers else manifests.OCI_INDEX
    raw = manifests.encode(Index(tuple(entries), media_type=media_type))
    digest = digest_of(raw)
    tag = reference.tag or digest
    repository.put_manifest(tag, raw, media_type)
    images.join([reference.with_digest(digest)], [Variant(platform, image.id) for platform, image in variants])
    progress(PullEvent("", f"{tag}: digest: {digest} size: {len(raw)}"))
    return digest


def _send_image(job: _Push) -> tuple[bytes, str]:
    """Layers and configuration; the answer is the manifest, which is not sent yet, with its media type."""
    images, repository, image = job.images, job.repository, job.image
    original = _original(job)
    wanted = {} if original is None else dict(zip(image.layers, original[1].layers, strict=True))
    with ThreadPoolExecutor(_SIDE_BY_SIDE, thread_name_prefix="images-push") as pool:
        layers = dict.fromkeys(image.layers)
        sent = dict(
            zip(layers, pool.map(lambda layer: _send_layer(job, layer, wanted.get(layer)), layers), strict=True)
        )
    raw_config = images.content.read(image.id)
    if not repository.has_blob(image.id):
        repository.upload(image.id, len(raw_config), lambda: BytesIO(raw_config))
    descriptors = tuple(sent[layer] for layer in image.layers)
    if original is not None and [layer.digest for layer in original[1].layers] == [
        layer.digest for layer in descriptors
    ]:
        return original[0], original[1].media_type or manifests.OCI_MANIFEST
    config = Descriptor(manifests.DOCKER_CONFIG, len(raw_config), image.id)
    media_type = manifests.DOCKER_MANIFEST
    return manifests.encode(Manifest(config, media_type=media_type, layers=descriptors)), media_type


def _original(job: _Push) -> tuple[bytes, Manifest] | None:
    """The manifest that the image was pulled with."""
    raw = job.images.manifest(job.image.id)
    parsed = None if raw is None else manifests.parse(raw)
    return (raw, parsed) if raw is not None and isinstance(parsed, Manifest) else None


def _send_layer(job: _Push, diff_id: str, wanted: Descriptor | None) -> Descriptor:
    name = diff_id.removeprefix("sha256:")[:12]
    job.progress(PullEvent(name, "Preparing"))
    for known in _candidates(job, diff_id, wanted):
        descriptor = Descriptor(_docker_type(known.media_type, wanted, known.digest), known.size, known.digest)
        if job.repository.has_blob(known.digest):
            job.progress(PullEvent(name, "Layer already exists"))
            return _noted(job, diff_id, descriptor)
        registry, _, source = known.repository.partition("/")
        if registry == job.reference.registry and job.repository.mount(known.digest, source):
            job.progress(PullEvent(name, f"Mounted from {source}"))
            return _noted(job, diff_id, descriptor)
    return _noted(job, diff_id, _compress_and_send(job, diff_id, name))


def _candidates(job: _Push, diff_id: str, wanted: Descriptor | None) -> list[KnownBlob]:
    """The compressed forms that somebody has, the one of the image's own manifest first."""
    known = job.images.known_blobs(diff_id)
    target = job.reference.canonical_repository
    return sorted(known, key=lambda blob: (wanted is None or blob.digest != wanted.digest, blob.repository != target))


def _docker_type(media_type: str, wanted: Descriptor | None, digest: str) -> str:
    """In a Docker manifest layers have Docker's types; only gzip has one, so that others keep theirs."""
    if wanted is not None and wanted.digest == digest:
        return wanted.media_type
    return manifests.DOCKER_LAYER if media_type.endswith("gzip") else media_type


def _compress_and_send(job: _Push, diff_id: str, name: str) -> Descriptor:
    path = job.images.layers.scratch.name("push")
    try:
        digest, size = _compress(job, diff_id, path)
        if job.repository.has_blob(digest):
            job.progress(PullEvent(name, "Layer already exists"))
        else:
            report = counter(job.progress, name, "Pushing", size)
            report(0)
            job.repository.upload(digest, size, lambda: path.open("rb"))
            report(size)
            job.progress(PullEvent(name, "Pushed"))
    finally:
        path.unlink(missing_ok=True)
    return Descriptor(manifests.DOCKER_LAYER, size, digest)


def _compress(job: _Push, diff_id: str, path: Path) -> tuple[str, int]:
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for piece in gzip(job.images.layers.pack(diff_id)):
            digest.update(piece)
            file.write(piece)
        return f"sha256:{digest.hexdigest()}", file.tell()


def _noted(job: _Push, diff_id: str, descriptor: Descriptor) -> Descriptor:
    repository = job.reference.canonical_repository
    job.images.note_blob(diff_id, repository, descriptor.digest, descriptor.size, descriptor.media_type)
    return descriptor
