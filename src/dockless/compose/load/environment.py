"""Files that give a service its environment and labels (`env_file`, `label_file`), and a project its variables."""

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from dockless.compose.errors import ComposeError, Problem
from dockless.compose.load import dotenv
from dockless.compose.load.template import Lookup, TemplateError
from dockless.compose.load.tree import Files
from dockless.compose.model import EnvFile, Project, Service


def read_env_file(path: str, lookup: Lookup, files: Files, warn: Callable[[str], None]) -> dict[str, str]:
    """What a `.env` sets. Raises ComposeError with the line of a fault."""
    return _read(path, _text(path), "", lookup, files, warn)


def resolve_environment(project: Project, files: Files, warn: Callable[[str], None]) -> Project:
    """The project with its services' env files read: what the service itself says goes before them.

    Variables in an env file are looked up in the project's environment first, then in the service's, then in the env
    files before it. `env_file` is empty in the result. Raises ComposeError.
    """

    def resolved(service: Service) -> Service:
        own = service.environment
        found: dict[str, str] = {}
        for env_file in service.env_file:
            found.update(_env_file(env_file, {**found, **own}, project.environment, files, warn))
        return msgspec.structs.replace(service, environment={**found, **own}, env_file=())

    services = {name: resolved(service) if service.env_file else service for name, service in project.services.items()}
    return msgspec.structs.replace(project, services=services)


def resolve_listed(project: Project, files: Files, warn: Callable[[str], None]) -> Project:
    """The project with the variables that services name without a value, and with the labels of label files.

    Raises ComposeError.
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
            for path in service.label_file:
                labels.update(_read(path, _text(path, "label file"), "", lambda _: None, files, warn))
            changes["labels"] = {**labels, **service.labels}
        return msgspec.structs.replace(service, **changes) if changes else service

    services = {name: resolved(service) for name, service in project.services.items()}
    return msgspec.structs.replace(project, services=services)


def _env_file(
    env_file: EnvFile,
    own: Mapping[str, str | None],
    environment: Mapping[str, str],
    files: Files,
    warn: Callable[[str], None],
) -> dict[str, str]:
    if not env_file.required and not Path(env_file.path).exists():
        return {}

    def lookup(name: str) -> str | None:
        value = environment.get(name)
        return own.get(name) if value is None else value

    return _read(env_file.path, _text(env_file.path), env_file.format, lookup, files, warn)


def _text(path: str, what: str = "env file") -> bytes:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError as error:
        message = f"{what} {path} not found: stat {path}: no such file or directory"
        raise ComposeError(Problem(message, hint=_hint(path))) from error
    except OSError as error:
        raise ComposeError(f"{what} {path}: {(error.strerror or str(error)).lower()}") from error


def _hint(path: str) -> str:
    """Many projects bring a sample beside the place of the file that is missing."""
    for ending in (".example", ".sample", ".template", ".dist"):
        if Path(path + ending).exists():
            return f"copy {Path(path).name}{ending} to {Path(path).name} and fill it in"
    return "create it, or say that it may be missing: `env_file: [{path: …, required: false}]`"


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
    except TemplateError as wrong:
        raise ComposeError(f"failed to read {path}: {wrong}") from None


class _Place:
    """The beginning of a line."""

    column = 0

    def __init__(self, name: str, line: int) -> None:
        self.name, self.line = name, line


_UNSET = 'The "{}" variable is not set. Defaulting to a blank string.'
