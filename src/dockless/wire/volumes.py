"""Volumes: create, inspect, list, prune."""

from collections.abc import Mapping
from typing import Any

from dockless.wire.base import Message, always


class VolumeUsage(Message, frozen=True, kw_only=True):
    """Bytes and containers; -1: not computed."""

    size: int = always(-1)
    ref_count: int = always(-1)


class Volume(Message, frozen=True, kw_only=True):
    """`created_at` in RFC 3339."""

    created_at: str = ""
    driver: str = always("local")
    labels: Mapping[str, str] | None = always(None)
    mountpoint: str = always("")
    name: str
    options: Mapping[str, str] | None = always(None)
    scope: str = always("local")
    usage_data: VolumeUsage | None = None


class VolumeCreateRequest(Message, frozen=True, kw_only=True):
    """`name` empty: the engine gives one of 64 hexadecimal digits."""

    name: str = always("")
    driver: str = always("")
    driver_opts: Mapping[str, str] | None = always(None)
    labels: Mapping[str, str] | None = always(None)
    cluster_volume_spec: dict[str, Any] | None = None


class VolumeListResponse(Message, frozen=True, kw_only=True):
    volumes: tuple[Volume, ...] = always(())
    warnings: tuple[str, ...] | None = always(None)


class VolumePruneResponse(Message, frozen=True, kw_only=True):
    volumes_deleted: tuple[str, ...] | None = always(None)
    space_reclaimed: int = always(0)
