"""The row of passes, from options to the frozen project."""

import os
from collections.abc import Callable
from typing import Any, cast

import msgspec

from dockless.compose import model
from dockless.compose.errors import ComposeError, Problem, gathered
from dockless.compose.load import consistency, documents, normalize, typed
from dockless.compose.load.environment import resolve_environment, resolve_listed
from dockless.compose.load.interpolation import Interpolation, mentioned
from dockless.compose.load.options import LoadOptions
from dockless.compose.load.sources import Sources, find, home_of, project_name
from dockless.compose.load.template import TemplateError, Variable
from dockless.compose.load.tree import Files, Trouble
from dockless.compose.selection import enable, select, with_profiles, without_unused
from dockless.compose.truth import means_yes


def load(options: LoadOptions) -> model.Project:
    """Loads the project that the options name. Raises ComposeError with all problems of the pass that found them."""
    return _Load(options).project()


def load_tree(options: LoadOptions) -> dict[str, Any]:
    """The same as a plain tree, before it is typed: what `config --no-interpolate` prints. Raises ComposeError."""
    return _Load(options).tree()


def load_variables(options: LoadOptions) -> dict[str, Variable]:
    """The variables that the merged files refer to, by name. Raises ComposeError."""
    tree = _Load(msgspec.structs.replace(options, interpolate=False)).tree()
    # The project's name has been found before the files are interpolated: it is none of theirs.
    return mentioned({**tree, "name": None})


class Traced(msgspec.Struct, frozen=True):
    """A load with where all of it comes from.

    `tree` is canonical and merged, and its places say where each effective entry stands; `written` is the project
    before `env_file`s are read, `project` after. `missing` are the faults that kept the env files from being read:
    `project` is then as written. `documents` are the files' own, as read: nothing is interpolated or merged in them.
    """

    project: model.Project
    written: model.Project
    tree: dict[str, Any]
    documents: tuple[tuple[str, Any], ...]
    env_files: tuple[str, ...]
    missing: tuple[Problem, ...]
    files: Files


def trace(options: LoadOptions) -> Traced:
    """The project as `load` gives it, with where all of it comes from. Raises ComposeError."""
    return _Load(options).traced()


class _Load:
    """One load: what its steps share."""

    def __init__(self, options: LoadOptions) -> None:
        self.options = options
        self.warnings: list[str] = []
        self.files = Files()
        self.sources: Sources = find(options, self.files, self._warn)
        environment = self.sources.environment
        self.context = documents.Context(
            files=self.files,
            warn=self._warn,
            environment=environment,
            working_dir=self.sources.working_dir,
            home=home_of(environment),
            standard_input=options.standard_input,
            texts=options.texts,
            fetch=options.fetch,
            interpolate=options.interpolate,
            resolve_paths=options.resolve_paths,
        )
        self.parsed = [documents.parse(path, self.context) for path in self.sources.files]
        self.name = project_name(options, self.sources, self._name_in_files())
        environment["COMPOSE_PROJECT_NAME"] = self.name

    def _warn(self, message: str) -> None:
        if message not in self.warnings:
            self.warnings.append(message)

    def _name_in_files(self) -> str:
        name = ""
        for file in self.parsed:
            for document in file.documents:
                if isinstance(document, dict) and isinstance(named := document.get("name"), str) and named:
                    name = named
        if not self.options.interpolate:
            return name
        try:
            return Interpolation(self.sources.environment, self.files, self._warn).text(name)
        except TemplateError as wrong:
            raise ComposeError(f"error while interpolating name: {wrong}") from None

    def _compatible(self) -> bool:
        return self.options.compatibility or means_yes(self.sources.environment.get("COMPOSE_COMPATIBILITY"))

    def tree(self) -> dict[str, Any]:
        tree = documents.load(self.parsed, self.context)
        if self.options.interpolate or self.options.normalize:
            tree["name"] = self.name
        if self.options.normalize:
            normalize.normalize(tree, self.name, self.sources.environment)
        return tree

    def project(self) -> model.Project:
        tree = self.tree()
        project = with_profiles(self._typed(tree), self.sources.profiles)
        if self.options.consistency:
            consistency.check(project, tree, self.files)
        project = resolve_listed(enable(project, self.options.services), tree, self.files, self._warn)
        if self.options.resolve_environment:
            project = resolve_environment(project, tree, self.files, self._warn)
        project = select(project, self.options.services)
        if not self.options.all_resources:
            project = without_unused(project)
        return msgspec.structs.replace(project, warnings=tuple(self.warnings))

    def traced(self) -> Traced:
        paths = [path for path in self.sources.files if path != "-"]
        documents_ = tuple((path, each) for path in paths for each in documents.parse(path, self.context).documents)
        tree = self.tree()
        written = with_profiles(self._typed(tree), self.sources.profiles)
        consistency.check(written, tree, self.files)
        written = select(enable(written, self.options.services), self.options.services)
        missing: list[Problem] = []
        project = written
        with gathered(missing):
            listed = resolve_listed(written, tree, self.files, self._warn)
            project = resolve_environment(listed, tree, self.files, self._warn)
        project = msgspec.structs.replace(project, warnings=tuple(self.warnings))
        return Traced(project, written, tree, documents_, self.sources.env_files, tuple(missing), self.files)

    def _typed(self, tree: dict[str, Any]) -> model.Project:
        read = _Reading(tree, self.files)
        services = read.entries("services", lambda value: typed.read(model.Service, value), named=True)
        project = model.Project(
            name=self.name,
            services={name: _scaled(service) for name, service in services.items()},
            networks=read.entries("networks", lambda value: typed.read(model.Network, value)),
            volumes=read.entries("volumes", lambda value: typed.read(model.Volume, value)),
            secrets=read.entries("secrets", _file_object),
            configs=read.entries("configs", _file_object),
            models=read.entries("models", lambda value: typed.read(model.Model, value)),
            extensions={key: value for key, value in tree.items() if key.startswith("x-")},
            working_dir=self.sources.working_dir,
            compose_files=tuple(os.fspath(path) for path in self.sources.files),
            environment=self.sources.environment,
            separator="_" if self._compatible() else "-",
        )
        read.finish()
        return project


def _scaled(service: model.Service) -> model.Service:
    """`scale` is also the number of replicas; where both are set and differ, the check says so."""
    if service.scale is None or service.deploy is None or service.deploy.replicas is not None:
        return service
    deploy = msgspec.structs.replace(service.deploy, replicas=service.scale)
    return msgspec.structs.replace(service, deploy=deploy)


class _Reading:
    """Reads the sections of a tree into the model and gathers what cannot be read."""

    def __init__(self, tree: dict[str, Any], files: Files) -> None:
        self._tree, self._files = tree, files
        self._problems: list[Any] = []

    def entries(self, kind: str, reader: Callable[[dict[str, Any]], Any], *, named: bool = False) -> dict[str, Any]:
        found: dict[str, Any] = {}
        section = self._tree.get(kind)
        for name, value in section.items() if isinstance(section, dict) else ():
            fields = value if isinstance(value, dict) else {}
            try:
                found[name] = reader({**fields, "name": name} if named else fields)
            except Trouble as trouble:
                placed = Trouble(typed.described(trouble, (kind, name)), trouble.path, hint=trouble.hint)
                self._problems.append(self._files.problem_in(self._tree, (kind, name), placed))
        return found

    def finish(self) -> None:
        self._files.fail(self._problems)


def _file_object(value: dict[str, Any]) -> model.FileObject:
    fields = dict(value)
    held = fields.pop("x-#value", None)
    resource = cast(model.FileObject, typed.read(model.FileObject, fields))
    return resource if held is None else msgspec.structs.replace(resource, value=held)
