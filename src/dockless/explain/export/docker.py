"""A stack as plain `docker` commands, in order: what to build, networks, volumes, then the containers.

The commands make the containers that `up` makes, but for Compose's own labels: so another `up` does not take them for
its own. Names are Compose's. What has to be waited for is waited for; what Compose goes on doing later (restarts in
order, replacing what changed) no command can do, and the script says so.
"""

import os
import posixpath
import shlex
from collections.abc import Iterator

import msgspec

from dockless.compose.load import dotenv
from dockless.compose.model import Build, Project, Service, ServiceNetwork
from dockless.explain.export.flags import Flag, container_flags, mount_flag
from dockless.explain.export.words import Raw, Words, written
from dockless.explain.story.chapters.order import ordered, ports_of
from dockless.explain.story.origins import masked
from dockless.explain.story.stack import Stack


class Container(msgspec.Struct, frozen=True, kw_only=True):
    """One container's command in parts: `further` are the networks beside the first, `files` what is copied in."""

    service: Service
    name: str
    flags: tuple[Flag, ...]
    image: str
    arguments: tuple[str, ...]
    further: tuple[tuple[Flag, ...], ...] = ()
    files: tuple[Words, ...] = ()

    def run(self, program: tuple[str, ...] = ("docker", "run", "-d")) -> Words:
        """The command, as `docker run -d` or what `program` says."""
        arguments = [self.image, *self.arguments]
        return Words((program, ("--name", self.name), *self.flags, tuple(arguments)))


def script(stack: Stack) -> str:
    """The whole stack as a shell script that can be run as it is."""
    folder = stack.project.working_dir
    title = f"The stack {stack.project.name} without Compose, as `dockless explain --as docker` wrote it."
    parts = [f"#!/bin/sh\n# {title}\nset -eu\ncd {shlex.quote(folder)}\n"]
    for heading, commands in (
        ("Images", list(images(stack))),
        ("Networks and volumes", [*networks(stack.project), *volumes(stack.project)]),
        ("Containers, each after those that it depends on", list(started(stack))),
    ):
        if commands:
            parts.append(f"# {heading}\n" + "".join(written(command, folder) for command in commands))
    parts.append(_taking_down(stack))
    return "\n".join(parts)


def images(stack: Stack) -> Iterator[Words]:
    """Builds, and pulls that are asked for at each start; other images are pulled by `docker run`."""
    for service in _services(stack.project):
        if service.build is not None:
            yield _build(stack, service, service.build)
        elif service.pull_policy in ("always", "daily", "weekly") or service.pull_policy.startswith("every"):
            yield Words((("docker", "pull", service.image),))


def image_of(project: Project, service: Service) -> str:
    """The image's name, as Compose calls it."""
    return service.image or f"{project.name}-{service.name}"


def _services(project: Project) -> list[Service]:
    """The services in the order of their starts, without those that another program provides."""
    found = [project.services[name] for group in ordered(project) for name in group]
    return [service for service in found if service.provider is None]


def _build(stack: Stack, service: Service, build: Build) -> Words:
    flags: list[Flag] = [("docker", "build"), ("-t", image_of(stack.project, service))]
    flags += [("-t", tag) for tag in build.tags]
    after = ""
    if build.dockerfile_inline:
        flags.append(("-f", "-"))
        after = f" <<'DOCKERFILE'\n{build.dockerfile_inline.rstrip()}\nDOCKERFILE"
    elif build.dockerfile not in ("", "Dockerfile"):
        flags.append(("-f", os.path.normpath(os.path.join(build.context, build.dockerfile))))
    for key, value in build.args.items():
        flags.append(("--build-arg", key if value is None else f"{key}={masked(stack, key, value)}"))
    flags += [("--target", build.target)] if build.target else []
    flags += [("--label", f"{key}={value}") for key, value in build.labels.items()]
    flags += [("--network", build.network)] if build.network else []
    flags += [("--no-cache",)] if build.no_cache else []
    flags += [("--pull",)] if build.pull else []
    flags += [("--platform", ",".join(build.platforms))] if build.platforms else []
    flags += [("--cache-from", each) for each in build.cache_from]
    flags += [("--cache-to", each) for each in build.cache_to]
    flags += [("--build-context", f"{key}={value}") for key, value in build.additional_contexts.items()]
    flags += [("--ssh", f"{key}={path}" if path else key) for key, path in build.ssh.items()]
    flags += [("--add-host", f"{host}:{address}") for host, found in build.extra_hosts.items() for address in found]
    flags += [("--shm-size", str(int(build.shm_size)))] if build.shm_size else []
    flags += [
        ("--ulimit", f"{name}={limit.single or f'{limit.soft}:{limit.hard}'}") for name, limit in build.ulimits.items()
    ]
    flags += [("--secret", _build_secret(stack.project, grant.source, grant.target)) for grant in build.secrets]
    relative = (
        os.path.relpath(build.context, stack.project.working_dir) if os.path.isabs(build.context) else build.context
    )
    context = build.context if relative.startswith("..") else relative
    return Words((*flags, (context,)), after=after)


def _build_secret(project: Project, source: str, target: str) -> str:
    held = project.secrets.get(source)
    origin = f"env={held.environment}" if held and held.environment else f"src={held.file if held else ''}"
    return f"id={target or source},{origin}"


def networks(project: Project) -> Iterator[Words]:
    """The networks that the project makes."""
    for network in project.networks.values():
        if network.external:
            continue
        flags: list[Flag] = [("docker", "network", "create")]
        flags += [("--driver", network.driver)] if network.driver else []
        flags += [("--opt", f"{key}={value}") for key, value in network.driver_opts.items()]
        flags += [("--internal",)] if network.internal else []
        flags += [("--attachable",)] if network.attachable else []
        flags += [("--ipv6",)] if network.enable_ipv6 else []
        flags += [("--ipv4=false",)] if network.enable_ipv4 is False else []
        flags += [("--ipam-driver", network.ipam.driver)] if network.ipam.driver not in ("", "default") else []
        for pool in network.ipam.config:
            flags += [("--subnet", pool.subnet)] if pool.subnet else []
            flags += [("--ip-range", pool.ip_range)] if pool.ip_range else []
            flags += [("--gateway", pool.gateway)] if pool.gateway else []
            flags += [("--aux-address", f"{name}={address}") for name, address in pool.aux_addresses.items()]
        flags += [("--ipam-opt", f"{key}={value}") for key, value in network.ipam.options.items()]
        flags += [("--label", f"{key}={value}") for key, value in network.labels.items()]
        yield Words((*flags, (network.name,)))


def volumes(project: Project) -> Iterator[Words]:
    """The named volumes that the project makes."""
    for volume in project.volumes.values():
        if volume.external:
            continue
        flags: list[Flag] = [("docker", "volume", "create")]
        flags += [("--driver", volume.driver)] if volume.driver not in ("", "local") else []
        flags += [("--opt", f"{key}={value}") for key, value in volume.driver_opts.items()]
        flags += [("--label", f"{key}={value}") for key, value in volume.labels.items()]
        yield Words((*flags, (volume.name,)))


def started(stack: Stack) -> Iterator[Words]:
    """The containers' commands with what has to be waited for between them."""
    for name, service in stack.project.services.items():
        if service.provider is not None:
            yield Words((), comment=f"{name} is provided by {service.provider.type}, which Compose would call here")
    for service in _services(stack.project):
        yield from waits(stack, service)
        for container in containers(stack, service):
            if not container.further and not container.files:
                yield container.run()
            else:
                yield container.run(("docker", "create"))
                yield from (Words(flags) for flags in container.further)
                yield from container.files
                yield Words((("docker", "start", container.name),))
            yield from _hooks(service, container.name)


def _hooks(service: Service, name: str) -> Iterator[Words]:
    for hook in service.post_start:
        flags: list[Flag] = [("docker", "exec")]
        flags += [("--user", hook.user)] if hook.user else []
        flags += [("--privileged",)] if hook.privileged else []
        flags += [("--workdir", hook.working_dir)] if hook.working_dir else []
        flags += [("-e", key if value is None else f"{key}={value}") for key, value in hook.environment.items()]
        yield Words((*flags, (name, *(hook.command or ()))))


def waits(stack: Stack, service: Service) -> Iterator[Words]:
    """What must be true before the service is started, as commands that wait for it."""
    project = stack.project
    for needed, how in service.depends_on.items():
        other = project.services.get(needed)
        if other is None or other.provider is not None:
            continue
        name = container_name(project, other, 1)
        if how.condition == "service_healthy":
            test = f"[ \"$(docker inspect -f '{{{{.State.Health.Status}}}}' {shlex.quote(name)})\" = healthy ]"
            yield Words(
                ((Raw(f"until {test}; do sleep 1; done"),),), comment=f"{service.name} waits until {needed} is healthy"
            )
        elif how.condition == "service_completed_successfully":
            test = f'[ "$(docker wait {shlex.quote(name)})" = 0 ]'
            yield Words(((Raw(test),),), comment=f"{service.name} waits until {needed} has run to its end")
        elif ports_of(stack, other):
            yield Words(
                (),
                comment=(
                    f"{needed} is started by now, and may not be ready yet: {service.name} has to try again by itself"
                ),
            )


def container_name(project: Project, service: Service, number: int) -> str:
    """The container's name, as Compose calls it."""
    return service.container_name or f"{project.name}-{service.name}-{number}"


def containers(stack: Stack, service: Service) -> Iterator[Container]:
    """The service's containers, one for each replica."""
    project = stack.project
    for number in range(1, service.replicas + 1):
        name = container_name(project, service, number)
        first, further = _networks(project, service, name)
        flags = [*first, *_environment(stack, service), *_shared(project, service), *_mounts(project, service)]
        flags += container_flags(service)
        flags += [("--pull", "never")] if service.pull_policy == "never" else []
        entrypoint, arguments = _command(service)
        yield Container(
            service=service,
            name=name,
            flags=tuple(flags + entrypoint),
            image=image_of(project, service),
            arguments=arguments,
            further=tuple(further),
            files=tuple(_files(stack, service, name)),
        )


def _command(service: Service) -> tuple[list[Flag], tuple[str, ...]]:
    command = service.command or ()
    if service.entrypoint is None:
        return [], command
    if not service.entrypoint:
        return [("--entrypoint", "")], command
    return [("--entrypoint", service.entrypoint[0])], (*service.entrypoint[1:], *command)


def _networks(project: Project, service: Service, name: str) -> tuple[list[Flag], list[tuple[Flag, ...]]]:
    """The flags of the first network, and a command for each other one."""
    mode = service.network_mode
    if mode.startswith("service:"):
        other = project.services[mode.removeprefix("service:")]
        return [("--network", f"container:{container_name(project, other, 1)}")], []
    if mode:
        return [("--network", mode)], []
    keys = sorted(service.networks, key=lambda key: (-_wish(service, key).priority, key))
    if not keys:
        return [("--network", "none")], []
    first: list[Flag] = []
    wish, network = _wish(service, keys[0]), project.networks[keys[0]].name
    if wish.driver_opts or wish.interface_name or wish.gw_priority:
        options = dict(wish.driver_opts) | (
            {"com.docker.network.endpoint.ifname": wish.interface_name} if wish.interface_name else {}
        )
        parts = [f"name={network}", *(f"driver-opt={key}={value}" for key, value in options.items())]
        parts += [f"gw-priority={wish.gw_priority}"] if wish.gw_priority else []
        first.append(("--network", ",".join(parts)))
    else:
        first.append(("--network", network))
    first += [("--network-alias", alias) for alias in dict.fromkeys((service.name, *wish.aliases))]
    first += _addresses(wish)
    mac = wish.mac_address or service.mac_address
    first += [("--mac-address", mac)] if mac else []
    first += [("--link", link) for link in _links(project, service)]
    further = []
    for key in keys[1:]:
        wish = _wish(service, key)
        flags: list[Flag] = [("docker", "network", "connect")]
        flags += [("--alias", alias) for alias in dict.fromkeys((service.name, *wish.aliases))]
        flags += _addresses(wish)
        flags += [("--driver-opt", f"{name_}={value}") for name_, value in wish.driver_opts.items()]
        flags += [("--gw-priority", str(wish.gw_priority))] if wish.gw_priority else []
        further.append((*flags, (project.networks[key].name, name)))
    return first, further


def _wish(service: Service, key: str) -> ServiceNetwork:
    return service.networks.get(key) or ServiceNetwork()


def _addresses(wish: ServiceNetwork) -> list[Flag]:
    flags: list[Flag] = [("--ip", wish.ipv4_address)] if wish.ipv4_address else []
    flags += [("--ip6", wish.ipv6_address)] if wish.ipv6_address else []
    return flags + [("--link-local-ip", address) for address in wish.link_local_ips]


def _links(project: Project, service: Service) -> Iterator[str]:
    for link in service.links:
        needed, _, alias = link.partition(":")
        other = project.services.get(needed)
        if other is not None:
            yield f"{container_name(project, other, 1)}:{alias or needed}"
    yield from service.external_links


def _shared(project: Project, service: Service) -> Iterator[Flag]:
    for option, mode in (("--ipc", service.ipc), ("--pid", service.pid)):
        if mode.startswith("service:"):
            mode = f"container:{container_name(project, project.services[mode.removeprefix('service:')], 1)}"
        if mode:
            yield option, mode
    for entry in service.volumes_from:
        if entry.startswith("container:"):
            yield "--volumes-from", entry.removeprefix("container:")
            continue
        name, colon, mode = entry.partition(":")
        yield "--volumes-from", f"{container_name(project, project.services[name], 1)}{colon}{mode}"


def _mounts(project: Project, service: Service) -> Iterator[Flag]:
    taken = {volume.target for volume in service.volumes}
    for volume in service.volumes:
        held = project.volumes.get(volume.source) if volume.type == "volume" else None
        yield mount_flag(volume, held.name if held else volume.source)
    for entry in service.tmpfs:
        yield "--tmpfs", entry
    for target, path in _granted(project, service):
        if target not in taken:
            yield "--mount", f"type=bind,source={path},target={target},readonly"


def _granted(project: Project, service: Service) -> Iterator[tuple[str, str]]:
    """Secrets and configs that are files of the host: where they go, and where they are."""
    for kind, folder in (("configs", "/"), ("secrets", "/run/secrets")):
        for grant in getattr(service, kind):
            held = getattr(project, kind).get(grant.source)
            if held is not None and held.file:
                yield posixpath.join(folder, grant.target or grant.source), held.file


def _files(stack: Stack, service: Service, name: str) -> Iterator[Words]:
    """Secrets and configs that are no files: written into the container before its start."""
    for kind, folder in (("configs", "/"), ("secrets", "/run/secrets")):
        for grant in getattr(service, kind):
            held = getattr(stack.project, kind).get(grant.source)
            if held is None or held.file or held.external:
                continue
            target = posixpath.join(folder, grant.target or grant.source)
            if held.environment and not (stack.reveal and held.environment not in stack.shell):
                content = f'"${{{held.environment}}}"'
            else:
                content = shlex.quote(held.content or held.value or "")
            inside = shlex.quote(posixpath.dirname(target).lstrip("/") or ".")
            path = shlex.quote(target.lstrip("/"))
            top = shlex.quote(target.lstrip("/").split("/")[0])
            mode = f"{0o444 if grant.mode is None else int(grant.mode):o}"
            owner = f"--owner={grant.uid or 0} --group={grant.gid or 0}"
            lines = (
                "files=$(mktemp -d)",
                f'mkdir -p "$files"/{inside}',
                f'printf %s {content} >"$files"/{path}',
                f'chmod {mode} "$files"/{path}',
                f'tar -C "$files" {owner} -c {top} | docker cp - {shlex.quote(name)}:/',
                'rm -r "$files"',
            )
            yield Words(
                ((Raw("\n".join(lines)),),), comment=f"the {kind[:-1]} {grant.source}, as a file of the container"
            )


def _environment(stack: Stack, service: Service) -> Iterator[Flag]:
    """Env files as they are where docker reads them as Compose does, and every other variable by itself."""
    values = dict(service.environment)
    written = stack.written.services.get(service.name)
    told: set[str] = set()
    for each in written.env_file if written else ():
        found = _docker_reads(stack, each.path)
        if found and all(values.get(key) == value for key, value in found.items()) and not told & found.keys():
            yield "--env-file", _short_path(stack, each.path)
            told |= found.keys()
    for key, value in values.items():
        if key not in told:
            yield "-e", key if value is None else f"{key}={masked(stack, key, value)}"


def _short_path(stack: Stack, path: str) -> str:
    relative = os.path.relpath(path, stack.project.working_dir)
    return path if relative.startswith("..") else relative


def _docker_reads(stack: Stack, path: str) -> dict[str, str]:
    """What `docker run --env-file` makes of a file (each value as it stands), or nothing where it refuses it."""
    text = stack.traced.files.text(path).decode("utf-8", "replace") if stack.traced else ""
    try:
        return dotenv.parse_raw(text, lambda _: None)
    except dotenv.EnvFileError:
        return {}


def _taking_down(stack: Stack) -> str:
    """How to stop and remove what the script makes, as comments."""
    project = stack.project
    names = [c.name for service in reversed(_services(project)) for c in containers(stack, service)]
    lines = ["To take it down again (the volumes, and so the data, stay):"]
    for service in _services(project):
        for hook in service.pre_stop:
            command = Words((("docker", "exec", container_name(project, service, 1)), hook.command or ()))
            lines.append(f"    {written(command, project.working_dir, 10_000).rstrip()}")
    if names:
        lines += [
            f"    docker stop {' '.join(map(shlex.quote, names))}",
            f"    docker rm {' '.join(map(shlex.quote, names))}",
        ]
    made = [network.name for network in project.networks.values() if not network.external]
    if made:
        lines.append(f"    docker network rm {' '.join(map(shlex.quote, made))}")
    kept = [volume.name for volume in project.volumes.values() if not volume.external]
    if kept:
        lines += ["and with the data:", f"    docker volume rm {' '.join(map(shlex.quote, kept))}"]
    return "".join(f"# {line}\n" for line in lines)
