"""`docker stats`."""

import sys
import time
from collections.abc import Sequence

import click

from dockless.cli.docker.client_config import text_of
from dockless.cli.output import human_bytes, human_size, print_rows, short_id
from dockless.cli.session import Session, pass_session
from dockless.client.api import Client
from dockless.wire.errors import ApiError
from dockless.wire.stats import ContainerStats

_COLUMNS = {
    "CONTAINER ID": "ID",
    "NAME": "Name",
    "CPU %": "CPUPerc",
    "MEM USAGE / LIMIT": "MemUsage",
    "MEM %": "MemPerc",
    "NET I/O": "NetIO",
    "BLOCK I/O": "BlockIO",
    "PIDS": "PIDs",
}


@click.command("stats", short_help="Display a live stream of container resource usage statistics")
@click.option("-a", "--all", "all_", is_flag=True, help="Show all containers (default shows just running)")
@click.option("--format", "format_", default="", help="table, json, or a Go template over the fields")
@click.option("--no-stream", is_flag=True, help="Disable streaming stats and only pull the first result")
@click.option("--no-trunc", is_flag=True, help="Do not truncate output")
@click.argument("containers", nargs=-1)
@pass_session
def stats(
    session: Session, /, containers: tuple[str, ...], all_: bool, format_: str, no_stream: bool, no_trunc: bool
) -> None:
    """Display a live stream of container(s) resource usage statistics."""
    format_ = text_of(format_, "statsFormat", session.environ, "table")
    names = list(containers)
    for name in names:
        session.client.containers.inspect(name)  # one that is not there is said to be so
    if not names:
        listed = session.client.containers.list(all=all_)
        names = [each.id if no_trunc else short_id(each.id) for each in listed]
    show_stats(session.client, names, format_=format_, stream=not no_stream, truncate=not no_trunc)


def show_stats(client: Client, names: Sequence[str], *, format_: str, stream: bool, truncate: bool) -> None:
    """A table of the containers named; with `stream` again and again, in place on a terminal."""
    from dockless.compose.run.observe import together

    live = sys.stdout.isatty() and format_ == "table"
    while True:
        found = together(*[lambda name=name: _sample(client, name) for name in names]) if names else []
        rows = [
            _row(name, sample, truncate=truncate)
            for name, sample in zip(names, found, strict=True)
            if sample is not None
        ]
        if stream and live:
            sys.stdout.write("\x1b[2J\x1b[H")
        print_rows(rows, _COLUMNS, format_)
        sys.stdout.flush()
        if not stream or not names:
            return
        time.sleep(0.5)


def _sample(client: Client, name: str) -> ContainerStats | None:
    """None for a container that is gone."""
    try:
        with client.containers.stats(name, stream=False) as samples:
            return next(iter(samples), None)
    except ApiError as error:
        if error.status == 404:
            return None
        raise


def _row(container: str, sample: ContainerStats, *, truncate: bool) -> dict[str, object]:
    cpu, before = sample.cpu_stats, sample.precpu_stats
    used = cpu.cpu_usage.total_usage - before.cpu_usage.total_usage
    passed = cpu.system_cpu_usage - before.system_cpu_usage
    percent = used / passed * (cpu.online_cpus or 1) * 100 if passed > 0 and used > 0 else 0.0
    memory = sample.memory_stats
    details = memory.stats or {}
    cache = details.get("total_inactive_file", details.get("inactive_file", 0))
    usage = memory.usage - cache if cache < memory.usage else memory.usage
    networks = (sample.networks or {}).values()
    blocks = sample.blkio_stats.io_service_bytes_recursive or ()
    read = sum(entry.value for entry in blocks if entry.op.lower() == "read")
    written = sum(entry.value for entry in blocks if entry.op.lower() == "write")
    share = usage / memory.limit * 100 if memory.limit else 0.0
    return {
        "BlockIO": f"{human_size(read)} / {human_size(written)}",
        "CPUPerc": f"{percent:.2f}%",
        "Container": container,
        "ID": short_id(sample.id) if truncate else sample.id,
        "MemPerc": f"{share:.2f}%",
        "MemUsage": f"{human_bytes(usage)} / {human_bytes(memory.limit)}",
        "Name": sample.name.removeprefix("/"),
        "NetIO": f"{human_size(sum(n.rx_bytes for n in networks))} / {human_size(sum(n.tx_bytes for n in networks))}",
        "PIDs": str(sample.pids_stats.current),
    }
