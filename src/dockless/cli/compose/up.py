"""`up`, `create` and `scale`."""

from typing import TYPE_CHECKING, Any

import click

from dockless.cli.compose.options import (
    Decorator,
    no_wait_option,
    orphans_option,
    parse_scale,
    services_argument,
    stand_ins_option,
)
from dockless.cli.compose.remote_stack import confirm
from dockless.cli.failure import Exit, Failure
from dockless.cli.manners import ignores_orphans, removes_orphans
from dockless.cli.output import echo
from dockless.cli.session import Session, pass_session

if TYPE_CHECKING:
    from dockless.compose.model import Project
    from dockless.compose.run.converge import UpOptions
    from dockless.compose.run.image_options import ImageOptions
    from dockless.compose.run.up import Prepared

_SHARED: tuple[Decorator, ...] = (
    click.option("--build", is_flag=True, help="Build images before starting containers"),
    click.option("--no-build", is_flag=True, help="Don't build an image, even if it's policy"),
    click.option(
        "--pull",
        type=click.Choice(["always", "missing", "never", "build", "if_not_present"]),
        default=None,
        help="Pull image before running",
    ),
    click.option("--quiet-pull", is_flag=True, help="Pull without printing progress information"),
    click.option("--quiet-build", is_flag=True, help="Suppress the build output"),
    click.option(
        "--force-recreate",
        is_flag=True,
        help="Recreate containers even if their configuration and image haven't changed",
    ),
    click.option("--no-recreate", is_flag=True, help="If containers already exist, don't recreate them"),
    orphans_option,
    click.option("--scale", multiple=True, metavar="SERVICE=NUM", help="Scale SERVICE to NUM instances"),
    stand_ins_option,
    click.option("-y", "--yes", is_flag=True, help='Assume "yes" as answer to all prompts and run non-interactively'),
)


def _shared(command: Any) -> Any:
    for option in reversed(_SHARED):
        command = option(command)
    return command


@click.command("up", short_help="Create and start containers")
@_shared
@click.option("-d", "--detach", is_flag=True, help="Detached mode: Run containers in the background")
@click.option("--no-deps", is_flag=True, help="Don't start linked services")
@click.option("--no-start", is_flag=True, help="Don't start the services after creating them")
@click.option("--wait", is_flag=True, help="Wait for services to be running|healthy. Implies detached mode.")
@click.option("--wait-timeout", type=float, default=None, help="Maximum duration in seconds to wait for the project")
@click.option("-V", "--renew-anon-volumes", is_flag=True, help="Recreate anonymous volumes instead of keeping them")
@click.option("--always-recreate-deps", is_flag=True, help="Recreate dependent containers")
@click.option("-t", "--timeout", type=int, default=None, help="Timeout in seconds for container shutdown")
@click.option("--abort-on-container-exit", is_flag=True, help="Stops all containers if any container was stopped")
@click.option("--abort-on-container-failure", is_flag=True, help="Stops all containers if any exited with failure")
@click.option("--exit-code-from", default="", metavar="SERVICE", help="Return the exit code of the selected service")
@click.option("--attach", "attach", multiple=True, metavar="SERVICE", help="Restrict attaching to these services")
@click.option("--attach-dependencies", is_flag=True, help="Automatically attach to output of dependent services")
@click.option("--no-attach", multiple=True, metavar="SERVICE", help="Do not attach to these services")
@click.option("--no-color", is_flag=True, help="Produce monochrome output")
@click.option("--no-log-prefix", is_flag=True, help="Don't print prefix in logs")
@click.option("--timestamps", is_flag=True, help="Show timestamps")
@click.option("-w", "--watch", is_flag=True, help="Watch source code and refresh containers when files are updated")
@click.option("--menu/--no-menu", default=None, help="Enable interactive shortcuts when running attached")
@no_wait_option
@services_argument
@pass_session
def up(session: Session, /, services: tuple[str, ...], **flags: Any) -> None:
    """Create and start containers.

    On dockless's own engine, a dependency without a health check is waited for until it listens on a TCP port, and -d
    ends when the services with published ports do (60 seconds at most); --no-wait-for-ports turns both off.
    """
    detach = flags["detach"] or flags["wait"] or flags["no_start"]
    _refuse_conflicts(flags, detach=flags["detach"] or (flags["watch"] and detach))
    project = session.load(services)
    flags["remove_orphans"] = removes_orphans(flags["remove_orphans"], session.environ)
    flags["ignore_orphans"] = ignores_orphans(session.environ, removing=flags["remove_orphans"])
    confirm(session, project, yes=flags["yes"])
    options = _up_options(flags, start=not flags["no_start"])
    if detach or session.dry_run:
        _detached(session, project, services, options, _image_options(session, flags), with_deps=not flags["no_deps"])
        return
    from dockless.cli.compose.foreground import run_foreground

    status = run_foreground(session, project, services, options, _image_options(session, flags), flags)
    if status:
        raise Exit(status)


@click.command("create", short_help="Creates containers for a service")
@_shared
@services_argument
@pass_session
def create(session: Session, /, services: tuple[str, ...], **flags: Any) -> None:
    """Creates containers for a service, without starting them."""
    _refuse_conflicts(flags, detach=True)
    project = session.load(services)
    _detached(session, project, services, _up_options(flags, start=False), _image_options(session, flags))


@click.command("scale", short_help="Scale services")
@click.option("--no-deps", is_flag=True, help="Don't start linked services")
@click.argument("targets", nargs=-1, required=True, metavar="SERVICE=REPLICAS...")
@pass_session
def scale(session: Session, /, targets: tuple[str, ...], no_deps: bool) -> None:
    """Scale services."""
    from dockless.compose.run.converge import UpOptions
    from dockless.compose.run.image_options import ImageOptions

    wanted = parse_scale(targets)
    project = session.load(wanted)
    _detached(session, project, tuple(wanted), UpOptions(scale=wanted), ImageOptions(), with_deps=not no_deps)


def _detached(
    session: Session,
    project: "Project",
    services: tuple[str, ...],
    options: "UpOptions",
    images: "ImageOptions",
    *,
    with_deps: bool = True,
) -> None:
    from contextlib import closing

    from dockless.compose.run.execute import Context, execute
    from dockless.compose.run.turns import take_turn
    from dockless.compose.run.up import prepare

    engine = session.client.transport.endpoint
    with session.progress() as progress, closing(take_turn(project.name, engine, progress)):
        project = session.provided(project, services, progress, with_deps=with_deps)
        converter = session.converter(project)
        prepared = prepare(session.client, project, services, options, images, converter, progress, with_deps=with_deps)
        for warning in prepared.plan.warnings:
            progress.line(f"WARN[0000] {warning}")
        if not session.dry_run:
            execute(prepared.plan, Context(session.client, progress), width=session.width)
    if session.dry_run:
        print_plan(prepared)


def print_plan(prepared: "Prepared") -> None:
    """`--dry-run`: what would be done, and after what."""
    from dockless.compose.run.plan import printed

    for line in printed(prepared.plan):
        echo(line)


def _refuse_conflicts(flags: dict[str, Any], *, detach: bool) -> None:
    """The combinations that Docker Compose refuses, in its words."""
    if flags["build"] and flags["no_build"]:
        raise Failure("--build and --no-build are incompatible")
    if flags["force_recreate"] and flags["no_recreate"]:
        raise Failure("--force-recreate and --no-recreate are incompatible")
    if flags.get("always_recreate_deps") and flags["no_recreate"]:
        raise Failure("--always-recreate-deps and --no-recreate are incompatible")
    if flags.get("renew_anon_volumes") and flags["no_recreate"]:
        raise Failure("--no-recreate and --renew-anon-volumes are incompatible")
    if detach and flags.get("watch"):
        raise Failure("--watch cannot be combined with --detach, --wait or --no-start")
    if flags.get("abort_on_container_failure") and flags["abort_on_container_exit"]:
        raise Failure("--abort-on-container-failure cannot be combined with --abort-on-container-exit")
    attached = ("abort_on_container_exit", "abort_on_container_failure", "attach_dependencies", "attach")
    if flags.get("wait") and any(flags.get(flag) for flag in (*attached, "exit_code_from")):
        raise Failure(
            "--wait cannot be combined with --abort-on-container-exit, --abort-on-container-failure, --attach, "
            "--attach-dependencies or --exit-code-from"
        )
    if detach and any(flags.get(flag) for flag in (*attached, "exit_code_from")):
        raise Failure(
            "--detach cannot be combined with --abort-on-container-exit, --abort-on-container-failure, --attach, "
            "--attach-dependencies or --exit-code-from"
        )


def _up_options(flags: dict[str, Any], *, start: bool) -> "UpOptions":
    from dockless.compose.run.converge import UpOptions

    return UpOptions(
        scale=parse_scale(flags["scale"]),
        force_recreate=flags["force_recreate"],
        no_recreate=flags["no_recreate"],
        always_recreate_deps=flags.get("always_recreate_deps", False),
        renew_anonymous_volumes=flags.get("renew_anon_volumes", False),
        remove_orphans=flags["remove_orphans"] or False,
        ignore_orphans=flags.get("ignore_orphans", False),
        start=start,
        wait=flags.get("wait", False),
        wait_timeout=flags.get("wait_timeout"),
        wait_for_ports=not flags.get("no_wait_for_ports", False),
        wait_for_published=bool(flags.get("detach")) and not flags.get("no_wait_for_ports", False),
        timeout=flags.get("timeout"),
    )


def _image_options(session: Session, flags: dict[str, Any]) -> "ImageOptions":
    from dockless.compose.run.image_options import ImageOptions

    pull = flags["pull"]
    return ImageOptions(
        build=flags["build"] or pull == "build",
        no_build=flags["no_build"],
        pull="" if pull in (None, "build") else {"if_not_present": "missing"}.get(pull, pull),
        quiet_pull=flags["quiet_pull"],
        quiet_build=flags["quiet_build"],
        stand_ins=session.may_use_stand_ins(flags["stand_ins"]),
        dry_run=session.dry_run,
    )
