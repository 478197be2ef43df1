"""Images as one tar file: what `docker save` writes and `docker load` reads.

Written is an OCI image layout (image-spec, "OCI Image Layout") that has Docker's `manifest.json` beside its index, as
Docker itself writes since version 25, so that every reader finds its own. Read are both, and the older form of Docker.
The file is hostile input: nothing of it is unpacked but layers, by the layer store; its members are only looked up
(members.py).
"""

import tarfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import msgspec

from dockless.images import config as image_config
from dockless.images.compression import BadCompression, decompress
from dockless.images.layers import chunks_of
from dockless.images.members import BadArchive, Members, blob_name
from dockless.images.store import Image, ImageStore, NoSuchImage
from dockless.images.tarread import BadTar
from dockless.registry import manifests
from dockless.registry.manifests import Descriptor, Index, Manifest
from dockless.registry.platform import Platform
from dockless.registry.reference import InvalidReference, Reference, digest_of

_NAME_ANNOTATIONS = ("io.containerd.image.name", "org.opencontainers.image.ref.name")


class _SavedImage(msgspec.Struct, frozen=True, rename="pascal"):
    """One entry of Docker's manifest.json."""

    config: str
    repo_tags: tuple[str, ...] | None = None
    layers: tuple[str, ...] = ()


class _NamedIndex(msgspec.Struct, frozen=True, rename="camel"):
    media_type: str
    manifests: tuple[dict[str, Any], ...]
    schema_version: int = 2


@dataclass(frozen=True, slots=True)
class Loaded:
    """`names` are what the archive called it; familiar, none for an image without a name."""

    image: Image
    names: tuple[str, ...]


def save(images: ImageStore, names: Sequence[str]) -> Iterator[bytes]:
    """The archive of these images, each by name or id, in pieces; a name without a tag means all tags of it.

    Raises `NoSuchImage` before the first piece.
    """
    found: dict[str, tuple[Image, list[Reference]]] = {}
    for name in names:
        for image, reference in _named(images, name):
            tags = found.setdefault(image.id, (image, []))[1]
            if reference is not None and reference not in tags:
                tags.append(reference)
    return _write(images, list(found.values()))


def load(images: ImageStore, source: Iterable[bytes] | BinaryIO) -> list[Loaded]:
    """Brings in all images of an archive (plain, gzip, zstd, xz or bzip2).

    Raises `BadArchive`, and what the layer store raises for bad layers; images before the bad one stay.
    """
    path = images.layers.scratch.name("load")
    try:
        with path.open("w+b") as file, images.layers.use():
            members = Members.read(decompress(chunks_of(source)), file, images.layers)
            if "manifest.json" in members:
                return [_load_docker(images, members, entry) for entry in _docker_entries(members)]
            if "index.json" in members:
                return list(_load_layout(images, members))
        raise BadArchive("the archive holds no images: neither manifest.json nor index.json is in it")
    except (BadTar, BadCompression) as error:
        raise BadArchive(f"the archive is damaged: {error}") from error
    finally:
        path.unlink(missing_ok=True)


# Writing.


def _write(images: ImageStore, chosen: list[tuple[Image, list[Reference]]]) -> Iterator[bytes]:
    index: list[dict[str, Any]] = []
    docker: list[dict[str, Any]] = []
    written: set[str] = set()
    with images.layers.use():
        yield _member("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        for image, tags in chosen:
            layers = []
            for diff_id in image.layers:
                layer = images.layers.get(diff_id)
                if layer is None:
                    raise NoSuchImage(f"a layer of image {image.id} is missing: {diff_id}")
                layers.append(Descriptor(manifests.OCI_LAYER, layer.tar_size, diff_id))
                if diff_id not in written:
                    written.add(diff_id)
                    yield _head(blob_name(diff_id), layer.tar_size)
                    yield from images.layers.pack(diff_id)
                    yield bytes(-layer.tar_size % tarfile.BLOCKSIZE)
            raw_config = images.content.read(image.id)
            config = Descriptor(manifests.OCI_CONFIG, len(raw_config), image.id)
            raw = manifests.encode(Manifest(config, media_type=manifests.OCI_MANIFEST, layers=tuple(layers)))
            for blob in (raw_config, raw):
                if digest_of(blob) not in written:
                    written.add(digest_of(blob))
                    yield _member(blob_name(digest_of(blob)), blob)
            descriptor = {"mediaType": manifests.OCI_MANIFEST, "digest": digest_of(raw), "size": len(raw)}
            for tag in tags:
                names = {_NAME_ANNOTATIONS[0]: tag.canonical, _NAME_ANNOTATIONS[1]: tag.tag}
                index.append({**descriptor, "annotations": names})
            if not tags:
                index.append(descriptor)
            docker.append(
                {
                    "Config": blob_name(image.id),
                    "RepoTags": [tag.familiar for tag in tags] or None,
                    "Layers": [blob_name(diff_id) for diff_id in image.layers],
                }
            )
        yield _member("index.json", msgspec.json.encode(_NamedIndex(manifests.OCI_INDEX, tuple(index))))
        yield _member("manifest.json", msgspec.json.encode(docker))
        yield bytes(2 * tarfile.BLOCKSIZE)


def _named(images: ImageStore, name: str) -> list[tuple[Image, Reference | None]]:
    """The images, each with the tag that it was asked for by; none where it was asked for by id."""
    try:
        reference = Reference.parse(name)
    except InvalidReference:
        reference = None
    if reference is not None and ":" not in name.rpartition("/")[2] and "@" not in name:
        of_all = [(image, Reference.parse(tag)) for image in images.list() for tag in image.names]
        if alike := [pair for pair in of_all if pair[1].canonical_repository == reference.canonical_repository]:
            return list(alike)
    image = images.resolve(name)
    if image is None:
        raise NoSuchImage(f"No such image: {name}")
    return [(image, reference if reference is not None and reference.familiar in image.names else None)]


def _head(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o644
    return info.tobuf(tarfile.PAX_FORMAT)


def _member(name: str, data: bytes) -> bytes:
    return _head(name, len(data)) + data + bytes(-len(data) % tarfile.BLOCKSIZE)


# Reading.


def _docker_entries(members: Members) -> list[_SavedImage]:
    try:
        return msgspec.json.decode(members.document("manifest.json"), type=list[_SavedImage])
    except msgspec.MsgspecError as error:
        raise BadArchive(f"manifest.json: {error}") from error


def _load_docker(images: ImageStore, members: Members, entry: _SavedImage) -> Loaded:
    names = tuple(Reference.parse(name) for name in entry.repo_tags or ())
    return _add(images, members, members.document(entry.config), entry.layers, names)


def _load_layout(images: ImageStore, members: Members) -> Iterator[Loaded]:
    index = manifests.parse(members.document("index.json"))
    if not isinstance(index, Index):
        raise BadArchive("index.json is no index")
    by_digest: dict[str, tuple[Descriptor, list[Reference]]] = {}
    for descriptor in index.manifests:
        if not manifests.is_attestation(descriptor):
            by_digest.setdefault(descriptor.digest, (descriptor, []))[1].extend(_annotated_names(descriptor))
    for descriptor, names in by_digest.values():
        parsed = manifests.parse(members.blob(descriptor))
        if isinstance(parsed, Index):
            parsed = manifests.parse(members.blob(manifests.choose(parsed, Platform.host(), "the archive")))
        if not isinstance(parsed, Manifest):
            raise BadArchive("an index in an index in an index")
        layers = tuple(blob_name(layer.digest) for layer in parsed.layers)
        yield _add(images, members, members.blob(parsed.config), layers, tuple(names))


def _annotated_names(descriptor: Descriptor) -> list[Reference]:
    """containerd's annotation is a whole name; the standard one often is a tag alone, which names nothing."""
    annotations = descriptor.annotations or {}
    for key in _NAME_ANNOTATIONS:
        text = annotations.get(key, "")
        if ":" in text or "/" in text:
            return [Reference.parse(text)]
    return []


def _add(
    images: ImageStore, members: Members, raw_config: bytes, layers: tuple[str, ...], names: tuple[Reference, ...]
) -> Loaded:
    diff_ids = image_config.decode(raw_config).rootfs.diff_ids
    if len(diff_ids) != len(layers):
        raise BadArchive(f"an image in the archive has {len(layers)} layers, but {len(diff_ids)} diff ids")
    for diff_id, layer in zip(diff_ids, layers, strict=True):
        members.layer(layer, diff_id, images.layers)
    return Loaded(images.add(raw_config, names=names), tuple(name.familiar for name in names))
