"""How it all works together, and what happens when."""

import os
from collections.abc import Iterator

from dockless.compose.model import Project
from dockless.explain.story.chapters.order import listed_names, ordered, ports_of
from dockless.explain.story.here import Here, command_line
from dockless.explain.story.keys.storage import live
from dockless.explain.story.official import parse_reference
from dockless.explain.story.stack import Stack
from dockless.explain.story.values import Caution, Chapter, Points, Steps

_CONDITIONS = {
    "service_started": "is started",
    "service_healthy": "is healthy",
    "service_completed_successfully": "has ended successfully",
}


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
            f"**Networks**: {listed_names(list(project.networks))}; services on one network reach each other by name."
        )
    for key, volume in project.volumes.items():
        users = [
            n for n, s in project.services.items() if any(v.source == key and v.type == "volume" for v in s.volumes)
        ]
        if users:
            points.append(
                f"**Persistence**: the data of {listed_names(users)} is in the volume `{volume.name}`; it stays "
                "when containers are removed and made anew."
            )
    files: dict[str, list[str]] = {}
    for name, service in stack.written.services.items():
        for each in service.env_file:
            files.setdefault(each.path, []).append(name)
    for path, users in files.items():
        all_of = (
            "Both containers read" if len(users) == 2 else f"{listed_names(users)} read{'s' if len(users) == 1 else ''}"
        )
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
            f"The image{_s(built)} of {listed_names(built)} {_are(built)} built, once; later `up`s take what is "
            "there. `up --build` builds again, as far as the cache does not know the steps."
        )
    if pulled:
        images = list(dict.fromkeys(pulled))
        they = "they are" if len(images) > 1 else "it is"
        build.append(
            f"The image{_s(images)} {listed_names(images)} {_are(images)} pulled when {they} not on this machine."
        )
    blocks.append(Steps("Build (the first `up`, or `build`)", tuple(build)))
    first = []
    made = [network.name for network in project.networks.values() if not network.external]
    if made:
        first.append(f"The network{_s(made)} {listed_names(made)} {_are(made)} made.")
    volumes = [volume.name for volume in project.volumes.values() if not volume.external]
    if volumes:
        first.append(
            f"The volume{'s' if len(volumes) > 1 else ''} {listed_names(volumes)} "
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
                    f" (dockless: and {listed_names(listening)} "
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
                f"From then on {listed_names(restarting)} {'is' if len(restarting) == 1 else 'are'} started "
                "again when the process ends; the others stay stopped."
            )
            if len(restarting) < len(project.services)
            else (
                f"From then on {listed_names(restarting)} {'is' if len(restarting) == 1 else 'are'} started "
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
