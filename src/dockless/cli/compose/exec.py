"""`exec` and `attach` of a project."""

import sys

import click

from dockless.cli.compose.choice import one_container
from dockless.cli.compose.options import index_option
from dockless.cli.failure import Exit
from dockless.cli.session import Session, pass_session


@click.command(
    "exec",
    short_help="Execute a command in a running container",
    context_settings={"allow_interspersed_args": False, "ignore_unknown_options": False},
)
@click.option("-d", "--detach", is_flag=True, help="Detached mode: Run command in the background")
@click.option("-e", "--env", multiple=True, metavar="KEY=VALUE", help="Set environment variables")
@index_option
@click.option("-i", "--interactive/--no-interactive", default=True, help="Keep STDIN open even if not attached")
@click.option("-t", "--tty", is_flag=True, hidden=True)
@click.option(
    "-T", "--no-tty", "--no-TTY", is_flag=True, help="Disable pseudo-TTY allocation (default: where there is none)"
)
@click.option("--privileged", is_flag=True, help="Give extended privileges to the process")
@click.option("-u", "--user", default="", help="Run the command as this user")
@click.option("-w", "--workdir", default="", help="Path to workdir directory for this command")
@click.argument("service")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="COMMAND [ARGS...]")
@pass_session
def exec_(
    session: Session,
    /,
    service: str,
    command: tuple[str, ...],
    detach: bool,
    env: tuple[str, ...],
    index: int,
    interactive: bool,
    tty: bool,
    no_tty: bool,
    privileged: bool,
    user: str,
    workdir: str,
) -> None:
    """Execute a command in a running container."""
    from dockless.cli.environment import variables
    from dockless.cli.interactive import execute, keys_of
    from dockless.cli.start_container import default_tty
    from dockless.wire.execs import ExecCreateRequest

    container = one_container(session, service, index)
    with_tty = (tty or default_tty()) and not no_tty and not detach
    request = ExecCreateRequest(
        cmd=command,
        env=variables(env, session.environ) or None,
        user=user,
        working_dir=workdir,
        privileged=privileged,
        tty=with_tty,
        attach_stdin=interactive and not detach,
        attach_stdout=not detach,
        attach_stderr=not detach,
    )
    status = execute(session.client, container.id, request, detach=detach, detach_keys=keys_of(None))
    if status:
        raise Exit(status)


@click.command("attach", short_help="Attach local standard streams to a service's running container")
@click.option("--detach-keys", default="", help="Override the key sequence for detaching from a container")
@index_option
@click.option("--no-stdin", is_flag=True, help="Do not attach STDIN")
@click.option("--sig-proxy/--no-sig-proxy", default=True, help="Proxy all received signals to the process")
@click.argument("service")
@pass_session
def attach(session: Session, /, service: str, detach_keys: str, index: int, no_stdin: bool, sig_proxy: bool) -> None:
    """Attach local standard input, output, and error streams to a service's running container."""
    from dockless.cli.docker.exec import attach_to
    from dockless.cli.interactive import keys_of

    container = one_container(session, service, index)
    status = attach_to(
        session.client, container.id, stdin=not no_stdin, sig_proxy=sig_proxy, detach_keys=keys_of(detach_keys)
    )
    sys.stdout.flush()
    if status:
        raise Exit(status)
