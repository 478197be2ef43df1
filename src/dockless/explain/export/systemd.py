"""A stack as systemd units: one for each container, network and volume, and a target for all.

A unit runs its container in the foreground, so that systemd sees it end; restart policies become systemd's own.
Builds are not a matter of units: the images must be there.
"""

from collections.abc import Iterator, Sequence

import msgspec

from dockless.compose.model import Service
from dockless.explain.export import docker
from dockless.explain.export.words import Words, flattened
from dockless.explain.story.stack import Stack


class Unit(msgspec.Struct, frozen=True):
    """A unit file."""

    name: str
    text: str


_RESTARTS = {"always": "always", "unless-stopped": "always", "on-failure": "on-failure"}
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "%": "%%", "$": "$$"}


def units(stack: Stack) -> list[Unit]:
    """The units of a project, the target first."""
    project = stack.project
    found = [*_resources(stack), *_services(stack)]
    wants = " ".join(unit.name for unit in found)
    target = Unit(
        f"{project.name}.target",
        _text(
            ("Unit", [("Description", f"The stack {project.name}"), ("Wants", wants)]),
            ("Install", [("WantedBy", "multi-user.target")]),
        ),
    )
    return [target, *found]


def _resources(stack: Stack) -> Iterator[Unit]:
    project = stack.project
    for key, network in project.networks.items():
        if not network.external:
            command = next(each for each in docker.networks(project) if each.groups[-1] == (network.name,))
            yield _made(project.name, "network", key, network.name, command)
    for key, volume in project.volumes.items():
        if not volume.external:
            command = next(each for each in docker.volumes(project) if each.groups[-1] == (volume.name,))
            yield _made(project.name, "volume", key, volume.name, command)


def _made(project: str, kind: str, key: str, name: str, command: Words) -> Unit:
    """A network or volume that is made once, unless it is there."""
    create = _shell_word(flattened(command.groups))
    script = f"docker {kind} inspect {name} >/dev/null 2>&1 || {create}"
    lines = [("Type", "oneshot"), ("RemainAfterExit", "yes"), ("ExecStart", _command(("/bin/sh", "-c", script)))]
    if kind == "network":
        lines.append(("ExecStop", _command(("-/usr/bin/env", "docker", "network", "rm", name))))
    return Unit(
        _resource_unit(project, kind, key),
        _text(
            ("Unit", [("Description", f"The {kind} {name}"), *_AFTER_DOCKER, ("PartOf", f"{project}.target")]),
            ("Service", lines),
        ),
    )


_AFTER_DOCKER = [("After", "docker.service"), ("Wants", "docker.service")]


def _resource_unit(project: str, kind: str, key: str) -> str:
    return f"{project}-{kind}-{key}.service"


def _services(stack: Stack) -> Iterator[Unit]:
    for service in stack.project.services.values():
        if service.provider is None:
            for number, container in enumerate(docker.containers(stack, service), 1):
                yield _service(stack, service, container, number)


def _unit_name(project: str, service: str, number: int, replicas: int) -> str:
    return f"{project}-{service}.service" if replicas == 1 else f"{project}-{service}-{number}.service"


def _service(stack: Stack, service: Service, container: docker.Container, number: int) -> Unit:
    project = stack.project
    needs = [
        _resource_unit(project.name, "network", key) for key in service.networks if not project.networks[key].external
    ]
    needs += [
        _resource_unit(project.name, "volume", volume.source)
        for volume in service.volumes
        if volume.type == "volume" and volume.source in project.volumes and not project.volumes[volume.source].external
    ]
    after = []
    for needed, how in service.depends_on.items():
        other = project.services.get(needed)
        if other is None or other.provider is not None:
            continue
        units_ = [_unit_name(project.name, needed, n, other.replicas) for n in range(1, other.replicas + 1)]
        after += units_
        if how.condition != "service_completed_successfully" and how.required:
            needs += units_
    unit: list[tuple[str, str]] = [("Description", f"{service.name} of the stack {project.name}"), *_AFTER_DOCKER]
    unit += [("Requires", name) for name in dict.fromkeys(needs)]
    unit += [("After", name) for name in dict.fromkeys([*needs, *after])]
    unit += [("PartOf", f"{project.name}.target")]
    return Unit(
        _unit_name(project.name, service.name, number, service.replicas),
        _text(("Unit", unit), ("Service", list(_process(stack, service, container)))),
    )


def _process(stack: Stack, service: Service, container: docker.Container) -> Iterator[tuple[str, str]]:
    name = container.name
    yield "WorkingDirectory", stack.project.working_dir.replace("%", "%%")
    yield "ExecStartPre", _command(("-/usr/bin/env", "docker", "rm", "-f", name))
    for wait in docker.waits(stack, service):
        if wait.groups:
            yield "ExecStartPre", _command(("/bin/sh", "-c", str(wait.groups[0][0])))
    flags = [flag for flag in container.flags if flag[0] not in ("--restart", "--stop-timeout")]
    if not container.further and not container.files:
        words = [
            "/usr/bin/env",
            "docker",
            "run",
            "--name",
            name,
            *flattened(flags),
            container.image,
            *container.arguments,
        ]
        yield "ExecStart", _command(words)
    else:
        words = [
            "/usr/bin/env",
            "docker",
            "create",
            "--name",
            name,
            *flattened(flags),
            container.image,
            *container.arguments,
        ]
        yield "ExecStartPre", _command(words)
        for further in container.further:
            yield "ExecStartPre", _command(["/usr/bin/env", *flattened(further)])
        for file in container.files:
            yield "ExecStartPre", _command(("/bin/sh", "-c", f"set -e\n{file.groups[0][0]}"))
        yield "ExecStart", _command(("/usr/bin/env", "docker", "start", "--attach", name))
    grace = service.stop_grace_period.seconds if service.stop_grace_period is not None else 10
    yield "ExecStop", _command(("-/usr/bin/env", "docker", "stop", "--time", f"{grace:g}", name))
    yield "TimeoutStopSec", f"{grace + 15:g}"
    yield "TimeoutStartSec", "infinity"
    yield "Restart", _RESTARTS.get(_policy(service), "no")
    if docker_is_once(stack, service):
        yield "Type", "oneshot"
        yield "RemainAfterExit", "yes"


def _policy(service: Service) -> str:
    if service.restart:
        return service.restart.partition(":")[0]
    policy = service.deploy.restart_policy if service.deploy else None
    return {"any": "always", "": "always"}.get(policy.condition, policy.condition) if policy else "no"


def docker_is_once(stack: Stack, service: Service) -> bool:
    """Whether another service waits for this one's end: it is then a task and not a server."""
    return any(
        how.condition == "service_completed_successfully"
        for other in stack.project.services.values()
        for needed, how in other.depends_on.items()
        if needed == service.name
    )


def _shell_word(words: Sequence[str]) -> str:
    import shlex

    return shlex.join(words)


def _command(words: Sequence[str]) -> str:
    """Words as systemd splits them: quoted where they need it, with specifiers and variables taken literally."""
    return " ".join(_word(word, first=at == 0) for at, word in enumerate(words))


def _word(word: str, *, first: bool) -> str:
    escaped = "".join(_ESCAPES.get(character, character) for character in word)
    plain = word and all(character.isalnum() or character in "-_./:=,@+%$" for character in word)
    return escaped if plain or first else f'"{escaped}"'


def _text(*sections: tuple[str, Sequence[tuple[str, str]]]) -> str:
    blocks = ["\n".join([f"[{name}]", *(f"{key}={value}" for key, value in lines)]) for name, lines in sections]
    return "\n\n".join(blocks) + "\n"
