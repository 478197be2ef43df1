"""`up` of a project that was fetched: says where it lies now, and asks whether its variables have the right values."""

import sys
from typing import TYPE_CHECKING

import click

from dockless.cli.failure import Failure
from dockless.cli.output import echo, table
from dockless.cli.session import Session

if TYPE_CHECKING:
    from dockless.compose.model import Project

_HEADERS = ("VARIABLE", "VALUE", "SOURCE", "REQUIRED", "DEFAULT")


def confirm(session: Session, project: "Project", *, yes: bool) -> None:
    """Nothing for a project of this machine. Raises `Failure` where somebody, or nobody, does not agree."""
    from dockless.compose.load.sources import is_remote

    if not session.files or not is_remote(session.files[0]):
        return
    echo(f'Your compose stack "{session.files[0]}" is stored in "{project.working_dir}"')
    rows = _variables(session, project)
    if yes or not rows:
        return
    echo("\nFound the following variables in configuration:\n" + table(_HEADERS, rows))
    click.echo("\nDo you want to proceed with these variables? [Y/n]: ", nl=False)
    sys.stdout.flush()
    answer = sys.stdin.readline()
    if not answer or answer.strip().lower() not in ("", "y", "yes"):
        raise Failure("operation cancelled by user")


def _variables(session: Session, project: "Project") -> list[tuple[str, ...]]:
    from dockless.compose.load.loader import load_variables

    rows: list[tuple[str, ...]] = []
    for name, variable in sorted(load_variables(session.load_options()).items()):
        if name in session.environ:
            value, source = session.environ[name], "environment"
        elif name in project.environment:
            value, source = project.environment[name], "environment file"
        else:
            value, source = variable.default, "compose file" if variable.default else ""
        rows.append((name, value, source, "yes" if variable.required else "no", variable.default))
    return rows
