"""`docker builder du` and `docker builder prune`: the known steps of builds, and the folders of cache mounts."""

import json
import time

import click

from dockless.cli.docker.each import parse_filters
from dockless.cli.docker.units import bytes_of
from dockless.cli.output import echo, human_duration, human_size, print_rows
from dockless.cli.session import Session, pass_session
from dockless.wire.times import parse_rfc3339


@click.command("du", short_help="Show what the build cache holds")
@click.option("--format", "format_", default="table", help="table, json, or a Go template over the fields")
@click.option("--verbose", is_flag=True, help="Say what each part is")
@pass_session
def du(session: Session, /, format_: str, verbose: bool) -> None:
    """Show what the build cache holds, the one used last first."""
    records = session.client.system.df().build_cache or ()
    now = time.time()
    rows = [
        {
            "ID": record.id[:25],
            "Type": record.type,
            "Description": record.description,
            "Reclaimable": json.dumps(not record.in_use),
            "Size": human_size(record.size, precision=4),
            "LastUsed": f"{human_duration(now - parse_rfc3339(record.last_used_at) / 1e9)} ago"
            if record.last_used_at
            else "",
            "UsageCount": str(record.usage_count),
        }
        for record in records
    ]
    columns = {"ID": "ID", "RECLAIMABLE": "Reclaimable", "SIZE": "Size", "LAST ACCESSED": "LastUsed"}
    if verbose:
        columns |= {"USAGE": "UsageCount", "DESCRIPTION": "Description"}
    print_rows(rows, columns, format_)
    if format_ == "table":
        free = sum(record.size for record in records if not record.in_use)
        echo(f"Reclaimable:\t{human_size(free, precision=4)}")
        echo(f"Total:\t\t{human_size(sum(record.size for record in records), precision=4)}")


@click.command("prune", short_help="Remove build cache")
@click.option("-a", "--all", "all_", is_flag=True, help="Remove all unused build cache, not just dangling ones")
@click.option("-f", "--force", is_flag=True, help="Do not prompt for confirmation")
@click.option("--filter", "filters", multiple=True, help='Provide filter values (e.g. "until=24h")')
@click.option("--keep-storage", default="", help="Amount of disk space to keep for cache")
@pass_session
def prune(session: Session, /, all_: bool, force: bool, filters: tuple[str, ...], keep_storage: str) -> None:
    """Remove build cache."""
    if not force:
        click.confirm("WARNING! This will remove build cache.\nAre you sure you want to continue?", abort=True)
    answer = session.client.images.build_prune(
        all=all_, keep_storage=bytes_of(keep_storage, "keep-storage"), filters=parse_filters(filters)
    )
    if names := answer.caches_deleted:
        echo("Deleted build cache objects:\n" + "\n".join(names) + "\n")
    echo(f"Total:\t{human_size(answer.space_reclaimed, precision=4)}")
