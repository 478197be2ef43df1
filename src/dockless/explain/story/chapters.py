"""What the files mean together: when what happens, what is cached, who reaches whom, what survives, what is read."""

import os
from collections.abc import Iterator

from dockless.compose.model import Project, Service
from dockless.explain.story import shell
from dockless.explain.story.built import follow, known_ports
from dockless.explain.story.caching import reruns
from dockless.explain.story.here import Here, command_line
from dockless.explain.story.keys.storage import live
from dockless.explain.story.official import parse_reference
from dockless.explain.story.origins import exists
from dockless.explain.story.stack import Stack
from dockless.explain.story.values import Caution, Chapter, Code, Points, Steps, Table

_CONDITIONS = {
    "service_started": "is started",
    "service_healthy": "is healthy",
    "service_completed_successfully": "has ended successfully",
}


def chapters(stack: Stack) -> Iterator[Chapter]:
    """The chapters that this stack has something to say in."""
    project = stack.project
    if project.services:
        yield together(stack)
        yield times(stack)
    if stack.images:
        yield cached(stack)
    if project.services:
        yield reach(stack)
        yield survives(stack)
        yield host(stack)


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


def _names(names: list[str]) -> str:
    return shell.listed(names)


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


def together(stack: Stack) -> Chapter:
    """All of it in a few points."""
    project = stack.project
    points = []
    kinds = []
    for name, service in project.services.items():
        official = parse_reference(service.image).official if service.build is None else None
        what = (
            f"built from `{stack.shown(service.build.context)}`"
            if service.build
            else official.what
            if official
            else f"`{service.image}`"
        )
        kinds.append(f"`{name}` ({what})")
    count = len(kinds)
    points.append(f"**{_number(count)} service{'s' if count != 1 else ''}**: {'; '.join(kinds)}.")
    networked = [s for s in project.services.values() if s.networks]
    if set(project.networks) == {"default"} and len(networked) > 1:
        points.append(
            "**Automatic networking**: Compose makes a network, "
            f"`{project.networks['default'].name}`, on which the services reach each other by their "
            f"names: {_pairs(project)}."
        )
    elif project.networks:
        points.append(
            f"**Networks**: {_names(list(project.networks))}; services on one network reach each other by name."
        )
    for key, volume in project.volumes.items():
        users = [
            n for n, s in project.services.items() if any(v.source == key and v.type == "volume" for v in s.volumes)
        ]
        if users:
            points.append(
                f"**Persistence**: the data of {_names(users)} is in the volume `{volume.name}`; it stays "
                "when containers are removed and made anew."
            )
    files: dict[str, list[str]] = {}
    for name, service in stack.written.services.items():
        for each in service.env_file:
            files.setdefault(each.path, []).append(name)
    for path, users in files.items():
        all_of = "Both containers read" if len(users) == 2 else f"{_names(users)} read{'s' if len(users) == 1 else ''}"
        points.append(
            f"**Environment variables**: {all_of} `{stack.shown(path)}`, so settings and credentials "
            "stand in one place, outside of the compose file."
        )
    points += _development(stack)
    published = [
        f"`{port.host_ip or 'localhost'}:{port.published}` → `{name}`"
        for name, service in project.services.items()
        for port in service.ports
        if port.published
    ]
    points.append(
        f"**From outside**: {', '.join(published)}."
        if published
        else "**From outside**: nothing is published; the services are reached only from inside the stack."
    )
    return Chapter(key="together", title="How it all works together", blocks=(Points(tuple(points)),))


def _number(count: int) -> str:
    words = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten")
    return words[count] if count < len(words) else str(count)


def _pairs(project: Project) -> str:
    pairs = [
        f"`{name}` talks to `{needed}`"
        for name, service in project.services.items()
        for needed in service.depends_on
        if needed in project.services
    ]
    return ", ".join(pairs[:6]) if pairs else "no service names another"


def _development(stack: Stack) -> Iterator[str]:
    for name, service in stack.project.services.items():
        for volume in service.volumes:
            if volume.type != "bind" or not os.path.isdir(volume.source):
                continue
            said = list(live(Here(stack, ("services", name, "volumes"), None), volume))
            if any(isinstance(each, Caution) and "not reach" in each.text for each in said):
                yield (
                    f"**Local development**: `{stack.shown(volume.source)}` is mounted into `{name}` at "
                    f"`{volume.target}`, but the program does **not** run from there: an edit shows in the "
                    "folder, and takes effect only after `up --build`."
                )
            elif said:
                yield (
                    f"**Local development**: `{stack.shown(volume.source)}` is mounted into `{name}` at "
                    f"`{volume.target}`: edits on the host are seen by the running program."
                )


def times(stack: Stack) -> Chapter:
    """Build, first start, each start, stop, down."""
    project = stack.project
    blocks = []
    built = [name for name in project.services if project.services[name].build]
    pulled = [service.image for service in project.services.values() if not service.build and service.image]
    build = []
    if built:
        build.append(
            f"The image{_s(built)} of {_names(built)} {_are(built)} built, once; later `up`s take what is there. `up "
            "--build` builds again, as far as the cache does not know the steps."
        )
    if pulled:
        images = list(dict.fromkeys(pulled))
        they = "they are" if len(images) > 1 else "it is"
        build.append(f"The image{_s(images)} {_names(images)} {_are(images)} pulled when {they} not on this machine.")
    blocks.append(Steps("Build (the first `up`, or `build`)", tuple(build)))
    first = []
    made = [network.name for network in project.networks.values() if not network.external]
    if made:
        first.append(f"The network{_s(made)} {_names(made)} {_are(made)} made.")
    volumes = [volume.name for volume in project.volumes.values() if not volume.external]
    if volumes:
        first.append(
            f"The volume{'s' if len(volumes) > 1 else ''} {_names(volumes)} "
            f"{'are' if len(volumes) > 1 else 'is'} made, empty."
        )
    for service in project.services.values():
        official = parse_reference(service.image).official if not service.build else None
        if official and official.first_start:
            first.append(f"`{service.name}` finds an empty data folder: it {official.first_start}.")
    first.append("Then as at each start.")
    blocks.append(Steps("First start (`up` where nothing is yet)", tuple(first)))
    blocks.append(Steps("Each start (`up`, `start`)", tuple(_start(stack))))
    blocks.append(Steps("Stop (`stop`, Ctrl-C)", tuple(_stop(project))))
    down = ["Containers and the project's networks are removed; named volumes, images and folders of the host stay."]
    down.append("The next `up` makes new containers from the same images, with the same volumes.")
    blocks.append(Steps("`down`", tuple(down)))
    return Chapter(key="times", title="What happens when", blocks=tuple(blocks))


def _start(stack: Stack) -> Iterator[str]:
    project = stack.project
    for group in ordered(project):
        for name in group:
            service = project.services[name]
            if service.provider is not None:
                yield f"`{name}`: the program `{service.provider.type}` is called."
                continue
            waits = [
                f"`{needed}` {_CONDITIONS.get(how.condition, how.condition)}"
                for needed, how in service.depends_on.items()
                if needed in project.services
            ]
            listening = [
                needed
                for needed, how in service.depends_on.items()
                if how.condition == "service_started"
                and needed in project.services
                and ports_of(stack, project.services[needed])
            ]
            after = f", after {' and '.join(waits)}" if waits else ""
            listen = (
                (
                    f" (dockless: and {_names(listening)} "
                    f"{'listens on its port' if len(listening) == 1 else 'listen on their ports'})"
                )
                if listening
                else ""
            )
            yield f"`{name}` is started{after}{listen}" + (
                f" and runs `{_short(service.command)}`." if service.command else "."
            )
    restarting = [name for name, service in project.services.items() if service.restart not in ("", "no")]
    if restarting:
        yield (
            (
                f"From then on {_names(restarting)} {'is' if len(restarting) == 1 else 'are'} started "
                "again when the process ends; the others stay stopped."
            )
            if len(restarting) < len(project.services)
            else (
                f"From then on {_names(restarting)} {'is' if len(restarting) == 1 else 'are'} started "
                "again when the process ends."
            )
        )


def _s(names: list[str]) -> str:
    return "s" if len(names) != 1 else ""


def _are(names: list[str]) -> str:
    return "are" if len(names) != 1 else "is"


def _short(words: tuple[str, ...]) -> str:
    text = " ".join(command_line(words).split())
    return text if len(text) <= 90 else text[:89] + "…"


def _stop(project: Project) -> Iterator[str]:
    for group in reversed(ordered(project)):
        for name in group:
            service = project.services[name]
            if service.provider is not None:
                continue
            signal = service.stop_signal or "SIGTERM (or the image's own stop signal)"
            grace = service.stop_grace_period.seconds if service.stop_grace_period is not None else 10
            yield f"`{name}` gets {signal} and has {grace:g} s to end before it is killed."
            if len(project.services) > 8:
                yield "The others likewise, each before the services that it depends on."
                return


def cached(stack: Stack) -> Chapter:
    """What of each build is cached, and what a change runs again."""
    blocks: list[Table | Steps | Points | Code] = []
    for image in stack.images:
        built = follow(image.file, image.target, image.arguments)
        rows = []
        for each in reruns(image, built):
            steps = "; ".join(f"`{step.instruction}`" for step in each.steps) or "nothing"
            lines = _lines([step.line for step in each.steps])
            rows.append((each.change, f"{len(each.steps)} ({lines})" if each.steps else "0", steps))
        for_whom = f" (for {_names(list(image.services))})" if image.services else ""
        blocks.append(Points((f"`{stack.shown(image.path)}`{for_whom}:",)))
        blocks.append(Table(("A change of …", "steps that run again", "which"), tuple(rows)))
    points = ["A line of the Dockerfile that changes runs again, with every step below it in its stage."]
    if stack.project.services:
        points.append(
            "A change in the compose file, in a variable or in an `env_file` builds nothing: the "
            "next `up` replaces the containers that it concerns, and keeps the others."
        )
        mounted = [
            stack.shown(v.source) for s in stack.project.services.values() for v in s.volumes if v.type == "bind"
        ]
        if mounted:
            points.append(
                f"A change below {_names(list(dict.fromkeys(mounted)))} is seen in the containers at "
                "once, through the mount, and builds nothing."
            )
    points.append("`build --no-cache` runs everything again.")
    blocks.append(Points(tuple(points)))
    lead = (
        "A step whose line, whose files and whose steps above are the same as last time is not "
        "run: its layer is taken from the cache."
    )
    return Chapter(key="cached", title="What is cached, and what a change re-runs", lead=lead, blocks=tuple(blocks))


def _lines(numbers: list[int]) -> str:
    if len(numbers) == 1:
        return f"line {numbers[0]}"
    return f"lines {', '.join(map(str, numbers))}"


def reach(stack: Stack) -> Chapter:
    """Who can reach whom, by which name and port."""
    project = stack.project
    rows = []
    for name, service in project.services.items():
        if service.provider is not None:
            continue
        names = [name]
        if service.container_name:
            names.append(service.container_name)
        names += [alias for how in service.networks.values() if how for alias in how.aliases]
        ports = ports_of(stack, service)
        inside = ", ".join(f"`{name}:{port}`" for port in ports) or f"`{name}`, at the port that it listens on"
        outside = (
            ", ".join(
                (
                    f"`{port.host_ip or 'localhost'}:{port.published or 'a free port'}` → "
                    f"{port.target}{'/udp' if port.protocol == 'udp' else ''}"
                )
                for port in service.ports
            )
            or "—"
        )
        others = [other for other, its in project.services.items() if other != name and shared_networks(service, its)]
        who = _names(others) if others else "nobody"
        if service.network_mode:
            who, inside = f"(network of {service.network_mode})", "—"
        if len(names) > 1:
            inside += f" (also called {_names(names[1:])})"
        rows.append((f"`{name}`", inside, who, outside))
    table = Table(("service", "inside the stack it is", "reached by", "from the host"), tuple(rows))
    points = []
    for name, service in project.services.items():
        for host, addresses in service.extra_hosts.items():
            points.append(
                f"`{name}` reaches the host as `{host}`."
                if "host-gateway" in addresses
                else f"`{name}` reaches {_names(list(addresses))} as `{host}`."
            )
        for link in service.links:
            target, _, alias = link.partition(":")
            if alias and alias != target:
                points.append(f"`{name}` reaches `{target}` also as `{alias}`.")
    closed = _closed(project)
    if closed:
        points.append(f"Not on one network, so out of each other's reach: {', '.join(closed)}.")
    everywhere = [
        f"`{name}` (port {port.published})"
        for name, s in project.services.items()
        for port in s.ports
        if port.published and port.host_ip in ("", "0.0.0.0", "::")
    ]
    if everywhere:
        points.append(f"Open to other machines on the network as well: {', '.join(everywhere)}.")
    internal = [key for key, network in project.networks.items() if network.internal]
    if internal:
        points.append(f"No way out to the internet on {_names(internal)}.")
    blocks: tuple[Table | Points, ...] = (table, Points(tuple(points))) if points else (table,)
    return Chapter(
        key="reach",
        title="Who reaches whom",
        lead="Names are those of the services; each container's resolver knows them.",
        blocks=blocks,
    )


def _closed(project: Project) -> list[str]:
    services = [s for s in project.services.values() if not s.network_mode and s.provider is None]
    pairs = [
        f"`{a.name}` and `{b.name}`"
        for at, a in enumerate(services)
        for b in services[at + 1 :]
        if not shared_networks(a, b)
    ]
    return pairs if len(pairs) <= 6 else [*pairs[:6], f"and {len(pairs) - 6} more pairs"]


def survives(stack: Stack) -> Chapter:
    """What is left after a stop, a replacement, `down` and `down -v`."""
    project = stack.project
    yes, no = "stays", "gone"
    rows = [("what a process writes elsewhere in its container", yes, no, no, no)]
    for key, volume in project.volumes.items():
        users = [
            n for n, s in project.services.items() if any(v.source == key and v.type == "volume" for v in s.volumes)
        ]
        gone = yes if volume.external else no
        rows.append((f"volume `{volume.name}` ({', '.join(users)})", yes, yes, yes, gone))
    anonymous = [
        f"`{v.target}` of {n}"
        for n, s in project.services.items()
        for v in s.volumes
        if v.type == "volume" and not v.source
    ]
    if anonymous:
        rows.append((f"anonymous volume: {', '.join(anonymous)}", yes, yes, "left over, unused", no))
    for source in dict.fromkeys(v.source for s in project.services.values() for v in s.volumes if v.type == "bind"):
        rows.append((f"`{stack.shown(source)}` of the host", yes, yes, yes, yes))
    if any(v.type == "tmpfs" for s in project.services.values() for v in s.volumes) or any(
        s.tmpfs for s in project.services.values()
    ):
        rows.append(("tmpfs folders", no, no, no, no))
    rows.append(("the containers' logs", yes, no, no, no))
    rows.append(("networks", yes, yes, no, no))
    rows.append(("images", yes, yes, yes, yes))
    table = Table(("", "`stop`, `restart`", "replaced by `up`", "`down`", "`down -v`"), tuple(rows))
    return Chapter(
        key="survives", title="What survives", blocks=(table,), lead="`down --rmi all` removes the images too."
    )


def host(stack: Stack) -> Chapter:
    """What is read from the host, and what of it is shown to containers."""
    project = stack.project
    points = [
        f"The compose file{'s' if len(stack.files) > 1 else ''} {_names([stack.shown(f.path) for f in stack.files])}."
    ]
    env_files = [stack.shown(path) for path in stack.traced.env_files] if stack.traced else []
    if env_files:
        points.append(f"{_names(env_files)}, for `${{…}}` in the compose file.")
    used = [name for name in _variables(stack) if name in stack.shell]
    if used:
        points.append(f"Variables of the shell: {_names(used)}.")
    for path in dict.fromkeys(e.path for s in stack.written.services.values() for e in s.env_file):
        points.append(
            f"`{stack.shown(path)}`, for the containers' environment" + ("." if exists(path) else " (it is not there).")
        )
    for image in stack.images:
        points.append(
            f"`{stack.shown(image.path)}` and the build context `{stack.shown(image.context.folder)}`"
            + (
                f", without what `{stack.shown(image.context.ignore_file)}` names."
                if image.context.ignore_file
                else ", all of it: there is no `.dockerignore`."
            )
        )
    for name, service in project.services.items():
        for volume in service.volumes:
            if volume.type == "bind":
                way = "reads" if volume.read_only else "reads and writes"
                points.append(f"`{name}` {way} `{stack.shown(volume.source)}` (at `{volume.target}`).")
        for device in service.devices:
            points.append(f"`{name}` uses the device `{device.source}`.")
        if service.privileged:
            points.append(f"`{name}` may use everything of the host (`privileged`).")
        if service.network_mode == "host":
            points.append(f"`{name}` uses the host's network.")
    for kind in ("secrets", "configs"):
        for key, held in getattr(project, kind).items():
            if held.file:
                points.append(f"`{stack.shown(held.file)}`, for the {kind[:-1]} `{key}`.")
            elif held.environment:
                points.append(f"The variable `{held.environment}`, for the {kind[:-1]} `{key}`.")
    taken = [f"{port.published}" for s in project.services.values() for port in s.ports if port.published]
    if taken:
        points.append(f"Taken on the host: port {shell.listed(list(dict.fromkeys(taken)))}.")
    return Chapter(key="host", title="What is read from the host", blocks=(Points(tuple(dict.fromkeys(points))),))


def _variables(stack: Stack) -> list[str]:
    from dockless.explain.story.origins import mentioned

    return list(dict.fromkeys(name for file in stack.files for name in mentioned(file.document)))
