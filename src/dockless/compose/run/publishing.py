"""From a project to the documents of its artifact: the compose files, what they extend, and their env files.

Paths in the texts are replaced where they stand, so that comments and style are kept.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import yaml

from dockless.compose.load.interpolation import Interpolation
from dockless.compose.load.template import TemplateError
from dockless.compose.load.tree import Files
from dockless.compose.model import Project
from dockless.compose.run.artifact import ENV_TYPE, Layer
from dockless.compose.run.order import ProjectError

_Edit = tuple[int, int, str]


def documents_of(project: Project, is_remote: Callable[[str], bool], *, with_env: bool) -> list[Layer]:
    """The layers in Docker Compose's order. `is_remote`: whether a path is fetched from elsewhere: it stands.

    Raises `ProjectError` for a file that cannot be read, or that includes local ones.
    """
    return _Collecting(project, is_remote).layers(with_env=with_env)


class _Collecting:
    def __init__(self, project: Project, is_remote: Callable[[str], bool]) -> None:
        self._project = project
        self._is_remote = is_remote
        self._fill = Interpolation(project.environment, Files(), lambda _: None)
        self._extended: dict[str, Layer] = {}
        self._env: dict[str, Layer] = {}

    def layers(self, *, with_env: bool) -> list[Layer]:
        files = [path for path in self._project.compose_files if path != "-"]
        if len(files) < len(self._project.compose_files):
            raise ProjectError("a compose file from standard input cannot be published: name a file")
        own = [Layer(os.path.basename(path), self._text(path, self._project.working_dir)) for path in files]
        return [*own, *self._extended.values(), *(self._env.values() if with_env else ())]

    def _text(self, path: str, folder: str) -> bytes:
        """The file with the names of what goes along; `folder` is where its relative paths begin."""
        text = _read(path).decode("utf-8", "surrogateescape")
        try:
            roots = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
        except yaml.YAMLError as error:
            raise ProjectError(f"{path}: {error}") from error
        edits: dict[int, _Edit] = {}
        for root in roots:
            self._refuse_includes(root)
            for service in _values(_entry(root, "services")):
                for start, end, new in self._edits(service, folder):
                    edits[start] = (start, end, new)  # an anchor's node is met once for each alias
        for start, end, new in sorted(edits.values(), reverse=True):
            text = text[:start] + new + text[end:]
        return text.encode("utf-8", "surrogateescape")

    def _refuse_includes(self, root: yaml.Node | None) -> None:
        for entry in _items(_entry(root, "include")):
            paths = _entry(entry, "path") if isinstance(entry, yaml.MappingNode) else entry
            for node in _items(paths):
                if isinstance(node, yaml.ScalarNode) and not self._is_remote(self._filled(node.value)):
                    raise ProjectError("cannot publish compose file with local includes")

    def _edits(self, service: yaml.Node, folder: str) -> Iterator[_Edit]:
        file = _entry(_entry(service, "extends"), "file")
        if isinstance(file, yaml.ScalarNode) and not self._is_remote(self._filled(file.value)):
            yield (*_span(file), self._extend(_joined(folder, self._filled(file.value))))
        for entry in _items(_entry(service, "env_file")):
            node = _entry(entry, "path") if isinstance(entry, yaml.MappingNode) else entry
            if isinstance(node, yaml.ScalarNode):
                yield (*_span(node), self._env_file(_joined(folder, self._filled(node.value))))

    def _extend(self, path: str) -> str:
        name = f"{_hash(path)}.yaml"
        if path not in self._extended:
            self._extended[path] = Layer(name, b"", extended=True)  # files may extend one another in a circle
            self._extended[path] = Layer(name, self._text(path, os.path.dirname(path)), extended=True)
        return name

    def _env_file(self, path: str) -> str:
        name = f"{_hash(path)}.env"
        # One that need not be there stays away where it is read, too.
        if path not in self._env and os.path.isfile(path):
            self._env[path] = Layer(name, _read(path), ENV_TYPE)
        return name

    def _filled(self, text: str) -> str:
        try:
            return self._fill.text(text)
        except TemplateError as error:
            raise ProjectError(f"{text}: {error}") from error


def _hash(path: str) -> str:
    return hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()


def _joined(folder: str, path: str) -> str:
    return os.path.normpath(os.path.join(folder, path))


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ProjectError(f"open {path}: {(error.strerror or str(error)).lower()}") from error


def _entry(node: yaml.Node | None, key: str) -> yaml.Node | None:
    """The last one of that key, as a reader of the file takes it; else one that is merged in (`<<`)."""
    found, merged = None, []
    for name, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if isinstance(name, yaml.ScalarNode) and name.value == key:
            found = value
        elif isinstance(name, yaml.ScalarNode) and name.value == "<<":
            merged += _items(value)
    return found or next(filter(None, (_entry(each, key) for each in merged)), None)


def _values(node: yaml.Node | None) -> list[yaml.Node]:
    return [value for _, value in node.value] if isinstance(node, yaml.MappingNode) else []


def _items(node: yaml.Node | None) -> list[yaml.Node]:
    if node is None:
        return []
    return list(node.value) if isinstance(node, yaml.SequenceNode) else [node]


def _span(node: yaml.ScalarNode) -> tuple[int, int]:
    return node.start_mark.index, node.end_mark.index
