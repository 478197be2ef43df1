"""A compose application as an OCI artifact, in Docker Compose's form: files to a manifest with layers, and back. Pure.

Its images may lie beside it, under an index that refers to it.

The layers are the files as they stand. Those that `extends` or `env_file` name are called by the hash of their paths,
and the names in the texts are replaced by these.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from dockless import decoding
from dockless.compose.run.names import COMPOSE_VERSION

PROJECT_TYPE = "application/vnd.docker.compose.project"
FILE_TYPE = "application/vnd.docker.compose.file+yaml"
ENV_TYPE = "application/vnd.docker.compose.envfile"
_EMPTY_CONFIG = "application/vnd.docker.compose.config.empty.v1+json"  # OCI 1.0, which has no artifact types
_OCI_EMPTY = "application/vnd.oci.empty.v1+json"
_OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_OCI_INDEX = "application/vnd.oci.image.index.v1+json"
_SOURCE = "containerd.io/distribution.source"
_VERSION = "com.docker.compose.version"
_FILE = "com.docker.compose.file"
_ENV_FILE = "com.docker.compose.envfile"
_EXTENDS = "com.docker.compose.extends"
_NAME = re.compile(r"[^/\\\0]+")
EMPTY = b"{}"
COMPOSE_FILE = "compose.yaml"


class NoComposeArtifact(Exception):
    """The manifest is another thing's, or what it names cannot be a file here."""


class Layer(msgspec.Struct, frozen=True):
    """One document: a compose file, one that is only extended, or an env file."""

    name: str
    content: bytes
    type: str = FILE_TYPE
    extended: bool = False

    @property
    def annotations(self) -> dict[str, str]:
        found = {_ENV_FILE if self.type == ENV_TYPE else _FILE: self.name, _VERSION: COMPOSE_VERSION}
        return dict(sorted((found | ({_EXTENDS: "true"} if self.extended else {})).items()))


def manifest_of(layers: Iterable[Layer], created: str, *, typed: bool) -> bytes:
    """`created`: RFC 3339; `typed`: OCI 1.1, with an artifact type; else 1.0, where the configuration's type tells."""
    config = _descriptor(_OCI_EMPTY if typed else _EMPTY_CONFIG, EMPTY, {})
    found: dict[str, Any] = {"schemaVersion": 2, "mediaType": _OCI_MANIFEST}
    if typed:
        found["artifactType"] = PROJECT_TYPE
    found["config"] = config
    found["layers"] = [_descriptor(layer.type, layer.content, layer.annotations) for layer in layers]
    found["annotations"] = {"org.opencontainers.image.created": created}
    return msgspec.json.encode(found)


class Copied(msgspec.Struct, frozen=True):
    """An image that lies beside the artifact now, and where it came from."""

    media_type: str
    digest: str
    size: int
    registry: str
    repository: str


def index_of(images: Iterable[Copied], manifest: bytes) -> bytes:
    """The index of an application's images, which refers to its artifact's manifest."""
    version = {_VERSION: COMPOSE_VERSION}
    digest = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
    subject: dict[str, Any] = {"mediaType": _OCI_MANIFEST, "digest": digest, "size": len(manifest)}
    listed = [
        {
            "mediaType": each.media_type,
            "digest": each.digest,
            "size": each.size,
            "annotations": {f"{_SOURCE}.{each.registry.partition(':')[0]}": each.repository},
        }
        for each in images
    ]
    return msgspec.json.encode(
        {
            "schemaVersion": 2,
            "mediaType": _OCI_INDEX,
            "manifests": listed,
            "subject": subject | {"annotations": version, "artifactType": PROJECT_TYPE},
            "annotations": version,
        }
    )


def _descriptor(kind: str, content: bytes, annotations: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "mediaType": kind,
        "digest": f"sha256:{hashlib.sha256(content).hexdigest()}",
        "size": len(content),
    }
    if annotations:
        found["annotations"] = annotations
    return found | {"data": base64.b64encode(content).decode()}


class _Described(msgspec.Struct, frozen=True, rename="camel"):
    media_type: str = ""
    digest: str = ""
    size: int = 0
    annotations: Mapping[str, str] = {}


class _Manifest(msgspec.Struct, frozen=True, rename="camel"):
    config: _Described = _Described()
    layers: tuple[_Described, ...] = ()
    artifact_type: str = ""


def files_of(manifest: bytes, blob: Callable[[str, int], bytes], shown: str) -> dict[str, bytes]:
    """The files by name; `compose.yaml` is all that are not only extended, as one text of several documents.

    `blob` gives the content of a digest and a size. Raises `NoComposeArtifact`.
    """
    try:
        found = decoding.decode(manifest, _Manifest)
    except msgspec.MsgspecError as error:
        raise NoComposeArtifact(f"{shown} is not a compose project OCI artifact: {error}") from error
    if (found.artifact_type or PROJECT_TYPE) != PROJECT_TYPE or (
        not found.artifact_type and found.config.media_type != _EMPTY_CONFIG
    ):
        kind = found.artifact_type or found.config.media_type or "an index"
        raise NoComposeArtifact(f"{shown} is not a compose project OCI artifact, but {kind}")
    texts: list[bytes] = []
    files: dict[str, bytes] = {}
    for layer in found.layers:
        content = blob(layer.digest, layer.size)
        if layer.media_type == ENV_TYPE:
            files[_named(layer.annotations.get(_ENV_FILE, ""), shown)] = content
        elif layer.media_type != FILE_TYPE:
            continue  # from a later form of these artifacts: not a file that this one knows
        elif _EXTENDS in layer.annotations:
            files[_named(layer.annotations.get(_FILE, ""), shown)] = content
        else:
            texts.append(content)
    return files | {COMPOSE_FILE: b"\n---\n".join(texts)}


def _named(name: str, shown: str) -> str:
    """A name that stays in the folder. Raises `NoComposeArtifact`."""
    if not _NAME.fullmatch(name) or name in (".", "..", COMPOSE_FILE):
        raise NoComposeArtifact(f"{shown} has a file with the name {name!r}, which is refused")
    return name
