"""An image in the making: the configuration, history and layers that a stage has so far.

One `Draft` belongs to one stage's thread, and is copied when another stage goes on from it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from dockless.images.config import ContainerConfig, History, ImageConfig, RootFs
from dockless.images.layers import LayerStore
from dockless.registry.platform import Platform

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
DEFAULT_SHELL = ("/bin/sh", "-c")
_COMMENT = "buildkit.dockerfile.v0"


class HistoryLine(msgspec.Struct, frozen=True):
    """`created` (RFC 3339) is None for what only changes the configuration; it gets its neighbour's time."""

    created_by: str
    empty: bool
    created: str | None = None


class Draft(msgspec.Struct):
    """`diff_ids` bottom first. `variables` is what `$name` sees: the environment and the arguments, the latest last.

    `arguments` are the declared ARGs in order, as RUN's history line shows them; `triggers` the ONBUILDs of a base.
    """

    platform: Platform
    config: ContainerConfig = msgspec.field(default_factory=ContainerConfig)
    author: str = ""
    diff_ids: list[str] = msgspec.field(default_factory=list)
    history: list[History | HistoryLine] = msgspec.field(default_factory=list)
    variables: dict[str, str] = msgspec.field(default_factory=dict)
    arguments: dict[str, str | None] = msgspec.field(default_factory=dict)
    cmd_set: bool = False

    @classmethod
    def scratch(cls, platform: Platform) -> "Draft":
        draft = cls(platform, config=ContainerConfig(working_dir="/"))
        draft.set_env("PATH", DEFAULT_PATH)
        return draft

    @classmethod
    def of_image(cls, image: ImageConfig) -> "Draft":
        """Goes on from an image; its triggers are taken out by `take_triggers`."""
        platform = Platform(image.os or "linux", image.architecture or Platform.host().architecture, image.variant)
        draft = cls(
            platform,
            config=image.config,
            author=image.author,
            diff_ids=list(image.rootfs.diff_ids),
            history=list(image.history),
        )
        draft.variables = dict(_pair(entry) for entry in image.config.env)
        if "PATH" not in draft.variables:
            draft.set_env("PATH", DEFAULT_PATH)
        return draft

    def copy(self) -> "Draft":
        """For a stage that stands on this one: it has its arguments, too, but where they hid an ENV, that is seen."""
        environment = dict(_pair(entry) for entry in self.config.env)
        hidden = {name: value for name, value in environment.items() if self.arguments.get(name) is not None}
        return msgspec.structs.replace(
            self,
            diff_ids=list(self.diff_ids),
            history=list(self.history),
            variables={**self.variables, **environment},
            arguments={**self.arguments, **hidden},
            cmd_set=False,
        )

    def take_triggers(self) -> tuple[str, ...]:
        triggers = self.config.on_build
        self.change(on_build=())
        return triggers

    def change(self, **fields: Any) -> None:
        self.config = msgspec.structs.replace(self.config, **fields)

    def set_env(self, name: str, value: str) -> None:
        """As ENV: an old value is replaced where it stands, a new name comes last."""
        entries = [f"{name}={value}" if _pair(entry)[0] == name else entry for entry in self.config.env]
        if name not in (_pair(entry)[0] for entry in self.config.env):
            entries.append(f"{name}={value}")
        self.change(env=tuple(entries))
        self.variables[name] = value

    def add_history(self, created_by: str) -> None:
        """A line for what makes no layer."""
        self.history.append(HistoryLine(created_by, empty=True))

    def add_layer(self, diff_id: str, created_by: str, created: str) -> None:
        self.diff_ids.append(diff_id)
        self.history.append(HistoryLine(created_by, empty=False, created=created))

    @property
    def shell(self) -> tuple[str, ...]:
        return self.config.shell or DEFAULT_SHELL

    def image_config(self, labels: Mapping[str, str]) -> ImageConfig:
        """The configuration as it is stored; `labels` are those of the command line."""
        history = _dated(self.history)
        if labels:
            self.change(labels={**self.config.labels, **labels})
        return ImageConfig(
            architecture=self.platform.architecture,
            os=self.platform.os,
            variant=self.platform.variant,
            created=history[-1].created if history else None,
            author=self.author,
            config=self.config,
            rootfs=RootFs(diff_ids=tuple(self.diff_ids)),
            history=history,
        )


def lower_directories(layers: LayerStore, diff_ids: Sequence[str]) -> tuple[Path, ...]:
    """For an overlay: topmost first, each once (the kernel refuses a folder twice, and the upper one counts)."""
    return tuple(dict.fromkeys(layers.path(diff_id) for diff_id in reversed(diff_ids)))


def _pair(entry: str) -> tuple[str, str]:
    name, _, value = entry.partition("=")
    return name, value


def _dated(lines: Sequence[History | HistoryLine]) -> tuple[History, ...]:
    """Gives lines without a time that of the layer before them, the first ones that of the first new layer.

    So a build whose steps are all cached gives the same image again.
    """
    undated = next((index for index, line in enumerate(lines) if line.created is None), len(lines))
    later = [line.created for line in lines[undated:] if line.created is not None]
    earlier = [line.created for line in lines[:undated] if line.created is not None]
    current = later[0] if later else earlier[-1] if earlier else None
    dated = []
    for index, line in enumerate(lines):
        if line.created is not None and index > undated:
            current = line.created
        if isinstance(line, History):
            dated.append(line if line.created else msgspec.structs.replace(line, created=current))
            continue
        dated.append(
            History(
                created=line.created or current, created_by=line.created_by, comment=_COMMENT, empty_layer=line.empty
            )
        )
    return tuple(dated)
