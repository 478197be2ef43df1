"""What a Python application depends on, and how that is installed: by pip, uv or Poetry, from the file that says it."""

import re
import tomllib
from typing import Any

from dockless.explain.init.application import Install
from dockless.explain.init.folder import Folder

_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)(\[[^\]]*\])?")
_INCLUDE = re.compile(r"\s*(?:-r|--requirement|-c|--constraint)[\s=]+(\S+)")
_PIP = "pip install --no-cache-dir"
_UV = "uv==0.6.5"
_POETRY = "poetry==2.1.1"
# Prints the dependencies that pyproject.toml names, so that they are installed before the code is copied.
_FROM_PYPROJECT = (
    "python -c \"import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project'].get('dependencies', []), "
    'sep=chr(10))" >/tmp/requirements.txt'
)


def python_install(folder: Folder, extra: dict[str, str]) -> Install:
    """`extra`: package → pinned requirement of what production needs beside the application's own.

    What the application names itself is left out of it.
    """
    packages, manifests, commands = _from_files(folder)
    missing = [f'"{pinned}"' for name, pinned in extra.items() if name not in packages]
    if missing:
        commands = (*commands, f"{_PIP} {' '.join(missing)}")
    return Install(manifests, commands, packages)


def canonical(name: str) -> str:
    """A package's name as all spellings of it are compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _from_files(folder: Folder) -> tuple[frozenset[str], tuple[str, ...], tuple[str, ...]]:
    project = _toml(folder.text("pyproject.toml"))
    named = frozenset(_of_project(project))
    if "uv.lock" in folder.names and project:
        sync = "UV_PROJECT_ENVIRONMENT=/venv uv sync --frozen --no-dev --no-install-project"
        return named, ("pyproject.toml", "uv.lock"), (f"{_PIP} {_UV}", sync)
    if "poetry.lock" in folder.names and project:
        install = "poetry install --only main --no-root --no-interaction"
        return named, ("pyproject.toml", "poetry.lock"), (f"{_PIP} {_POETRY}", install)
    if "requirements.txt" in folder.names:
        files = _with_includes(folder, "requirements.txt", [])
        listed = frozenset(name for file in files for name in _of_requirements(folder.text(file)))
        return named | listed, tuple(files), (f"{_PIP} -r requirements.txt",)
    if project.get("project", {}).get("dependencies"):
        return named, ("pyproject.toml",), (_FROM_PYPROJECT, f"{_PIP} -r /tmp/requirements.txt")
    return named, (), ()


def _with_includes(folder: Folder, file: str, seen: list[str]) -> list[str]:
    """A requirements file and those that it names with -r and -c, each once."""
    if file in seen or file not in folder.names:
        return seen
    seen.append(file)
    for line in folder.text(file).splitlines():
        if match := _INCLUDE.match(line):
            below = file.rpartition("/")[0]
            _with_includes(folder, f"{below}/{match[1]}" if below else match[1], seen)
    return seen


def _of_requirements(text: str) -> list[str]:
    lines = (line.partition("#")[0] for line in text.splitlines())
    return [name for line in lines if not line.lstrip().startswith("-") for name in _names(line)]


def _names(requirement: str) -> list[str]:
    """`psycopg[binary]>=3` → `psycopg`, `psycopg-binary`: what an extra brings is named after it."""
    match = _NAME.match(requirement)
    if match is None:
        return []
    extras = [extra for extra in (match[2] or "")[1:-1].split(",") if extra]
    return [canonical(match[1]), *(canonical(f"{match[1]}-{extra.strip()}") for extra in extras)]


def _of_project(project: dict[str, Any]) -> list[str]:
    listed = project.get("project", {}).get("dependencies", [])
    poetry = project.get("tool", {}).get("poetry", {}).get("dependencies", {})
    names = [name for each in listed if isinstance(each, str) for name in _names(each)]
    for name, asked in poetry.items():
        extras = asked.get("extras", ()) if isinstance(asked, dict) else ()
        names += [canonical(name), *(canonical(f"{name}-{extra}") for extra in extras)]
    return names


def _toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}  # pip will say what is wrong with it
