"""Helpers for loading a case, or a project written in the test itself, in a folder of its own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from case_files import Case

from dockless.compose.load import LoadOptions, load
from dockless.compose.model import Project

_FLAGS = {
    "-f": "files",
    "--env-file": "env_files",
    "--profile": "profiles",
    "-p": "project_name",
    "--project-directory": "project_directory",
}


def options(case: Case, folder: Path) -> LoadOptions:
    """What the command line of a case asks for."""
    values: dict[str, Any] = {}
    arguments = iter(case.args)
    for flag in arguments:
        if flag == "--":
            values["services"] = tuple(arguments)
        elif flag in ("-p", "--project-directory"):
            values[_FLAGS[flag]] = next(arguments)
        else:
            values[_FLAGS[flag]] = (*values.get(_FLAGS[flag], ()), next(arguments))
    environ = {"PATH": "/usr/bin:/bin", "HOME": "/home/user", **case.environ}
    return LoadOptions(cwd=folder, environ=environ, **values)


def project(folder: Path, environ: Mapping[str, str] | None = None, /, **files: str) -> Project:
    """Loads files given as text: `compose="…"` is compose.yaml, `other_yaml="…"` is other.yaml."""
    for name, text in files.items():
        path = folder / ("compose.yaml" if name == "compose" else name.replace("_", "."))
        path.write_text(text)
    return load(LoadOptions(cwd=folder, environ=dict(environ or {})))


def anonymous(text: str, folder: Path) -> str:
    """The text with the folder's path as the cases have it."""
    return text.replace(str(folder), "/PROJECT").replace(str(folder.parent), "/PARENT")
