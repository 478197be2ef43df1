"""Where an effective value comes from: the shell, an env file's line, a compose file's line, or nowhere (a default)."""

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from dockless.compose.load.template import variables
from dockless.compose.load.tree import Path, locate
from dockless.compose.model import Service
from dockless.explain.place import Place
from dockless.explain.story.stack import Stack
from dockless.explain.story.values import MASK, Value

_ASSIGNMENT = re.compile(r"^\s*(?:export\s+)?([^\s=:#]+)\s*[=:]", re.MULTILINE)
_SECRET = re.compile(
    r"(PASS(WORD|WD|PHRASE)?|SECRET|TOKEN|CREDENTIAL|PRIVATE|API_?KEY|ACCESS_?KEY|AUTH|DSN|_KEY|^KEY)(_|$|\d)",
    re.IGNORECASE,
)
_NOT_SECRET = re.compile(r"(_FILE|_PATH|_URL|_HOST|_PORT|_USER|_METHOD|_ID|_DAYS|_COUNT|_LENGTH)$", re.IGNORECASE)
_IN_ADDRESS = re.compile(r"(\w+://[^:/@\s]*:)([^@\s]+)@")


def is_secret(name: str) -> bool:
    """Whether a variable of this name is likely to hold a secret."""
    return bool(_SECRET.search(name)) and not _NOT_SECRET.search(name)


def masked(stack: Stack, name: str, value: str | None) -> str:
    """The value as it may be shown: a secret's place holder, an address without its password."""
    if value is None:
        return "(not set)"
    if stack.reveal or not value:
        return value
    if is_secret(name):
        return MASK
    return _IN_ADDRESS.sub(rf"\1{MASK}@", value)


def lines_of(text: str) -> dict[str, int]:
    """The line of each variable that an env file sets (the last one, which holds)."""
    return {match[1]: text.count("\n", 0, match.start(1)) + 1 for match in _ASSIGNMENT.finditer(text)}


def place_of(stack: Stack, path: Path) -> str:
    """Where the effective entry at `path` of the merged project stands, or `default`."""
    if stack.traced is None:
        return ""
    mark = locate(stack.traced.tree, path, key=True)
    return Place(mark.name, mark.line + 1).shown(stack.folder) if mark else "default"


def variable(stack: Stack, name: str) -> Value:
    """A variable that a compose file refers to."""
    value = stack.project.environment.get(name)
    if value is None:
        return Value(f"${name}", "(not set)", "nowhere: not in the shell, not in an env file")
    return Value(f"${name}", masked(stack, name, value), _variable_origin(stack, name))


def _variable_origin(stack: Stack, name: str) -> str:
    if name in stack.shell:
        return "the shell"
    for path in reversed(stack.traced.env_files if stack.traced else ()):
        if found := _line_in(stack, path, name):
            return found
    return "the project's name" if name == "COMPOSE_PROJECT_NAME" else "an env file"


def _line_in(stack: Stack, path: str, name: str) -> str:
    assert stack.traced is not None
    line = lines_of(stack.traced.files.text(path).decode("utf-8", "replace")).get(name)
    return Place(path, line).shown(stack.folder) if line else ""


def mentioned(value: Any) -> Iterator[str]:
    """The names of the variables in a value as written, each once."""
    seen: set[str] = set()
    for text in texts(value):
        try:
            found = [each.name for each in variables(text)]
        except ValueError:
            continue
        for name in found:
            if name not in seen:
                seen.add(name)
                yield name


def texts(value: Any) -> Iterator[str]:
    """Every string in a tree."""
    value = getattr(value, "value", value)
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for entry in value.values():
            yield from texts(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from texts(entry)


def environment(stack: Stack, service: Service, *, only_file: str = "") -> list[Value]:
    """Each variable that the service's processes get, and where it is set. `only_file` keeps one env file's."""
    written = _written(stack, service.name)
    own = written.environment if written else {}
    found = []
    for name, value in service.environment.items():
        if name in own:
            origin, file = _listed_origin(stack, service.name, name, own[name]), ""
        else:
            origin, file = _file_origin(stack, written, name)
        if not only_file or file == only_file:
            found.append(Value(name, masked(stack, name, value), origin))
    return found


def _written(stack: Stack, name: str) -> Service | None:
    return stack.written.services.get(name) or stack.written.disabled_services.get(name)


def _listed_origin(stack: Stack, service: str, name: str, written: str | None) -> str:
    where = place_of(stack, ("services", service, "environment", _entry(stack, service, name)))
    return _variable_origin(stack, name) if written is None and name in stack.project.environment else where


def _entry(stack: Stack, service: str, name: str) -> str | int:
    """The variable's key in `environment`, or, where that is a list, its place there (the last one, which holds)."""
    services = stack.traced.tree.get("services") if stack.traced else None
    listed = services.get(service, {}).get("environment") if isinstance(services, dict) else None
    if not isinstance(listed, list):
        return name
    found = [at for at, entry in enumerate(listed) if str(entry).partition("=")[0] == name]
    return found[-1] if found else name


def _file_origin(stack: Stack, written: Service | None, name: str) -> tuple[str, str]:
    for env_file in reversed(written.env_file if written else ()):
        if found := _line_in(stack, env_file.path, name):
            return found, env_file.path
    return "env_file", ""


def overridden_by(stack: Stack, service: Service, path: str) -> list[str]:
    """The variables of an env file that do not count, because `environment` or a later file sets them too."""
    written = _written(stack, service.name)
    if stack.traced is None or written is None:
        return []
    names = lines_of(stack.traced.files.text(path).decode("utf-8", "replace"))
    listed = [each.path for each in written.env_file]
    later = listed[listed.index(path) + 1 :] if path in listed else []
    others: set[str] = set(written.environment)
    for other in later:
        others.update(lines_of(stack.traced.files.text(other).decode("utf-8", "replace")))
    return [name for name in names if name in others]


def exists(path: str) -> bool:
    return os.path.exists(path)
