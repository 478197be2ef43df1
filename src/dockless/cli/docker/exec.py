"""`docker exec` and `docker attach`."""

import click

from dockless.cli.docker import client_config
from dockless.cli.environment import read_env_file, variables
from dockless.cli.failure import Exit, Failure
from dockless.cli.interactive import Wiring, carry, execute, forwarding, require_terminal
from dockless.cli.session import Session, pass_session
from dockless.cli.terminal import written_detach_keys
from dockless.client.api import Client
from dockless.wire.execs import ExecCreateRequest
from dockless.wire.queries import AttachOptions


@click.command(
    "exec", short_help="Execute a command in a running container", context_settings={"allow_interspersed_args": False}
)
@click.option("-d", "--detach", is_flag=True, help="Detached mode: run command in the background")
@click.option("--detach-keys", default="", help="Override the key sequence for detaching a container")
@click.option("-e", "--env", multiple=True, metavar="KEY=VALUE", help="Set environment variables")
@click.option("--env-file", multiple=True, metavar="FILE", help="Read in a file of environment variables")
@click.option("-i", "--interactive", is_flag=True, help="Keep STDIN open even if not attached")
@click.option("--privileged", is_flag=True, help="Give extended privileges to the command")
@click.option("-t", "--tty", is_flag=True, help="Allocate a pseudo-TTY")
@click.option("-u", "--user", default="", help="Username or UID (format: <name|uid>[:<group|gid>])")
@click.option("-w", "--workdir", default="", help="Working directory inside the container")
@click.argument("container")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="COMMAND [ARG...]")
@pass_session
def exec_(
    session: Session,
    /,
    container: str,
    command: tuple[str, ...],
    detach: bool,
    detach_keys: str,
    env: tuple[str, ...],
    env_file: tuple[str, ...],
    interactive: bool,
    privileged: bool,
    tty: bool,
    user: str,
    workdir: str,
) -> None:
    """Execute a command in a running container."""
    if not detach:
        require_terminal(tty=tty, stdin=interactive)
    entries = [entry for path in env_file for entry in read_env_file(path, session.environ)]
    request = ExecCreateRequest(
        cmd=command,
        env=(*entries, *variables(env, session.environ)) or None,
        user=user,
        working_dir=workdir,
        privileged=privileged,
        tty=tty,
        attach_stdin=interactive and not detach,
        attach_stdout=not detach,
        attach_stderr=not detach,
        detach_keys=detach_keys,
    )
    status = execute(
        session.client,
        container,
        request,
        detach=detach,
        detach_keys=client_config.detach_keys(detach_keys, session.environ),
    )
    if status:
        raise Exit(status)


@click.command("attach", short_help="Attach local standard streams to a running container")
@click.option("--detach-keys", default="", help="Override the key sequence for detaching a container")
@click.option("--no-stdin", is_flag=True, help="Do not attach STDIN")
@click.option("--sig-proxy/--no-sig-proxy", default=True, help="Proxy all received signals to the process")
@click.argument("container")
@pass_session
def attach(session: Session, /, container: str, detach_keys: str, no_stdin: bool, sig_proxy: bool) -> None:
    """Attach local standard input, output, and error streams to a running container."""
    status = attach_to(
        session.client,
        container,
        stdin=not no_stdin,
        sig_proxy=sig_proxy,
        detach_keys=client_config.detach_keys(detach_keys, session.environ),
    )
    if status:
        raise Exit(status)


def attach_to(client: Client, container: str, *, stdin: bool, sig_proxy: bool, detach_keys: bytes) -> int:
    """Attaches to a running container until it ends or the user detaches; its exit status."""
    containers = client.containers
    found = containers.inspect(container)
    if not found.state.running:
        raise Failure("cannot attach to a stopped container, start it first")
    if found.state.paused:
        raise Failure("cannot attach to a paused container, unpause it first")
    tty = found.config.tty
    with_input = stdin and found.config.open_stdin
    waiting = containers.waiting(found.id)
    keys = written_detach_keys(detach_keys) if tty else ""
    options = AttachOptions(stream=True, stdin=with_input, stdout=True, stderr=True, detach_keys=keys)
    stream = containers.attach(found.id, options, tty=tty)
    wiring = Wiring(
        stdin=with_input,
        tty=tty,
        detach_keys=detach_keys,
        resize=lambda rows, columns: containers.resize(found.id, height=rows, width=columns),
    )
    with forwarding(client, found.id, active=sig_proxy and not tty):
        if carry(stream, wiring):
            waiting.close()
            return 0
        return waiting.result().status_code
