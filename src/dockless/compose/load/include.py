"""`include`: another project's resources, loaded with its own folder and environment, become part of this one."""

import os
from typing import TYPE_CHECKING, Any

from dockless.compose.load.sources import add_env_files, fetched
from dockless.compose.load.tree import Trouble

if TYPE_CHECKING:
    from dockless.compose.load.documents import Context

_KINDS = ("services", "volumes", "networks", "secrets", "configs", "models")


class Includer:
    """Carries out the includes of one document; `chain` are the files that led here, that document's the last."""

    def __init__(self, context: "Context", chain: tuple[str, ...]) -> None:
        self._context, self._chain = context, chain

    def resources(self, tree: dict[str, Any]) -> None:
        """Changes the document in place; raises ComposeError."""
        if "include" not in tree:
            return
        entries = tree["include"]
        if entries is None:
            del tree["include"]
            return
        if not isinstance(entries, list):
            self._fail(tree, (), "`include` must be a list")
        for index, entry in enumerate(entries):
            self._import(self._load(tree, index, entry), tree, index)
        del tree["include"]

    def _fail(self, tree: Any, path: tuple[str | int, ...], message: str) -> None:
        files = self._context.files
        files.fail([files.problem_in(tree, ("include", *path), Trouble(message))])

    def _load(self, tree: Any, index: int, entry: Any) -> dict[str, Any]:
        from dockless.compose.load import documents

        context = self._context
        settings = {"path": entry} if isinstance(entry, str) else entry
        if not isinstance(settings, dict):
            self._fail(tree, (index,), "an include is a path, or a mapping with `path`")
        if unknown := [key for key in settings if key not in ("path", "env_file", "project_directory")]:
            context.warn(f"include: unknown key '{unknown[0]}' is ignored")
        files = self._texts(tree, index, settings, "path")
        if not files:
            self._fail(tree, (index,), "an include needs a `path`")
        remote = [fetched(file, context.fetch) for file in files]
        full = [
            found.path if found else os.path.normpath(os.path.join(context.working_dir, file))
            for file, found in zip(files, remote, strict=True)
        ]
        for path in full:
            if not os.path.isfile(path):
                self._fail(tree, (index,), f"open {path}: no such file or directory")
        if full[0] in self._chain:
            self._fail(tree, (index,), f"include cycle detected: {' includes '.join((*self._chain, full[0]))}")
        directory = settings.get("project_directory") or os.path.dirname(full[0])
        directory = os.path.normpath(os.path.join(context.working_dir, str(directory)))
        if not os.path.isdir(directory):
            directory = os.path.dirname(directory)
        environment = dict(context.environment)
        env_files = self._env_files(tree, index, settings, directory)
        add_env_files(environment, env_files, context.files, context.warn)
        inner = context.within(directory, environment)
        return documents.load([documents.parse(path, inner) for path in full], inner, self._chain)

    def _texts(self, tree: Any, index: int, settings: dict[str, Any], key: str) -> list[str]:
        value = settings.get(key)
        listed = [] if value is None else value if isinstance(value, list) else [value]
        if not all(isinstance(item, str) for item in listed):
            self._fail(tree, (index, key), f"include: `{key}` must be a string or a list of strings")
        return listed

    def _env_files(self, tree: Any, index: int, settings: dict[str, Any], directory: str) -> list[str]:
        listed = self._texts(tree, index, settings, "env_file")
        if not listed:
            default = os.path.join(directory, ".env")
            return [default] if os.path.isfile(default) else []
        found = [os.path.normpath(os.path.join(self._context.working_dir, path)) for path in listed]
        for path in found:
            if path != os.devnull and not os.path.isfile(path):
                self._fail(tree, (index, "env_file"), f"{path} is not a file")
        return found

    def _import(self, source: dict[str, Any], tree: dict[str, Any], index: int) -> None:
        for kind in _KINDS:
            resources = source.get(kind)
            if not isinstance(resources, dict):
                continue
            own = tree.get(kind)
            if own is None:
                own = tree[kind] = {}
            if not isinstance(own, dict):
                continue
            for name, resource in resources.items():
                if name in own and own[name] != resource:
                    self._fail(tree, (index,), f"{kind}.{name} conflicts with imported resource")
                own[name] = resource
                marks, theirs = getattr(own, "marks", None), getattr(resources, "marks", {})
                if marks is not None and name in theirs:
                    marks[name] = theirs[name]
