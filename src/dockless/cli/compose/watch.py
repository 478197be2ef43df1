"""`watch`: syncs, restarts and rebuilds services as the files that they are made of change."""

import sys
import threading
from typing import TYPE_CHECKING

import click

from dockless.cli.compose.options import services_argument, stand_ins_option
from dockless.cli.failure import Failure
from dockless.cli.output import echo, note
from dockless.cli.session import Session, pass_session, warn

if TYPE_CHECKING:
    from dockless.cli.log_view import LogView
    from dockless.compose.model import Project
    from dockless.compose.run.watch import Watch, WatchOptions
    from dockless.compose.run.watch_rules import Watched


@click.command("watch", short_help="Watch build context for service and rebuild/refresh containers when files change")
@click.option("--no-up", is_flag=True, help="Do not build & start services before watching")
@click.option("--prune/--no-prune", default=True, help="Prune dangling images on rebuild")
@click.option("--quiet", is_flag=True, help="hide build output")
@stand_ins_option
@services_argument
@pass_session
def watch(
    session: Session, /, services: tuple[str, ...], no_up: bool, prune: bool, quiet: bool, stand_ins: bool | None
) -> None:
    """Watch build context for service and rebuild/refresh containers when files are updated.

    What is watched is written under `develop.watch` of each service.
    """
    from dockless.compose.run.image_options import ImageOptions
    from dockless.compose.run.watch import WatchOptions

    project = session.load(services)
    found = rules_of(project, services)
    images = ImageOptions(quiet_build=quiet, quiet_pull=quiet, stand_ins=session.may_use_stand_ins(stand_ins))
    if session.dry_run:
        for rule in found.rules:
            target = f" -> {rule.trigger.target}" if rule.syncs else ""
            echo(f"{rule.service}: {rule.trigger.action} {rule.path}{target}")
        return
    with session.progress() as progress:
        project = session.provided(project, services, progress)
    if not no_up:
        _up(session, project, services, images)
    watching = make_watch(session, project, found, WatchOptions(images=images, prune=prune), None)
    watching.run()


def rules_of(project: "Project", services: tuple[str, ...]) -> "Watched":
    """The rules to follow. Raises `ProjectError`."""
    from dockless.compose.run.watch_rules import watched

    for name in services:
        if name not in project.services:
            raise Failure(f"no such service: {name}")
    found = watched(project, services or project.services)
    for warning in found.warnings:
        warn(warning)
    return found


def make_watch(
    session: Session, project: "Project", found: "Watched", options: "WatchOptions", view: "LogView | None"
) -> "Watch":
    """`view`: what the lines are to be shown among (`up --watch`); without one they stand alone."""
    from dockless.compose.run.watch import Voice, Watch

    lock = threading.Lock()

    def log(text: str) -> None:
        with lock:
            echo(text)
            sys.stdout.flush()

    say = view.remark if view else log
    progress = session.plain_progress()
    voice = Voice(log=say, warn=lambda text: note(f"WARN[0000] {text}"), output=say)
    return Watch(session.client, project, found.rules, voice, progress, lambda: session.converter(project), options)


def _up(session: Session, project: "Project", services: tuple[str, ...], images: object) -> None:
    """Builds what can be built anew, and starts what does not run."""
    from msgspec.structs import replace

    from dockless.compose.run.converge import UpOptions
    from dockless.compose.run.execute import Context, execute
    from dockless.compose.run.image_options import ImageOptions
    from dockless.compose.run.up import prepare

    assert isinstance(images, ImageOptions)
    rebuilt = {
        name: replace(service, pull_policy="build") if service.build and service.develop else service
        for name, service in project.services.items()
    }
    with session.progress() as progress:
        prepared = prepare(
            session.client,
            replace(project, services=rebuilt),
            services,
            UpOptions(),
            images,
            session.converter(project),
            progress,
        )
        for warning in prepared.plan.warnings:
            progress.line(f"WARN[0000] {warning}")
        execute(prepared.plan, Context(session.client, progress), width=session.width)
