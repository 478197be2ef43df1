"""`docker images`, `rmi`, `pull`, `tag`, `history` and `image prune`."""

import time
from typing import TYPE_CHECKING, Any

import click

from dockless.cli.docker.client_config import text_of
from dockless.cli.docker.each import parse_filters
from dockless.cli.docker.platforms import platform_of
from dockless.cli.failure import Exit, Failure
from dockless.cli.output import echo, human_duration, human_size, note, print_rows, short_id, shorten
from dockless.cli.references import split_tag
from dockless.cli.session import Session, pass_session

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from dockless.wire.images import ImageSummary

STAND_IN = "dev.dockless.stand-in"


@click.command("images", short_help="List images")
@click.option("-a", "--all", "all_", is_flag=True, help="Show all images (default hides intermediate images)")
@click.option("--digests", is_flag=True, help="Show digests")
@click.option("-f", "--filter", "filters", multiple=True, help="Filter output based on conditions provided")
@click.option("--format", "format_", default="", help="table, json, or a Go template over the fields")
@click.option("--no-trunc", is_flag=True, help="Don't truncate output")
@click.option("-q", "--quiet", is_flag=True, help="Only show image IDs")
@click.option("--tree", is_flag=True, help="List multi-platform images as a tree")
@click.argument("repository", required=False)
@pass_session
def images(session: Session, /, repository: str | None, **flags: Any) -> None:
    """List images. A stand-in (an image made here in place of one that could not be pulled) is marked as such."""
    filters = parse_filters(flags["filters"])
    if repository:
        filters.setdefault("reference", []).append(repository)
    if flags["tree"]:
        _print_tree(session, filters, flags)
        return
    found = session.client.images.list(all=flags["all_"], filters=filters)
    if flags["quiet"]:
        for identifier in dict.fromkeys(each.id for each in found):
            echo(identifier if flags["no_trunc"] else short_id(identifier))
        return
    rows = [row for each in found for row in _rows(each, truncate=not flags["no_trunc"])]
    columns = {"REPOSITORY": "Repository", "TAG": "Tag", "IMAGE ID": "ID", "CREATED": "CreatedSince", "SIZE": "Size"}
    if flags["digests"]:
        columns = {"REPOSITORY": "Repository", "TAG": "Tag", "DIGEST": "Digest"} | columns
    if any(row["StandIn"] for row in rows):
        columns["NOTE"] = "StandIn"
    print_rows(rows, columns, text_of(flags["format_"], "imagesFormat", session.environ, "table"))


def _print_tree(session: Session, filters: "Mapping[str, Collection[str]]", flags: dict[str, Any]) -> None:
    import json

    from dockless.cli.docker.image_tree import names_of, tree
    from dockless.wire.filters import encode_filters

    for name in ("quiet", "no_trunc", "digests", "format_"):
        if flags[name]:
            raise Failure(f"--{name.strip('_').replace('_', '-')} cannot be used with --tree")
    query = {"all": flags["all_"], "filters": encode_filters(filters), "manifests": True}
    found = json.loads(session.client.transport.call("GET", "/images/json", query).body)
    echo(tree([image for image in found if flags["all_"] or names_of(image)]))


def _rows(image: "ImageSummary", *, truncate: bool) -> list[dict[str, object]]:
    """A row for each tag; `<none>` where there is none."""
    digests = {split_tag(digest)[0]: digest.partition("@")[2] for digest in image.repo_digests}
    names = [split_tag(tag) for tag in image.repo_tags if tag != "<none>:<none>"]
    if not names:
        names = [(name, "<none>") for name in digests if name != "<none>"] or [("<none>", "<none>")]
    return [
        {
            "Containers": "N/A" if image.containers < 0 else str(image.containers),
            "CreatedAt": time.strftime("%Y-%m-%d %H:%M:%S +0000 UTC", time.gmtime(image.created)),
            "CreatedSince": f"{human_duration(time.time() - image.created)} ago",
            "Digest": digests.get(name, "<none>"),
            "ID": short_id(image.id) if truncate else image.id,
            "Repository": name,
            "SharedSize": "N/A",
            "Size": human_size(image.size),
            "StandIn": "stand-in" if (image.labels or {}).get(STAND_IN) == "true" else "",
            "Tag": tag,
            "UniqueSize": "N/A",
            "VirtualSize": human_size(image.size),
        }
        for name, tag in names
    ]


@click.command("rmi", short_help="Remove one or more images")
@click.option("-f", "--force", is_flag=True, help="Force removal of the image")
@click.option("--no-prune", is_flag=True, help="Do not delete untagged parents")
@click.argument("names", nargs=-1, required=True, metavar="IMAGE [IMAGE...]")
@pass_session
def rmi(session: Session, /, names: tuple[str, ...], force: bool, no_prune: bool) -> None:
    """Remove one or more images."""
    from dockless.wire.errors import ApiError, NotFound

    failed = False
    for name in names:
        try:
            for item in session.client.images.remove(name, force=force, noprune=no_prune):
                echo(f"Untagged: {item.untagged}" if item.untagged else f"Deleted: {item.deleted}")
        except ApiError as error:
            if not (force and isinstance(error, NotFound)):
                failed = True
            note(f"Error response from daemon: {error.message.strip()}")
    if failed:
        raise Exit(1)


@click.command("pull", short_help="Download an image from a registry")
@click.option("-a", "--all-tags", is_flag=True, help="Download all tagged images in the repository")
@click.option("--disable-content-trust/--no-disable-content-trust", default=True, hidden=True)
@click.option("--platform", default="", envvar="DOCKER_DEFAULT_PLATFORM", help="Set platform")
@click.option("-q", "--quiet", is_flag=True, help="Suppress verbose output")
@click.option("--stand-ins/--no-stand-ins", "stand_ins", default=None, help="Whether a stand-in may be made instead")
@click.argument("name")
@pass_session
def pull(
    session: Session, /, name: str, platform: str, quiet: bool, stand_ins: bool | None, all_tags: bool, **_: bool
) -> None:
    """Download an image from a registry."""
    from dockless.cli.docker.pulling import pull_image, show
    from dockless.compose.run.images import split_reference

    allowed = session.may_use_stand_ins(stand_ins)
    if all_tags:
        if split_tag(name)[1] or "@" in name:
            raise Failure("tag can't be used with --all-tags/-a")
        show(session.client.images.pull(name, platform=platform, stand_ins=allowed), quiet=quiet)
        echo(name)
        return
    pull_image(session, name, platform=platform, stand_ins=allowed, quiet=quiet)
    image, tag = split_reference(name)
    echo(f"{image}@{tag}" if tag.startswith("sha256:") else f"{image}:{tag}")


@click.command("tag", short_help="Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE")
@click.argument("source")
@click.argument("target")
@pass_session
def tag(session: Session, /, source: str, target: str) -> None:
    """Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE."""
    repository, label = split_tag(target)
    session.client.images.tag(source, repo=repository, tag=label or "latest")


@click.command("history", short_help="Show the history of an image")
@click.option("--format", "format_", default="table", help="table, json, or a Go template over the fields")
@click.option("-H", "--human/--no-human", default=True, help="Print sizes and dates in human readable format")
@click.option("--no-trunc", is_flag=True, help="Don't truncate output")
@click.option("--platform", default="", help="Show the history of the given platform's image, of several")
@click.option("-q", "--quiet", is_flag=True, help="Only show image IDs")
@click.argument("name")
@pass_session
def history(session: Session, /, name: str, **flags: Any) -> None:
    """Show the history of an image."""
    rows = []
    for item in session.client.images.history(name, platform=platform_of(flags["platform"])):
        identifier = item.id if flags["no_trunc"] else short_id(item.id)
        if flags["quiet"]:
            echo(identifier)
            continue
        command = item.created_by.replace("\t", " ")
        rows.append(
            {
                "Comment": item.comment,
                "CreatedAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(item.created)),
                "CreatedBy": command if flags["no_trunc"] else shorten(command, 45),
                "CreatedSince": f"{human_duration(time.time() - item.created)} ago",
                "ID": identifier,
                "Size": human_size(item.size) if flags["human"] else str(item.size),
            }
        )
    if not flags["quiet"]:
        columns = {"IMAGE": "ID", "CREATED": "CreatedSince", "CREATED BY": "CreatedBy", "SIZE": "Size"}
        print_rows(rows, columns | {"COMMENT": "Comment"}, flags["format_"])


@click.command("prune", short_help="Remove unused images")
@click.option("-a", "--all", "all_", is_flag=True, help="Remove all unused images, not just dangling ones")
@click.option("-f", "--force", is_flag=True, help="Do not prompt for confirmation")
@click.option("--filter", "filters", multiple=True, help='Provide filter values (e.g. "until=<timestamp>")')
@pass_session
def prune(session: Session, /, **flags: Any) -> None:
    """Remove unused images."""
    what = "all images without at least one container associated to them" if flags["all_"] else "all dangling images"
    if not flags["force"]:
        click.confirm(f"WARNING! This will remove {what}.\nAre you sure you want to continue?", abort=True)
    filters = parse_filters(flags["filters"]) | {"dangling": ["false" if flags["all_"] else "true"]}
    answer = session.client.images.prune(filters=filters)
    if answer.images_deleted:
        echo("Deleted Images:")
        for item in answer.images_deleted:
            echo(f"untagged: {item.untagged}" if item.untagged else f"deleted: {item.deleted}")
        echo("")
    echo(f"Total reclaimed space: {human_size(answer.space_reclaimed, precision=4)}")
