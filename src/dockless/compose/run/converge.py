"""`up` as a plan: what has to happen so that the engine has what the project says.

A container is kept when its config hash, its image and its networks and volumes are still those of the project, as
Docker Compose decides it; so what one tool started, the other leaves alone. What an interrupted `up` left half-done
(a network without containers, a created container, one under a temporary name) is taken up where it stands.
"""

from collections.abc import Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from dockless.compose.model import Project, Service
from dockless.compose.run import names
from dockless.compose.run.convert import Converter
from dockless.compose.run.hooks import hooks_of
from dockless.compose.run.observe import Existing, Observed
from dockless.compose.run.order import ProjectError, in_order
from dockless.compose.run.plan import (
    AwaitCondition,
    CreateNetwork,
    CreateVolume,
    InjectFiles,
    Plan,
    Recreated,
    RemoveContainer,
    RemoveNetwork,
    RenameContainer,
    Report,
    StartContainer,
    StopContainer,
    UnpauseContainer,
)
from dockless.compose.run.readiness import ImageFacts, condition_of, shows_ports


class UpOptions(Struct, frozen=True):
    """The flags of `up` and `create` that change the plan. `timeout` in seconds, for containers that are stopped.

    `asked`: the services that were named, None where none was; the rest of those selected are their dependencies.
    """

    asked: frozenset[str] | None = None
    scale: Mapping[str, int] = field(default_factory=dict)
    force_recreate: bool = False
    no_recreate: bool = False
    always_recreate_deps: bool = False
    renew_anonymous_volumes: bool = False
    remove_orphans: bool = False
    ignore_orphans: bool = False
    start: bool = True
    wait: bool = False
    wait_timeout: float | None = None
    wait_for_ports: bool = True
    wait_for_published: bool = False
    timeout: int | None = None


def up_plan(
    project: Project,
    observed: Observed,
    images: Mapping[str, ImageFacts],
    selected: frozenset[str],
    options: UpOptions,
    converter: Converter,
) -> Plan:
    """`selected`: the services asked for with their dependencies already among them. Raises `ProjectError`."""
    return _Convergence(project, observed, images, selected, options, converter).plan()


def resources_plan(project: Project, observed: Observed, service: Service, converter: Converter) -> Plan:
    """The networks and volumes of one service, for a one-off container of it. Raises `ProjectError`."""
    return _Convergence(project, observed, {}, frozenset((service.name,)), UpOptions(), converter).resources(service)


class _Convergence:
    def __init__(
        self,
        project: Project,
        observed: Observed,
        images: Mapping[str, ImageFacts],
        selected: frozenset[str],
        options: UpOptions,
        converter: Converter,
    ) -> None:
        self._project = project
        self._observed = observed
        self._images = images
        self._selected = selected
        self._options = options
        self._converter = converter
        self._plan = Plan()
        self._resources: dict[str, str] = {}
        self._created: dict[str, list[str]] = {}
        self._running: dict[str, list[tuple[str, str]]] = {}
        self._to_start: dict[str, list[tuple[str, list[str]]]] = {}
        self._recreated: set[str] = set()
        self._fresh: set[str] = set()

    def plan(self) -> Plan:
        self._orphans()
        for service in in_order(self._project, self._selected):
            self._networks(service)
            self._volumes(service)
            self._containers(service)
        if self._options.start:
            for service in in_order(self._project, self._selected):
                self._start(service)
            if self._options.wait:
                self._wait_for_all()
        return self._plan

    def resources(self, service: Service) -> Plan:
        self._networks(service)
        self._volumes(service)
        return self._plan

    # orphans

    def _orphans(self) -> None:
        orphans = self._observed.orphans([*self._project.services, *self._project.disabled_services])
        if not orphans or (self._options.ignore_orphans and not self._options.remove_orphans):
            return
        if not self._options.remove_orphans:
            listed = " ".join(sorted(each.name for each in orphans))
            self._plan.warnings.append(
                f"Found orphan containers ([{listed}]) for this project. If you removed or renamed this service in "
                "your compose file, you can run this command with the --remove-orphans flag to clean it up."
            )
            return
        for each in orphans:
            self._stop_and_remove(each)

    def _stop_and_remove(self, each: Existing) -> str:
        stop = StopContainer(each.name, self._options.timeout, ended=not each.running)
        stopped = self._plan.add(f"stop:{each.id}", stop)
        return self._plan.add(f"remove:{each.id}", RemoveContainer(each.name, force=True), [stopped])

    # networks and volumes

    def _networks(self, service: Service) -> None:
        for key in self._converter.network_keys(service):
            step = f"network:{key}"
            if step in self._resources:
                continue
            self._resources[step] = step
            wanted = self._converter.network(key)
            found = self._observed.networks.get(wanted.name)
            if wanted.external:
                if found is None and wanted.name not in ("host", "none", "bridge"):
                    found_by_id = any(wanted.name == each.id for each in self._observed.networks.values())
                    if not found_by_id:
                        raise ProjectError(
                            f"network {wanted.name} declared as external, but could not be found: "
                            f"create it with `dockless network create {wanted.name}`"
                        )
                continue
            assert wanted.body is not None
            if found is None:
                self._plan.add(step, CreateNetwork(wanted.name, wanted.body))
                continue
            self._existing_network(step, key, wanted.name)

    def _existing_network(self, step: str, key: str, name: str) -> None:
        found = self._observed.networks[name]
        wanted = self._converter.network(key)
        labels = found.labels or {}
        if labels.get(names.NETWORK) != key or labels.get(names.PROJECT) != self._project.name:
            if names.NETWORK not in labels:
                raise ProjectError(
                    f'network {name} was found but has incorrect label {names.NETWORK} set to "" '
                    f'(expected: "{key}"): it was not made by Compose; declare it as external, or remove it'
                )
            if labels.get(names.PROJECT) != self._project.name:
                self._plan.warnings.append(
                    f'a network with name {name} exists but was not created for project "{self._project.name}".\n'
                    "Set `external: true` to use an existing network"
                )
            return
        assert wanted.body is not None
        hash_ = labels.get(names.CONFIG_HASH, "")
        if not hash_ or hash_ == (wanted.body.labels or {}).get(names.CONFIG_HASH):
            return
        self._fresh.add(found.id)
        after = []
        for each in self._observed.containers:
            if found.id in each.networks:
                stops = []
                if each.running:
                    stops = [self._plan.add(f"stop:{each.id}", StopContainer(each.name, self._options.timeout))]
                after.append(self._plan.add(f"remove:{each.id}", RemoveContainer(each.name, force=True), stops))
        gone = self._plan.add(f"remove-network:{key}", RemoveNetwork(found.id, name), after)
        self._plan.add(step, CreateNetwork(name, wanted.body), [gone])

    def _volumes(self, service: Service) -> None:
        for key in self._converter.volume_keys(service):
            step = f"volume:{key}"
            if step in self._resources:
                continue
            self._resources[step] = step
            wanted = self._converter.volume(key)
            found = self._observed.volumes.get(wanted.name)
            if wanted.external:
                if found is None:
                    raise ProjectError(
                        f'external volume "{wanted.name}" not found: '
                        f"create it with `dockless volume create {wanted.name}`"
                    )
                continue
            assert wanted.body is not None
            if found is None:
                self._plan.add(step, CreateVolume(wanted.name, wanted.body))
                continue
            owner = (found.labels or {}).get(names.PROJECT)
            if owner is None:
                self._plan.warnings.append(
                    f'volume "{wanted.name}" already exists but was not created by Docker Compose. '
                    "Use `external: true` to use an existing volume"
                )
            elif owner != self._project.name:
                self._plan.warnings.append(
                    f'volume "{wanted.name}" already exists but was created for project "{owner}" '
                    f'(expected "{self._project.name}"). Use `external: true` to use an existing volume'
                )

    # containers

    def _containers(self, service: Service) -> None:
        wanted = self._options.scale.get(service.name, service.replicas)
        if wanted > 1 and service.container_name:
            raise ProjectError(
                f'WARNING: The "{service.name}" service is using the custom container name '
                f'"{service.container_name}". Docker requires each container to have a unique name. '
                "Remove the custom name to scale the service"
            )
        self._created[service.name] = []
        self._running[service.name] = []
        self._to_start[service.name] = []
        existing = self._resume_recreations(service)
        existing = [each for each in existing if not each.networks & self._fresh]
        kept = sorted(existing, key=lambda each: (self._obsolete(service, each), each.number, each.created))
        for each in kept[wanted:]:
            self._stop_and_remove(each)
        for each in kept[:wanted]:
            self._one(service, each)
        number = max((each.number for each in self._observed.of_service(service.name)), default=0)
        if not kept:
            number = 0
        for _ in range(wanted - len(kept)):
            number += 1
            self._new(service, number)

    def _resume_recreations(self, service: Service) -> list[Existing]:
        """Finishes or undoes what an interrupted recreation left, and returns the containers that count."""
        found = self._observed.of_service(service.name)
        ordinary = [each for each in found if not (each.replaces and names.final_name(each.name))]
        for each in found:
            if each in ordinary:
                continue
            final = names.final_name(each.name) or each.name
            original = next((other for other in ordinary if other.name == final), None)
            if original is not None:
                # Its original still exists, so nothing depends on the copy yet: begin the recreation anew.
                self._plan.add(f"remove:{each.id}", RemoveContainer(each.name, force=True, quiet=True))
                continue
            renamed = self._plan.add(f"rename:{each.id}", RenameContainer(each.name, final))
            ordinary.append(_renamed(each, final))
            self._created[service.name].append(renamed)
        return ordinary

    def _obsolete(self, service: Service, each: Existing) -> bool:
        """Whether the container is no longer what the project says."""
        options = self._options
        asked = options.asked is None or service.name in options.asked
        forced = options.force_recreate or options.renew_anonymous_volumes if asked else options.always_recreate_deps
        if options.no_recreate:
            return False
        if forced or each.state in ("dead", "removing"):
            return True
        if each.config_hash != self._converter.hash_of(service, self._ids_of_services()):
            return True
        image = self._images.get(service.name)
        if image is not None and image.id and each.image and each.image != image.id:
            return True
        if any(shared in self._recreated for shared in self._converter.shared_services(service)):
            return True
        return self._lost_network(service, each) or self._lost_volume(service, each)

    def _lost_network(self, service: Service, each: Existing) -> bool:
        for key in self._converter.network_keys(service):
            wanted = self._converter.network(key)
            found = self._observed.networks.get(wanted.name)
            if found is None and not wanted.external:
                return True
            if found is not None and found.id not in each.networks and each.networks != frozenset({""}):
                return True
        return False

    def _lost_volume(self, service: Service, each: Existing) -> bool:
        for key in self._converter.volume_keys(service):
            name = self._converter.volume(key).name
            if name not in self._observed.volumes or name not in each.volumes:
                return True
        return False

    def _ids_of_services(self) -> dict[str, str]:
        """The container whose namespaces a service's dependents share."""
        ids = {}
        for each in self._observed.containers:
            if not each.one_off and each.service not in ids:
                ids[each.service] = each.id
        return ids

    def _one(self, service: Service, each: Existing) -> None:
        if self._obsolete(service, each):
            self._recreate(service, each)
            return
        name = each.name
        self._running[service.name].append((name, each.state))
        if each.state == "running":
            self._plan.add(f"report:{each.id}", Report(f"Container {name}", "Running"))
        elif each.state == "paused" and self._options.start:
            self._plan.add(f"start:{name}", UnpauseContainer(name))
        else:
            before = list(self._created[service.name])
            if each.state == "created":
                # Whoever created it may have been killed before its files were in it.
                before = self._inject(service, name, before)
            self._to_start[service.name].append((name, before))

    def _inject(self, service: Service, name: str, after: list[str]) -> list[str]:
        """Adds the step that puts configs and secrets into a container; the steps that its start comes after."""
        files = self._converter.files(service)
        return [self._plan.add(f"files:{name}", InjectFiles(name, files), after)] if files else after

    def _recreate(self, service: Service, each: Existing) -> None:
        self._recreated.add(service.name)
        final = service.container_name or names.container_name(self._project, service.name, each.number or 1)
        temporary = names.temporary_name(each.id, final)
        image = self._images.get(service.name)
        create = self._converter.create(
            service,
            number=each.number or 1,
            name=temporary,
            shown=final,
            image_id=image.id if image else "",
            linked=self._linked(service),
            replaces=each,
            image_volumes=frozenset() if self._options.renew_anonymous_volumes or not image else image.volumes,
            inherit=not self._options.renew_anonymous_volumes,
        )
        plan = self._plan
        created = plan.add(f"create:{final}", create, [*self._resource_steps(service), *self._created[service.name]])
        before = [created]
        if any(step.key == f"stop:{each.id}" for step in plan):
            before.append(f"stop:{each.id}")  # with a dependency that is recreated, too
        elif each.running:
            stop = StopContainer(each.name, self._options.timeout, hooks_of(service.pre_stop), quiet=True)
            before = [plan.add(f"stop:{each.id}", stop, [created, *self._stop_dependents(service)])]
        removed = plan.add(f"remove:{each.id}", RemoveContainer(each.name, force=True, quiet=True), before)
        renamed = plan.add(f"rename:{final}", RenameContainer(temporary, final), [removed])
        done = plan.add(f"recreated:{final}", Recreated(final), [renamed])
        self._created[service.name].append(done)
        self._to_start[service.name].append((final, self._inject(service, final, [done])))

    def _stop_dependents(self, service: Service) -> list[str]:
        """Containers of services that ask to be restarted with this one (`restart: true`) are stopped before it."""
        steps = []
        for other in self._project.services.values():
            dependency = other.depends_on.get(service.name)
            if other.name not in self._selected or dependency is None or not dependency.restart:
                continue
            for each in self._observed.of_service(other.name):
                key = f"stop:{each.id}"
                if each.state == "running" and all(step.key != key for step in self._plan):
                    steps.append(self._plan.add(key, StopContainer(each.name, self._options.timeout)))
        return steps

    def _new(self, service: Service, number: int) -> None:
        name = service.container_name or names.container_name(self._project, service.name, number)
        image = self._images.get(service.name)
        create = self._converter.create(
            service,
            number=number,
            name=name,
            shown=name,
            image_id=image.id if image else "",
            linked=self._linked(service),
        )
        step = self._plan.add(f"create:{name}", create, self._resource_steps(service))
        self._created[service.name].append(step)
        self._to_start[service.name].append((name, self._inject(service, name, [step])))

    def _linked(self, service: Service) -> dict[str, tuple[str, ...]]:
        """The containers of the services that a create request names: as they will be, or as they are (`--no-deps`)."""
        found = {}
        for other in self._converter.needed_to_create(service):
            if other in self._to_start:
                found[other] = tuple(self._containers_of(other))
            else:
                found[other] = tuple(each.name for each in self._observed.of_service(other))
        return found

    def _resource_steps(self, service: Service) -> list[str]:
        """What must exist before a container of the service can be created."""
        steps = [f"network:{key}" for key in self._converter.network_keys(service)]
        steps += [f"volume:{key}" for key in self._converter.volume_keys(service)]
        for other in self._converter.needed_to_create(service):
            steps += self._created.get(other, [])
        return steps

    # starts

    def _start(self, service: Service) -> None:
        stopped = {step.key for step in self._plan if isinstance(step.action, StopContainer)}
        starting = list(self._to_start[service.name])
        for name, state in self._running[service.name]:
            each = next((each for each in self._observed.of_service(service.name) if each.name == name), None)
            if each is not None and state == "running" and f"stop:{each.id}" in stopped:
                starting.append((name, [f"stop:{each.id}"]))
        if not starting:
            return
        conditions = self._conditions(service)
        hooks = hooks_of(service.post_start)
        leads = self._leader_first(service, len(starting))
        first: list[str] = []
        for name, after in starting:
            start = StartContainer(name, service.name, hooks=hooks)
            key = self._plan.add(f"start:{name}", start, [*after, *conditions, *first])
            if self._serves(service) and (self._options.wait_for_published or (leads and not first)):
                wait = AwaitCondition(name, service.name, "listening", must_live=self._options.wait_for_published)
                waited = self._plan.add(f"await:{name}:listening", wait, [key])
                first = first or ([waited] if leads else [])

    def _leader_first(self, service: Service, starting: int) -> bool:
        """Whether one replica is to listen before the others start: what it does at its first start (a migration of
        an empty database, say) is not done by all of them at once."""
        alone = not any(state == "running" for _, state in self._running[service.name])
        return self._options.wait_for_ports and starting > 1 and alone and self._serves(service)

    def _conditions(self, service: Service) -> list[str]:
        """The steps that make a service's dependencies ready: their starts, and the waits for their conditions."""
        steps: list[str] = []
        for name, dependency in service.depends_on.items():
            if name not in self._selected:
                continue
            condition = condition_of(
                self._project.services[name],
                self._images.get(name),
                dependency.condition,
                wait_for_ports=self._options.wait_for_ports,
            )
            for container in self._containers_of(name):
                start = f"start:{container}"
                steps.append(start)
                if condition:
                    key = f"await:{container}:{condition}"
                    if all(step.key != key for step in self._plan):
                        wait = AwaitCondition(container, name, condition, required=dependency.required)
                        self._plan.add(key, wait, [start])
                    steps.append(key)
        return steps

    def _serves(self, service: Service) -> bool:
        """Whether somebody outside expects an answer on a published port as soon as `up -d` has ended. A health check
        is no answer to that: its first result may be long in coming."""
        published = any((port.protocol or "tcp") == "tcp" for port in service.ports)
        return published and shows_ports(service, self._images.get(service.name))

    def _containers_of(self, service: str) -> list[str]:
        return [name for name, _ in self._running[service]] + [
            name for name, _ in self._to_start[service] if name not in {kept for kept, _ in self._running[service]}
        ]

    def _wait_for_all(self) -> None:
        """`--wait`: everything runs and is healthy; what others wait for to have ended well has ended."""
        jobs = {
            name
            for service in self._project.services.values()
            for name, dependency in service.depends_on.items()
            if dependency.condition == "service_completed_successfully"
        }
        known = {step.key for step in self._plan}
        for service in sorted(self._selected):
            condition = "completed" if service in jobs else "running"
            for container in self._containers_of(service):
                key = f"await:{container}:{condition}"
                if key not in known:
                    wait = AwaitCondition(container, service, condition, timeout=self._options.wait_timeout)
                    self._plan.add(key, wait, [f"start:{container}"])


def _renamed(each: Existing, name: str) -> Existing:
    return replace(each, name=name)
