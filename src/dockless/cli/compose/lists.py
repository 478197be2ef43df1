"""`images`, `ls`, `top`, `port`, `volumes`, `stats` and `version` of projects."""

from typing import Any

import click

from dockless import __version__
from dockless.cli.compose.choice import choose, one_container
from dockless.cli.compose.options import index_option, services_argument
from dockless.cli.failure import Failure
from dockless.cli.output import echo, human_duration, human_size, json_line, print_rows, short_id, table, to_json
from dockless.cli.rows import volume_row
from dockless.cli.session import Session, pass_session

_PROJECT = "com.docker.compose.project"
_FILES = "com.docker.compose.project.config_files"
_WIDE = 20
"""The least width of a column in Docker Compose's tables of images and projects."""


@click.command("images", short_help="List images used by the created containers")
@click.option("--format", "format_", type=click.Choice(["table", "json"]), default="table")
@click.option("-q", "--quiet", is_flag=True, help="Only display IDs")
@services_argument
@pass_session
def images(session: Session, /, services: tuple[str, ...], format_: str, quiet: bool) -> None:
    """List images used by the created containers."""
    import time

    from dockless.cli.references import split_tag
    from dockless.compose.run.images import inspect_images
    from dockless.wire.times import parse_rfc3339

    _, found = choose(session, services, one_off=True)
    known = inspect_images(session.client, [each.summary.image_id for each in found])
    if quiet:
        for identifier in dict.fromkeys(each.summary.image_id for each in found):
            echo(identifier.removeprefix("sha256:"))
        return
    rows = []
    for each in sorted(found, key=lambda each: each.name):
        image = known[each.summary.image_id]
        if image is None:
            continue
        repository, tag = split_tag(each.summary.image if not each.summary.image.startswith("sha256:") else "")
        if not repository and image.repo_tags:
            repository, tag = split_tag(image.repo_tags[0])
        created = parse_rfc3339(image.created) / 1e9
        platform = "/".join(part for part in (image.os, image.architecture, image.variant) if part)
        rows.append(
            {
                "ID": image.id,
                "ContainerName": each.name,
                "Repository": repository or "<none>",
                "Tag": tag or ("latest" if repository else "<none>"),
                "Platform": platform,
                "Size": image.size,
                "Created": image.created,
                "LastTagTime": image.metadata.last_tag_time,
                "short": short_id(image.id),
                "human": human_size(image.size),
                "age": f"{human_duration(time.time() - created)} ago",
            }
        )
    if format_ == "json":
        keys = ("ID", "ContainerName", "Repository", "Tag", "Platform", "Size", "Created", "LastTagTime")
        echo(to_json([{key: row[key] for key in keys} for row in rows]))
        return
    columns = {
        "CONTAINER": "ContainerName",
        "REPOSITORY": "Repository",
        "TAG": "Tag",
        "PLATFORM": "Platform",
        "IMAGE ID": "short",
        "SIZE": "human",
        "CREATED": "age",
    }
    print_rows(rows, columns, "table", minimum=_WIDE)


@click.command("ls", short_help="List running compose projects")
@click.option("-a", "--all", "all_", is_flag=True, help="Show all stopped Compose projects")
@click.option("--filter", "filters", multiple=True, help="Filter output based on conditions provided (name=…)")
@click.option("--format", "format_", type=click.Choice(["table", "json"]), default="table")
@click.option("-q", "--quiet", is_flag=True, help="Only display project names")
@pass_session
def ls(session: Session, /, all_: bool, filters: tuple[str, ...], format_: str, quiet: bool) -> None:
    """List running compose projects."""
    import re

    found = session.client.containers.list(all=all_, filters={"label": [_PROJECT]})
    projects: dict[str, list[Any]] = {}
    for each in found:
        if each.labels.get("com.docker.compose.oneoff") != "True":
            projects.setdefault(each.labels[_PROJECT], []).append(each)
    for text in filters:
        key, equals, value = text.partition("=")
        if not equals:
            raise Failure(f'invalid argument "{text}" for "--filter" flag: bad format of filter (expected name=value)')
        if key != "name":
            raise Failure(f"invalid filter '{key}'")
        projects = {name: each for name, each in projects.items() if re.search(value, name)}
    rows = []
    for name, containers in sorted(projects.items()):
        counts: dict[str, int] = {}
        for each in containers:
            counts[each.state] = counts.get(each.state, 0) + 1
        files = next((each.labels[_FILES] for each in containers if each.labels.get(_FILES)), "N/A")
        status = ", ".join(f"{state}({count})" for state, count in sorted(counts.items()))
        rows.append({"Name": name, "Status": status, "ConfigFiles": files})
    if quiet:
        for row in rows:
            echo(row["Name"])
    elif format_ == "json":
        echo(to_json(rows))
    else:
        print_rows(rows, {"NAME": "Name", "STATUS": "Status", "CONFIG FILES": "ConfigFiles"}, "table", minimum=_WIDE)


@click.command("top", short_help="Display the running processes")
@services_argument
@pass_session
def top(session: Session, /, services: tuple[str, ...]) -> None:
    """Display the running processes."""
    _, found = choose(session, services)
    titles: tuple[str, ...] = ()
    rows: list[list[str]] = []
    for each in sorted(found, key=lambda each: (each.service, each.number)):
        if each.running:
            answer = session.client.containers.top(each.id)
            titles = answer.titles
            rows += [[each.service, str(each.number), *process] for process in answer.processes]
    if rows:
        echo(table(["SERVICE", "#", *titles], rows, minimum=4, gap=2))


@click.command("port", short_help="Print the public port for a port binding")
@index_option
@click.option("--protocol", default="tcp", help="tcp or udp")
@click.argument("service")
@click.argument("private_port")
@pass_session
def port(session: Session, /, service: str, private_port: str, index: int, protocol: str) -> None:
    """Print the public port for a port binding."""
    number, _, kind = private_port.partition("/")
    if not number.isdigit():
        raise Failure(f"invalid port {private_port!r}")
    container = one_container(session, service, index)
    for each in container.summary.ports:
        if each.private_port == int(number) and each.type == (kind or protocol) and each.public_port:
            echo(f"[{each.ip}]:{each.public_port}" if ":" in each.ip else f"{each.ip or '0.0.0.0'}:{each.public_port}")
            return
    published = [f"{each.public_port}/{each.type}" for each in container.summary.ports if each.public_port]
    raise Failure(
        f"no port {number}/{kind or protocol} for container {container.name}: {', '.join(published) or 'none'}"
    )


@click.command("volumes", short_help="List volumes")
@click.option("--format", "format_", default="table")
@click.option("-q", "--quiet", is_flag=True, help="Only display volume names")
@services_argument
@pass_session
def volumes(session: Session, /, services: tuple[str, ...], format_: str, quiet: bool) -> None:
    """List a project's volumes."""
    name, found = choose(session, services)
    listed = session.client.volumes.list(filters={"label": [f"{_PROJECT}={name}"]}).volumes
    if services:
        used = {volume for each in found for volume in each.volumes}
        listed = tuple(volume for volume in listed if volume.name in used)
    if quiet:
        for volume in listed:
            echo(volume.name)
        return
    rows = [volume_row(volume) for volume in listed]
    print_rows(rows, {"DRIVER": "Driver", "VOLUME NAME": "Name"}, format_, template_status=1)


@click.command("stats", short_help="Display resource usage statistics of containers")
@click.option("-a", "--all", "all_", is_flag=True, help="Show all containers (default shows just running)")
@click.option("--format", "format_", default="table")
@click.option("--no-stream", is_flag=True, help="Disable streaming stats and only pull the first result")
@click.option("--no-trunc", is_flag=True, help="Do not truncate output")
@click.argument("service", required=False)
@pass_session
def stats(session: Session, /, service: str | None, all_: bool, format_: str, no_stream: bool, no_trunc: bool) -> None:
    """Display a live stream of container(s) resource usage statistics."""
    from dockless.cli.docker.stats import show_stats

    _, found = choose(session, [service] if service else [])
    chosen = [each.id for each in found if all_ or each.running]
    show_stats(session.client, chosen, format_=format_, stream=not no_stream, truncate=not no_trunc)


@click.command("version", short_help="Show the version information")
@click.option("-f", "--format", "format_", type=click.Choice(["pretty", "json"]), default="pretty")
@click.option("--short", is_flag=True, help="Shows only the version number")
def version(format_: str, short: bool) -> None:
    """Show the version information."""
    if short:
        echo(__version__)
    elif format_ == "json":
        echo(json_line({"version": __version__}))
    else:
        echo(version_line())


def version_line() -> str:
    return f"dockless compose version {__version__}"
