"""The disk space that images, containers, volumes and the build cache take: `GET /system/df`."""

from dockless.wire.base import Message, always, names
from dockless.wire.containers import ContainerSummary
from dockless.wire.images import ImageSummary
from dockless.wire.volumes import Volume


class BuildCacheRecord(Message, rename=names(id="ID"), frozen=True, kw_only=True):
    id: str
    type: str = always("regular")
    description: str = always("")
    in_use: bool = always(False)
    shared: bool = always(False)
    size: int = always(0)
    created_at: str = always("0001-01-01T00:00:00Z")
    last_used_at: str | None = always(None)
    usage_count: int = always(0)


class DiskUsage(Message, frozen=True, kw_only=True):
    """`layers_size` in bytes, each layer counted once."""

    layers_size: int = always(0)
    images: tuple[ImageSummary, ...] | None = always(())
    containers: tuple[ContainerSummary, ...] | None = always(())
    volumes: tuple[Volume, ...] | None = always(())
    build_cache: tuple[BuildCacheRecord, ...] | None = always(())
