"""`docker update` and `docker diff`: a container's limits changed while it runs, and what it changed in its files."""

from typing import Any

import click

from dockless.cli.docker.each import for_each
from dockless.cli.docker.request import restart_policy
from dockless.cli.docker.units import bytes_of
from dockless.cli.failure import Failure
from dockless.cli.output import echo, note
from dockless.cli.session import Session, pass_session

_KINDS = ("C", "A", "D")


@click.command("update", short_help="Update configuration of one or more containers")
@click.option("--blkio-weight", type=int, default=0, help="Block IO (relative weight), between 10 and 1000, or 0")
@click.option("-c", "--cpu-shares", type=int, default=0, help="CPU shares (relative weight)")
@click.option("--cpu-period", type=int, default=0, help="Limit CPU CFS (Completely Fair Scheduler) period")
@click.option("--cpu-quota", type=int, default=0, help="Limit CPU CFS (Completely Fair Scheduler) quota")
@click.option("--cpu-rt-period", type=int, default=0, help="Limit the CPU real-time period in microseconds")
@click.option("--cpu-rt-runtime", type=int, default=0, help="Limit the CPU real-time runtime in microseconds")
@click.option("--cpus", type=float, default=0.0, help="Number of CPUs")
@click.option("--cpuset-cpus", default="", help="CPUs in which to allow execution (0-3, 0,1)")
@click.option("--cpuset-mems", default="", help="MEMs in which to allow execution (0-3, 0,1)")
@click.option("-m", "--memory", default="", help="Memory limit")
@click.option("--memory-reservation", default="", help="Memory soft limit")
@click.option("--memory-swap", default="", help="Swap limit equal to memory plus swap: -1 to enable unlimited swap")
@click.option("--pids-limit", type=int, default=None, help="Tune container pids limit (set -1 for unlimited)")
@click.option("--restart", default="", help="Restart policy to apply when a container exits")
@click.argument("containers", nargs=-1, required=True, metavar="CONTAINER [CONTAINER...]")
@pass_session
def update(session: Session, /, containers: tuple[str, ...], **flags: Any) -> None:
    """Update configuration of one or more containers."""
    from dockless.wire.containers import UpdateRequest

    if not any(value not in (0, "", None) for value in flags.values()):
        raise Failure("you must provide one or more flags when using this command")
    body = UpdateRequest(
        blkio_weight=flags["blkio_weight"],
        cpu_realtime_period=flags["cpu_rt_period"],
        cpu_realtime_runtime=flags["cpu_rt_runtime"],
        cpu_shares=flags["cpu_shares"],
        cpu_period=flags["cpu_period"],
        cpu_quota=flags["cpu_quota"],
        nano_cpus=round(flags["cpus"] * 1_000_000_000),
        cpuset_cpus=flags["cpuset_cpus"],
        cpuset_mems=flags["cpuset_mems"],
        memory=bytes_of(flags["memory"], "memory"),
        memory_reservation=bytes_of(flags["memory_reservation"], "memory-reservation"),
        memory_swap=-1 if flags["memory_swap"] == "-1" else bytes_of(flags["memory_swap"], "memory-swap"),
        pids_limit=flags["pids_limit"],
        restart_policy=restart_policy(flags["restart"]) if flags["restart"] else None,
    )

    def one(name: str) -> None:
        for warning in session.client.containers.update(name, body).warnings or ():
            note(f"WARNING: {warning}")

    for_each(containers, one)


@click.command("diff", short_help="Inspect changes to files or directories on a container's filesystem")
@click.argument("container")
@pass_session
def diff(session: Session, /, container: str) -> None:
    """Inspect changes to files or directories on a container's filesystem: A(dded), C(hanged), D(eleted)."""
    for change in session.client.containers.changes(container):
        echo(f"{_KINDS[change.kind]} {change.path}")
