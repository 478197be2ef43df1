"""`docker volume`."""

from typing import Any

import click

from dockless.cli.docker.client_config import text_of
from dockless.cli.docker.each import for_each, parse_filters
from dockless.cli.environment import labels
from dockless.cli.output import echo, human_size, print_rows
from dockless.cli.rows import volume_row
from dockless.cli.session import Session, pass_session


@click.command("ls", short_help="List volumes")
@click.option("-f", "--filter", "filters", multiple=True, help='Provide filter values (e.g. "dangling=true")')
@click.option("--format", "format_", default="", help="table, json, or a Go template over the fields")
@click.option("-q", "--quiet", is_flag=True, help="Only display volume names")
@pass_session
def ls(session: Session, /, filters: tuple[str, ...], format_: str, quiet: bool) -> None:
    """List volumes."""
    found = sorted(session.client.volumes.list(filters=parse_filters(filters)).volumes, key=lambda each: each.name)
    if quiet:
        for volume in found:
            echo(volume.name)
        return
    rows = [volume_row(volume) for volume in found]
    columns = {"DRIVER": "Driver", "VOLUME NAME": "Name"}
    print_rows(rows, columns, text_of(format_, "volumesFormat", session.environ, "table"))


@click.command("create", short_help="Create a volume")
@click.option("-d", "--driver", default="local", help="Specify volume driver name")
@click.option("--label", multiple=True, help="Set metadata for a volume")
@click.option("-o", "--opt", multiple=True, help="Set driver specific options")
@click.argument("name", required=False, default="")
@pass_session
def create(session: Session, /, name: str, driver: str, label: tuple[str, ...], opt: tuple[str, ...]) -> None:
    """Create a volume."""
    from dockless.wire.volumes import VolumeCreateRequest

    body = VolumeCreateRequest(name=name, driver=driver, driver_opts=labels(opt), labels=labels(label))
    echo(session.client.volumes.create(body).name)


@click.command("rm", short_help="Remove one or more volumes")
@click.option("-f", "--force", is_flag=True, help="Force the removal of one or more volumes")
@click.argument("names", nargs=-1, required=True, metavar="VOLUME [VOLUME...]")
@pass_session
def rm(session: Session, /, names: tuple[str, ...], force: bool) -> None:
    """Remove one or more volumes."""
    for_each(names, lambda name: session.client.volumes.remove(name, force=force))


@click.command("prune", short_help="Remove unused local volumes")
@click.option("-a", "--all", "all_", is_flag=True, help="Remove all unused volumes, not just anonymous ones")
@click.option("-f", "--force", is_flag=True, help="Do not prompt for confirmation")
@click.option("--filter", "filters", multiple=True, help='Provide filter values (e.g. "label=<label>")')
@pass_session
def prune(session: Session, /, **flags: Any) -> None:
    """Remove unused local volumes."""
    what = "all local volumes" if flags["all_"] else "anonymous local volumes"
    if not flags["force"]:
        click.confirm(f"WARNING! This will remove {what} not used by at least one container.\nContinue?", abort=True)
    filters = parse_filters(flags["filters"])
    if flags["all_"]:
        filters["all"] = ["true"]
    answer = session.client.volumes.prune(filters=filters)
    if answer.volumes_deleted:
        echo("Deleted Volumes:\n" + "\n".join(answer.volumes_deleted) + "\n")
    echo(f"Total reclaimed space: {human_size(answer.space_reclaimed, precision=4)}")
