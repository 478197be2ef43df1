"""A compose project as rules look at it: what its services are in the end, and where in the files each value stands."""

import posixpath
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cached_property
from typing import Any

import msgspec

from dockless.compose.load.tree import Map, Mark, Path, Seq, locate
from dockless.compose.model import Project, Service
from dockless.explain.doctor import yaml_text
from dockless.explain.doctor.findings import Edit, Hit, Severity, Text
from dockless.explain.doctor.folder import Folder
from dockless.explain.doctor.recipe import Recipe


class Written(msgspec.Struct, frozen=True):
    """One document of a compose file: as written, and with its variables replaced; both know their places."""

    text: Text
    raw: Map
    values: Map


class Spot(msgspec.Struct, frozen=True):
    """A value in a file: its text, and the marks of its key (or list item) and of itself."""

    text: Text
    value: Any
    key: Mark
    mark: Mark
    raw: Any = None

    @property
    def line(self) -> int:
        return self.key.line + 1

    @property
    def column(self) -> int:
        return self.key.column + 1


class Part(msgspec.Struct, frozen=True, dict=True):
    """A service: the typed one, the Dockerfile that it is built by, and where its keys are written."""

    name: str
    service: Service
    owner: "Composed"
    recipe: Recipe | None = None

    @cached_property
    def spot(self) -> Spot | None:
        """The service's own entry, in the last file that has it."""
        return self.owner.find(("services", self.name))

    def find(self, *path: str | int) -> Spot | None:
        return self.owner.find(("services", self.name, *path))

    def items(self, key: str) -> Iterator[tuple[int, Spot]]:
        """The entries of a list or the keys of a mapping under a key, in the last file that has it."""
        found = self.find(key)
        if found is None:
            return
        if isinstance(found.value, Seq):
            for index in range(len(found.value)):
                if (entry := self.find(key, index)) is not None:
                    yield index, entry
        elif isinstance(found.value, Map):
            for index, name in enumerate(found.value):
                if (entry := self.find(key, name)) is not None:
                    yield index, entry

    def added(self, *lines: str) -> tuple[Edit, ...]:
        """Lines at the end of the service's entry."""
        spot = self.spot
        edit = yaml_text.appended(spot.text, spot.key, list(lines)) if spot is not None else None
        return (edit,) if edit is not None else ()

    def hit(
        self,
        message: str,
        change: str = "",
        *,
        at: Spot | None = None,
        edits: tuple[Edit | None, ...] = (),
        safe: bool = True,
        severity: Severity | None = None,
    ) -> Hit:
        """A hit at a spot of the service, or at its name."""
        return self.owner.hit(
            at or self.spot, ("services", self.name), message, change, edits=edits, safe=safe, severity=severity
        )

    @property
    def command(self) -> tuple[str, ...]:
        """What the container runs, as far as the files say: entrypoint and command, or the image's."""
        entrypoint, command = self.service.entrypoint, self.service.command
        if self.recipe is not None:
            from dockless.dockerfile.model import Cmd, Entrypoint

            if entrypoint is None and (found := self.recipe.last(Entrypoint)) is not None:
                entrypoint = found.command.words
            if command is None and self.service.entrypoint is None and (default := self.recipe.last(Cmd)) is not None:
                command = default.command.words
        return (*(entrypoint or ()), *(command or ()))

    @property
    def line(self) -> str:
        """The command as one line of text."""
        return " ".join(self.command)

    @property
    def folder(self) -> str:
        """The working directory of the container's process, as far as the files say."""
        if self.service.working_dir:
            return posixpath.normpath(self.service.working_dir)
        return self.recipe.folder_at_end if self.recipe is not None else "/"

    @property
    def base(self) -> str:
        """The image that it runs, or that its Dockerfile builds on."""
        return self.recipe.base(self.recipe.final) if self.recipe is not None else self.service.image


class Composed(msgspec.Struct, frozen=True, dict=True):
    """`files` are the project's documents in their order; `tree` is what they make together, with places."""

    files: tuple[Written, ...]
    project: Project
    tree: Any
    today: date
    others: Mapping[str, Text] = {}
    """Files that the project includes or extends, by absolute path."""
    required: frozenset[str] = frozenset()
    """Variables that the files say must be set (`${NAME:?}`) and are not."""
    recipes: Mapping[str, Recipe] = {}
    folders: Mapping[str, Folder] = {}
    """Folders that bind mounts and builds name, by absolute path."""
    missing: frozenset[str] = frozenset()
    """Absolute paths that the project names and that are not there."""
    samples: Mapping[str, str] = {}
    """For a missing file the sample beside it (`.env.example`)."""
    variables: Mapping[str, Mapping[str, str]] = {}
    """What each env file sets, by absolute path."""

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        services = {**self.project.services, **self.project.disabled_services}
        return tuple(Part(name, service, self, self.recipes.get(name)) for name, service in services.items())

    def part(self, name: str) -> Part | None:
        return next((part for part in self.parts if part.name == name), None)

    @property
    def text(self) -> Text:
        return self.files[0].text

    def shown(self, path: str) -> str:
        """A path as people write it: from the project's folder, if it is in there."""
        relative = posixpath.relpath(path, self.project.working_dir or "/")
        return path if relative.startswith("..") else relative

    def find(self, path: Path) -> Spot | None:
        """Where a value stands: in the last of the files that has it; None where none of them has."""
        for file in reversed(self.files):
            found = _spot(file, path)
            if found is not None:
                return found
        return self._elsewhere(path)

    def _elsewhere(self, path: Path) -> Spot | None:
        """Where a value stands in a file that is included or extended."""
        value = self.tree
        marks: tuple[Mark, Mark] | None = None
        for part in path:
            if isinstance(value, Map) and part in value and part in value.marks:
                marks = value.marks[part]
            elif isinstance(value, Seq) and isinstance(part, int) and part < min(len(value), len(value.marks)):
                marks = (value.marks[part], value.marks[part])
            else:
                return None
            value = value[part]
        if marks is None or marks[0].name != marks[1].name or marks[0].name not in self.others:
            return None
        return Spot(self.others[marks[0].name], value, *marks)

    def hit(
        self,
        spot: Spot | None,
        path: Path,
        message: str,
        change: str = "",
        *,
        edits: tuple[Edit | None, ...] = (),
        safe: bool = True,
        severity: Severity | None = None,
    ) -> Hit:
        """A hit at a spot; where there is none, at the place of `path` in the merged tree."""
        complete = tuple(edit for edit in edits if edit is not None)
        done = complete if len(complete) == len(edits) else ()
        text, line, column = self.text, 1, 1
        if spot is not None:
            text, line, column = spot.text, spot.line, spot.column
        elif (mark := locate(self.tree, path, key=True)) is not None:
            named = next((file.text for file in self.files if file.text.path == mark.name), None)
            text = named or self.others.get(mark.name) or Text(mark.name, mark.name, "")
            line, column = mark.line + 1, mark.column + 1
        return Hit(
            text=text,
            line=line,
            column=column,
            message=message,
            change=change,
            edits=done,
            safe=safe,
            severity=severity or "",
        )


def _spot(file: Written, path: Path) -> Spot | None:
    value: Any = file.values
    raw: Any = file.raw
    key = mark = None
    for part in path:
        if isinstance(value, Map) and part in value and part in value.marks:
            key, mark = value.marks[part]
        elif isinstance(value, Seq) and isinstance(part, int) and part < min(len(value), len(value.marks)):
            key = mark = value.marks[part]
        else:
            return None
        value = value[part]
        try:
            raw = raw[part] if raw is not None else None
        except (KeyError, IndexError, TypeError):
            raw = None
    if key is None or mark is None or mark.name != file.text.path:
        return None
    return Spot(file.text, value, key, mark, raw)
