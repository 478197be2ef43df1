"""What is cached, and who reaches whom."""

from dockless.compose.model import Project
from dockless.explain.story.built import follow
from dockless.explain.story.caching import reruns
from dockless.explain.story.chapters.order import listed_names, ports_of, shared_networks
from dockless.explain.story.stack import Stack
from dockless.explain.story.values import Chapter, Code, Points, Steps, Table


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
        for_whom = f" (for {listed_names(list(image.services))})" if image.services else ""
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
                f"A change below {listed_names(list(dict.fromkeys(mounted)))} is seen in the containers at "
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
        who = listed_names(others) if others else "nobody"
        if service.network_mode:
            who, inside = f"(network of {service.network_mode})", "—"
        if len(names) > 1:
            inside += f" (also called {listed_names(names[1:])})"
        rows.append((f"`{name}`", inside, who, outside))
    table = Table(("service", "inside the stack it is", "reached by", "from the host"), tuple(rows))
    points = []
    for name, service in project.services.items():
        for host, addresses in service.extra_hosts.items():
            points.append(
                f"`{name}` reaches the host as `{host}`."
                if "host-gateway" in addresses
                else f"`{name}` reaches {listed_names(list(addresses))} as `{host}`."
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
        points.append(f"No way out to the internet on {listed_names(internal)}.")
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
