"""What the checks are told about the build around the Dockerfile."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import msgspec

from dockless.dockerfile.ignore import Ignore

_NOTHING: Mapping[str, str] = MappingProxyType({})


class Base(msgspec.Struct, frozen=True):
    """A base image: its environment, whether it sets a SHELL, its "os/arch", and its ONBUILD triggers."""

    variables: Mapping[str, str] = _NOTHING
    shell: bool = False
    platform: str = ""
    triggers: tuple[str, ...] = ()


class Situation(msgspec.Struct, frozen=True):
    """`given` are the `--build-arg`s; `predefined` the platform arguments (`TARGETPLATFORM` …).

    `stages` are the indexes of those whose steps are judged, None for all: a build judges what its target needs.
    `base` finds an image by its reference and platform, None where it is not known, and then no rule that depends on
    it speaks. `ignore` is the context's.
    """

    given: Mapping[str, str] = _NOTHING
    predefined: Mapping[str, str] = _NOTHING
    stages: frozenset[int] | None = None
    base: Callable[[str, str], Base | None] = lambda _reference, _platform: None
    ignore: Ignore | None = None

    def judges(self, stage: int) -> bool:
        return self.stages is None or stage in self.stages
