"""`docker run` and `docker create`."""

from typing import Any

import click

from dockless.cli.docker.run_options import container_options, run_options
from dockless.cli.failure import Exit
from dockless.cli.output import echo
from dockless.cli.session import Session, pass_session


@click.command(
    "run",
    short_help="Create and run a new container from an image",
    context_settings={"allow_interspersed_args": False},
)
@run_options
@container_options
@pass_session
def run(session: Session, /, **flags: Any) -> None:
    """Create and run a new container from an image."""
    from dockless.cli.docker.running import run_container

    if status := run_container(session, flags):
        raise Exit(status)


@click.command("create", short_help="Create a new container", context_settings={"allow_interspersed_args": False})
@container_options
@pass_session
def create(session: Session, /, **flags: Any) -> None:
    """Create a new container."""
    from dockless.cli.docker.running import create_container

    echo(create_container(session, flags, frozenset(("stdout", "stderr"))))
