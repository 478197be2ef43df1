"""`docker ps`."""

from typing import Any

import click

from dockless.cli.docker.client_config import text_of
from dockless.cli.docker.each import parse_filters
from dockless.cli.output import echo, print_rows
from dockless.cli.rows import container_row
from dockless.cli.session import Session, pass_session

_COLUMNS = {
    "CONTAINER ID": "ID",
    "IMAGE": "Image",
    "COMMAND": "Command",
    "CREATED": "RunningFor",
    "STATUS": "Status",
    "PORTS": "Ports",
    "NAMES": "Names",
}


@click.command("ps", short_help="List containers")
@click.option("-a", "--all", "all_", is_flag=True, help="Show all containers (default shows just running)")
@click.option("-f", "--filter", "filters", multiple=True, help="Filter output based on conditions provided")
@click.option("--format", "format_", default="", help="table, json, or a Go template over the fields")
@click.option("-n", "--last", type=int, default=-1, help="Show n last created containers (includes all states)")
@click.option("-l", "--latest", is_flag=True, help="Show the latest created container (includes all states)")
@click.option("--no-trunc", is_flag=True, help="Don't truncate output")
@click.option("-q", "--quiet", is_flag=True, help="Only display container IDs")
@click.option("-s", "--size", is_flag=True, help="Display total file sizes")
@pass_session
def ps(session: Session, /, **flags: Any) -> None:
    """List containers."""
    format_ = text_of(flags["format_"], "psFormat", session.environ, "table")
    size = flags["size"] or ("{{" in format_ and ".Size" in format_)
    limit = 1 if flags["latest"] else max(flags["last"], 0)
    found = session.client.containers.list(
        all=flags["all_"] or limit > 0, limit=limit, size=size, filters=parse_filters(flags["filters"])
    )
    rows = [container_row(each, truncate=not flags["no_trunc"]) for each in found]
    if flags["quiet"]:
        for row in rows:
            echo(str(row["ID"]))
        return
    columns = _COLUMNS | {"SIZE": "Size"} if flags["size"] else _COLUMNS
    print_rows(rows, columns, format_)
