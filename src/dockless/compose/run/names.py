"""Names and labels: Docker Compose's own, so that both tools see each other's projects."""

import re

from dockless.compose.model import Project

PREFIX = "com.docker.compose."
PROJECT = PREFIX + "project"
SERVICE = PREFIX + "service"
NUMBER = PREFIX + "container-number"
ONE_OFF = PREFIX + "oneoff"
CONFIG_HASH = PREFIX + "config-hash"
IMAGE = PREFIX + "image"
DEPENDS_ON = PREFIX + "depends_on"
CONFIG_FILES = PREFIX + "project.config_files"
WORKING_DIR = PREFIX + "project.working_dir"
VERSION = PREFIX + "version"
REPLACE = PREFIX + "replace"
SLUG = PREFIX + "slug"
NETWORK = PREFIX + "network"
VOLUME = PREFIX + "volume"

COMPOSE_VERSION = "2.40.3"
"""The release of Docker Compose whose labels and hashes these are: what the `version` label says."""

_HALF_RECREATED = re.compile(r"^[0-9a-f]{12}_(.+)$")


def container_name(project: Project, service: str, number: int) -> str:
    return project.separator.join((project.name, service, str(number)))


def one_off_name(project: Project, service: str, slug: str) -> str:
    """Of a container that `run` makes."""
    return project.separator.join((project.name, service, "run", slug[:12]))


def temporary_name(old_id: str, name: str) -> str:
    """What a container is called while the one that it replaces still has its name."""
    return f"{old_id[:12]}_{name}"


def final_name(name: str) -> str | None:
    """The name that a half-recreated container is to get, or None when `name` is an ordinary one."""
    found = _HALF_RECREATED.match(name)
    return found.group(1) if found else None


def default_image(project: Project, service: str) -> str:
    """The name of the image of a service that has `build` and no `image`."""
    return project.separator.join((project.name, service))
