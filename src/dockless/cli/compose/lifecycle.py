"""`stop`, `start`, `restart`, `kill`, `pause`, `unpause` and `wait`."""

import sys
import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import TYPE_CHECKING

import click

from dockless.cli.compose.choice import carry_out, check_services, choose, pre_stop_hooks
from dockless.cli.compose.options import no_wait_option, services_argument, timeout_option
from dockless.cli.failure import Exit, Failure
from dockless.cli.output import echo, note
from dockless.cli.session import Session, pass_session

if TYPE_CHECKING:
    from dockless.compose.model import Project
    from dockless.compose.run.observe import Existing


@click.command("stop", short_help="Stop services")
@timeout_option
@services_argument
@pass_session
def stop(session: Session, /, services: tuple[str, ...], timeout: int | None) -> None:
    """Stop running containers without removing them."""
    from dockless.compose.run.teardown import stop_plan

    project, _ = session.project_or_name()
    _, found = choose(session, services)
    carry_out(session, stop_plan(found, timeout, pre_stop_hooks(project)))


@click.command("start", short_help="Start services")
@no_wait_option
@services_argument
@pass_session
def start(session: Session, /, services: tuple[str, ...], no_wait_for_ports: bool) -> None:
    """Start existing containers."""
    from dockless.compose.run.observe import containers_of
    from dockless.compose.run.teardown import start_plan

    project, name = session.project_or_name()
    found = [each for each in containers_of(session.client, name) if not each.one_off]
    check_services(services, project, found)
    chosen = _with_dependencies(found, services)
    provided = {name for name, each in project.services.items() if each.provider is not None} if project else set()
    for service in services or (project.services if project else ()):
        if service not in provided and not any(each.service == service for each in chosen):
            raise Failure(f'service "{service}" has no container to start: run `dockless up {service}`')
    conditions = _conditions(session, project, wait_for_ports=not no_wait_for_ports) if project else {}
    carry_out(session, start_plan(chosen, conditions))


def _with_dependencies(found: "list[Existing]", services: tuple[str, ...]) -> "list[Existing]":
    """The containers of the services, and of those that they depend on."""
    if not services:
        return found
    wanted: set[str] = set()
    open_ = list(services)
    while open_:
        name = open_.pop()
        if name not in wanted:
            wanted.add(name)
            open_ += [other for each in found if each.service == name for other in each.depends_on]
    return [each for each in found if each.service in wanted]


def _conditions(session: Session, project: "Project", *, wait_for_ports: bool) -> dict[str, dict[str, str]]:
    """From each service to what it waits for of its dependencies."""
    from dockless.compose.run.image_options import image_name
    from dockless.compose.run.images import facts_of, inspect_images
    from dockless.compose.run.readiness import condition_of

    needed = {other for service in project.services.values() for other in service.depends_on}
    dependencies = [service for name, service in project.services.items() if name in needed]
    images = inspect_images(session.client, [image_name(project, service) for service in dependencies])
    facts = {
        service.name: facts_of(image)
        for service in dependencies
        if (image := images[image_name(project, service)]) is not None
    }
    return {
        service.name: {
            name: condition_of(
                project.services[name], facts.get(name), dependency.condition, wait_for_ports=wait_for_ports
            )
            for name, dependency in service.depends_on.items()
            if name in project.services
        }
        for service in project.services.values()
    }


@click.command("restart", short_help="Restart service containers")
@click.option("--no-deps", is_flag=True, help="Don't restart dependent services")
@timeout_option
@services_argument
@pass_session
def restart(session: Session, /, services: tuple[str, ...], no_deps: bool, timeout: int | None) -> None:
    """Restart service containers, and those that ask to be restarted with them."""
    from dockless.compose.run.teardown import restart_plan

    project, _ = session.project_or_name()
    wanted = services
    if services and project and not no_deps:
        wanted = (*services, *_restarted_with(project, services))
    _, found = choose(session, wanted)
    carry_out(session, restart_plan(found, timeout))


def _restarted_with(project: "Project", services: tuple[str, ...]) -> list[str]:
    """Services that name one of these in `depends_on` with `restart: true`."""
    return [
        name
        for name, service in project.services.items()
        if name not in services
        and any(service.depends_on[other].restart for other in services if other in service.depends_on)
    ]


@click.command("kill", short_help="Force stop service containers")
@click.option("--remove-orphans", is_flag=True, help="Remove containers for services not defined in the Compose file")
@click.option("-s", "--signal", default="SIGKILL", show_default=True, help="SIGNAL to send to the container")
@services_argument
@pass_session
def kill(session: Session, /, services: tuple[str, ...], remove_orphans: bool, signal: str) -> None:
    """Force stop service containers."""
    from dockless.compose.run.observe import containers_of
    from dockless.compose.run.teardown import kill_plan, remove_plan

    project, name = session.project_or_name()
    _, found = choose(session, services)
    if not any(each.running for each in found):
        note("no container to kill")
        return
    carry_out(session, kill_plan(found, signal))
    if remove_orphans and project:
        known = project.services.keys() | project.disabled_services.keys()
        orphans = [each for each in containers_of(session.client, name) if each.service not in known]
        carry_out(session, remove_plan(orphans, volumes=False))


@click.command("pause", short_help="Pause services")
@services_argument
@pass_session
def pause(session: Session, /, services: tuple[str, ...]) -> None:
    """Pause services."""
    from dockless.compose.run.teardown import pause_plan

    _, found = choose(session, services)
    carry_out(session, pause_plan(found))


@click.command("unpause", short_help="Unpause services")
@services_argument
@pass_session
def unpause(session: Session, /, services: tuple[str, ...]) -> None:
    """Unpause services."""
    from dockless.compose.run.teardown import unpause_plan

    _, found = choose(session, services)
    carry_out(session, unpause_plan(found))


@click.command("wait", short_help="Block until containers of services stop")
@click.option("--down-project", is_flag=True, help="Drops project when the first container stops")
@click.argument("services", nargs=-1, required=True, metavar="SERVICE...")
@pass_session
def wait(session: Session, /, services: tuple[str, ...], down_project: bool) -> None:
    """Block until containers of all (or specified) services stop."""
    from dockless.compose.run.observe import observe, together
    from dockless.compose.run.teardown import down_plan

    name, found = choose(session, services)
    if not found:
        raise Failure(f'no containers for project "{name}"')
    waits = [lambda each=each: _ended(session, each) for each in found]
    if down_project:
        status = _first_of(waits)
        observed = observe(session.client, name)
        left = [each for each in observed.containers if not each.one_off]
        plan = down_plan(name, observed, left, volumes=False, images=(), timeout=None)
        carry_out(session, plan)
        raise Exit(status)
    codes = together(*waits)
    if any(codes):
        raise Exit(next(code for code in codes if code))


def _ended(session: Session, each: "Existing") -> int:
    """Waits for the end of a container and tells it; the exit status."""
    code = session.client.containers.wait(each.id).status_code
    echo(f'container "{each.id}" exited with status code {code}')
    sys.stdout.flush()
    return code


def _first_of(calls: Sequence[Callable[[], int]]) -> int:
    """The result of the call that ends first."""
    results: SimpleQueue[int] = SimpleQueue()
    for call in calls:
        threading.Thread(target=lambda call=call: results.put(call()), daemon=True).start()
    return results.get()
