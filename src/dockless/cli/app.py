"""The commands that `dockless` has, the global options, and how a failure ends.

`dockless compose …` are Docker Compose's commands, `dockless container …` and its kin `docker`'s. At the top level both
meet: `either` decides which of the two is meant.
"""

import os
import sys
from collections.abc import Callable
from typing import Any

import click

from dockless.cli.commands import COMPOSE, COMPOSE_GROUP, EITHER, GROUPS, SECTIONS, TOP
from dockless.cli.environment import of_process
from dockless.cli.failure import Exit, Failure
from dockless.cli.lazy import COMPLETING, LazyGroup, plain_flags
from dockless.cli.session import Session

_TLS = ("tls", "tlsverify", "tlscacert", "tlscert", "tlskey")
_SETTINGS = {"help_option_names": ["--help"], "max_content_width": 100}


def run(arguments: list[str]) -> int:
    """Runs one command and returns its exit status; every message is printed here."""
    try:
        status = root.main(args=arguments, prog_name="dockless", standalone_mode=False)
        sys.stdout.flush()
    except BaseException as error:  # noqa: BLE001  (sorted out by `end_of`, which raises what it does not know)
        from dockless.cli.ending import end_of

        return 0 if COMPLETING else end_of(error)
    return status if isinstance(status, int) else 0


def compose_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of `docker compose` itself."""
    options = (
        click.option("-f", "--file", "files", multiple=True, metavar="FILE", help="Compose configuration files"),
        click.option("-p", "--project-name", default="", metavar="NAME", help="Project name"),
        click.option("--profile", "profiles", multiple=True, metavar="NAME", help="Specify a profile to enable"),
        click.option(
            "--env-file", "env_files", multiple=True, metavar="FILE", help="Specify an alternate environment file"
        ),
        click.option(
            "--project-directory",
            default="",
            metavar="DIR",
            help="Specify an alternate working directory (default: the path of the first Compose file)",
        ),
        click.option(
            "--ansi",
            type=click.Choice(["never", "always", "auto"]),
            default="auto",
            help="Control when to print ANSI control characters",
        ),
        click.option(
            "--progress",
            "progress_mode",
            type=click.Choice(["auto", "tty", "plain", "json", "quiet"]),
            default=os.environ.get("COMPOSE_PROGRESS") or "auto",
            help="Set type of progress output",
        ),
        click.option("--parallel", type=int, default=-1, help="Control max parallelism, -1 for unlimited"),
        click.option("--dry-run", is_flag=True, help="Print what would be done, and do nothing"),
        click.option("--compatibility", is_flag=True, help="Run compose in backward compatibility mode"),
        click.option("--all-resources", is_flag=True, help="Include all resources, even those not used by services"),
    )
    for option in reversed(options):
        command = option(command)
    return command


class Root(LazyGroup):
    """Decides at the top level between Compose's meaning of a command and `docker`'s."""

    def make_context(self, info_name: str | None, args: list[str], *rest: Any, **extra: Any) -> click.Context:
        context = super().make_context(info_name, args, *rest, **extra)
        context.obj = _session(context.params)
        return context

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, *rest = args
        if name in EITHER:
            from dockless.cli.either import means_project

            session = ctx.find_object(Session)
            assert session is not None
            compose, docker = EITHER[name]
            chosen = (compose if means_project(name, rest, session, compose) else docker).load()
            return name, chosen, plain_flags(chosen, rest)
        return super().resolve_command(ctx, args)


class ComposeGroup(LazyGroup):
    """`dockless compose`: its own options go before those given to `dockless`."""

    def make_context(self, info_name: str | None, args: list[str], *rest: Any, **extra: Any) -> click.Context:
        context = super().make_context(info_name, args, *rest, **extra)
        outer = context.parent.find_object(Session) if context.parent else None
        session = _session(context.params)
        if outer:
            session.host, session.context, session.tls = outer.host, outer.context, outer.tls
            session.stand_ins = outer.stand_ins
            session.dry_run = session.dry_run or outer.dry_run
            for field in ("files", "project_name", "profiles", "env_files", "project_directory"):
                if not getattr(session, field):
                    setattr(session, field, getattr(outer, field))
        context.obj = session
        return context


def _session(parameters: dict[str, Any]) -> Session:
    """Where a command is only completed, options that are not there are None."""
    given = {name: value for name, value in parameters.items() if value is not None}
    environ = of_process()
    if config := given.pop("config", ""):
        environ["DOCKER_CONFIG"] = config
    if given.get("context") and given.get("host"):
        raise Failure("conflicting options: cannot specify both --host and --context")
    if tls := {name: said for name in _TLS if (said := given.pop(name, None))}:
        from dockless.client.tls import TlsOptions

        given["tls"] = TlsOptions(**tls)
    if given.pop("debug", False):
        environ["DOCKLESS_DEBUG"] = os.environ["DOCKLESS_DEBUG"] = "1"
    given.pop("log_level", "")
    return Session(**given, environ=environ)


@click.command(
    "dockless",
    cls=Root,
    entries=COMPOSE | TOP | GROUPS,
    sections=SECTIONS,
    context_settings=_SETTINGS,
    epilog="In a folder with a compose file, `ps`, `logs`, `exec`, `stop` and others that both Docker and Docker "
    "Compose have speak of the project and its services. Given the name of a container that is no service, or a "
    "flag that only Docker has, they mean what they mean for `docker`. `dockless compose …` and "
    "`dockless container …` always mean the one or the other.",
)
@compose_options
@click.option("--config", default="", metavar="DIR", help="Location of client config files (default: ~/.docker)")
@click.option("-c", "--context", default="", metavar="NAME", help="Docker context whose engine is connected to")
@click.option("-D", "--debug", is_flag=True, help="Print the traceback of a fault of dockless, too")
@click.option(
    "-l",
    "--log-level",
    type=click.Choice(["debug", "info", "warn", "error", "fatal"]),
    default="info",
    help="Accepted as Docker's; there is no log to set",
)
@click.option(
    "-H", "--host", default="", metavar="HOST", help="Engine to connect to (default: DOCKER_HOST, or our own)"
)
@click.option("--tls", is_flag=True, default=None, help="Use TLS with a tcp:// engine; implied by --tlsverify")
@click.option("--tlscacert", default="", metavar="FILE", help="Trust certs signed only by this CA (~/.docker/ca.pem)")
@click.option("--tlscert", default="", metavar="FILE", help="Path to TLS certificate file (~/.docker/cert.pem)")
@click.option("--tlskey", default="", metavar="FILE", help="Path to TLS key file (~/.docker/key.pem)")
@click.option("--tlsverify", is_flag=True, default=None, help="Use TLS and verify the engine")
@click.option(
    "--stand-ins/--no-stand-ins",
    default=True,
    help="Make common base images from the machine's own package sources where no registry can be reached",
)
def root(**_: object) -> None:
    """Docker Compose stacks without Docker.

    `dockless up` in a folder with a compose file builds or pulls the images and runs the services.
    """


@click.command("compose", cls=ComposeGroup, entries=COMPOSE_GROUP, context_settings=_SETTINGS)
@compose_options
def compose(**_: object) -> None:
    """Define and run multi-container applications."""


def group(name: str, help_: str, entries: dict[str, Any]) -> LazyGroup:
    """A group of `docker`'s, such as `dockless container`."""
    return LazyGroup(name, entries=entries, help=help_, context_settings=_SETTINGS)


__all__ = ["Exit", "Failure", "compose", "group", "root", "run"]
