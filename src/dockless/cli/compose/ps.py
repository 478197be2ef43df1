"""`ps` of a project, and the top level's `ps` in a project's folder, which shows hand-run containers as well."""

from typing import TYPE_CHECKING, Any

import click

from dockless.cli.compose.choice import check_services
from dockless.cli.compose.options import services_argument
from dockless.cli.failure import Failure
from dockless.cli.output import echo, note, print_rows, table
from dockless.cli.rows import compose_row, container_row
from dockless.cli.session import Session, pass_session

if TYPE_CHECKING:
    from dockless.wire.containers import ContainerSummary

_STATES = ("paused", "restarting", "removing", "running", "dead", "created", "exited")
_COLUMNS = {
    "NAME": "Name",
    "IMAGE": "Image",
    "COMMAND": "Command",
    "SERVICE": "Service",
    "CREATED": "RunningFor",
    "STATUS": "Status",
    "PORTS": "Ports",
}
_OTHER_COLUMNS = {
    "CONTAINER ID": "ID",
    "IMAGE": "Image",
    "COMMAND": "Command",
    "CREATED": "RunningFor",
    "STATUS": "Status",
    "PORTS": "Ports",
    "NAMES": "Names",
}
_PROJECT_LABEL = "com.docker.compose.project"
_ONE_OFF_LABEL = "com.docker.compose.oneoff"
_SERVICE_LABEL = "com.docker.compose.service"


def _flags(command: Any) -> Any:
    options = (
        click.option(
            "-a", "--all", "all_", is_flag=True, help="Show all stopped containers (including those of `run`)"
        ),
        click.option("--filter", "filter_", default="", help="Filter services by a property (supported: status)"),
        click.option("--format", "format_", default="table", help="table, json, or a Go template over the fields"),
        click.option("--no-trunc", is_flag=True, help="Don't truncate output"),
        click.option(
            "--orphans/--no-orphans", default=True, help="Include orphaned services (not declared by project)"
        ),
        click.option("-q", "--quiet", is_flag=True, help="Only display IDs"),
        click.option("--services", "only_services", is_flag=True, help="Display services"),
        click.option("--status", multiple=True, type=click.Choice(_STATES), help="Filter services by status"),
        services_argument,
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command("ps", short_help="List containers")
@_flags
@pass_session
def ps(session: Session, /, **flags: Any) -> None:
    """List a project's containers."""
    _show(flags, _of_project(session, flags))


@click.command("ps", short_help="List containers")
@_flags
@pass_session
def ps_here(session: Session, /, **flags: Any) -> None:
    """List the containers of the project in this folder, and below them those that belong to no project.

    `dockless compose ps` lists the project's alone, `dockless container ls` everything as `docker ps` does. With a flag
    that only `docker ps` has (-n, -l, -s, --filter name=…) this is `docker ps`.
    """
    from dockless.compose.errors import ComposeError

    try:
        chosen = _of_project(session, flags)
    except ComposeError as error:
        if flags["services"] or session.names_project():
            raise
        # A broken file should not hide what runs: all of it is shown, and what is wrong with the file.
        note(str(error))
        chosen = [each for each in session.client.containers.list(all=True) if _wanted(each, flags)]
    others: list[ContainerSummary] = []
    if not flags["services"] and not flags["only_services"]:
        found = session.client.containers.list(all=flags["all_"])
        known = {each.id for each in chosen}
        others = [
            each
            for each in found
            if _PROJECT_LABEL not in each.labels and each.id not in known and _wanted(each, flags)
        ]
    if flags["quiet"] or flags["format_"] != "table" or not others:
        _show(flags, chosen + others)
        return
    if chosen:
        _show(flags, chosen)
        echo("")
    rows = [container_row(each, truncate=not flags["no_trunc"]) for each in others]
    echo(table(list(_OTHER_COLUMNS), [[str(row[field]) for field in _OTHER_COLUMNS.values()] for row in rows]))


def _of_project(session: Session, flags: dict[str, Any]) -> "list[ContainerSummary]":
    services = flags["services"]
    project, name = session.project_or_name()
    key, _, value = flags["filter_"].partition("=")
    if flags["filter_"] and key != "status":
        raise Failure(f"unknown filter {key}")
    if value and value not in _STATES:
        raise Failure(f"invalid status {value}: one of {', '.join(_STATES)}")
    found = session.client.containers.list(all=True, filters={"label": [f"{_PROJECT_LABEL}={name}"]})
    if services:
        from dockless.compose.run.observe import Existing

        check_services(services, project, [Existing.of(each) for each in found])
    known = project.services.keys() | project.disabled_services.keys() if project else None
    chosen = []
    for each in found:
        service = each.labels.get(_SERVICE_LABEL, "")
        if services and service not in services:
            continue
        if known is not None and service not in known and not flags["orphans"]:
            continue
        if each.labels.get(_ONE_OFF_LABEL) == "True" and not flags["all_"]:
            continue
        if _wanted(each, flags):
            chosen.append(each)
    return sorted(chosen, key=lambda each: each.names[0] if each.names else each.id)


def _wanted(each: "ContainerSummary", flags: dict[str, Any]) -> bool:
    states = set(flags["status"])
    if flags["filter_"]:
        states.add(flags["filter_"].partition("=")[2])
    if states:
        return each.state in states
    return flags["all_"] or each.state in ("running", "paused", "restarting")


def _show(flags: dict[str, Any], found: "list[ContainerSummary]") -> None:
    if flags["quiet"]:
        for each in found:
            echo(each.id)
        return
    if flags["only_services"]:
        for service in dict.fromkeys(each.labels.get(_SERVICE_LABEL, "") for each in found):
            echo(service)
        return
    rows = [compose_row(each, each.labels, truncate=not flags["no_trunc"]) for each in found]
    print_rows(rows, _COLUMNS, flags["format_"], template_status=1)
