"""Known steps as an image, so that they travel as images do: pushed, pulled, saved, loaded.

The image's layers are those that the steps made, and a label holds the steps' keys. It is no image to run: the layers
of the bases are not in it. A cache that is inline is in the result itself: its configuration holds the steps' keys.
"""

from collections.abc import Sequence

import msgspec

from dockless import decoding
from dockless.build.cache import BuildCache, Record
from dockless.images.config import ContainerConfig, History, ImageConfig, RootFs
from dockless.images.layers import LayerStore
from dockless.registry.platform import Platform

LABEL = "dockless.build.cache"


class _Step(msgspec.Struct, frozen=True, omit_defaults=True):
    key: str
    diff_id: str
    size: int
    description: str
    created: str


def cache_image(records: Sequence[Record]) -> ImageConfig:
    """The configuration of an image with these steps, each layer once."""
    platform = Platform.host()
    first = {one.diff_id: one for one in reversed(records)}
    diff_ids = tuple(dict.fromkeys(one.diff_id for one in records))
    return ImageConfig(
        architecture=platform.architecture,
        os=platform.os,
        variant=platform.variant,
        created=max((one.created for one in records), default=None),
        config=ContainerConfig(labels={LABEL: _text(records)}),
        rootfs=RootFs(diff_ids=diff_ids),
        history=tuple(
            History(created=first[diff_id].created, created_by=first[diff_id].description) for diff_id in diff_ids
        ),
    )


def with_steps(config: ImageConfig, records: Sequence[Record]) -> ImageConfig:
    """The result with those of the steps in it whose layers it has."""
    order = config.rootfs.diff_ids
    own = sorted((one for one in records if one.diff_id in order), key=lambda one: (order.index(one.diff_id), one.key))
    return msgspec.structs.replace(config, build_cache=_text(own))


def holds_steps(config: ImageConfig) -> bool:
    return bool(config.build_cache or LABEL in config.config.labels)


def take_steps(config: ImageConfig, cache: BuildCache, layers: LayerStore) -> int:
    """Makes the steps of a cache image known here, as far as their layers are; how many. Raises `ValueError`."""
    said = config.build_cache or config.config.labels.get(LABEL)
    if said is None:
        raise ValueError("the image holds no build cache")
    try:
        steps = decoding.decode(said, list[_Step])
    except msgspec.MsgspecError as error:
        raise ValueError(f"its build cache cannot be read: {error}") from error
    taken = 0
    for step in steps:
        if step.diff_id in config.rootfs.diff_ids and layers.has(step.diff_id) and not cache.knows(step.key):
            cache.add(step.key, step.diff_id, step.size, step.description, step.created)
            taken += 1
    return taken


def _text(records: Sequence[Record]) -> str:
    steps = [_Step(one.key, one.diff_id, one.size, one.description, one.created) for one in records]
    return msgspec.json.encode(steps).decode()
