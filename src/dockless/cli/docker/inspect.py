"""`docker inspect`: the engine's own JSON, not what of it we have types for."""

import json
from collections.abc import Callable
from typing import Any

import click

from dockless.cli.docker.platforms import platform_of
from dockless.cli.failure import Exit
from dockless.cli.output import echo, note, to_json
from dockless.cli.session import Session, pass_session
from dockless.client.api import Client
from dockless.client.transport import Query
from dockless.wire.errors import NotFound

_PATHS = {
    "container": "/containers/{}/json",
    "image": "/images/{}/json",
    "network": "/networks/{}",
    "volume": "/volumes/{}",
}


def _command(kind: str, *, sized: bool = False, wordy: bool = False) -> click.Command:
    @click.command("inspect", short_help=f"Display detailed information on one or more {kind}s")
    @click.option("-f", "--format", "format_", default="", help="A Go template over the object")
    @click.option("-s", "--size", is_flag=True, hidden=not sized, help="Display total file sizes")
    @click.option("-v", "--verbose", is_flag=True, hidden=not wordy, help="Verbose output for diagnostics")
    @click.argument("names", nargs=-1, required=True, metavar=f"{kind.upper()} [{kind.upper()}...]")
    @pass_session
    def inspect(session: Session, /, names: tuple[str, ...], format_: str, size: bool, verbose: bool) -> None:
        query = {"size": size and sized, "verbose": verbose and wordy}
        _inspect(session.client, names, format_, lambda client, name: _one(client, kind, name, query), kind)

    inspect.help = f"Display detailed information on one or more {kind}s."
    return inspect


@click.command("inspect", short_help="Display detailed information on one or more images")
@click.option("-f", "--format", "format_", default="", help="A Go template over the object")
@click.option("--platform", default="", help="Inspect the given platform's image, of several")
@click.argument("names", nargs=-1, required=True, metavar="IMAGE [IMAGE...]")
@pass_session
def image(session: Session, /, names: tuple[str, ...], format_: str, platform: str) -> None:
    """Display detailed information on one or more images."""
    wanted = platform_of(platform)
    query = {"platform": json.dumps(wanted)} if wanted else {}
    _inspect(session.client, names, format_, lambda client, name: _one(client, "image", name, query), "image")


container = _command("container", sized=True)
network = _command("network", wordy=True)
volume = _command("volume")


@click.command("inspect", short_help="Return low-level information on objects")
@click.option("-f", "--format", "format_", default="", help="A Go template over the object")
@click.option("-s", "--size", is_flag=True, help="Display total file sizes if the type is container")
@click.option(
    "--type", "kind", type=click.Choice(sorted(_PATHS)), default=None, help="Only inspect objects of this type"
)
@click.argument("names", nargs=-1, required=True, metavar="NAME|ID [NAME|ID...]")
@pass_session
def any_object(session: Session, /, names: tuple[str, ...], format_: str, size: bool, kind: str | None) -> None:
    """Return low-level information on containers, images, networks and volumes."""

    def find(client: Client, name: str) -> Any:
        for each in [kind] if kind else _PATHS:
            try:
                return _one(client, each, name, {"size": size and each == "container"})
            except NotFound:
                continue
        raise NotFound(f"No such object: {name}")

    _inspect(session.client, names, format_, find, "object")


def _one(client: Client, kind: str, name: str, query: Query) -> Any:
    return json.loads(client.transport.call("GET", _PATHS[kind].format(name), query).body)


def _inspect(
    client: Client, names: tuple[str, ...], format_: str, find: Callable[[Client, str], Any], kind: str
) -> None:
    found, missing = [], []
    for name in names:
        try:
            found.append(find(client, name))
        except NotFound as error:
            missing.append(
                f"Error: No such object: {name}" if kind == "object" else f"Error response from daemon: {error.message}"
            )
    if format_ == "json":
        echo(to_json(found))
    elif format_:
        from dockless.cli.formats import render

        for each in found:
            echo(render(format_, each))
    else:
        echo(json.dumps(found, indent=4, ensure_ascii=False))
    for message in missing:
        note(message)
    if missing:
        raise Exit(1)
