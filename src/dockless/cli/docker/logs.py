"""`docker logs`."""

import click

from dockless.cli import terminal
from dockless.cli.session import Session, pass_session
from dockless.cli.times import moment, tail_lines


@click.command("logs", short_help="Fetch the logs of a container")
@click.option("--details", is_flag=True, help="Show extra details provided to logs")
@click.option("-f", "--follow", is_flag=True, help="Follow log output")
@click.option("--since", default="", help="Show logs since timestamp or relative (e.g. 42m for 42 minutes)")
@click.option("--until", default="", help="Show logs before a timestamp or relative (e.g. 42m for 42 minutes)")
@click.option("-n", "--tail", default="all", help="Number of lines to show from the end of the logs")
@click.option("-t", "--timestamps", is_flag=True, help="Show timestamps")
@click.argument("container")
@pass_session
def logs(
    session: Session,
    /,
    container: str,
    details: bool,
    follow: bool,
    since: str,
    until: str,
    tail: str,
    timestamps: bool,
) -> None:
    """Fetch the logs of a container."""
    from dockless.wire.queries import LogOptions

    containers = session.client.containers
    found = containers.inspect(container)
    options = LogOptions(
        follow=follow,
        stdout=True,
        stderr=True,
        since=moment(since, "since"),
        until=moment(until, "until"),
        timestamps=timestamps,
        tail=tail_lines(tail),
    )
    with containers.logs(found.id, options, tty=found.config.tty) as output:
        for stream, data in output:
            terminal.write_all(2 if stream == 2 else 1, data)
