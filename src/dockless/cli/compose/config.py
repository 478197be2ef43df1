"""`config`: the project as it was understood."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dockless.cli.failure import Failure
from dockless.cli.session import Session, pass_session

if TYPE_CHECKING:
    from dockless.compose.model import Project

_ASPECTS = ("services", "volumes", "networks", "models", "profiles", "images", "environment")


@click.command("config", short_help="Parse, resolve and render compose file in canonical format")
@click.option("--environment", is_flag=True, help="Print environment used for interpolation")
@click.option("--format", "format_", type=click.Choice(["yaml", "json"]), default="yaml", help="Format the output")
@click.option("--hash", "hash_", default="", metavar="SERVICES", help="Print the service config hash, one per line")
@click.option("--images", is_flag=True, help="Print the image names, one per line")
@click.option("--lock-image-digests", is_flag=True, help="Produces an override file with image digests")
@click.option("--models", is_flag=True, help="Print the model names, one per line")
@click.option("--networks", is_flag=True, help="Print the network names, one per line")
@click.option("--no-consistency", is_flag=True, help="Don't check model consistency")
@click.option("--no-env-resolution", is_flag=True, help="Don't resolve service env files")
@click.option("--no-interpolate", is_flag=True, help="Don't interpolate environment variables")
@click.option("--no-normalize", is_flag=True, help="Don't normalize compose model")
@click.option("--no-path-resolution", is_flag=True, help="Don't resolve file paths")
@click.option("-o", "--output", default="", metavar="FILE", help="Save to file (default to stdout)")
@click.option("--profiles", is_flag=True, help="Print the profile names, one per line")
@click.option("-q", "--quiet", is_flag=True, help="Only validate the configuration, don't print anything")
@click.option("--resolve-image-digests", is_flag=True, help="Pin image tags to digests")
@click.option("--services", is_flag=True, help="Print the service names, one per line")
@click.option("--variables", is_flag=True, help="Print model variables and default values")
@click.option("--volumes", is_flag=True, help="Print the volume names, one per line")
@click.argument("names", nargs=-1, metavar="[SERVICE...]")
@pass_session
def config(session: Session, /, names: tuple[str, ...], **flags: Any) -> None:
    """Parse, resolve and render compose file in canonical format."""
    text = _text(session, names, flags)
    if flags["quiet"]:
        return
    if flags["output"]:
        Path(flags["output"]).write_text(text, encoding="utf-8")
        return
    click.echo(text, nl=not text.endswith("\n") and bool(text))


def _text(session: Session, names: tuple[str, ...], flags: dict[str, Any]) -> str:
    from dockless.compose import printing

    aspect = next((name for name in (*_ASPECTS, "hash_", "variables") if flags[name]), "")
    # What is asked about the whole project is told of the whole project.
    named = () if aspect and aspect != "images" else names
    options = session.load_options(
        named,
        interpolate=not flags["no_interpolate"],
        normalize=not flags["no_normalize"],
        resolve_paths=not flags["no_path_resolution"],
        resolve_environment=not (flags["no_env_resolution"] or flags["hash_"]),
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
        from dockless.compose.run.digests import with_digests

        project = with_digests(session.client, project)
    if flags["lock_image_digests"]:
        return printing.locked(project, flags["format_"])
    return printing.as_json(project) if flags["format_"] == "json" else printing.as_yaml(project)


def _hashed(project: "Project", names: list[str]) -> list[str]:
    """The services whose hashes are asked for. Raises `Failure` for one that is not active."""
    for name in names:
        if name != "*" and name not in project.services:
            why = "disabled" if name in project.disabled_services else "not found"
            raise Failure(f"no such service: {name}: {why}")
    return names


def _selected(project: "Project", names: tuple[str, ...]) -> "Project":
    """The services named and what they need. Raises `Failure`."""
    from msgspec.structs import replace

    from dockless.compose.run.order import with_dependencies

    for name in names:
        if name not in project.services:
            raise Failure(f"no such service: {name}")
    chosen = with_dependencies(project, names)
    services = {name: service for name, service in project.services.items() if name in chosen}
    return replace(project, services=services)
