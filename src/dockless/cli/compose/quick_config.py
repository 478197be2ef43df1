"""`config` without the command line's library, whose import takes longer than loading a project.

Only what is read here is understood: for anything else (a mistake, `--help`, an engine that must be asked) `attempt`
says so, and the command goes its usual way. A test holds the tables against the command's own options.
"""

import sys
from pathlib import Path
from typing import Any

from dockless.cli.compose.config_text import text
from dockless.cli.environment import of_process
from dockless.cli.remote import fetcher
from dockless.compose.load.loader import load
from dockless.compose.load.options import LoadOptions
from dockless.compose.model import Project

_GLOBAL = {
    "-f": "files",
    "--file": "files",
    "-p": "project_name",
    "--project-name": "project_name",
    "--profile": "profiles",
    "--env-file": "env_files",
    "--project-directory": "project_directory",
}
_MANY = frozenset({"files", "profiles", "env_files"})
VALUES = {"--format": "format_", "--hash": "hash_", "-o": "output", "--output": "output"}
SWITCHES = {
    "--environment": "environment",
    "--images": "images",
    "--json": "json",
    "--models": "models",
    "--networks": "networks",
    "--no-consistency": "no_consistency",
    "--no-env-resolution": "no_env_resolution",
    "--no-interpolate": "no_interpolate",
    "--no-normalize": "no_normalize",
    "--no-path-resolution": "no_path_resolution",
    "--profiles": "profiles",
    "-q": "quiet",
    "--quiet": "quiet",
    "--services": "services",
    "--variables": "variables",
    "--volumes": "volumes",
}
LEFT_OUT = frozenset({"resolve_image_digests", "lock_image_digests"})
"""Flags for which an engine is asked."""


def attempt(arguments: list[str]) -> int | None:
    """Runs `[compose] [OPTIONS] config …` and returns its exit status; None if it is to be run the usual way."""
    words = arguments[1:] if arguments[:1] == ["compose"] else arguments
    if "config" not in words:
        return None
    at = words.index("config")
    outer, inner = _read(words[:at], _GLOBAL, {}), _read(words[at + 1 :], VALUES, SWITCHES)
    if outer is None or inner is None or outer[1]:
        return None
    flags: dict[str, Any] = dict.fromkeys((*SWITCHES.values(), *LEFT_OUT), False)
    flags |= {"format_": "yaml", "hash_": "", "output": ""} | inner[0]
    if flags["json"]:
        flags["format_"] = "json"
    if flags["format_"] not in ("yaml", "json"):
        return None
    return _run(_Session(outer[0]), tuple(inner[1]), flags)


def _run(session: "_Session", names: tuple[str, ...], flags: dict[str, Any]) -> int | None:
    try:
        printed = text(session, names, flags)
        if flags["quiet"]:
            return 0
        if flags["output"]:
            Path(flags["output"]).write_text(printed, encoding="utf-8")
            return 0
        sys.stdout.write(printed if printed.endswith("\n") or not printed else printed + "\n")
        sys.stdout.flush()
    except BaseException as error:  # noqa: BLE001  (sorted out by `end_of`, which raises what it does not know)
        from dockless.cli.ending import end_of

        return end_of(error)
    return 0


def _read(
    words: list[str], values: dict[str, str], switches: dict[str, str]
) -> tuple[dict[str, Any], list[str]] | None:
    """The options among the words, and the rest; None if one is not known here."""
    found: dict[str, Any] = {}
    rest: list[str] = []
    waiting = iter(words)
    for word in waiting:
        name, equals, value = word.partition("=")
        if word in switches:
            found[switches[word]] = True
        elif name in values and (not equals or name.startswith("--")):
            given = value if equals else next(waiting, None)
            if given is None:
                return None
            field = values[name]
            found[field] = (*found.get(field, ()), given) if field in _MANY else given
        elif word.startswith("-"):
            return None
        else:
            rest.append(word)
    return found, rest


class _Session:
    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options

    def load_options(self, services: tuple[str, ...] = (), **settings: Any) -> LoadOptions:
        environ = of_process()
        fetch = fetcher(environ)
        return LoadOptions(services=services, environ=environ, cwd=Path.cwd(), fetch=fetch, **self._options, **settings)

    def load_with(self, options: LoadOptions) -> Project:
        project = load(options)
        for warning in project.warnings:
            sys.stderr.write(f"WARN[0000] {warning}\n")
        return project

    def with_digests(self, project: Project) -> Project:
        raise NotImplementedError("an engine is asked for digests: `attempt` leaves that to the command")
