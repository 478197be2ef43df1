"""`config`: the project as it was understood."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dockless.cli.session import Session, pass_session

if TYPE_CHECKING:
    from dockless.compose.model import Project


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
    from dockless.cli.compose.config_text import text

    printed = text(_Loading(session), names, flags)
    if flags["quiet"]:
        return
    if flags["output"]:
        Path(flags["output"]).write_text(printed, encoding="utf-8")
        return
    click.echo(printed, nl=not printed.endswith("\n") and bool(printed))


class _Loading:
    def __init__(self, session: Session) -> None:
        self._session = session
        self.load_options = session.load_options
        self.load_with = session.load_with

    def with_digests(self, project: "Project") -> "Project":
        from dockless.compose.run.digests import with_digests

        return with_digests(self._session.client, project)
