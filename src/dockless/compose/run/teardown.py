"""`down`, `stop`, `start`, `restart`, `kill`, `pause` and `rm` as plans.

They work on what the engine has, in the order that the containers' own labels give: so they need no compose file, and
take down what an older version of it made.
"""

from collections.abc import Callable, Iterable, Mapping

from dockless.compose.run import names
from dockless.compose.run.observe import Existing, Observed
from dockless.compose.run.plan import (
    AwaitCondition,
    Hook,
    KillContainer,
    PauseContainer,
    Plan,
    RemoveContainer,
    RemoveImage,
    RemoveNetwork,
    RemoveVolume,
    RestartContainer,
    StartContainer,
    StopContainer,
    UnpauseContainer,
)

Hooks = Mapping[str, tuple[Hook, ...]]


def down_plan(
    project: str,
    observed: Observed,
    containers: Iterable[Existing],
    *,
    volumes: bool,
    images: Iterable[str],
    timeout: int | None,
    part: bool = False,
    keep_volumes: Iterable[str] = (),
    hooks: Hooks | None = None,
) -> Plan:
    """Stops and removes containers, dependents before their dependencies, then what they were on.

    `images`: names of images to remove as well. `keep_volumes`: names that are somebody else's. `part`: the containers
    are those of some services; of networks and volumes goes only what they had and no other container of the project.
    """
    plan = Plan()
    chosen = list(containers)
    stops = _stops(plan, chosen, timeout, hooks or {})
    removed = [
        plan.add(f"remove:{each.id}", RemoveContainer(each.name, volumes=volumes, force=True), stops.get(each.id, ()))
        for each in chosen
    ]
    others = [each for each in observed.containers if each not in chosen]
    for network in observed.networks.values():
        if (network.labels or {}).get(names.PROJECT) == project:
            users = _on_network(chosen, network.id)
            if not part or (users and not _on_network(others, network.id)):
                after = [f"remove:{each.id}" for each in users]
                plan.add(f"network:{network.id}", RemoveNetwork(network.id, network.name), after)
    if volumes:
        kept = frozenset(keep_volumes)
        for volume in observed.volumes.values():
            labels = volume.labels or {}
            if labels.get(names.PROJECT) == project and names.VOLUME in labels and volume.name not in kept:
                holders = [each for each in chosen if volume.name in each.volumes]
                if not part or (holders and not any(volume.name in each.volumes for each in others)):
                    after = [f"remove:{each.id}" for each in holders]
                    plan.add(f"volume:{volume.name}", RemoveVolume(volume.name), after)
    for image in dict.fromkeys(images):
        plan.add(f"image:{image}", RemoveImage(image), removed)
    return plan


def _on_network(containers: Iterable[Existing], identifier: str) -> list[Existing]:
    """Those on a network, and those of which the engine does not say on which they are."""
    return [each for each in containers if identifier in each.networks or "" in each.networks]


def stop_plan(containers: Iterable[Existing], timeout: int | None, hooks: Hooks | None = None) -> Plan:
    """Dependents first."""
    plan = Plan()
    _stops(plan, list(containers), timeout, hooks or {})
    return plan


def remove_plan(containers: Iterable[Existing], *, volumes: bool) -> Plan:
    plan = Plan()
    for each in containers:
        plan.add(f"remove:{each.id}", RemoveContainer(each.name, volumes=volumes, force=True))
    return plan


def start_plan(
    containers: Iterable[Existing],
    conditions: Mapping[str, Mapping[str, str]] | None = None,
    hooks: Hooks | None = None,
) -> Plan:
    """Dependencies first. `conditions`: from a service to what it waits for of each dependency."""
    plan = Plan()
    waits: dict[tuple[str, str], str] = {}
    seen: set[str] = set()
    ordered = _dependencies_first(list(containers))
    by_service = _by_service(ordered)
    for each in ordered:
        after = []
        seen.add(each.id)
        for dependency in each.depends_on:
            condition = (conditions or {}).get(each.service, {}).get(dependency, "")
            for other in _before(by_service, dependency, seen):
                after.append(f"start:{other.name}")
                if not condition or each.running:
                    continue
                key = f"await:{other.name}:{condition}"
                if (other.name, condition) not in waits:
                    waits[other.name, condition] = plan.add(
                        key, AwaitCondition(other.name, dependency, condition), [f"start:{other.name}"]
                    )
                after.append(key)
        if not each.running:
            start = StartContainer(each.name, each.service, hooks=(hooks or {}).get(each.service, ()))
            plan.add(f"start:{each.name}", start, after)
    return plan


def restart_plan(containers: Iterable[Existing], timeout: int | None) -> Plan:
    """Dependencies first."""
    plan = Plan()
    seen: set[str] = set()
    ordered = _dependencies_first(list(containers))
    by_service = _by_service(ordered)
    for each in ordered:
        seen.add(each.id)
        after = [f"restart:{other.id}" for name in each.depends_on for other in _before(by_service, name, seen)]
        plan.add(f"restart:{each.id}", RestartContainer(each.name, timeout), after)
    return plan


def kill_plan(containers: Iterable[Existing], signal: str) -> Plan:
    return _each(containers, lambda each: each.running, lambda each: KillContainer(each.name, signal))


def pause_plan(containers: Iterable[Existing]) -> Plan:
    return _each(containers, lambda each: each.running, lambda each: PauseContainer(each.name))


def unpause_plan(containers: Iterable[Existing]) -> Plan:
    return _each(containers, lambda each: each.running, lambda each: UnpauseContainer(each.name))


def _each(
    containers: Iterable[Existing],
    wanted: Callable[[Existing], bool],
    action: Callable[[Existing], KillContainer | PauseContainer | UnpauseContainer],
) -> Plan:
    plan = Plan()
    for each in containers:
        if wanted(each):
            plan.add(each.id, action(each))
    return plan


def _stops(plan: Plan, containers: list[Existing], timeout: int | None, hooks: Hooks) -> dict[str, list[str]]:
    """Adds a stop for each, after those of its dependents; the keys by container id."""
    ordered = _dependencies_first(containers)
    by_service = _by_service(ordered)
    dependents: dict[str, list[Existing]] = {}
    seen: set[str] = set()
    for each in ordered:
        seen.add(each.id)
        for name in each.depends_on:
            for other in _before(by_service, name, seen):
                dependents.setdefault(other.id, []).append(each)
    keys: dict[str, list[str]] = {}
    for each in reversed(ordered):
        after = [f"stop:{other.id}" for other in dependents.get(each.id, ())]
        stop = StopContainer(each.name, timeout, hooks.get(each.service, ()), ended=not each.running)
        keys[each.id] = [plan.add(f"stop:{each.id}", stop, after)]
    return keys


def _before(by_service: Mapping[str, list[Existing]], service: str, seen: set[str]) -> list[Existing]:
    """A service's containers that come earlier in the order: so a cycle in the labels makes no cycle in a plan."""
    return [each for each in by_service.get(service, ()) if each.id in seen]


def _by_service(containers: Iterable[Existing]) -> dict[str, list[Existing]]:
    found: dict[str, list[Existing]] = {}
    for each in containers:
        if not each.one_off:
            found.setdefault(each.service, []).append(each)
    return found


def _dependencies_first(containers: list[Existing]) -> list[Existing]:
    """Labels may hold a cycle (two versions of a file at once): it is cut where it is met."""
    by_service = _by_service(containers)
    done: list[Existing] = []
    seen: set[str] = set()

    def visit(each: Existing) -> None:
        if each.id in seen:
            return
        seen.add(each.id)
        for name in each.depends_on:
            for other in by_service.get(name, ()):
                visit(other)
        done.append(each)

    for each in sorted(containers, key=lambda each: each.name):
        visit(each)
    return done
