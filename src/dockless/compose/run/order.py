"""Which services a command is about, and in which order they come."""

from collections.abc import Sequence

from dockless.compose.model import Project, Service


class ProjectError(Exception):
    """The project and the engine cannot be brought together, or an argument names what the project does not have."""


def in_order(project: Project, selected: frozenset[str]) -> list[Service]:
    """The selected services, each after those that it depends on; otherwise in the order of the alphabet."""
    done: list[Service] = []
    seen: set[str] = set()

    def visit(name: str) -> None:
        if name in seen or name not in project.services:
            return
        seen.add(name)
        service = project.services[name]
        for dependency in sorted(service.depends_on):
            visit(dependency)
        if name in selected:
            done.append(service)

    for name in sorted(selected):
        visit(name)
    return done


def with_dependencies(project: Project, asked: Sequence[str]) -> frozenset[str]:
    """The services asked for (all, when none is) and everything that they depend on. Raises `ProjectError`."""
    found: set[str] = set()
    open_ = list(asked) or list(project.services)
    for name in open_:
        if name not in project.services:
            raise ProjectError(f"no such service: {name}")
    while open_:
        name = open_.pop()
        if name in found:
            continue
        found.add(name)
        open_ += [other for other in project.services[name].depends_on if other in project.services]
    return frozenset(found)
