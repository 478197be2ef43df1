"""Which of a project's containers a command is about."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from dockless.cli.failure import Failure
from dockless.cli.session import Session
from dockless.compose.run.observe import Existing, containers_of

if TYPE_CHECKING:
    from dockless.compose.model import Project
    from dockless.compose.run.plan import Hook, Plan


def choose(session: Session, services: Sequence[str], *, one_off: bool = False) -> tuple[str, list[Existing]]:
    """The project's name and its containers, of `services` alone where they are named.

    Raises `Failure` for a service that neither the project nor the engine knows.
    """
    project, name = session.project_or_name()
    found = [each for each in containers_of(session.client, name) if one_off or not each.one_off]
    check_services(services, project, found)
    if services:
        found = [each for each in found if each.service in services]
    elif project is not None:
        found = [each for each in found if each.service in project.services]
    return name, found


def check_services(services: Iterable[str], project: "Project | None", found: Iterable[Existing]) -> None:
    """Raises `Failure` for a name that is no service."""
    known = {each.service for each in found}
    if project is not None:
        known |= project.services.keys() | project.disabled_services.keys()
    for service in services:
        if service not in known:
            raise Failure(f"no such service: {service}")


def one_container(session: Session, service: str, index: int, *, stopped: bool = False) -> Existing:
    """The container of a service, the first or the one with that number. Raises `Failure`.

    Only a container that runs, unless `stopped`.
    """
    project, name = session.project_or_name()
    found = [each for each in containers_of(session.client, name) if each.service == service and not each.one_off]
    check_services([service], project, found)
    usable = [each for each in found if stopped or each.state in ("running", "paused")]
    running = sorted(usable, key=lambda each: each.number)
    if index:
        running = [each for each in running if each.number == index]
        if not running:
            raise Failure(f'service "{service}" is not running container #{index}')
    if not running:
        raise Failure(f'service "{service}" is not running')
    return running[0]


def pre_stop_hooks(project: "Project | None") -> Mapping[str, "tuple[Hook, ...]"]:
    """By service, what runs in a container before it is stopped."""
    if project is None or not any(service.pre_stop for service in project.services.values()):
        return {}
    from dockless.compose.run.hooks import hooks_of

    return {name: hooks_of(service.pre_stop) for name, service in project.services.items()}


def carry_out(session: Session, plan: "Plan") -> None:
    """Executes a plan under progress, or prints it (`--dry-run`)."""
    from dockless.compose.run.execute import Context, execute

    if session.dry_run:
        from dockless.cli.output import echo
        from dockless.compose.run.plan import printed

        for line in printed(plan):
            echo(line)
        return
    with session.progress() as progress:
        for warning in plan.warnings:
            progress.line(f"WARN[0000] {warning}")
        execute(plan, Context(session.client, progress), width=session.width)
