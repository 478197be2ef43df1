"""`docker version`, `docker info` and `docker events`."""

import json
import sys
import time
from typing import Any

import click

from dockless import __version__
from dockless.cli.docker.each import parse_filters
from dockless.cli.formats import render
from dockless.cli.output import echo, human_bytes
from dockless.cli.session import Session, pass_session
from dockless.cli.times import moment


@click.command("version", short_help="Show the version information")
@click.option("-f", "--format", "format_", default="", help="json, or a Go template")
@pass_session
def version(session: Session, /, format_: str) -> None:
    """Show the versions of this command and of the engine."""
    client = session.client
    found = json.loads(client.transport.call("GET", "/version").body)
    row: dict[str, Any] = {
        "Client": {"Version": __version__, "ApiVersion": client.api_version, "Os": "linux"},
        "Server": found,
    }
    if format_:
        echo(json.dumps(row) if format_ == "json" else render(format_, row))
        return
    echo(f"Client: dockless\n Version:           {__version__}\n API version:       {client.api_version}\n")
    echo(
        f"Server: {(found.get('Platform') or {}).get('Name') or 'Docker Engine'}\n Address:           {client.endpoint}"
    )
    for title, key in (
        ("Version", "Version"),
        ("API version", "ApiVersion"),
        ("Kernel", "KernelVersion"),
        ("OS/Arch", "Os"),
    ):
        value = f"{found.get('Os')}/{found.get('Arch')}" if key == "Os" else found.get(key, "")
        echo(f" {title + ':':<18} {value}")


@click.command("info", short_help="Display information about the engine")
@click.option("-f", "--format", "format_", default="", help="json, or a Go template")
@pass_session
def info(session: Session, /, format_: str) -> None:
    """Display information about the engine."""
    client = session.client
    found = json.loads(client.transport.call("GET", "/info").body)
    if format_:
        echo(json.dumps(found) if format_ == "json" else render(format_, found))
        return
    rows = (
        ("Address", client.endpoint),
        ("Server Version", found.get("ServerVersion")),
        ("Containers", found.get("Containers")),
        (" Running", found.get("ContainersRunning")),
        (" Paused", found.get("ContainersPaused")),
        (" Stopped", found.get("ContainersStopped")),
        ("Images", found.get("Images")),
        ("Storage Driver", found.get("Driver")),
        ("Logging Driver", found.get("LoggingDriver")),
        ("Cgroup Version", found.get("CgroupVersion")),
        ("Security Options", ", ".join(found.get("SecurityOptions") or ())),
        ("Kernel Version", found.get("KernelVersion")),
        ("Operating System", found.get("OperatingSystem")),
        ("Architecture", found.get("Architecture")),
        ("CPUs", found.get("NCPU")),
        ("Total Memory", human_bytes(found.get("MemTotal") or 0)),
        ("Root Dir", found.get("DockerRootDir")),
    )
    for title, value in rows:
        echo(f"{title}: {value}")
    for warning in found.get("Warnings") or ():
        echo(f"WARNING: {warning}")


@click.command("events", short_help="Get real time events from the engine")
@click.option("-f", "--filter", "filters", multiple=True, help="Filter output based on conditions provided")
@click.option("--format", "format_", default="", help="json, or a Go template")
@click.option("--since", default="", help="Show all events created since timestamp")
@click.option("--until", default="", help="Stream events until this timestamp")
@pass_session
def events(session: Session, /, filters: tuple[str, ...], format_: str, since: str, until: str) -> None:
    """Get real time events from the engine."""
    from dockless.wire.base import encode

    found = session.client.system.events(
        since=moment(since, "since"), until=moment(until, "until"), filters=parse_filters(filters)
    )
    for event in found:
        if format_:
            text = encode(event).decode()
            echo(text if format_ == "json" else render(format_, json.loads(text)))
        else:
            when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(event.time))
            listed = ", ".join(f"{key}={value}" for key, value in sorted(event.actor.attributes.items()))
            nano = event.time_nano % 1_000_000_000
            echo(f"{when}.{nano:09d}Z {event.type} {event.action} {event.actor.id} ({listed})")
        sys.stdout.flush()
