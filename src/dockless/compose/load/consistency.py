"""Whether a project hangs together: references lead somewhere, settings do not contradict one another, no circles."""

from collections.abc import Callable, Iterator
from typing import Any

from dockless.compose.errors import Problem
from dockless.compose.load.short import clean
from dockless.compose.load.tree import Files, Path, Trouble
from dockless.compose.model import Project, Resource, Service

Fault = tuple[Path, str]


def check(project: Project, tree: Any, files: Files) -> None:
    """Raises ComposeError with all faults, placed by the tree that the project was read from."""
    problems: list[Problem] = []
    for name, service in project.services.items():
        for rule in _RULES:
            for path, message in rule(project, service):
                problems.append(files.problem_in(tree, ("services", name, *path), Trouble(message)))
    for path, message in (*_container_names(project), *_secrets(project)):
        problems.append(files.problem_in(tree, path, Trouble(message)))
    if not problems:
        problems.extend(files.problem_in(tree, path, Trouble(message)) for path, message in _circles(project))
    files.fail(problems)


def _source(project: Project, service: Service) -> Iterator[Fault]:
    if service.build is None and not service.image and service.provider is None:
        yield (), f'service "{service.name}" has neither an image nor a build context specified'


def _build(project: Project, service: Service) -> Iterator[Fault]:
    build = service.build
    if build is None:
        return
    if build.dockerfile_inline and build.dockerfile:
        yield ("build",), f'service "{service.name}" declares mutually exclusive dockerfile and dockerfile_inline'
    for key, context in build.additional_contexts.items():
        target = context.removeprefix("service:")
        if target == context:
            continue
        other = project.services.get(target)
        if other is None:
            yield (
                ("build", "additional_contexts", key),
                f'service "{service.name}" declares unknown service "{target}" as additional context {key}',
            )
        elif other.build is None:
            yield (
                ("build", "additional_contexts", key),
                f'service "{service.name}" declares non-buildable service "{target}" as additional context {key}',
            )
    if build.platforms and service.platform and service.platform not in build.platforms:
        yield ("build", "platforms"), f'build.platforms must include the service\'s platform "{service.platform}"'


def _references(project: Project, service: Service) -> Iterator[Fault]:
    name = service.name
    for network in service.networks:
        if network not in project.networks:
            yield ("networks", network), f'service "{name}" refers to undefined network {network}'
    for index, volume in enumerate(service.volumes):
        if volume.type == "volume" and volume.source and volume.source not in project.volumes:
            yield ("volumes", index), f'service "{name}" refers to undefined volume {volume.source}'
    for index, secret in enumerate(service.build.secrets if service.build else ()):
        if secret.source not in project.secrets:
            yield ("build", "secrets", index), f'service "{name}" refers to undefined build secret {secret.source}'
    for index, config in enumerate(service.configs):
        if config.source not in project.configs:
            yield ("configs", index), f'service "{name}" refers to undefined config {config.source}'
    for index, secret in enumerate(service.secrets):
        if secret.source not in project.secrets:
            yield ("secrets", index), f'service "{name}" refers to undefined secret {secret.source}'
    for model in service.models:
        if model not in project.models:
            yield ("models", model), f'service "{name}" refers to undefined model {model}'


def _dependencies(project: Project, service: Service) -> Iterator[Fault]:
    for needed, dependency in service.depends_on.items():
        if needed in project.services or (needed in project.disabled_services and not dependency.required):
            continue
        yield _naming(service, needed), f'service "{service.name}" depends on undefined service "{needed}"'


def _naming(service: Service, needed: str) -> Path:
    """Where a service names one that it needs: there are other ways than `depends_on`."""
    for key in ("network_mode", "ipc", "pid"):
        if getattr(service, key) == f"service:{needed}":
            return (key,)
    for key, entries in (("links", service.links), ("volumes_from", service.volumes_from)):
        for index, entry in enumerate(entries):
            if entry.partition(":")[0] == needed:
                return key, index
    return "depends_on", needed


def _modes(project: Project, service: Service) -> Iterator[Fault]:
    if service.network_mode and service.networks:
        yield ("network_mode",), f"service {service.name} declares mutually exclusive `network_mode` and `networks`"
    if service.healthcheck and service.healthcheck.test and service.healthcheck.test[0] not in _TESTS:
        yield ("healthcheck", "test"), 'healthcheck.test must start either by "CMD", "CMD-SHELL" or "NONE"'


def _limits(project: Project, service: Service) -> Iterator[Fault]:
    if service.deploy is None:
        return
    limits, reservations = service.deploy.resources.limits, service.deploy.resources.reservations
    pairs: tuple[tuple[str, float, Resource | None, str, str], ...] = (
        ("cpus", service.cpus, limits, "limits", "cpus"),
        ("mem_limit", service.mem_limit, limits, "limits", "memory"),
        ("mem_reservation", service.mem_reservation, reservations, "reservations", "memory"),
        ("pids_limit", service.pids_limit, limits, "limits", "pids"),
    )
    for key, value, held, section, other in pairs:
        if value and held is not None and getattr(held, other) != value:
            yield (key,), f"can't set distinct values on '{key}' and 'deploy.resources.{section}.{other}'"


def _scale(project: Project, service: Service) -> Iterator[Fault]:
    replicas = service.deploy.replicas if service.deploy else None
    if service.scale is not None and replicas is not None and service.scale != replicas:
        yield ("scale",), "can't set distinct values on 'scale' and 'deploy.replicas'"
    if service.replicas > 1 and service.container_name:
        key = "deploy.replicas" if service.scale is None else "scale"
        yield ("container_name",), f"can't set container_name and {key}, as a container's name must be unique"


def _container_names(project: Project) -> Iterator[Fault]:
    owners: dict[str, str] = {}
    for name, service in project.services.items():
        if service.container_name and (owner := owners.setdefault(service.container_name, name)) != name:
            yield (
                ("services", name, "container_name"),
                f'container name "{service.container_name}" is already in use by service {owner}',
            )


def _secrets(project: Project) -> Iterator[Fault]:
    for name, secret in project.secrets.items():
        if not (secret.external or secret.file or secret.environment):
            yield ("secrets", name), f'secret "{name}" must declare either `file` or `environment`'


def _watch(project: Project, service: Service) -> Iterator[Fault]:
    for index, trigger in enumerate(service.develop.watch if service.develop else ()):
        if not trigger.target and trigger.action not in ("rebuild", "restart"):
            yield ("develop", "watch", index), f"a watch with action '{trigger.action}' needs a target"


def _mounts(project: Project, service: Service) -> Iterator[Fault]:
    """One place, one mount; volumes have been told apart by their targets before."""
    seen: dict[str, str] = {}
    for index, spec in enumerate(service.tmpfs):
        target = clean(spec.partition(":")[0])
        if target in seen:
            yield ("tmpfs", index), f"target {target} already mounted as services.{service.name}.{seen[target]}"
        seen[target] = f"tmpfs[{index}]"
    for index, volume in enumerate(service.volumes):
        if volume.target in seen:
            yield (
                ("volumes", index),
                f"target {volume.target} already mounted as services.{service.name}.{seen[volume.target]}",
            )


def _circles(project: Project) -> Iterator[Fault]:
    """Services that wait for one another; each circle is told once."""
    done: set[str] = set()
    for start in project.services:
        trail: dict[str, Iterator[str]] = {}
        if start in done:
            continue
        trail[start] = iter(sorted(_needs(project, start)))
        while trail:
            name, needs = next(reversed(trail.items()))
            needed = next(needs, None)
            if needed is None:
                done.add(name)
                del trail[name]
            elif needed in trail:
                names = list(trail)
                circle = [*names[names.index(needed) :], needed]
                yield ("services", name, "depends_on"), f"dependency cycle detected: {' -> '.join(circle)}"
                return
            elif needed not in done:
                trail[needed] = iter(sorted(_needs(project, needed)))


def _needs(project: Project, name: str) -> set[str]:
    return {needed for needed in project.services[name].depends_on if needed in project.services}


_TESTS = ("CMD", "CMD-SHELL", "NONE")
_RULES: tuple[Callable[[Project, Service], Iterator[Fault]], ...] = (
    _source,
    _build,
    _modes,
    _references,
    _dependencies,
    _scale,
    _limits,
    _watch,
    _mounts,
)
