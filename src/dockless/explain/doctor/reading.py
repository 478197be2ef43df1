"""From paths to what the rules look at: compose projects, Dockerfiles, and what their contexts hold.

The only module of the doctor that reads files. Texts may be handed in that have not been written yet.
"""

import os
import posixpath
import re
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from dockless.compose.errors import ComposeError, NoConfigurationError, Problem
from dockless.compose.load import load, load_tree
from dockless.compose.load.environment import read_env_file
from dockless.compose.load.interpolation import Interpolation
from dockless.compose.load.options import LoadOptions
from dockless.compose.load.reading import read, strip_tags
from dockless.compose.load.tree import Files, Map, clone
from dockless.compose.model import Build, Project
from dockless.dockerfile import Dockerfile, DockerfileError, parse
from dockless.explain.doctor.composed import Composed, Written
from dockless.explain.doctor.findings import Hit, Text
from dockless.explain.doctor.folder import Folder
from dockless.explain.doctor.recipe import Recipe

_MOST_FILES = 20_000
_CLOSED = frozenset({".git", ".hg", "node_modules", ".venv", "venv", "__pycache__", ".tox", ".mypy_cache", "target"})
"""Folders that are not looked into: that they are there is all that matters."""
_REQUIRED = re.compile(r"required variable (\w+) is missing a value")
_SAMPLES = (".example", ".sample", ".template", ".dist")


class Broken(msgspec.Struct, frozen=True):
    """A file that cannot be read as what it should be."""

    kind: str
    hit: Hit


class Subjects(msgspec.Struct, frozen=True):
    """What is examined together. `texts` are all files' texts by absolute path."""

    composed: Composed | None = None
    recipes: tuple[Recipe, ...] = ()
    broken: tuple[Broken, ...] = ()
    texts: Mapping[str, Text] = {}


class Reader:
    """Reads with `texts` in place of what the disk holds of those files. `cwd` is where names are shown from."""

    def __init__(self, cwd: str, today: date, texts: Mapping[str, str]) -> None:
        self._cwd = cwd
        self._today = today
        self._unwritten = texts
        self._folders: dict[str, Folder] = {}
        self.texts: dict[str, Text] = {}
        self.broken: list[Broken] = []

    def project(self, options: LoadOptions) -> Subjects:
        """A compose project with the Dockerfiles that its services are built by.

        Raises `NoConfigurationError` where there is no compose file.
        """
        encoded = {path: text.encode("utf-8", "surrogateescape") for path, text in self._unwritten.items()}
        options = _with(options, texts=encoded, resolve_environment=False, all_resources=True)
        if "-" in options.files:
            self.texts["-"] = given = Text("-", "standard input", options.standard_input())
            options = _with(options, standard_input=lambda: given.content)
        try:
            options, required = _with_required(options)
            project = load(options)
            tree = load_tree(options)
            files = tuple(self._written(project))
        except NoConfigurationError:
            raise
        except ComposeError as error:
            self.broken.extend(Broken("compose", self._problem(problem)) for problem in error.problems)
            return self._subjects(None, ())
        recipes = self._recipes(project)
        composed = Composed(
            files=files,
            project=project,
            tree=tree,
            today=self._today,
            others=self._others(tree, files),
            required=required,
            recipes=recipes,
            folders={path: self.folder(path) for path in _named_folders(project)},
            **self._outside(project),
        )
        unique = {(recipe.text.path, recipe.target): recipe for recipe in recipes.values()}
        return self._subjects(composed, tuple(unique.values()))

    def dockerfile(self, path: str) -> Subjects:
        """One Dockerfile whose context is the folder that it is in. Raises `OSError`."""
        recipe = self._recipe(path, os.path.dirname(path), "")
        return self._subjects(None, (recipe,) if recipe else ())

    def _subjects(self, composed: Composed | None, recipes: tuple[Recipe, ...]) -> Subjects:
        return Subjects(composed, recipes, tuple(self.broken), dict(self.texts))

    def text(self, path: str) -> Text:
        """Raises `OSError`."""
        if path not in self.texts:
            content = self._unwritten.get(path)
            if content is None:
                content = Path(path).read_bytes().decode("utf-8", "surrogateescape")
            self.texts[path] = Text(path, self._name(path), content)
        return self.texts[path]

    def _name(self, path: str) -> str:
        relative = os.path.relpath(path, self._cwd)
        return path if relative.startswith("..") else relative

    def _problem(self, problem: Problem) -> Hit:
        text = Text(problem.file, self._name(problem.file) if problem.file else "compose", "")
        if problem.file in self.texts or problem.file in self._unwritten or os.path.isfile(problem.file):
            text = self.text(problem.file)
        return Hit(
            text=text,
            line=max(problem.line, 1),
            column=max(problem.column, 1),
            message=problem.message,
            change=problem.hint,
        )

    def _written(self, project: Project) -> Iterator[Written]:
        for path in project.compose_files:
            text = self.text(path)
            files = Files()
            for document in read(text.content.encode("utf-8", "surrogateescape"), path, files):
                raw, _ = strip_tags(document)
                if isinstance(raw, Map):
                    values = clone(raw)
                    Interpolation(project.environment, files, lambda _: None).document(values)
                    yield Written(text, raw, values)

    def _others(self, tree: Any, files: tuple[Written, ...]) -> dict[str, Text]:
        """The texts of files that the project includes or extends: what is in them may be spoken of, too."""
        known = {file.text.path for file in files}
        services = tree.get("services") if isinstance(tree, dict) else None
        named: set[str] = set()
        for mapping in (services, *(services or {}).values()):
            if isinstance(mapping, Map):
                named |= {mark.name for marks in mapping.marks.values() for mark in marks}
        return {path: self.text(path) for path in named - known if os.path.isfile(path)}

    def _recipes(self, project: Project) -> dict[str, Recipe]:
        """By service. A Dockerfile that cannot be read or is not there gives none."""
        services = {**project.services, **project.disabled_services}
        built = {name: service for name, service in services.items() if service.build is not None}
        recipes: dict[str, Recipe] = {}
        for name, service in built.items():
            assert service.build is not None
            path = dockerfile_of(service.build)
            if not path or not (path in self._unwritten or os.path.isfile(path)):
                continue
            recipe = self._recipe(path, service.build.context, service.build.target)
            if recipe is None:
                continue
            same = [
                other
                for other in built.values()
                if other.build is not None and _key(other.build) == _key(service.build)
            ]
            folder = recipe.folder
            env_files = (folder.within(entry.path) for other in same for entry in other.env_file)
            recipes[name] = replace(
                recipe,
                env_files=frozenset(path for path in env_files if path),
                users=tuple(other.user for other in same),
            )
        return recipes

    def _recipe(self, path: str, context: str, target: str) -> Recipe | None:
        text = self.text(path)
        try:
            parsed: Dockerfile = parse(text.content, name=text.name)
        except DockerfileError as error:
            position = error.position
            line, column = (position.line, position.column) if position else (1, 1)
            hit = Hit(text=text, line=line, column=column, message=error.message)
            if all(broken.hit != hit for broken in self.broken):
                self.broken.append(Broken("dockerfile", hit))
            return None
        return Recipe(text, parsed, self._context(context, path), self._today, target)

    def _context(self, path: str, dockerfile: str) -> Folder:
        """A build's folder with its ignore file: the Dockerfile's own goes before the folder's."""
        folder = self.folder(path)
        own = dockerfile + ".dockerignore"
        if own in self._unwritten or os.path.isfile(own):
            return replace(folder, ignore_path=own, ignore_text=self.text(own).content)
        return folder

    def folder(self, path: str) -> Folder:
        """What a folder holds, and its .dockerignore."""
        if path not in self._folders:
            files, complete = _listed(path)
            ignore = posixpath.join(path, ".dockerignore")
            there = ignore in self._unwritten or os.path.isfile(ignore)
            self._folders[path] = Folder(
                path,
                files,
                complete,
                os.path.isdir(path),
                ignore,
                self.text(ignore).content if there else None,
            )
        return self._folders[path]

    def _outside(self, project: Project) -> dict[str, Any]:
        """What the project names on this machine: whether it is there, and what its env files set."""
        named = set(_named_paths(project))
        missing = {path for path in named if not os.path.exists(path) and path not in self._unwritten}
        samples = {path: path + ending for path in missing for ending in _SAMPLES if os.path.exists(path + ending)}
        services = {**project.services, **project.disabled_services}
        env_files = {entry.path for service in services.values() for entry in service.env_file if not entry.format}
        variables = {path: self._variables(path, project) for path in env_files if os.path.isfile(path)}
        return {"missing": frozenset(missing), "samples": samples, "variables": variables}

    def _variables(self, path: str, project: Project) -> Mapping[str, str]:
        try:
            return read_env_file(path, project.environment.get, Files(), lambda _: None)
        except ComposeError as error:
            self.broken.extend(Broken("compose", self._problem(problem)) for problem in error.problems)
            return {}


def dockerfile_of(build: Build) -> str:
    """The absolute path of a build's Dockerfile; empty for one that is in the compose file or on another machine."""
    if build.dockerfile_inline or not build.context.startswith("/"):
        return ""
    return posixpath.normpath(posixpath.join(build.context, build.dockerfile or "Dockerfile"))


def _with(options: LoadOptions, **changes: Any) -> LoadOptions:
    from msgspec.structs import replace as changed

    return changed(options, **changes)


def _with_required(options: LoadOptions) -> tuple[LoadOptions, frozenset[str]]:
    """Options with which variables that must be set are, and their names. Raises `ComposeError` for any other fault."""
    required: set[str] = set()
    while True:
        try:
            load(options)
        except NoConfigurationError:
            raise
        except ComposeError as error:
            found = {match[1] for problem in error.problems if (match := _REQUIRED.search(problem.message))}
            if not found or found <= required:
                raise
            required |= found
            options = _with(options, environ={**options.environ, **dict.fromkeys(found, "1")})
        else:
            return options, frozenset(required)


def _key(build: Build) -> tuple[str, str, str]:
    return build.context, dockerfile_of(build), build.target


def _named_folders(project: Project) -> set[str]:
    services = {**project.services, **project.disabled_services}
    builds = {service.build.context for service in services.values() if service.build is not None}
    return {path for path in builds if path.startswith("/")}


def _named_paths(project: Project) -> Iterator[str]:
    for service in {**project.services, **project.disabled_services}.values():
        yield from (mount.source for mount in service.volumes if mount.type == "bind" and mount.source)
        yield from (entry.path for entry in service.env_file)
        if service.build is not None and service.build.context.startswith("/"):
            yield service.build.context
            if dockerfile := dockerfile_of(service.build):
                yield dockerfile
    for kind in (project.secrets, project.configs):
        yield from (resource.file for resource in kind.values() if resource.file)


def _listed(path: str) -> tuple[frozenset[str], bool]:
    """Files below a folder, by relative path; a folder that is not looked into stands as `name/…`."""
    found: set[str] = set()
    for where, folders, files in os.walk(path):
        relative = os.path.relpath(where, path)
        prefix = "" if relative == "." else relative + "/"
        found.update(prefix + name for name in files)
        found.update(f"{prefix}{name}/…" for name in folders if name in _CLOSED)
        folders[:] = sorted(name for name in folders if name not in _CLOSED)
        if len(found) > _MOST_FILES:
            return frozenset(found), False
    return frozenset(found), True
