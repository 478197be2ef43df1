"""`logs` and `events` of a project."""

import os
import sys
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from dockless.cli.compose.choice import choose
from dockless.cli.compose.options import index_option, services_argument
from dockless.cli.failure import Failure
from dockless.cli.log_view import LogView
from dockless.cli.output import echo, json_line
from dockless.cli.progress import wants_colour
from dockless.cli.session import Session, pass_session
from dockless.cli.times import moment, tail_lines

if TYPE_CHECKING:
    from dockless.compose.run.observe import Existing
    from dockless.wire.queries import LogOptions
    from dockless.wire.system import EventMessage


@click.command("logs", short_help="View output from containers")
@click.option("-f", "--follow", is_flag=True, help="Follow log output")
@index_option
@click.option("--no-color", is_flag=True, help="Produce monochrome output")
@click.option("--no-log-prefix", is_flag=True, help="Don't print prefix in logs")
@click.option("--since", default="", help="Show logs since timestamp or relative (e.g. 42m for 42 minutes)")
@click.option("--until", default="", help="Show logs before a timestamp or relative (e.g. 42m for 42 minutes)")
@click.option("-n", "--tail", default="all", help="Number of lines to show from the end of the logs for each container")
@click.option("-t", "--timestamps", is_flag=True, help="Show timestamps")
@services_argument
@pass_session
def logs(
    session: Session,
    /,
    services: tuple[str, ...],
    follow: bool,
    index: int,
    no_color: bool,
    no_log_prefix: bool,
    since: str,
    until: str,
    tail: str,
    timestamps: bool,
) -> None:
    """View output from containers."""
    from dockless.wire.queries import LogOptions

    if index and len(services) != 1:
        raise Failure("--index requires one service to be selected")
    project, found = choose(session, services)
    if index:
        found = [each for each in found if each.number == index]
        if not found:
            raise Failure(f'service "{services[0]}" is not running container #{index}')
    colour = (wants_colour(sys.stdout, os.environ) or session.ansi == "always") and not no_color
    colour = colour and session.ansi != "never"
    names = [each.name for each in found]
    view = LogView(sys.stdout, sys.stdout, colour=colour, prefix=not no_log_prefix, project=project, names=names)
    options = LogOptions(
        follow=follow,
        stdout=True,
        stderr=True,
        since=moment(since, "since"),
        until=moment(until, "until"),
        timestamps=timestamps,
        tail=tail_lines(tail),
    )
    if follow:
        _Followed(session, project, view, options, services).run(found)
        return
    for each in found:
        _print(session, each, view, options)


def _print(session: Session, each: "Existing", view: LogView, options: "LogOptions") -> None:
    containers = session.client.containers
    tty = containers.inspect(each.id).config.tty
    with containers.logs(each.id, options, tty=tty) as output:
        for stream, data in output:
            view.write(each.name, stream, data)
    view.flush(each.name)


class _Followed:
    """`logs -f`: every container in a thread of its own, and those that come later as well."""

    def __init__(
        self, session: Session, project: str, view: LogView, options: "LogOptions", services: tuple[str, ...]
    ) -> None:
        self._session = session
        self._project = project
        self._view = view
        self._options = options
        self._services = services
        self._readers: dict[str, threading.Thread] = {}

    def run(self, found: "list[Existing]") -> None:
        events = self._session.client.system.events(
            filters={
                "type": ["container"],
                "event": ["start"],
                "label": [f"com.docker.compose.project={self._project}"],
            }
        )
        for each in found:
            self._begin(each, self._options)
        threading.Thread(target=self._newcomers, args=(iter(events),), daemon=True).start()
        while any(reader.is_alive() for reader in list(self._readers.values())):
            for reader in list(self._readers.values()):
                reader.join(0.2)

    def _begin(self, each: "Existing", options: "LogOptions") -> None:
        reader = threading.Thread(target=_print, args=(self._session, each, self._view, options), daemon=True)
        self._readers[each.id] = reader
        reader.start()

    def _newcomers(self, events: "Iterator[EventMessage]") -> None:
        from msgspec.structs import replace

        from dockless.compose.run.observe import containers_of

        for event in events:
            reader = self._readers.get(event.actor.id)
            if reader is not None and reader.is_alive():
                continue
            for each in containers_of(self._session.client, self._project):
                if each.id == event.actor.id and (not self._services or each.service in self._services):
                    self._begin(each, replace(self._options, since=event.time_nano, tail=None))


@click.command("events", short_help="Receive real time events from containers")
@click.option("--json", "as_json", is_flag=True, help="Output events as a stream of json objects")
@click.option("--since", default="", help="Show all events created since timestamp")
@click.option("--until", default="", help="Stream events until this timestamp")
@services_argument
@pass_session
def events(session: Session, /, services: tuple[str, ...], as_json: bool, since: str, until: str) -> None:
    """Receive real time events from containers."""
    _, name = session.project_or_name()
    found = session.client.system.events(
        since=moment(since, "since"),
        until=moment(until, "until"),
        filters={"type": ["container"], "label": [f"com.docker.compose.project={name}"]},
    )
    for event in found:
        attributes = dict(event.actor.attributes)
        service = attributes.get("com.docker.compose.service", "")
        if (services and service not in services) or attributes.get("com.docker.compose.oneoff") == "True":
            continue
        shown = {key: value for key, value in attributes.items() if not key.startswith("com.docker.compose.")}
        if as_json:
            when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(event.time))
            row = {
                "action": event.action,
                "attributes": shown,
                "id": event.actor.id,
                "service": service,
                "time": f"{when}.{event.time_nano % 1_000_000_000:09d}Z",
                "type": "container",
            }
            echo(json_line(row))
        else:
            when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(event.time))
            listed = ", ".join(f"{key}={value}" for key, value in sorted(shown.items()))
            micro = event.time_nano % 1_000_000_000 // 1000
            echo(f"{when}.{micro:06d} container {event.action} {event.actor.id} ({listed})")
        sys.stdout.flush()
