"""`docker system df` and `docker system prune`: the space that is taken, and what of it can be given back."""

import json
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import click

from dockless.cli.docker.each import parse_filters
from dockless.cli.output import echo, human_duration, human_size, print_rows, short_id
from dockless.cli.references import split_tag
from dockless.cli.session import Session, pass_session

if TYPE_CHECKING:
    from dockless.client.api import Client
    from dockless.wire.usage import DiskUsage

_RUNNING = ("running", "paused", "restarting")


@click.command("df", short_help="Show disk usage")
@click.option("--format", "format_", default="table", help="table, json, or a Go template over the fields")
@click.option("-v", "--verbose", is_flag=True, help="Show detailed information on space usage")
@pass_session
def df(session: Session, /, format_: str, verbose: bool) -> None:
    """Show the space that images, containers, volumes and the build cache take."""
    usage = session.client.system.df()
    if verbose and format_ == "json":
        from dockless.wire.base import encode

        echo(json.dumps(json.loads(encode(usage))))
        return
    if verbose:
        _details(usage)
        return
    columns = {
        "TYPE": "Type",
        "TOTAL": "TotalCount",
        "ACTIVE": "Active",
        "SIZE": "Size",
        "RECLAIMABLE": "Reclaimable",
    }
    print_rows(summary(usage), columns, format_)


def summary(usage: "DiskUsage") -> list[dict[str, object]]:
    """A row for each kind of thing, as `docker system df --format json` names the fields."""
    images, containers = usage.images or (), usage.containers or ()
    volumes, cache = usage.volumes or (), usage.build_cache or ()
    used = {container.image_id for container in containers}
    sizes = [(volume.usage_data.size, volume.usage_data.ref_count) for volume in volumes if volume.usage_data]
    held = sum(image.size - max(image.shared_size, 0) for image in images if image.id in used)
    running = [container for container in containers if container.state in _RUNNING]
    stopped = sum(container.size_rw or 0 for container in containers if container.state not in _RUNNING)
    return [
        _row("Images", len(images), len(used), usage.layers_size, max(usage.layers_size - held, 0)),
        _row("Containers", len(containers), len(running), sum(each.size_rw or 0 for each in containers), stopped),
        _row(
            "Local Volumes",
            len(volumes),
            sum(references > 0 for _, references in sizes),
            sum(max(size, 0) for size, _ in sizes),
            sum(max(size, 0) for size, references in sizes if references == 0),
        ),
        _row(
            "Build Cache",
            len(cache),
            sum(record.in_use for record in cache),
            sum(record.size for record in cache),
            sum(record.size for record in cache if not record.in_use),
            percent=False,
        ),
    ]


def _row(kind: str, total: int, active: int, size: int, free: int, *, percent: bool = True) -> dict[str, object]:
    share = f" ({free * 100 // size}%)" if size and percent else ""
    return {
        "Type": kind,
        "TotalCount": str(total),
        "Active": str(active),
        "Size": human_size(size, precision=4),
        "Reclaimable": human_size(free, precision=4) + share,
    }


def _details(usage: "DiskUsage") -> None:
    now = time.time()
    echo("Images space usage:\n")
    images = [
        {
            "Repository": split_tag((image.repo_tags or ("<none>:<none>",))[0])[0],
            "Tag": split_tag((image.repo_tags or ("<none>:<none>",))[0])[1],
            "ID": short_id(image.id),
            "Created": f"{human_duration(now - image.created)} ago",
            "Size": human_size(image.size),
            "Containers": str(sum(each.image_id == image.id for each in usage.containers or ())),
        }
        for image in usage.images or ()
    ]
    _print(images, ("Repository", "Tag", "ID", "Created", "Size", "Containers"))
    echo("\nContainers space usage:\n")
    containers = [
        {
            "ID": short_id(each.id),
            "Image": each.image,
            "Size": human_size(each.size_rw or 0),
            "Created": f"{human_duration(now - each.created)} ago",
            "Status": each.status,
            "Names": ",".join(name.removeprefix("/") for name in each.names),
        }
        for each in usage.containers or ()
    ]
    _print(containers, ("ID", "Image", "Size", "Created", "Status", "Names"))
    echo("\nLocal Volumes space usage:\n")
    volumes = [
        {"Name": each.name, "Links": str(each.usage_data.ref_count), "Size": human_size(max(each.usage_data.size, 0))}
        for each in usage.volumes or ()
        if each.usage_data
    ]
    _print(volumes, ("Name", "Links", "Size"))
    size = sum(record.size for record in usage.build_cache or ())
    echo(f"\nBuild cache usage: {human_size(size)}\n")
    cache = [
        {"ID": short_id(each.id), "Type": each.type, "Size": human_size(each.size), "Usage": str(each.usage_count)}
        for each in usage.build_cache or ()
    ]
    _print(cache, ("ID", "Type", "Size", "Usage"))


def _print(rows: list[dict[str, str]], fields: tuple[str, ...]) -> None:
    print_rows(rows, {field.upper(): field for field in fields}, "table")


@click.command("prune", short_help="Remove unused data")
@click.option("-a", "--all", "all_", is_flag=True, help="Remove all unused images, not just dangling ones")
@click.option("-f", "--force", is_flag=True, help="Do not prompt for confirmation")
@click.option("--volumes", is_flag=True, help="Prune anonymous volumes")
@click.option("--filter", "filters", multiple=True, help='Provide filter values (e.g. "label=<key>=<value>")')
@pass_session
def prune(session: Session, /, **flags: Any) -> None:
    """Remove stopped containers, unused networks, images, the build cache, and on request anonymous volumes."""
    if not flags["force"]:
        kinds = ["all stopped containers", "all networks not used by at least one container"]
        if flags["volumes"]:
            kinds.append("all anonymous volumes not used by at least one container")
        kinds.append(
            "all images without at least one container associated to them" if flags["all_"] else "all dangling images"
        )
        listed = "\n".join(f"  - {kind}" for kind in [*kinds, "unused build cache"])
        click.confirm(f"WARNING! This will remove:\n{listed}\n\nAre you sure you want to continue?", abort=True)
    filters = parse_filters(flags["filters"])
    space = sum(step(session.client, filters) for step in _steps(volumes=flags["volumes"], all_images=flags["all_"]))
    echo(f"Total reclaimed space: {human_size(space, precision=4)}")


Step = Callable[["Client", dict[str, list[str]]], int]
"""Removes one kind of thing, prints what is gone, and returns the bytes."""


def _steps(*, volumes: bool, all_images: bool) -> Iterable[Step]:
    """Containers first: what they used is unused then."""
    yield _containers
    yield _networks
    if volumes:
        yield _volumes
    yield _all_images if all_images else _dangling_images
    yield _build_cache


def _containers(client: "Client", filters: dict[str, list[str]]) -> int:
    answer = client.containers.prune(filters=filters)
    _tell("Containers", answer.containers_deleted)
    return answer.space_reclaimed


def _networks(client: "Client", filters: dict[str, list[str]]) -> int:
    _tell("Networks", client.networks.prune(filters=filters).networks_deleted)
    return 0


def _volumes(client: "Client", filters: dict[str, list[str]]) -> int:
    # The engine's prune of volumes knows no `until`.
    known = {key: values for key, values in filters.items() if key != "until"}
    answer = client.volumes.prune(filters=known)
    _tell("Volumes", answer.volumes_deleted)
    return answer.space_reclaimed


def _dangling_images(client: "Client", filters: dict[str, list[str]]) -> int:
    return _images(client, filters | {"dangling": ["true"]})


def _all_images(client: "Client", filters: dict[str, list[str]]) -> int:
    return _images(client, filters | {"dangling": ["false"]})


def _images(client: "Client", filters: dict[str, list[str]]) -> int:
    answer = client.images.prune(filters=filters)
    deleted = answer.images_deleted or ()
    _tell("Images", [f"untagged: {item.untagged}" if item.untagged else f"deleted: {item.deleted}" for item in deleted])
    return answer.space_reclaimed


def _build_cache(client: "Client", filters: dict[str, list[str]]) -> int:
    until = {key: values for key, values in filters.items() if key == "until"}
    answer = client.images.build_prune(filters=until)
    _tell("build cache objects", answer.caches_deleted)
    return answer.space_reclaimed


def _tell(kind: str, names: Iterable[str] | None) -> None:
    if listed := list(names or ()):
        echo(f"Deleted {kind}:\n" + "\n".join(listed) + "\n")
