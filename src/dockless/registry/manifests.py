"""Manifests and indexes, of Docker (v2, schema 2) and of the OCI image specification: bytes → values. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from dockless import decoding
from dockless.registry.errors import ImageError
from dockless.registry.platform import Platform
from dockless.registry.reference import is_digest

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
ACCEPTED = (DOCKER_MANIFEST, DOCKER_INDEX, OCI_MANIFEST, OCI_INDEX)

MAX_MANIFEST_BYTES = 4 << 20  # what registries and Docker accept
_MAX_LAYERS = 1000
_SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1"
_LAYER_TYPES = (
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
)


class BadManifest(ImageError):
    """The bytes are no manifest that names a container image."""


class NoSuchPlatform(ImageError):
    """The index has no image for the platform that is wanted."""


class IndexPlatform(msgspec.Struct, frozen=True, omit_defaults=True):
    architecture: str = ""
    os: str = ""
    variant: str = ""


class Descriptor(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """OCI content descriptor; `size` in bytes."""

    media_type: str
    size: int
    digest: str
    annotations: Mapping[str, str] | None = None
    platform: IndexPlatform | None = None


class Manifest(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """One image: its configuration and its layers, bottom first."""

    config: Descriptor
    schema_version: int = msgspec.field(default_factory=lambda: 2)
    media_type: str = ""
    layers: tuple[Descriptor, ...] = ()


class Index(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """Images for several platforms under one name."""

    manifests: tuple[Descriptor, ...]
    schema_version: int = msgspec.field(default_factory=lambda: 2)
    media_type: str = ""


def parse(raw: bytes, content_type: str = "") -> Manifest | Index:
    """Which of the two it is the bytes themselves say; `content_type` (the HTTP header) only helps the message.

    Raises `BadManifest`.
    """
    if len(raw) > MAX_MANIFEST_BYTES:
        raise BadManifest(f"the manifest has {len(raw)} bytes, more than {MAX_MANIFEST_BYTES}")
    try:
        tree = msgspec.json.decode(raw, type=dict[str, Any])
        if tree.get("schemaVersion") == 1 or content_type.startswith(_SCHEMA_1):
            raise BadManifest("the image has a manifest of schema 1, which registries gave up in 2017; push it again")
        if tree.get("manifests") is not None:
            return _checked_index(decoding.convert(tree, Index))
        return _checked_manifest(decoding.convert(tree, Manifest))
    except (msgspec.MsgspecError, RecursionError) as error:
        raise BadManifest(f"this is no image manifest: {error}") from error


def encode(value: Manifest | Index) -> bytes:
    return msgspec.json.encode(value)


def choose(index: Index, platform: Platform, name: str) -> Descriptor:
    """The first image that fits the platform best. Raises `NoSuchPlatform`, naming what there is."""
    candidates = [(_platform(entry), entry) for entry in index.manifests if entry.platform is not None]
    for wanted in platform.fallbacks():
        for offered, entry in candidates:
            if wanted.accepts(offered):
                return entry
    if len(index.manifests) == 1 and index.manifests[0].platform is None:
        return index.manifests[0]
    there = ", ".join(dict.fromkeys(str(offered) for offered, _ in candidates if offered.os != "unknown"))
    raise NoSuchPlatform(f"no matching manifest for {platform} in the manifest list entries of {name} (it has {there})")


def is_attestation(descriptor: Descriptor) -> bool:
    """BuildKit puts provenance beside the images, as manifests that no platform can run."""
    return "vnd.docker.reference.type" in (descriptor.annotations or {})


def _platform(entry: Descriptor) -> Platform:
    if entry.platform is None or is_attestation(entry):
        return Platform("unknown", "unknown")
    return Platform(entry.platform.os, entry.platform.architecture, entry.platform.variant)


def _checked_index(index: Index) -> Index:
    _check_descriptors(index.manifests)
    return index


def _checked_manifest(manifest: Manifest) -> Manifest:
    _check_descriptors((manifest.config, *manifest.layers))
    if manifest.config.media_type not in (DOCKER_CONFIG, OCI_CONFIG):
        raise BadManifest(f"this is no container image: its configuration is of type {manifest.config.media_type}")
    if len(manifest.layers) > _MAX_LAYERS:
        raise BadManifest(f"the image has {len(manifest.layers)} layers, more than {_MAX_LAYERS}")
    for layer in manifest.layers:
        if not layer.media_type.startswith(_LAYER_TYPES) or layer.media_type.endswith("+encrypted"):
            raise BadManifest(f"a layer is of type {layer.media_type}, which cannot be unpacked")
    return manifest


def _check_descriptors(descriptors: Sequence[Descriptor]) -> None:
    for descriptor in descriptors:
        if not is_digest(descriptor.digest) or descriptor.size < 0:
            raise BadManifest(f"the manifest names a malformed digest or size: {descriptor.digest[:100]}")
