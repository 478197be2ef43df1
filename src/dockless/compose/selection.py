"""Parts of a project: by active profiles, by named services and what they need, by what is used at all."""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from dockless.compose.errors import ComposeError
from dockless.compose.model import Project, Service


def with_profiles(project: Project, profiles: Iterable[str]) -> Project:
    """Enables the services that have no profile or an active one (`*`: all) and disables the others."""
    active = tuple(profiles)
    services = {**project.services, **project.disabled_services}
    enabled = {name: service for name, service in services.items() if _is_active(service, active)}
    disabled = {name: service for name, service in services.items() if name not in enabled}
    return replace(project, services=enabled, disabled_services=disabled, profiles=active)


def enable(project: Project, names: Iterable[str]) -> Project:
    """Activates the profiles of the named services, so that they are enabled. Unknown names are ignored."""
    more = [
        profile
        for name in names
        if name in project.disabled_services
        for profile in project.disabled_services[name].profiles
    ]
    return with_profiles(project, (*project.profiles, *more)) if more else project


def select(project: Project, names: Iterable[str], *, dependencies: bool = True) -> Project:
    """Keeps the named services and, if asked, all that they depend on; the others become disabled.

    Raises ComposeError for a service that there is not.
    """
    wanted = dict.fromkeys(names)
    if not wanted:
        return project
    kept: dict[str, None] = {}
    queue = [(name, True) for name in wanted]
    while queue:
        name, required = queue.pop()
        if name in kept:
            continue
        service = project.services.get(name)
        if service is None:
            if required:
                raise ComposeError(f"no such service: {name}")
            continue
        kept[name] = None
        if dependencies:
            queue.extend((needed, dependency.required) for needed, dependency in service.depends_on.items())
    services = {name: _without_others(service, kept) for name, service in project.services.items() if name in kept}
    others = {name: service for name, service in project.services.items() if name not in kept}
    return replace(project, services=services, disabled_services={**project.disabled_services, **others})


def without_unused(project: Project) -> Project:
    """Drops the networks, volumes, secrets, configs and models that no enabled service refers to."""
    used: dict[str, set[str]] = {kind: set() for kind in ("networks", "volumes", "secrets", "configs", "models")}
    for service in project.services.values():
        used["networks"].update(service.networks)
        used["volumes"].update(volume.source for volume in service.volumes if volume.type == "volume")
        used["secrets"].update(secret.source for secret in service.secrets)
        used["secrets"].update(secret.source for secret in (service.build.secrets if service.build else ()))
        used["configs"].update(config.source for config in service.configs)
        used["models"].update(service.models)
    builds = [service.build for service in project.disabled_services.values() if service.build]
    lent = {secret.source for build in builds for secret in build.secrets}
    kept = {kind: _only(getattr(project, kind), names) for kind, names in used.items()}
    return replace(project, **kept, disabled_secrets=_only(project.secrets, lent))


def in_dependency_order(project: Project) -> list[str]:
    """The enabled services' names, dependencies first, otherwise by name."""
    order: dict[str, None] = {}
    for start in sorted(project.services):
        stack = [start]
        while stack:
            name = stack[-1]
            needs = [
                needed
                for needed in sorted(project.services[name].depends_on, reverse=True)
                if needed in project.services and needed not in order and needed not in stack
            ]
            if needs:
                stack.extend(needs)
            else:
                order[stack.pop()] = None
    return list(order)


def _is_active(service: Service, profiles: tuple[str, ...]) -> bool:
    return not service.profiles or "*" in profiles or any(profile in profiles for profile in service.profiles)


def _without_others(service: Service, kept: Mapping[str, None]) -> Service:
    if all(needed in kept for needed in service.depends_on):
        return service
    return replace(service, depends_on={name: entry for name, entry in service.depends_on.items() if name in kept})


def _only(resources: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: resource for name, resource in resources.items() if name in names}
