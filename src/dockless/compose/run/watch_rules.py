"""`develop.watch` as rules: which change on the disk asks for what. Pure but for reading `.dockerignore`.

A path counts when it is under a rule's path, matches `include` where there is one, and is left out by none of: the
rule's `ignore`, the build's `.dockerignore`, `.git`, and the names that editors give to files of a moment.
"""

import posixpath
from collections.abc import Iterable
from os.path import realpath
from pathlib import Path

from msgspec import Struct, field

from dockless.compose.model import Build, Project, Service, WatchTrigger
from dockless.compose.run.context import ContextError, ignore_text
from dockless.compose.run.order import ProjectError
from dockless.dockerfile.ignore import Ignore, IgnoreError

_PASSING = """
**/.git
**/.idea
**/*___jb_old___
**/*___jb_tmp___
**/.#*
**/#*#
**/4913
**/*~
**/.*.swp
**/.*.swx
**/.*.swo
**/.*.swn
**/.*.kate-swp
"""
"""Never synced: version control, and what editors write beside a file while they save it."""


class Mapped(Struct, frozen=True):
    """A path of this machine and what it is in the container."""

    host: str
    container: str


class Rule(Struct, frozen=True):
    """One entry of a service's `develop.watch`. `ignores`: patterns with the folder that they are relative to."""

    service: str
    trigger: WatchTrigger
    path: str
    ignores: tuple[tuple[str, Ignore], ...]
    include: Ignore | None

    @property
    def syncs(self) -> bool:
        return self.trigger.action.startswith("sync")

    def covers(self, path: str) -> bool:
        """Whether `path` is under the rule and not ignored; `include` is not asked, so a folder is one to look into."""
        if _below(self.path, path) is None:
            return False
        for root, ignore in self.ignores:
            relative = _below(root, path)
            if relative and ignore.ignored(relative):
                return False
        return True

    def matches(self, path: str) -> Mapped | None:
        """Where a change of `path` goes, or None when it does not concern the rule."""
        relative = _below(self.path, path)
        if relative is None or not self.covers(path):
            return None
        if self.include is not None and relative and not self.include.ignored(relative):
            return None
        return self.mapped(path, relative)

    def mapped(self, path: str, relative: str) -> Mapped:
        return Mapped(path, posixpath.normpath(posixpath.join("/", self.trigger.target, relative)))


class Work(Struct):
    """What a batch of changes asks for, by service. `execs` holds positions in the list of rules, each once."""

    rebuild: set[str] = field(default_factory=set)
    sync: dict[str, dict[str, Mapped]] = field(default_factory=dict)
    restart: set[str] = field(default_factory=set)
    execs: list[int] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.rebuild or self.sync or self.restart)


def work_for(rules: list[Rule], paths: Iterable[str]) -> Work:
    work = Work()
    for path in paths:
        for position, rule in enumerate(rules):
            mapped = rule.matches(path)
            if mapped is None:
                continue
            if rule.syncs:
                work.sync.setdefault(rule.service, {})[mapped.container] = mapped
            if rule.trigger.action == "rebuild":
                work.rebuild.add(rule.service)
            elif rule.trigger.action in ("restart", "sync+restart"):
                work.restart.add(rule.service)
            elif rule.trigger.action == "sync+exec" and position not in work.execs:
                work.execs.append(position)
    return work


class Watched(Struct, frozen=True):
    """The rules of the chosen services, and what the user should know of them."""

    rules: list[Rule]
    warnings: list[str]


def watched(project: Project, services: Iterable[str]) -> Watched:
    """Raises `ProjectError` for a rule that cannot be followed, and where no service has any."""
    rules: list[Rule] = []
    warnings: list[str] = []
    for name in sorted(services):
        service = project.services[name]
        for trigger in service.develop.watch if service.develop else ():
            _check(service, trigger)
            path = realpath(trigger.path)
            if trigger.action.startswith("sync") and _mounted(service, path):
                warnings.append(
                    f"path '{trigger.path}' also declared by a bind mount volume, this path won't be monitored!"
                )
                continue
            rules.append(_rule(service, trigger, path))
    if not rules and not warnings:
        raise ProjectError(
            "none of the selected services is configured for watch, consider setting a 'develop' section"
        )
    return Watched(rules, warnings)


def _rule(service: Service, trigger: WatchTrigger, path: str) -> Rule:
    try:
        ignores = [("/", Ignore.parse(_PASSING)), (path, Ignore.parse("\n".join(trigger.ignore)))]
        if service.build is not None:
            ignores.append(_of_build(service.build))
        include = Ignore.parse("\n".join(trigger.include)) if trigger.include else None
    except (IgnoreError, ContextError) as error:
        raise ProjectError(f"service {service.name}: develop.watch: {error}") from error
    return Rule(service.name, trigger, path, tuple(each for each in ignores if each[1]), include)


def _of_build(build: Build) -> tuple[str, Ignore]:
    """The `.dockerignore` that the build honours: what never enters the image need not be synced either."""
    root = Path(build.context)
    text, _ = ignore_text(root, "" if build.dockerfile_inline else build.dockerfile or "Dockerfile")
    return realpath(root), Ignore.parse(text)


def _check(service: Service, trigger: WatchTrigger) -> None:
    if trigger.action == "rebuild" and service.build is None:
        raise ProjectError(f'can\'t watch service "{service.name}" with action rebuild without a build context')
    if trigger.action == "sync+exec" and not trigger.exec.command:
        raise ProjectError(f'can\'t watch with action "sync+exec" on service "{service.name}" without a command')


def _mounted(service: Service, path: str) -> bool:
    return any(each.type == "bind" and _below(realpath(each.source), path) is not None for each in service.volumes)


def _below(folder: str, path: str) -> str | None:
    """`path` relative to `folder` ("" is the folder itself), or None when it is elsewhere."""
    if path == folder:
        return ""
    prefix = folder.rstrip("/") + "/"
    return path[len(prefix) :] if path.startswith(prefix) else None
