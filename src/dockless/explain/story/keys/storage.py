"""Keys on files: mounts of all kinds, and secrets and configs that a service is granted."""

import os
import posixpath

from dockless.compose import model
from dockless.explain.story.here import (
    Here,
    Said,
    Tell,
    listed,
    tells,
)
from dockless.explain.story.keys.top import origin_of
from dockless.explain.story.official import parse_reference
from dockless.explain.story.origins import exists
from dockless.explain.story.values import Caution


@tells("services.*.volumes")
def _volumes(here: Here) -> Said:
    for volume in here.service.volumes:
        yield from _mount(here, volume)


def _mount(here: Here, volume: model.ServiceVolume) -> Said:
    only = " The container can only read it." if volume.read_only else ""
    target = volume.target
    if volume.type == "bind":
        source = here.stack.shown(volume.source)
        what = (
            "the **project folder** (the current directory of the host)" if source == "." else f"`{source}` of the host"
        )
        yield (
            f"Mounts {what} at `{target}` in the container: both see the same files, in both directions, at once.{only}"
        )
        if source.endswith("docker.sock"):
            yield Caution("Who can talk to this socket rules the engine, and with Docker the whole machine.")
        elif not exists(volume.source):
            made = volume.bind is not None and volume.bind.create_host_path
            yield Caution(
                f"`{source}` does not exist: "
                + ("an empty folder is made there at the start." if made else "the start fails.")
            )
        yield from live(here, volume)
    elif volume.type == "volume" and volume.source:
        yield (
            f"Mounts the **named volume** `{volume.source}` at `{target}`: what the service writes "
            f"there **persists** across restarts, rebuilds and `down`.{only}"
        )
        official = parse_reference(here.service.image).official
        if official and target.rstrip("/") in official.data:
            yield f"That is where this image keeps its data ({official.what.split(',')[0]})."
        nocopy = volume.volume is not None and volume.volume.nocopy
        if not nocopy:
            yield (
                f"While the volume is empty, it first gets what the image has at `{target}`; later "
                "changes of the image there are hidden by it."
            )
    elif volume.type == "volume":
        yield (
            f"Keeps `{target}` in an **anonymous volume**: it outlives the replacement of its "
            f"container, but not `down -v`.{only}"
        )
    elif volume.type == "tmpfs":
        yield f"`{target}` is in memory: fast, empty at each start, gone at the stop."
    else:
        yield f"Mounts ({volume.type}) `{volume.source}` at `{target}`.{only}"


def live(here: Here, volume: model.ServiceVolume) -> Said:
    """Whether edits of a mounted folder reach the program that runs: by where the image's copy lies and the process."""
    image, state = here.image, here.state
    source = volume.source.rstrip("/") or "/"
    target = posixpath.normpath(volume.target)
    if image is None or state is None or (volume.read_only and not os.path.isdir(source)):
        return
    workdir = posixpath.normpath(here.service.working_dir or state.folder)
    copies = [copy for copy in state.copied if not copy.from_ and set(copy.sources) <= {".", "./", "/"}]
    context = image.context.folder.rstrip("/") or "/"
    if source != context and not context.startswith(source + "/"):
        if _within(workdir, target):
            yield f"The process runs from `{workdir}`, inside this mount: edits on the host are what it runs."
        return
    if _within(workdir, target):
        hides = (
            " The mount hides what the image has there." if any(_within(copy.target, target) for copy in copies) else ""
        )
        yield (
            f"The process runs from `{workdir}`, inside this mount: an edit on the host reaches it "
            "**without a rebuild**, if it reads the file again (a development server that reloads "
            f"does).{hides}"
        )
        return
    if not copies:
        return
    copied = copies[-1].target
    yield f"It is meant for **live development**: edits on the host appear at once at `{target}`, without a rebuild."
    yield Caution(
        f"But edits do **not reach the running program**: the process runs from `{workdir}`, where `COPY` put the "
        f"image's own copy at build time, and nothing runs from `{target}`. Until the image is built again, the "
        f"program stays as it was. `{here.stack.shown(volume.source)}:{copied}` would make edits live."
    )
    name = posixpath.relpath(target, copied)
    if not name.startswith("..") and exists(os.path.join(context, name)):
        yield Caution(
            f"The mount also hides `{target}` of the image: in place of the folder `{name}` stands "
            "the whole project folder."
        )


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


@tells("services.*.tmpfs")
def _tmpfs(here: Here) -> Said:
    yield f"{listed(here.service.tmpfs)} in memory: empty at each start, gone at the stop."


def _granted(kind: str, folder: str) -> Tell:
    def told(here: Here) -> Said:
        grants = getattr(here.service, kind)
        for grant in grants:
            held = getattr(here.stack.project, kind).get(grant.source) or model.FileObject()
            target = grant.target or f"{folder}{grant.source}"
            target = target if target.startswith("/") else f"{folder}{target}"
            yield f"The process can read `{grant.source}` as the file `{target}`: {origin_of(here, held)}."
        if kind == "secrets":
            yield (
                "A file is harder to leak than a variable: it is not in `inspect`, not in the process "
                "list and not in child processes' environment."
            )

    return told


tells("services.*.secrets")(_granted("secrets", "/run/secrets/"))


tells("services.*.configs")(_granted("configs", "/"))
