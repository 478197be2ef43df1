"""Software of the host that stand-ins may take over: what all kinds have in common, and how each is found."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from dockless.standins import elf, interpreter, node


class HostSoftware(Protocol):
    """A build under `prefix` that can be moved: it becomes one at /usr/local of an image."""

    @property
    def prefix(self) -> Path: ...

    @property
    def version(self) -> tuple[int, int, int]: ...

    @property
    def text(self) -> str:
        """The version as people write it."""

    def needs(self) -> elf.Needs:
        """The libraries that the image must have, and its lowest C library."""

    def digest(self) -> str:
        """Changes when the build does."""

    def copy(self, root: Path) -> None:
        """Copies it to `usr/local` of the image's root, whose folders are there."""


Find = Callable[[Mapping[str, str], tuple[Path, ...], Path | None], tuple[HostSoftware, ...]]

# By the name that recipes call them: (environment, homes, prefix of the interpreter that runs us) → newest first.
FINDERS: Mapping[str, Find] = {"cpython": interpreter.find, "node": node.find}
