"""`down` and `rm`."""

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from dockless.cli.compose.choice import carry_out, check_services, choose, pre_stop_hooks
from dockless.cli.compose.options import orphans_option, services_argument, timeout_option
from dockless.cli.manners import ignores_orphans, removes_orphans
from dockless.cli.output import echo, note
from dockless.cli.session import Session, pass_session, warn

if TYPE_CHECKING:
    from dockless.compose.model import Project
    from dockless.compose.run.observe import Existing


@click.command("down", short_help="Stop and remove containers, networks")
@orphans_option
@click.option(
    "--rmi",
    type=click.Choice(["local", "all"]),
    default=None,
    help='Remove images used by services. "local" remove only images that don\'t have a custom tag',
)
@timeout_option
@click.option(
    "-v",
    "--volumes",
    is_flag=True,
    help='Remove named volumes declared in the "volumes" section of the Compose file and anonymous volumes',
)
@services_argument
@pass_session
def down(
    session: Session,
    /,
    services: tuple[str, ...],
    remove_orphans: bool | None,
    rmi: str | None,
    timeout: int | None,
    volumes: bool,
) -> None:
    """Stop and remove containers, networks."""
    from dockless.compose.run.observe import observe
    from dockless.compose.run.teardown import down_plan

    project, name = session.project_or_name()
    remove_orphans = removes_orphans(remove_orphans, session.environ)
    observed = observe(session.client, name)
    check_services(services, project, observed.containers)
    # As with Docker Compose, what `run` started is left alone unless --remove-orphans asks for it.
    chosen = [each for each in observed.containers if remove_orphans or not each.one_off]
    if services:
        chosen = [each for each in chosen if each.service in services]
    elif project is not None and not remove_orphans:
        known = project.services.keys() | project.disabled_services.keys()
        orphans = sorted(each.name for each in chosen if each.service not in known)
        chosen = [each for each in chosen if each.service in project.services]
        if orphans and not ignores_orphans(session.environ, removing=False):
            warn(
                f"Found orphan containers ([{' '.join(orphans)}]) for this project. If you removed or renamed this "
                "service in your compose file, you can run this command with the --remove-orphans flag to clean it up."
            )
    elif project is not None:
        # What a profile leaves out is no orphan: it is taken down where its profile is named.
        chosen = [each for each in chosen if each.service not in project.disabled_services]
    external = [volume.name for volume in project.volumes.values() if volume.external] if project else []
    plan = down_plan(
        name,
        observed,
        chosen,
        volumes=volumes,
        images=_images(session, project, name, rmi, chosen, services, orphans=remove_orphans) if rmi else (),
        timeout=timeout,
        part=bool(services),
        keep_volumes=external,
        hooks=pre_stop_hooks(project),
    )
    provided = [name for name, each in project.services.items() if each.provider is not None] if project else []
    if services:
        provided = [name for name in provided if name in services]
    if not plan and not provided:
        if project is None:
            warn(f'Warning: No resource found to remove for project "{name}".')
        return
    carry_out(session, plan)
    if project is not None and provided and not session.dry_run:
        from dockless.compose.run.provider import take_down

        with session.progress() as progress:
            take_down(project, provided, progress, session.environ)


def _images(
    session: Session,
    project: "Project | None",
    name: str,
    rmi: str,
    chosen: "Iterable[Existing]",
    services: tuple[str, ...],
    *,
    orphans: bool,
) -> list[str]:
    from dockless.compose.run.names import default_image
    from dockless.compose.run.own_images import images_to_remove

    if project is None:
        named = {each.service: each.summary.image for each in chosen if not each.summary.image.startswith("sha256:")}
        defaults = {}
    else:
        meant = [each for each in project.services.values() if not services or each.name in services]
        named = {each.name: each.image for each in meant if each.image}
        defaults = {each.name: default_image(project, each.name) for each in meant if not each.image}
    return images_to_remove(session.client, name, named, defaults, used=rmi == "all", orphans=orphans)


@click.command("rm", short_help="Removes stopped service containers")
@click.option("-f", "--force", is_flag=True, help="Don't ask to confirm removal")
@click.option("-s", "--stop", is_flag=True, help="Stop the containers, if required, before removing")
@click.option("-v", "--volumes", is_flag=True, help="Remove any anonymous volumes attached to containers")
@services_argument
@pass_session
def rm(session: Session, /, services: tuple[str, ...], force: bool, stop: bool, volumes: bool) -> None:
    """Removes stopped service containers.

    By default, anonymous volumes attached to containers are not removed: -v does that. Data that is not in a volume is
    lost.
    """
    from dockless.compose.run.teardown import remove_plan, stop_plan

    _, found = choose(session, services)
    if stop:
        carry_out(session, stop_plan(found, None))
    else:
        found = [each for each in found if not each.running]
    if not found:
        note("No stopped containers")
        return
    echo("Going to remove " + ", ".join(each.name for each in found))
    if not force and not session.dry_run and not _confirmed():
        return
    carry_out(session, remove_plan(found, volumes=volumes))


def _confirmed() -> bool:
    """Where nobody is there to answer, nothing is removed."""
    sys.stdout.flush()
    try:
        return click.confirm("Are you sure?", err=True)
    except click.Abort:
        note("")
        return False
