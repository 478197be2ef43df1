"""`docker`'s commands about containers that exist: stop, start, restart, kill, rm, pause, wait, top, port, prune."""

from typing import Any

import click

from dockless.cli.docker import client_config
from dockless.cli.docker.each import for_each, parse_filters
from dockless.cli.failure import Exit, Failure
from dockless.cli.output import echo, human_size, table
from dockless.cli.session import Session, pass_session

_containers = click.argument("containers", nargs=-1, required=True, metavar="CONTAINER [CONTAINER...]")


@click.command("stop", short_help="Stop one or more running containers")
@click.option("-s", "--signal", default=None, help="Signal to send to the container")
@click.option("-t", "--timeout", "--time", type=int, default=None, help="Seconds to wait before killing the container")
@_containers
@pass_session
def stop(session: Session, /, containers: tuple[str, ...], signal: str | None, timeout: int | None) -> None:
    """Stop one or more running containers."""
    for_each(containers, lambda name: session.client.containers.stop(name, timeout=timeout, signal=signal))


@click.command("start", short_help="Start one or more stopped containers")
@click.option("-a", "--attach", is_flag=True, help="Attach STDOUT/STDERR and forward signals")
@click.option("-i", "--interactive", is_flag=True, help="Attach container's STDIN")
@click.option("--detach-keys", default="", help="Override the key sequence for detaching a container")
@_containers
@pass_session
def start(session: Session, /, containers: tuple[str, ...], attach: bool, interactive: bool, detach_keys: str) -> None:
    """Start one or more stopped containers."""
    if not attach and not interactive:
        for_each(containers, session.client.containers.start)
        return
    if len(containers) > 1:
        raise Failure("you cannot start and attach multiple containers at once")
    from dockless.cli.start_container import Running, start_and_carry

    config = session.client.containers.inspect(containers[0]).config
    running = Running(
        detach=False,
        stdin=interactive and config.open_stdin,
        stdout=True,
        stderr=True,
        tty=config.tty,
        remove=False,
        sig_proxy=True,
        detach_keys=client_config.detach_keys(detach_keys, session.environ),
    )
    status = start_and_carry(session.client, containers[0], running)
    if status:
        raise Exit(status)


@click.command("restart", short_help="Restart one or more containers")
@click.option("-s", "--signal", default=None, help="Signal to send to the container")
@click.option("-t", "--timeout", "--time", type=int, default=None, help="Seconds to wait before killing the container")
@_containers
@pass_session
def restart(session: Session, /, containers: tuple[str, ...], signal: str | None, timeout: int | None) -> None:
    """Restart one or more containers."""
    for_each(containers, lambda name: session.client.containers.restart(name, timeout=timeout, signal=signal))


@click.command("kill", short_help="Kill one or more running containers")
@click.option("-s", "--signal", default="SIGKILL", help="Signal to send to the container")
@_containers
@pass_session
def kill(session: Session, /, containers: tuple[str, ...], signal: str) -> None:
    """Kill one or more running containers."""
    for_each(containers, lambda name: session.client.containers.kill(name, signal=signal))


@click.command("rm", short_help="Remove one or more containers")
@click.option("-f", "--force", is_flag=True, help="Force the removal of a running container (uses SIGKILL)")
@click.option("-v", "--volumes", is_flag=True, help="Remove anonymous volumes associated with the container")
@click.option("-l", "--link", is_flag=True, hidden=True)
@_containers
@pass_session
def rm(session: Session, /, containers: tuple[str, ...], force: bool, volumes: bool, link: bool) -> None:
    """Remove one or more containers."""
    from dockless.wire.errors import NotFound

    def one(name: str) -> None:
        try:
            session.client.containers.remove(name, volumes=volumes, force=force)
        except NotFound:
            if not force:
                raise

    for_each(containers, one)


@click.command("pause", short_help="Pause all processes within one or more containers")
@_containers
@pass_session
def pause(session: Session, /, containers: tuple[str, ...]) -> None:
    """Pause all processes within one or more containers."""
    for_each(containers, session.client.containers.pause)


@click.command("unpause", short_help="Unpause all processes within one or more containers")
@_containers
@pass_session
def unpause(session: Session, /, containers: tuple[str, ...]) -> None:
    """Unpause all processes within one or more containers."""
    for_each(containers, session.client.containers.unpause)


@click.command("rename", short_help="Rename a container")
@click.argument("container")
@click.argument("new_name")
@pass_session
def rename(session: Session, /, container: str, new_name: str) -> None:
    """Rename a container."""
    session.client.containers.rename(container, name=new_name)


@click.command("wait", short_help="Block until containers stop, then print their exit codes")
@_containers
@pass_session
def wait(session: Session, /, containers: tuple[str, ...]) -> None:
    """Block until one or more containers stop, then print their exit codes."""
    from dockless.compose.run.observe import together

    waits = together(*[lambda name=name: session.client.containers.wait(name) for name in containers])
    for result in waits:
        echo(str(result.status_code))


@click.command(
    "top",
    short_help="Display the running processes of a container",
    context_settings={"allow_interspersed_args": False, "ignore_unknown_options": True},
)
@click.argument("container")
@click.argument("ps_options", nargs=-1, type=click.UNPROCESSED)
@pass_session
def top(session: Session, /, container: str, ps_options: tuple[str, ...]) -> None:
    """Display the running processes of a container."""
    answer = session.client.containers.top(container, ps_args=" ".join(ps_options))
    echo(table(answer.titles, answer.processes))


@click.command("port", short_help="List port mappings of a container")
@click.argument("container")
@click.argument("private_port", required=False)
@pass_session
def port(session: Session, /, container: str, private_port: str | None) -> None:
    """List port mappings or a specific mapping for the container."""
    found = session.client.containers.inspect(container).network_settings.ports
    wanted = None
    if private_port:
        wanted = private_port if "/" in private_port else f"{private_port}/tcp"
        if not found.get(wanted):
            raise Failure(f"No public port '{private_port}' published for {container}")
    for key, bindings in sorted(found.items(), key=lambda item: (int(item[0].partition("/")[0]), item[0])):
        for binding in bindings or ():
            host = f"[{binding.host_ip}]" if ":" in binding.host_ip else binding.host_ip or "0.0.0.0"
            address = f"{host}:{binding.host_port}"
            if wanted is None:
                echo(f"{key} -> {address}")
            elif key == wanted:
                echo(address)


@click.command("prune", short_help="Remove all stopped containers")
@click.option("-f", "--force", is_flag=True, help="Do not prompt for confirmation")
@click.option("--filter", "filters", multiple=True, help='Provide filter values (e.g. "until=<timestamp>")')
@pass_session
def prune(session: Session, /, **flags: Any) -> None:
    """Remove all stopped containers."""
    if not flags["force"]:
        click.confirm(
            "WARNING! This will remove all stopped containers.\nAre you sure you want to continue?", abort=True
        )
    answer = session.client.containers.prune(filters=parse_filters(flags["filters"]))
    if answer.containers_deleted:
        echo("Deleted Containers:\n" + "\n".join(answer.containers_deleted) + "\n")
    echo(f"Total reclaimed space: {human_size(answer.space_reclaimed, precision=4)}")
