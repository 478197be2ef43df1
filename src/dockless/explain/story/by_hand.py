"""The chapter on what Compose spares: the plain commands that do the same, and what nobody would do for one then."""

from collections.abc import Iterator

from dockless.explain.export import docker
from dockless.explain.export.words import Words, written
from dockless.explain.story.stack import Stack
from dockless.explain.story.values import Chapter, Code, Points


def by_hand(stack: Stack) -> Chapter | None:
    """The commands for an enabled project; nothing where no service is."""
    project = stack.project
    if not project.services:
        return None
    blocks: list[Points | Code] = []
    for title, commands in (
        ("Build the images:", list(docker.images(stack))),
        ("Make networks and volumes:", [*docker.networks(project), *docker.volumes(project)]),
        ("Run the containers, in this order, with every flag spelled out:", list(docker.started(stack))),
    ):
        if commands:
            blocks += [Points((f"**{title}**",)), Code(_text(commands, project.working_dir))]
    blocks.append(Points(tuple(_spared(stack))))
    lead = "Without Compose these commands would do the same. `dockless explain --as docker` prints them as a script."
    return Chapter(key="by_hand", title="What if there were no Compose", lead=lead, blocks=tuple(blocks))


def _text(commands: list[Words], folder: str) -> str:
    return "".join(written(command, folder, 80) for command in commands)


def _spared(stack: Stack) -> Iterator[str]:
    project = stack.project
    count = len(project.services)
    yield (
        f"**One command** in place of all these: `up -d` starts everything, `down` stops and removes it; by hand each "
        f"of the {count} containers is started, stopped and removed by itself."
        if count > 1
        else "**One command** in place of all these: `up -d` starts it, `down` stops and removes it."
    )
    yield (
        "**One file** holds ports, volumes, variables and networks; by hand they are scattered "
        "over the commands, to be remembered."
    )
    if any(service.depends_on for service in project.services.values()):
        yield (
            "**Order**: `depends_on` starts each service after those that it needs; by hand that is "
            "yours to mind, with waiting and trying again."
        )
    yield "**Changes**: `up` replaces only the containers whose part of the file has changed."
    scalable = [name for name, s in project.services.items() if not s.container_name]
    if scalable:
        fixed = any(port.published for port in project.services[scalable[0]].ports)
        shared = " They share its published port with dockless; with Docker the second one finds it taken."
        yield f"**Scale**: `up --scale {scalable[0]}=3` runs three containers of a service.{shared if fixed else ''}"
