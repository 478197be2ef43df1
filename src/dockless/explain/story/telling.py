"""The whole story of a stack, and the part of it that a reader asks for by a file's, service's or key's name."""

import difflib
import os
from collections.abc import Iterator

from msgspec.structs import replace

from dockless.explain.story.chapters import chapters
from dockless.explain.story.compose_file import tell_file
from dockless.explain.story.instructions import INSTRUCTIONS, tell_image
from dockless.explain.story.meanings import MEANINGS
from dockless.explain.story.shell import listed
from dockless.explain.story.stack import Stack
from dockless.explain.story.values import Chapter, Entry, FileStory, Story


class Unknown(Exception):
    """Nothing of that name; the message says what there is."""


def tell_stack(stack: Stack, *, by_hand: Chapter | None = None) -> Story:
    """Everything. `by_hand` is the chapter with the commands that do the same without Compose."""
    project = stack.project
    files = [tell_image(stack, image) for image in stack.images]
    files += [tell_file(stack, file) for file in stack.files]
    told = [*chapters(stack), *([by_hand] if by_hand else [])]
    return Story(
        project=project.name,
        folder=stack.folder,
        summary=tuple(_summary(stack)),
        files=tuple(files),
        chapters=tuple(told),
        warnings=stack.warnings,
    )


def _summary(stack: Stack) -> Iterator[str]:
    project = stack.project
    if not project.services:
        return
    built = [name for name, service in project.services.items() if service.build]
    ready = [name for name, service in project.services.items() if not service.build and service.provider is None]
    ports = [
        f"http://{port.host_ip or 'localhost'}:{port.published}"
        for s in project.services.values()
        for port in s.ports
        if port.published and port.protocol in ("", "tcp")
    ]
    text = (
        f"The stack **{project.name}** runs {len(project.services)} service{'s' if len(project.services) != 1 else ''}"
    )
    parts = []
    if built:
        parts.append(f"{listed(built, 8)} from {'an image' if len(built) == 1 else 'images'} built here")
    if ready:
        parts.append(f"{listed(ready, 8)} from {'a ready image' if len(ready) == 1 else 'ready images'}")
    yield f"{text}: {', and '.join(parts)}." if parts else f"{text}."
    if ports:
        yield f"Once it is up, it is reached at {listed(list(dict.fromkeys(ports)), 6)}."


def part(story: Story, names: tuple[str, ...]) -> Story:
    """What of a story belongs to the files, services or keys named. Raises Unknown."""
    kept: list[FileStory] = []
    for file in story.files:
        entries = tuple(
            entry for entry in file.entries if any(_matches(file, entry, name, story.folder) for name in names)
        )
        whole = any(_is_file(file, name, story.folder) for name in names)
        if entries:
            kept.append(replace(file, entries=entries, lead=file.lead if whole else ()))
    if not kept:
        for name in names:
            if meaning := reference(name):
                return Story(project=story.project, folder=story.folder, summary=meaning, files=())
        raise Unknown(_unknown(story, names))
    return replace(story, summary=(), files=tuple(kept), chapters=(), warnings=())


def reference(name: str) -> tuple[str, ...]:
    """What a key means that no file here uses: from its full path, or from its last parts."""
    wanted = name.strip(".")
    found = [path for path in MEANINGS if path == wanted or path.endswith((f".*.{wanted}", f".{wanted}"))]
    if not found:
        return ()
    least = min(path.count(".") for path in found)
    return tuple(
        f"`{_readable(path)}`: {MEANINGS[path]} It is not used here." for path in found if path.count(".") == least
    )


def _readable(path: str) -> str:
    return path.replace("services.*", "services.NAME").replace(".*", "[…]")


def _is_file(file: FileStory, name: str, folder: str) -> bool:
    return os.path.normpath(os.path.join(folder, name)) == os.path.normpath(os.path.join(folder, file.file))


def _matches(file: FileStory, entry: Entry, name: str, folder: str) -> bool:
    if _is_file(file, name, folder):
        return True
    if name == entry.key or (entry.service and name in entry.service.split(", ")):
        return True
    lowered = name.lower()
    if file.kind == "dockerfile":
        return entry.key.lower() == lowered
    parts_, wanted = entry.key.split("."), name.split(".")
    if parts_[-1] == name and (len(parts_) != 2 or parts_[0] != "services"):
        return True
    if parts_[0] == "services" and wanted[0] != "services":
        parts_ = parts_[1:]
    return parts_ == wanted or (len(wanted) > len(parts_) > 1 and wanted[: len(parts_)] == parts_)


def _unknown(story: Story, names: tuple[str, ...]) -> str:
    services = list(
        dict.fromkeys(e.service for f in story.files for e in f.entries if e.service and "," not in e.service)
    )
    files = [os.path.relpath(f.file, story.folder) if os.path.isabs(f.file) else f.file for f in story.files]
    known = [
        *services,
        *files,
        *(path.rpartition(".")[2] for path in MEANINGS),
        *(kind.__name__.upper() for kind in INSTRUCTIONS),
    ]
    close = difflib.get_close_matches(names[0], known, 1)
    text = f"nothing here is called {names[0]!r}: it is no file, service, key or instruction"
    if close:
        return f"{text}; did you mean {close[0]!r}?"
    if not files:
        return f"{text}, and there is neither a compose file nor a Dockerfile"
    return f"{text}; the services are {', '.join(services) or 'none'}, the files {', '.join(files)}"
