"""Services that a program outside of Compose provides (`provider`): finds the program, runs it, reads what it says.

The program is called as `PROGRAM compose --project-name=NAME up|down --OPTION=VALUE… SERVICE`. On its standard output
it writes JSON objects: `info` and `error` are shown, `setenv` (`KEY=VALUE`) gives a variable to the services that
depend on it, `debug` is not shown. What it may be told, it says itself when it is asked `compose metadata`.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from msgspec.structs import replace

from dockless.compose.model import Project, Service
from dockless.compose.run.execute import Reporter
from dockless.compose.run.order import ProjectError, in_order

_PLUGIN_FOLDERS = (
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
)


def with_provided(
    project: Project, services: Iterable[str], reporter: Reporter, environ: Mapping[str, str], *, dry_run: bool = False
) -> Project:
    """Has each provider among `services` provide, and returns the project with the variables that they gave.

    Raises `ProjectError` with the program's own message.
    """
    for service in _provided(project, services):
        if dry_run:
            reporter.report(_subject(service), f"provided by {_type(service)}", done=True)
            continue
        variables = _run(project, service, "up", reporter, environ)
        project = _given(project, service.name, variables)
    return project


def take_down(project: Project, services: Iterable[str], reporter: Reporter, environ: Mapping[str, str]) -> None:
    """Has the providers among `services` remove what they made, dependents first. Raises `ProjectError`."""
    for service in reversed(_provided(project, services)):
        _run(project, service, "down", reporter, environ)


def _provided(project: Project, services: Iterable[str]) -> list[Service]:
    return [each for each in in_order(project, frozenset(services)) if each.provider is not None]


def _given(project: Project, provider: str, variables: Mapping[str, str]) -> Project:
    """Each variable with the provider's name before it, to the services that depend on the provider."""
    if not variables:
        return project
    prefixed = {f"{provider.upper()}_{name}": value for name, value in variables.items()}
    services = {
        name: replace(each, environment={**each.environment, **prefixed}) if provider in each.depends_on else each
        for name, each in project.services.items()
    }
    return replace(project, services=services)


def _run(
    project: Project, service: Service, verb: str, reporter: Reporter, environ: Mapping[str, str]
) -> dict[str, str]:
    """The variables that the program gave."""
    subject = _subject(service)
    program = _program(service, environ)
    environment = {**environ, **project.environment, "COMPOSE_PROJECT_NAME": project.name}
    arguments = _arguments(project, service, verb, program, environment)
    reporter.report(subject, "Creating" if verb == "up" else "Removing", done=False)
    variables: dict[str, str] = {}
    with subprocess.Popen(
        [program, *arguments], cwd=project.working_dir, env=environment, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        try:
            for kind, message in _messages(process.stdout, service):
                _take(kind, message, service, variables, reporter)
        except ProjectError:
            process.terminate()
            reporter.report(subject, "Error", done=True, failed=True)
            raise
        status = process.wait()
    if status:
        reporter.report(subject, "Error", done=True, failed=True)
        action = "create" if verb == "up" else "remove"
        raise ProjectError(
            f"failed to {action} service {service.name}: its provider {_type(service)} ended with status {status}"
        )
    reporter.report(subject, "Created" if verb == "up" else "Removed", done=True)
    return variables


def _take(kind: str, message: str, service: Service, variables: dict[str, str], reporter: Reporter) -> None:
    match kind:
        case "info":
            reporter.report(_subject(service), message.partition("\n")[0], done=False)
        case "error":
            raise ProjectError(f"provider {_type(service)} of service {service.name}: {message}")
        case "setenv":
            name, equals, value = message.partition("=")
            if not equals:
                raise _invalid(service, f"setenv without a value: {message!r}")
            variables[name] = value
        case "debug":
            return  # for the provider's own author: shown with `--debug`, which Compose does not pass on
        case _:
            raise _invalid(service, f"a message of the type {kind!r}")


def _messages(output: IO[bytes], service: Service) -> Iterator[tuple[str, str]]:
    """Objects one after the other, whatever is between them."""
    decoder = json.JSONDecoder()
    rest = ""
    for line in output:
        rest = (rest + line.decode(errors="replace")).lstrip()
        while rest:
            try:
                found, end = decoder.raw_decode(rest)
            except json.JSONDecodeError as error:
                if rest.startswith("{"):
                    break  # an object may be written over several lines
                raise _invalid(service, f"{rest.strip()!r} ({error.msg})") from error
            if not isinstance(found, dict):
                raise _invalid(service, repr(found))
            rest = rest[end:].lstrip()
            yield str(found.get("type", "")), str(found.get("message", ""))
    if rest:
        raise _invalid(service, repr(rest.strip()))


def _invalid(service: Service, what: str) -> ProjectError:
    return ProjectError(f"invalid response from provider {_type(service)} of service {service.name}: {what}")


def _arguments(
    project: Project, service: Service, verb: str, program: str, environment: Mapping[str, str]
) -> list[str]:
    """Raises `ProjectError` for an option that the program requires and the file does not give."""
    assert service.provider is not None
    options = service.provider.options
    metadata = _metadata(program, environment, project.working_dir)
    accepted: set[str] | None = None
    if metadata:
        parameters = _parameters(metadata, verb)
        accepted = {str(each.get("name", "")) for each in parameters}
        for each in parameters:
            name = str(each.get("name", ""))
            if each.get("required") and name not in options:
                raise ProjectError(
                    f'service {service.name}: required parameter "{name}" is missing from provider "{_type(service)}"'
                )
    chosen = [
        f"--{name}={value}"
        for name, values in sorted(options.items())
        if accepted is None or name in accepted
        for value in values
    ]
    return ["compose", f"--project-name={project.name}", verb, *chosen, service.name]


def _metadata(program: str, environment: Mapping[str, str], folder: str) -> dict[str, Any]:
    """What the program says of its parameters; empty where it does not know the question, which is no mistake."""
    done = subprocess.run(
        [program, "compose", "metadata"],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        return {}
    try:
        found = json.loads(done.stdout)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _parameters(metadata: Mapping[str, Any], verb: str) -> list[dict[str, Any]]:
    command = metadata.get(verb)
    found = command.get("parameters") if isinstance(command, dict) else None
    return [each for each in found or () if isinstance(each, dict)]


def _program(service: Service, environ: Mapping[str, str]) -> str:
    """A plugin of Docker's command line by that name, or a program on PATH. Raises `ProjectError`."""
    name = _type(service)
    if name == "compose":
        raise ProjectError(f"service {service.name}: 'compose' is not a valid provider type")
    settings = environ.get("DOCKER_CONFIG") or f"{environ.get('HOME', '')}/.docker"
    for folder in (f"{settings}/cli-plugins", *_PLUGIN_FOLDERS):
        path = Path(folder, f"docker-{name}")
        if path.is_file() and os.access(path, os.X_OK):
            return str(path)
    found = shutil.which(name, path=environ.get("PATH"))
    if found is None:
        raise ProjectError(
            f"service {service.name} is provided by {name!r}, and there is no such program: neither `docker-{name}` "
            f"among Docker's plugins nor `{name}` on PATH. Install it, or give the service an image"
        )
    return found


def _type(service: Service) -> str:
    return service.provider.type if service.provider else ""


def _subject(service: Service) -> str:
    return service.name
