"""`docker push` and `docker search`: what goes to a registry, and what one has."""

from typing import Any

import click

from dockless.cli.docker.each import parse_filters
from dockless.cli.docker.platforms import platform_of
from dockless.cli.failure import Failure
from dockless.cli.output import echo, note, print_rows, shorten
from dockless.cli.references import split_tag
from dockless.cli.session import Session, pass_session

_COLUMNS = {"NAME": "Name", "DESCRIPTION": "Description", "STARS": "StarCount", "OFFICIAL": "IsOfficial"}


@click.command("push", short_help="Upload an image to a registry")
@click.option("-a", "--all-tags", is_flag=True, help="Push all tags of an image to the repository")
@click.option("--disable-content-trust/--no-disable-content-trust", default=True, hidden=True)
@click.option("--platform", default="", help="Push this platform's image alone, of several")
@click.option("-q", "--quiet", is_flag=True, help="Suppress verbose output")
@click.argument("name")
@pass_session
def push(
    session: Session, /, name: str, all_tags: bool, platform: str, quiet: bool, disable_content_trust: bool
) -> None:
    """Upload an image to a registry."""
    repository, tag = split_tag(name)
    if all_tags and tag:
        raise Failure("tag can't be used with --all-tags/-a")
    for each in _tags(session, repository) if all_tags else [tag or "latest"]:
        _push(session, repository, each, platform_of(platform), quiet=quiet)


def _tags(session: Session, repository: str) -> list[str]:
    """All that the engine has of the repository. Raises `Failure` where there are none."""
    images = session.client.images.list(filters={"reference": [repository]})
    found = sorted(tag for image in images for name, tag in map(split_tag, image.repo_tags) if name == repository)
    if not found:
        raise Failure(f"An image does not exist locally with the tag: {repository}")
    return found


def _push(session: Session, repository: str, tag: str, platform: dict[str, str], *, quiet: bool) -> None:
    shown: dict[str, str] = {}
    for message in session.client.images.push(repository, tag=tag, platform=platform):
        if quiet or shown.get(message.id) == message.status or not message.status:
            continue
        shown[message.id] = message.status
        note(f"{message.id}: {message.status}" if message.id else message.status)
    echo(f"{repository}:{tag}")


@click.command("search", short_help="Search a registry for images")
@click.option("-f", "--filter", "filters", multiple=True, help="Filter output based on conditions provided")
@click.option("--format", "format_", default="table", help="table, json, or a Go template over the fields")
@click.option("--limit", type=int, default=0, help="Max number of search results")
@click.option("--no-trunc", is_flag=True, help="Don't truncate output")
@click.argument("term")
@pass_session
def search(session: Session, /, term: str, filters: tuple[str, ...], format_: str, limit: int, no_trunc: bool) -> None:
    """Search Docker Hub, or the registry that TERM begins with, for images."""
    rows: list[dict[str, Any]] = [
        {
            "Description": each.description if no_trunc else shorten(each.description.replace("\n", " "), 45),
            "IsOfficial": "[OK]" if each.is_official else "",
            "Name": each.name,
            "StarCount": str(each.star_count),
        }
        for each in session.client.images.search(term, limit=limit, filters=parse_filters(filters))
    ]
    print_rows(rows, _COLUMNS, format_)
