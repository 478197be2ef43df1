"""At the top level: is Compose's command meant, or `docker`'s of the same name?

The rule, in this order:
- a project is named (`-f`, `-p`, `COMPOSE_FILE` …): Compose's;
- no compose file here or above: `docker`'s;
- a flag that only `docker`'s command takes (`build -t`, `run --network …`): `docker`'s;
- names are given: Compose's when the first is a service of the project, else `docker`'s (so `build PATH` is);
- nothing is named: Compose's. `stats` alone is `docker`'s.

The compose file is read only when a name has to be looked up in it; where it is broken, the engine is asked whether
it has a container of that name.
"""

from itertools import pairwise

import click

from dockless.cli.lazy import Entry, plain_flags
from dockless.cli.session import Session


def means_project(name: str, arguments: list[str], session: Session, compose: Entry) -> bool:
    """Whether `dockless NAME ARGUMENTS` is about the project. Raises `ComposeError` when its file cannot be read."""
    if session.names_project():
        return True
    if not session.in_project():
        return False
    if name == "ps":
        return _only_compose_flags(compose, arguments) and not _docker_filter(arguments)
    command = compose.load()
    if "--help" in arguments:
        return True
    try:
        context = command.make_context(name, plain_flags(command, arguments), resilient_parsing=False)
    except click.UsageError:
        return _first_name_is_service(arguments, session)
    with context:
        asked = _names(name, context)
    if not asked:
        return name != "stats"
    return _is_service(asked[0], session)


def _only_compose_flags(compose: Entry, arguments: list[str]) -> bool:
    command = compose.load()
    try:
        command.make_context("ps", plain_flags(command, arguments))
    except click.exceptions.Exit:
        return True
    except click.UsageError:
        return False
    return True


def _docker_filter(arguments: list[str]) -> bool:
    """Compose's `ps` filters by status alone."""
    given = [following for flag, following in pairwise(arguments) if flag in ("-f", "--filter")]
    given += [argument.partition("=")[2] for argument in arguments if argument.startswith("--filter=")]
    return any(not each.startswith("status=") for each in given)


def _names(command: str, context: click.Context) -> list[str]:
    """The services or containers that the arguments name."""
    values = context.params
    if command == "cp":
        return [side.partition(":")[0] for side in (values["source"], values["destination"]) if ":" in side]
    if "service" in values:
        return [values["service"]] if values["service"] else []
    return list(values.get("services") or ())


def _first_name_is_service(arguments: list[str], session: Session) -> bool:
    """For arguments that Compose's command does not take: an error about a service should still be Compose's."""
    positional = [argument for argument in arguments if not argument.startswith("-")]
    flags = [argument for argument in arguments if argument.startswith("-")]
    return bool(positional) and not flags and _is_service(positional[0], session)


def _is_service(name: str, session: Session) -> bool:
    from dockless.compose.errors import ComposeError

    try:
        project = session.load(quiet=True)
    except ComposeError:
        if _is_container(name, session):
            return False
        raise
    return name in project.services or name in project.disabled_services


def _is_container(name: str, session: Session) -> bool:
    from dockless.wire.errors import ApiError

    try:
        session.client.containers.inspect(name)
    except ApiError:
        return False
    return True
