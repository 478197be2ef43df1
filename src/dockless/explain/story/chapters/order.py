"""What several chapters, the picture and the exports ask of a project: the order of its starts, its ports, networks."""

from dockless.compose.model import Project, Service
from dockless.explain.story import shell
from dockless.explain.story.built import follow, known_ports
from dockless.explain.story.stack import Stack


def ordered(project: Project) -> list[list[str]]:
    """The services in groups: each is started after those before it that it depends on."""
    left = dict(project.services)
    groups: list[list[str]] = []
    done: set[str] = set()
    while left:
        ready = [
            name
            for name, service in left.items()
            if all(n in done or n not in project.services for n in service.depends_on)
        ]
        ready = ready or list(left)
        groups.append(ready)
        done.update(ready)
        for name in ready:
            del left[name]
    return groups


def ports_of(stack: Stack, service: Service) -> tuple[str, ...]:
    """The ports on which a service listens inside the stack, as far as the files tell."""
    found = dict.fromkeys(str(port.target) + ("/udp" if port.protocol == "udp" else "") for port in service.ports)
    found.update(dict.fromkeys(port.removesuffix("/tcp") for port in service.expose))
    image = stack.by_service.get(service.name)
    if not found:
        state = follow(image.file, image.target, image.arguments).final if image else None
        found.update(dict.fromkeys(known_ports(service.image, state)))
    return tuple(found)


def shared_networks(a: Service, b: Service) -> list[str]:
    """The networks that both are on."""
    return [key for key in a.networks if key in b.networks]


def listed_names(names: list[str]) -> str:
    return shell.listed(names)
