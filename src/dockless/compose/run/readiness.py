"""When a dependency is ready: the conditions of the specification, and one more, that it listens.

"Started" is not "ready": a database that is still making its first tables is started. Where a dependency has no health
check but serves TCP ports, its dependents wait until it listens on one.
"""

from collections.abc import Mapping

from msgspec import Struct

from dockless.compose.model import Project, Service
from dockless.compose.run.convert import has_tcp_ports
from dockless.compose.run.observe import Observed
from dockless.compose.run.plan import AwaitCondition, Plan, StartContainer


class ImageFacts(Struct, frozen=True):
    """What a plan needs to know of a service's image. `ports`: whether it exposes TCP ports; `volumes`: its VOLUMEs."""

    id: str
    ports: bool = False
    healthcheck: bool = False
    volumes: frozenset[str] = frozenset()


def condition_of(service: Service, image: ImageFacts | None, condition: str, *, wait_for_ports: bool) -> str:
    """What to wait for of a dependency (`healthy`, `completed`, `listening`), or nothing.

    `listening` goes beyond the specification's `service_started`: a service without a health check that has TCP ports
    is ready when one of them is in LISTEN state.
    """
    if condition == "service_healthy":
        return "healthy"
    if condition == "service_completed_successfully":
        return "completed"
    return "listening" if wait_for_ports and listens(service, image) else ""


def listens(service: Service, image: ImageFacts | None) -> bool:
    """Whether a dependency without a health check has TCP ports by which one can see that it is ready."""
    check = service.healthcheck
    if check is not None and not check.disable:
        return False
    if check is None and image is not None and image.healthcheck:
        return False
    return shows_ports(service, image)


def shows_ports(service: Service, image: ImageFacts | None) -> bool:
    """Whether the service has TCP ports, and a network of its own in which the engine sees who listens on them."""
    return service.network_mode in ("", "bridge") and (bool(image and image.ports) or has_tcp_ports(service))


def await_dependencies(
    plan: Plan,
    project: Project,
    service: Service,
    observed: Observed,
    images: Mapping[str, ImageFacts],
    *,
    wait_for_ports: bool,
) -> None:
    """Adds to the plan that starts a service's dependencies the waits that the service asks for."""
    created = [step.action for step in plan if isinstance(step.action, StartContainer)]
    for name, dependency in service.depends_on.items():
        if name not in project.services:
            continue
        facts = images.get(name)
        condition = condition_of(project.services[name], facts, dependency.condition, wait_for_ports=wait_for_ports)
        containers = {each.name for each in observed.of_service(name)} | {
            action.name for action in created if action.service == name
        }
        for container in sorted(containers) if condition else ():
            key = f"await:{container}:{condition}"
            if all(step.key != key for step in plan):
                wait = AwaitCondition(container, name, condition, required=dependency.required)
                plan.add(key, wait, [f"start:{container}"])
