"""Files that give a service its environment and labels (`env_file`, `label_file`), and a project its variables."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from dockless.compose.errors import ComposeError, Problem
from dockless.compose.load import dotenv
from dockless.compose.load.template import Lookup
from dockless.compose.load.tree import Files, Trouble
from dockless.compose.load.tree import Path as TreePath
from dockless.compose.model import Project, Service


def read_env_file(path: str, lookup: Lookup, files: Files, warn: Callable[[str], None]) -> dict[str, str]:
    """What a `.env` sets. Raises ComposeError with the line of a fault."""
    return _read(path, _text(path, "env file"), "", lookup, files, warn)


def resolve_environment(project: Project, tree: Any, files: Files, warn: Callable[[str], None]) -> Project:
    """The project with its services' env files read: what the service itself says goes before them.

    Variables in an env file are looked up in the project's environment first, then in the service's, then in the env
    files before it. `env_file` is empty in the result. Raises ComposeError: where a file is missing, with the place in
    the `tree` that names it.
    """

    def resolved(service: Service) -> Service:
        own = service.environment
        found: dict[str, str] = {}
        for index, env_file in enumerate(service.env_file):
            if not env_file.required and not Path(env_file.path).exists():
                continue
            with _named_at(tree, ("services", service.name, "env_file", index), files):
                content = _text(env_file.path, "env file", may_be_missing=True)
            lookup = _Lookup(project.environment, {**found, **own}).get
            found.update(_read(env_file.path, content, env_file.format, lookup, files, warn))
        return msgspec.structs.replace(service, environment={**found, **own}, env_file=())

    services = {name: resolved(service) if service.env_file else service for name, service in project.services.items()}
    return msgspec.structs.replace(project, services=services)


def resolve_listed(project: Project, tree: Any, files: Files, warn: Callable[[str], None]) -> Project:
    """The project with the variables that services name without a value, and with the labels of label files.

    Raises ComposeError, as `resolve_environment` does.
    """

    def resolved(service: Service) -> Service:
        changes: dict[str, object] = {}
        if any(value is None for value in service.environment.values()):
            known = project.environment
            changes["environment"] = {
                key: known.get(key) if value is None else value for key, value in service.environment.items()
            }
        if service.label_file:
            labels: dict[str, str] = {}
            for index, path in enumerate(service.label_file):
                with _named_at(tree, ("services", service.name, "label_file", index), files):
                    content = _text(path, "label file")
                labels.update(_read(path, content, "", lambda _: None, files, warn))
            changes["labels"] = {**labels, **service.labels}
        return msgspec.structs.replace(service, **changes) if changes else service

    services = {name: resolved(service) for name, service in project.services.items()}
    return msgspec.structs.replace(project, services=services)


class _Lookup(msgspec.Struct, frozen=True):
    """A variable's value: the environment's, else the service's own."""

    environment: Mapping[str, str]
    own: Mapping[str, str | None]

    def get(self, name: str) -> str | None:
        value = self.environment.get(name)
        return self.own.get(name) if value is None else value


@contextmanager
def _named_at(tree: Any, path: TreePath, files: Files) -> Iterator[None]:
    """What is wrong with a file is told with the place that names it."""
    try:
        yield
    except ComposeError as error:
        problems = (files.problem_in(tree, path, Trouble(each.message, hint=each.hint)) for each in error.problems)
        raise ComposeError(*problems) from error


def _text(path: str, what: str, *, may_be_missing: bool = False) -> bytes:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError as error:
        message = f"{what} {path} not found: stat {path}: no such file or directory"
        raise ComposeError(Problem(message, hint=_hint(path, may_be_missing=may_be_missing))) from error
    except OSError as error:
        raise ComposeError(f"{what} {path}: {(error.strerror or str(error)).lower()}") from error


def _hint(path: str, *, may_be_missing: bool) -> str:
    """Many projects bring a sample beside the place of the file that is missing."""
    for ending in (".example", ".sample", ".template", ".dist"):
        if Path(path + ending).exists():
            return f"copy {Path(path).name}{ending} to {Path(path).name} and fill it in"
    otherwise = ", or say that it may be missing: `env_file: [{path: …, required: false}]`"
    return f"create it{otherwise if may_be_missing else ''}"


def _read(
    path: str, content: bytes, form: str, lookup: Lookup, files: Files, warn: Callable[[str], None]
) -> dict[str, str]:
    files.add(path, content)
    text = content.decode("utf-8", "surrogateescape")
    try:
        if form == "raw":
            return dotenv.parse_raw(text, lookup)
        if form:
            raise ComposeError(f'unsupported env_file format "{form}" of {path}: only "raw" is known')
        return dotenv.parse(text, lookup, lambda name: warn(_UNSET.format(name)))
    except dotenv.EnvFileError as wrong:
        raise ComposeError(files.problem(f"failed to read {path}: {wrong}", _Place(path, wrong.line - 1))) from None


class _Place:
    """The beginning of a line."""

    column = 0

    def __init__(self, name: str, line: int) -> None:
        self.name, self.line = name, line


_UNSET = 'The "{}" variable is not set. Defaulting to a blank string.'
