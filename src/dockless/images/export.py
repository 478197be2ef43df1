"""Images as one tar file: what `docker save` writes and `docker load` reads.

Written is an OCI image layout (image-spec, "OCI Image Layout") that has Docker's `manifest.json` beside its index, as
Docker itself writes since version 25, so that every reader finds its own. Read are both, and the older form of Docker.
The file is hostile input: nothing of it is unpacked but layers, by the layer store; its members are only looked up
(members.py).
"""

import tarfile
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import msgspec

from dockless import decoding
from dockless.images import config as image_config
from dockless.images import variants
from dockless.images.compression import BadCompression, decompress
from dockless.images.layers import chunks_of
from dockless.images.members import BadArchive, Members, blob_name
from dockless.images.store import Image, ImageStore, NoSuchImage
from dockless.images.tarread import BadTar
from dockless.images.variants import Variant
from dockless.registry import manifests
from dockless.registry.manifests import Descriptor, Index, IndexPlatform, Manifest
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


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What is written under `tags`: one image, or those of an index with the platforms that it says."""

    variants: tuple[tuple[Platform, Image], ...]
    tags: list[Reference]


def save(
    images: ImageStore, names: Sequence[str], *, platform: Platform | None = None, together: bool = False
) -> Iterator[bytes]:
    """The archive of these images, each by name or id, in pieces; a name without a tag means all tags of it.

    A name that stands for several platforms is written as an index of them, unless `platform` chooses one. `together`:
    all that is named becomes one index without a name. Raises `NoSuchImage` before the first piece.
    """
    found: dict[tuple[str, ...], _Chosen] = {}
    for name in names:
        for several, reference in _named(images, name, platform):
            key = tuple(image.id for _, image in several)
            tags = found.setdefault(key, _Chosen(several, [])).tags
            if reference is not None and reference not in tags:
                tags.append(reference)
    if together:
        return _write(images, [_Chosen(tuple(pair for one in found.values() for pair in one.variants), [])])
    return _write(images, list(found.values()))


def load(images: ImageStore, source: Iterable[bytes] | BinaryIO) -> list[Loaded]:
    """Brings in all images of an archive (plain, gzip, zstd, xz or bzip2).

    Raises `BadArchive`, and what the layer store raises for bad layers; images before the bad one stay.
    """
    path = images.layers.scratch.name("load")
    try:
        with path.open("w+b") as file, images.layers.use():
            members = Members.read(decompress(chunks_of(source)), file, images.layers)
            layout = _layout(members)
            # Docker's own list knows one platform of each image alone.
            if layout is not None and (_has_indexes(layout) or "manifest.json" not in members):
                return list(_load_layout(images, members, layout))
            if "manifest.json" in members:
                return [_load_docker(images, members, entry) for entry in _docker_entries(members)]
        raise BadArchive("the archive holds no images: neither manifest.json nor index.json is in it")
    except (BadTar, BadCompression) as error:
        raise BadArchive(f"the archive is damaged: {error}") from error
    finally:
        path.unlink(missing_ok=True)


# Writing.


def _write(images: ImageStore, chosen: list[_Chosen]) -> Iterator[bytes]:
    index: list[dict[str, Any]] = []
    docker: list[dict[str, Any]] = []
    written: set[str] = set()
    with images.layers.use():
        yield _member("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        for one in chosen:
            entries = []
            for platform, image in one.variants:
                entries.append((yield from _write_image(images, image, platform.normal(), written)))
            descriptor = entries[0]
            if len(entries) > 1:
                raw = manifests.encode(Index(tuple(entries), media_type=manifests.OCI_INDEX))
                descriptor = Descriptor(manifests.OCI_INDEX, len(raw), digest_of(raw))
                yield from _write_once(raw, written)
            plain = {"mediaType": descriptor.media_type, "digest": descriptor.digest, "size": descriptor.size}
            for tag in one.tags:
                names = {_NAME_ANNOTATIONS[0]: tag.canonical, _NAME_ANNOTATIONS[1]: tag.tag}
                index.append({**plain, "annotations": names})
            if not one.tags:
                index.append(plain)
            docker.append(_docker_entry(one))
        yield _member("index.json", msgspec.json.encode(_NamedIndex(manifests.OCI_INDEX, tuple(index))))
        yield _member("manifest.json", msgspec.json.encode(docker))
        yield bytes(2 * tarfile.BLOCKSIZE)


def _write_image(
    images: ImageStore, image: Image, platform: Platform, written: set[str]
) -> Generator[bytes, None, Descriptor]:
    """The image's blobs that are not written yet; returns its manifest's descriptor, for an index."""
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
    yield from _write_once(raw_config, written)
    yield from _write_once(raw, written)
    named = IndexPlatform(architecture=platform.architecture, os=platform.os, variant=platform.variant)
    return Descriptor(manifests.OCI_MANIFEST, len(raw), digest_of(raw), platform=named)


def _write_once(blob: bytes, written: set[str]) -> Iterator[bytes]:
    if digest_of(blob) not in written:
        written.add(digest_of(blob))
        yield _member(blob_name(digest_of(blob)), blob)


def _docker_entry(chosen: _Chosen) -> dict[str, Any]:
    """Docker's own list knows no platforms: it has the image for this machine, else the first."""
    ids = [Variant(platform, image.id) for platform, image in chosen.variants]
    answering = variants.answering(ids, Platform.host()).image
    image = next(image for _, image in chosen.variants if image.id == answering)
    return {
        "Config": blob_name(image.id),
        "RepoTags": [tag.familiar for tag in chosen.tags] or None,
        "Layers": [blob_name(diff_id) for diff_id in image.layers],
    }


_Found = tuple[tuple[tuple[Platform, Image], ...], Reference | None]


def _named(images: ImageStore, name: str, platform: Platform | None) -> list[_Found]:
    """What is named, each with the tag that it was asked for by; none where it was asked for by id."""
    try:
        reference = Reference.parse(name)
    except InvalidReference:
        reference = None
    if reference is not None and ":" not in name.rpartition("/")[2] and "@" not in name:
        tags = [Reference.parse(tag) for image in images.list() for tag in image.names]
        if alike := [tag for tag in tags if tag.canonical_repository == reference.canonical_repository]:
            return [(_variants(images, tag.canonical, platform), tag) for tag in alike]
    found = _variants(images, name, platform)
    answering = images.resolve(name)
    named = reference is not None and answering is not None and reference.familiar in answering.names
    return [(found, reference if named else None)]


def _variants(images: ImageStore, name: str, platform: Platform | None) -> tuple[tuple[Platform, Image], ...]:
    found = tuple(images.variants(name))
    if not found:
        raise NoSuchImage(f"No such image: {name}")
    if platform is None:
        return found
    image = images.for_platform(name, platform)
    if image is None:
        raise NoSuchImage(variants.no_platform(name, platform, [offered for offered, _ in found]))
    return ((platform, image),)


def _head(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o644
    return info.tobuf(tarfile.PAX_FORMAT)


def _member(name: str, data: bytes) -> bytes:
    return _head(name, len(data)) + data + bytes(-len(data) % tarfile.BLOCKSIZE)


# Reading.


def _layout(members: Members) -> Index | None:
    if "index.json" not in members:
        return None
    index = manifests.parse(members.document("index.json"))
    if not isinstance(index, Index):
        raise BadArchive("index.json is no index")
    return index


def _has_indexes(layout: Index) -> bool:
    return any(entry.media_type in (manifests.OCI_INDEX, manifests.DOCKER_INDEX) for entry in layout.manifests)


def _docker_entries(members: Members) -> list[_SavedImage]:
    try:
        return decoding.decode(members.document("manifest.json"), list[_SavedImage])
    except msgspec.MsgspecError as error:
        raise BadArchive(f"manifest.json: {error}") from error


def _load_docker(images: ImageStore, members: Members, entry: _SavedImage) -> Loaded:
    names = tuple(Reference.parse(name) for name in entry.repo_tags or ())
    return _add(images, members, members.document(entry.config), entry.layers, names)


def _load_layout(images: ImageStore, members: Members, index: Index) -> Iterator[Loaded]:
    by_digest: dict[str, tuple[Descriptor, list[Reference]]] = {}
    for descriptor in index.manifests:
        if not manifests.is_attestation(descriptor):
            by_digest.setdefault(descriptor.digest, (descriptor, []))[1].extend(_annotated_names(descriptor))
    for descriptor, names in by_digest.values():
        parsed = manifests.parse(members.blob(descriptor))
        if isinstance(parsed, Index):
            yield from _load_index(images, members, parsed, tuple(names))
        else:
            yield _add_manifest(images, members, parsed, tuple(names))


def _load_index(images: ImageStore, members: Members, index: Index, names: tuple[Reference, ...]) -> Iterator[Loaded]:
    """As many of the index's images as the archive holds: it may have been written with some of them alone."""
    loaded: list[tuple[Platform, Image]] = []
    for entry in index.manifests:
        if entry.platform is None or manifests.is_attestation(entry) or blob_name(entry.digest) not in members:
            continue
        manifest = manifests.parse(members.blob(entry))
        if isinstance(manifest, Index):
            raise BadArchive("an index in an index in an index")
        if blob_name(manifest.config.digest) in members:
            platform = Platform(entry.platform.os, entry.platform.architecture, entry.platform.variant)
            loaded.append((platform, _add_manifest(images, members, manifest, ()).image))
    if not loaded:
        raise BadArchive("the archive holds none of the images that its index names")
    if not names:
        yield from (Loaded(image, ()) for _, image in loaded)
        return
    images.join(names, [Variant(platform, image.id) for platform, image in loaded])
    answering = images.resolve(names[0].canonical)
    yield Loaded(answering or loaded[0][1], tuple(name.familiar for name in names))


def _add_manifest(images: ImageStore, members: Members, manifest: Manifest, names: tuple[Reference, ...]) -> Loaded:
    layers = tuple(blob_name(layer.digest) for layer in manifest.layers)
    return _add(images, members, members.blob(manifest.config), layers, names)


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
