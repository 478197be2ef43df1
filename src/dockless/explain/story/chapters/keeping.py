"""What survives, and what is read from the host."""

from dockless.explain.story import shell
from dockless.explain.story.chapters.order import listed_names
from dockless.explain.story.origins import exists
from dockless.explain.story.stack import Stack
from dockless.explain.story.values import Chapter, Points, Table


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
    files = [stack.shown(file.path) for file in stack.files]
    points = [f"The compose file{'s' if len(files) > 1 else ''} {listed_names(files)}."]
    env_files = [stack.shown(path) for path in stack.traced.env_files] if stack.traced else []
    if env_files:
        points.append(f"{listed_names(env_files)}, for `${{…}}` in the compose file.")
    used = [name for name in _variables(stack) if name in stack.shell]
    if used:
        points.append(f"Variables of the shell: {listed_names(used)}.")
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
