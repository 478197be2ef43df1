"""The configuration of an image as typed values: the OCI image configuration with Docker's additions.

An image's id is the digest of these bytes, so `encode` is canonical (fixed order of fields, sorted keys, nothing
that is unset) and what came from elsewhere is stored as it came, never encoded again.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from dockless import decoding
from dockless.registry.errors import ImageError

# Docker reads no larger one either; a configuration is a few kilobytes.
MAX_CONFIG_BYTES = 8 << 20


class BadConfig(ImageError):
    """The bytes are no image configuration."""


class Healthcheck(msgspec.Struct, frozen=True, omit_defaults=True, rename="pascal"):
    """`test` as in the Dockerfile's HEALTHCHECK: ("NONE",), ("CMD", …) or ("CMD-SHELL", text).

    Times are in nanoseconds; 0 means unset.
    """

    test: tuple[str, ...] = ()
    interval: int = 0
    timeout: int = 0
    start_period: int = 0
    start_interval: int = 0
    retries: int = 0


class ContainerConfig(msgspec.Struct, frozen=True, omit_defaults=True, rename="pascal"):
    """How a container of the image starts (OCI image configuration, `config`).

    `entrypoint`, `cmd` and `shell` are None where they are not set, which is not the same as empty. Keys of
    `exposed_ports` are `80/tcp`, keys of `volumes` are paths; the values of both are empty objects.
    """

    hostname: str = ""
    domainname: str = ""
    user: str = ""
    exposed_ports: Mapping[str, Any] = msgspec.field(default_factory=dict)
    env: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    healthcheck: Healthcheck | None = None
    args_escaped: bool = False
    volumes: Mapping[str, Any] = msgspec.field(default_factory=dict)
    working_dir: str = ""
    labels: Mapping[str, str] = msgspec.field(default_factory=dict)
    stop_signal: str = ""
    stop_timeout: int | None = None
    on_build: tuple[str, ...] = ()
    shell: tuple[str, ...] | None = None


class RootFs(msgspec.Struct, frozen=True):
    """`diff_ids`: the digests of the uncompressed layers, bottom first."""

    type: str = "layers"
    diff_ids: tuple[str, ...] = ()


class History(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of `docker history`. `empty_layer` where the step added no layer."""

    created: str | None = None
    created_by: str = ""
    author: str = ""
    comment: str = ""
    empty_layer: bool = False


class ImageConfig(msgspec.Struct, frozen=True, omit_defaults=True):
    """The whole configuration. `created` is RFC 3339; `build_cache` is our builder's inline cache."""

    architecture: str = ""
    os: str = ""
    variant: str = ""
    os_version: str = msgspec.field(default="", name="os.version")
    created: str | None = None
    author: str = ""
    docker_version: str = ""
    # Made by a factory so that they are written even when empty: other programs expect both.
    config: ContainerConfig = msgspec.field(default_factory=ContainerConfig)
    rootfs: RootFs = msgspec.field(default_factory=RootFs)
    history: tuple[History, ...] = ()
    build_cache: str = msgspec.field(default="", name="dockless.build.cache")


_ENCODER = msgspec.json.Encoder(order="deterministic")


def encode(config: ImageConfig) -> bytes:
    """The canonical JSON; the same value always gives the same bytes."""
    return _ENCODER.encode(config)


def decode(raw: bytes) -> ImageConfig:
    """Reads what Docker, BuildKit, buildah and others write. Raises `BadConfig`."""
    if len(raw) > MAX_CONFIG_BYTES:
        raise BadConfig(f"the image configuration has {len(raw)} bytes, more than {MAX_CONFIG_BYTES}")
    try:
        tree = _without_nulls(msgspec.json.decode(raw, type=dict[str, Any]))
        return decoding.convert(tree, ImageConfig)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise BadConfig(f"this is no image configuration: {error}") from error


def _without_nulls(tree: dict[str, Any]) -> dict[str, Any]:
    """Go writes an unset list or map as null; here that is the same as leaving it out. Map values are not touched."""
    tree = _shallow(tree)
    for key in ("config", "rootfs"):
        if isinstance(tree.get(key), dict):
            tree[key] = _shallow(tree[key])
    container = tree.get("config")
    if isinstance(container, dict) and isinstance(container.get("Healthcheck"), dict):
        container["Healthcheck"] = _shallow(container["Healthcheck"])
    if isinstance(tree.get("history"), list):
        tree["history"] = [_shallow(line) if isinstance(line, dict) else line for line in tree["history"]]
    return tree


def _shallow(tree: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in tree.items() if value is not None}
