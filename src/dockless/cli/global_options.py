"""The options of `docker compose` itself, those of `docker`, and the session that they make."""

import os
import sys
from collections.abc import Callable
from typing import Any

import click

from dockless.cli.environment import of_process
from dockless.cli.failure import Exit, Failure
from dockless.cli.manners import ANSI, PROGRESS
from dockless.cli.output import note
from dockless.cli.session import Session

Options = tuple[Callable[..., Any], ...]
_TLS = ("tls", "tlsverify", "tlscacert", "tlscert", "tlskey")


class _Suggested(click.Choice[str]):
    """Values that are offered; what others mean is settled elsewhere (`manners`)."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return str(value)


def with_options(*options: Options) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """All of them as one decorator, in their order."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed([each for some in options for each in some]):
            command = option(command)
        return command

    return decorate


def _print_version(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        from dockless.cli.compose.lists import version_line

        sys.stdout.write(version_line() + "\n")
        raise Exit(0)


COMPOSE: Options = (
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
        "ansi_asked",
        type=_Suggested(ANSI),
        default="",
        help="Control when to print ANSI control characters",
    ),
    click.option(
        "--progress",
        "progress_asked",
        type=_Suggested(PROGRESS),
        default="",
        help="Set type of progress output",
    ),
    click.option("--parallel", type=int, default=None, help="Control max parallelism, -1 for unlimited"),
    click.option("--dry-run", is_flag=True, help="Print what would be done, and do nothing"),
    click.option("--compatibility", is_flag=True, help="Run compose in backward compatibility mode"),
    click.option("--all-resources", is_flag=True, help="Include all resources, even those not used by services"),
    # What Docker Compose still takes and no longer names.
    click.option("--workdir", default="", metavar="DIR", hidden=True),
    click.option("--no-ansi", is_flag=True, hidden=True),
    click.option("--verbose", is_flag=True, hidden=True),
)
COMPOSE_VERSION: Options = (
    click.option(
        "-v",
        "--version",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_print_version,
        help="Show the version information",
    ),
)
DOCKER: Options = (
    click.option("--config", default="", metavar="DIR", help="Location of client config files (default: ~/.docker)"),
    click.option("-c", "--context", default="", metavar="NAME", help="Docker context whose engine is connected to"),
    click.option("-D", "--debug", is_flag=True, help="Print the traceback of a fault of dockless, too"),
    click.option(
        "-l",
        "--log-level",
        type=click.Choice(["debug", "info", "warn", "error", "fatal"]),
        default="info",
        help="Accepted as Docker's; there is no log to set",
    ),
    click.option(
        "-H", "--host", default="", metavar="HOST", help="Engine to connect to (default: DOCKER_HOST, or our own)"
    ),
    click.option("--tls", is_flag=True, default=None, help="Use TLS with a tcp:// engine; implied by --tlsverify"),
    click.option("--tlscacert", default="", metavar="FILE", help="Trust certs signed only by this CA"),
    click.option("--tlscert", default="", metavar="FILE", help="Path to TLS certificate file (~/.docker/cert.pem)"),
    click.option("--tlskey", default="", metavar="FILE", help="Path to TLS key file (~/.docker/key.pem)"),
    click.option("--tlsverify", is_flag=True, default=None, help="Use TLS and verify the engine"),
)


def session(parameters: dict[str, Any]) -> Session:
    """Of the options' values. Where a command is only completed, options that are not there are None."""
    given = {name: value for name, value in parameters.items() if value is not None}
    environ = of_process()
    if config := given.pop("config", ""):
        environ["DOCKER_CONFIG"] = config
    if given.get("context") and given.get("host"):
        raise Failure("conflicting options: cannot specify both --host and --context")
    if tls := {name: said for name in _TLS if (said := given.pop(name, None))}:
        from dockless.client.tls import TlsOptions

        given["tls"] = TlsOptions(**tls)
    if given.pop("debug", False) | given.pop("verbose", False):
        environ["DOCKLESS_DEBUG"] = os.environ["DOCKLESS_DEBUG"] = "1"
    given.pop("log_level", "")
    _of_old(given)
    return Session(**given, environ=environ)


def hidden(options: Options) -> Options:
    """The same, understood but not shown."""

    def hide(option: Callable[..., Any]) -> Callable[..., Any]:
        def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
            command = option(command)
            command.__click_params__[-1].hidden = True  # type: ignore[attr-defined]
            return command

        return decorate

    return tuple(hide(option) for option in options)


def _of_old(given: dict[str, Any]) -> None:
    """Options of former days, as those that took their place. Raises `Failure`."""
    if given.pop("no_ansi", False):
        if given.get("ansi_asked"):
            raise Failure('cannot specify DEPRECATED "--no-ansi" and "--ansi". Please use only "--ansi"')
        note("option '--no-ansi' is DEPRECATED ! Please use '--ansi' instead.")
        given["ansi_asked"] = "never"
    if workdir := given.pop("workdir", ""):
        if given.get("project_directory"):
            raise Failure(
                'cannot specify DEPRECATED "--workdir" and "--project-directory". '
                'Please use only "--project-directory" instead'
            )
        note("option '--workdir' is DEPRECATED at root level! Please use '--project-directory' instead.")
        given["project_directory"] = workdir
