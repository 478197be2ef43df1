"""Where a project's images come from, as it is asked for, and what they are called."""

from collections.abc import Mapping

from msgspec import Struct, field

from dockless.compose.model import Project, Service
from dockless.compose.run import names


class ImageError(Exception):
    """An image that cannot be had; the message says which, for which service, why, and what to do."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


class ImageOptions(Struct, frozen=True):
    """Where images come from. `pull`: `always`, `missing`, `never`, or empty for each service's own policy.

    `all_platforms`: images are built to be given away, not to be run here: each platform of `build.platforms` is meant.
    """

    build: bool = False
    no_build: bool = False
    pull: str = ""
    quiet_pull: bool = False
    quiet_build: bool = False
    prefix_output: bool = False
    stand_ins: bool = True
    dry_run: bool = False
    no_cache: bool = False
    pull_bases: bool = False
    build_args: Mapping[str, str | None] = field(default_factory=dict)
    build_memory: int = 0
    build_ssh: Mapping[str, str] = field(default_factory=dict)
    all_platforms: bool = False


def image_name(project: Project, service: Service) -> str:
    return service.image or names.default_image(project, service.name)
