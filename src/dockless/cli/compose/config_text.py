"""The text that `config` prints, from its flags; how they are written on a command line is left to `config` and
`quick_config`.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from dockless.cli.failure import Failure
from dockless.compose import printing
from dockless.compose.load.options import LoadOptions
from dockless.compose.model import Project

_AS_WRITTEN = frozenset({"services", "volumes", "networks", "models", "profiles", "images", "hash_", "variables"})
"""What env files have no part in: one that is missing is no fault there."""
_ASPECTS = ("services", "volumes", "networks", "models", "profiles", "images", "environment", "hash_", "variables")


class Loading(Protocol):
    """What is needed of a session."""

    def load_options(self, services: tuple[str, ...] = (), **settings: bool) -> LoadOptions: ...
    def load_with(self, options: LoadOptions) -> Project: ...
    def with_digests(self, project: Project) -> Project: ...


def text(session: Loading, names: tuple[str, ...], flags: Mapping[str, Any]) -> str:
    """Raises `ComposeError`, `Failure`."""
    aspect = next((name for name in _ASPECTS if flags[name]), "")
    # What is asked about the whole project is told of the whole project.
    named = () if aspect and aspect != "images" else names
    options = session.load_options(
        named,
        interpolate=not flags["no_interpolate"],
        normalize=not flags["no_normalize"],
        resolve_paths=not flags["no_path_resolution"],
        resolve_environment=not flags["no_env_resolution"] and aspect not in _AS_WRITTEN,
        consistency=not flags["no_consistency"],
    )
    if aspect == "variables":
        return printing.variables(options, flags["format_"])
    if flags["no_interpolate"] and not aspect:
        return printing.uninterpolated(options, flags["format_"])
    project = session.load_with(options)
    if named:
        project = _selected(project, named)
    if aspect == "hash_":
        return printing.hashes(project, _hashed(project, flags["hash_"].split(",")))
    if aspect:
        show: Callable[[Project], str] = getattr(printing, aspect)
        return show(project)
    if flags["resolve_image_digests"] or flags["lock_image_digests"]:
        project = session.with_digests(project)
    if flags["lock_image_digests"]:
        return printing.locked(project, flags["format_"])
    return printing.as_json(project) if flags["format_"] == "json" else printing.as_yaml(project)


def _hashed(project: Project, names: list[str]) -> list[str]:
    """The services whose hashes are asked for. Raises `Failure` for one that is not active."""
    for name in names:
        if name != "*" and name not in project.services:
            why = "disabled" if name in project.disabled_services else "not found"
            raise Failure(f"no such service: {name}: {why}")
    return names


def _selected(project: Project, names: tuple[str, ...]) -> Project:
    """The services named and what they need. Raises `Failure`."""
    from msgspec.structs import replace

    from dockless.compose.run.order import with_dependencies

    for name in names:
        if name not in project.services:
            raise Failure(f"no such service: {name}")
    chosen = with_dependencies(project, names)
    services = {name: service for name, service in project.services.items() if name in chosen}
    return replace(project, services=services)
