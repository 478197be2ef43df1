"""Images: list, inspect, history, removal, prune. Sizes in bytes; ids are `sha256:…`."""

from collections.abc import Mapping

from dockless.wire.base import Message, always, names
from dockless.wire.config import ContainerConfig
from dockless.wire.containers import GraphDriver


class ImageSummary(Message, rename=names(parent_id="ParentId"), frozen=True, kw_only=True):
    """A line of the list. `created` in Unix seconds; `shared_size` and `containers` -1: not computed."""

    id: str
    parent_id: str = always("")
    repo_tags: tuple[str, ...] = always(())
    repo_digests: tuple[str, ...] = always(())
    created: int = always(0)
    size: int = always(0)
    virtual_size: int | None = None
    shared_size: int = always(-1)
    labels: Mapping[str, str] | None = always(None)
    containers: int = always(-1)


class RootFS(Message, frozen=True, kw_only=True):
    """`layers`: diff ids, the lowest first."""

    type: str = always("layers")
    layers: tuple[str, ...] | None = None


class ImageMetadata(Message, frozen=True, kw_only=True):
    last_tag_time: str = always("0001-01-01T00:00:00Z")


class ImageInspect(Message, rename=names(root_fs="RootFS"), frozen=True, kw_only=True):
    """`created` in RFC 3339; `config` holds the defaults that containers take."""

    id: str
    repo_tags: tuple[str, ...] = always(())
    repo_digests: tuple[str, ...] = always(())
    parent: str = always("")
    comment: str = always("")
    created: str = always("0001-01-01T00:00:00Z")
    docker_version: str = always("")
    author: str = always("")
    config: ContainerConfig = always(ContainerConfig())
    architecture: str = always("")
    variant: str = ""
    os: str = always("linux")
    os_version: str = ""
    size: int = always(0)
    virtual_size: int | None = None
    graph_driver: GraphDriver = always(GraphDriver())
    root_fs: RootFS = always(RootFS())
    metadata: ImageMetadata = always(ImageMetadata())


class HistoryItem(Message, frozen=True, kw_only=True):
    """A step of the image's making, the newest first. `created` in Unix seconds; `id` `<missing>` where it has none."""

    id: str = always("<missing>")
    created: int = always(0)
    created_by: str = always("")
    tags: tuple[str, ...] | None = always(None)
    size: int = always(0)
    comment: str = always("")


class SearchResult(Message, rename=None, frozen=True, kw_only=True):
    """A repository that a registry found."""

    star_count: int = always(0)
    is_official: bool = always(False)
    name: str = always("")
    is_automated: bool = always(False)
    description: str = always("")


class ImageDeleteItem(Message, frozen=True, kw_only=True):
    """Either of the two."""

    untagged: str = ""
    deleted: str = ""


class ImagePruneResponse(Message, frozen=True, kw_only=True):
    images_deleted: tuple[ImageDeleteItem, ...] | None = always(None)
    space_reclaimed: int = always(0)


class BuildPruneResponse(Message, frozen=True, kw_only=True):
    caches_deleted: tuple[str, ...] | None = always(None)
    space_reclaimed: int = always(0)


class StandIn(Message, frozen=True, kw_only=True):
    """An official image that the engine could make itself (an extension of ours). `refused`: why not."""

    image: str
    software: str = always("")
    versions: tuple[str, ...] = always(())
    differs: tuple[str, ...] = always(())
    refused: str = always("")


class Descriptor(Message, rename="camel", frozen=True, kw_only=True):
    """The registry's own description of a manifest."""

    media_type: str = always("")
    digest: str = always("")
    size: int = always(0)


class PlatformSpec(Message, rename="camel", frozen=True, kw_only=True):
    architecture: str = always("")
    os: str = always("")
    variant: str = ""


class DistributionInspect(Message, frozen=True, kw_only=True):
    descriptor: Descriptor
    platforms: tuple[PlatformSpec, ...] = always(())
