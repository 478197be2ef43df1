"""`dockless serve` and `dockless context`: what other clients of the engine need, Docker's own among them."""

import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import click

from dockless.cli.failure import Failure
from dockless.cli.output import echo, note
from dockless.cli.session import Session, pass_session

_CONTEXT = "dockless"
_IN_CONTAINER = Path("/.dockerenv")
_PAUSE = 0.2
"""Seconds before the engine is looked for again when its connection broke."""


@click.command("serve", short_help="Keep the engine up and print what other clients need")
@click.option("--print-host", is_flag=True, help="Start the engine if needed, print its address alone and return")
@pass_session
def serve(session: Session, /, print_host: bool) -> None:
    """Keep the engine up while this runs in the foreground, and print the variables that other clients need.

    An engine with nothing to do ends by itself, and of all clients only dockless itself can start one. Ctrl-C ends
    this; containers go on.
    """
    address = _start(session)
    if print_host:
        echo(address)
        return
    echo(f"export DOCKER_HOST={shlex.quote(address)}")
    echo("export DOCKER_BUILDKIT=0")
    if _IN_CONTAINER.exists():
        # testcontainers takes a container for Docker's neighbour, and would look for ports at a network's gateway.
        echo("export TESTCONTAINERS_CONNECTION_MODE=docker_host")
    sys.stdout.flush()
    note(f"the engine listens at {address}; Ctrl-C to end")
    try:
        _hold(session)
    except KeyboardInterrupt:
        note("")


@click.command("context", short_help="Set up a docker context named dockless")
@click.option("--use", is_flag=True, help="Make it the current context as well")
@pass_session
def context(session: Session, /, use: bool) -> None:
    """Set up a context named dockless for the docker command, or print the commands where there is none.

    `docker --context dockless …` then speaks to this engine, as long as one runs: see `dockless serve`.
    """
    address = _start(session)
    docker = shutil.which("docker", path=session.environ.get("PATH"))
    create = [docker or "docker", "context", "create", _CONTEXT, "--docker", f"host={address}"]
    choose = [docker or "docker", "context", "use", _CONTEXT]
    if docker is None:
        note("there is no docker command here; where there is one, this sets it up:")
        echo(shlex.join(create))
        if use:
            echo(shlex.join(choose))
        return
    known = subprocess.run([docker, "context", "inspect", _CONTEXT], env=session.environ, capture_output=True)
    if known.returncode == 0:
        create[2] = "update"
    for command in (create, choose) if use else (create,):
        done = subprocess.run(command, env=session.environ, capture_output=True, text=True)
        if done.returncode:
            raise Failure(f"{shlex.join(command)}: {done.stderr.strip()}")
    echo(f"{_CONTEXT}: {address}")
    note("build with DOCKER_BUILDKIT=0; `dockless serve` keeps the engine up")


def _start(session: Session) -> str:
    """Our own engine's address, whatever DOCKER_HOST says: it may well name ours. Raises `EngineUnavailable`."""
    if session.host or session.context:
        raise Failure("this is about dockless's own engine: leave --host and --context out")
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT"):
        session.environ.pop(name, None)
    return str(session.client.endpoint)


def _hold(session: Session) -> None:
    """An open request keeps an idle engine from ending; one that ended all the same is started again."""
    from dockless.client.connect import connect
    from dockless.client.errors import EngineLost

    client = session.client
    while True:
        try:
            for _ in client.system.events(filters={"event": ["none"]}):
                pass
        except EngineLost:
            pass  # it was ended or killed: the next turn has a new one
        client.close()
        time.sleep(_PAUSE)
        client = connect(session.environ)
