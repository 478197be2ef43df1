"""`extends`: a service begins as a copy of another one, of the same file or another, and is merged over it."""

import os
from typing import TYPE_CHECKING, Any

from dockless.compose.errors import Problem
from dockless.compose.load import paths, unicity
from dockless.compose.load.canonical import canonical
from dockless.compose.load.merge import merge
from dockless.compose.load.sources import fetched
from dockless.compose.load.tree import Path, Trouble, clone

if TYPE_CHECKING:
    from dockless.compose.load.documents import Context

_Chain = tuple[tuple[str, str], ...]


class Extender:
    """Applies `extends` to one document of the file `path`; `resets` are the document's own."""

    def __init__(self, path: str, context: "Context", resets: list[Path]) -> None:
        self._path, self._context, self._resets = path, context, resets

    def services(self, tree: dict[str, Any]) -> None:
        """Changes the document in place; raises ComposeError."""
        services = tree.get("services")
        if not isinstance(services, dict):
            return
        for name in list(services):
            service = services[name]
            if isinstance(service, dict) and "extends" in service:
                services[name] = self._extended(name, services, self._path, self._resets, ())

    def _extended(self, name: str, services: dict[str, Any], path: str, resets: list[Path], chain: _Chain) -> Any:
        service = services[name]
        if not isinstance(service, dict) or "extends" not in service:
            return service
        chain = self._chained(chain, path, name, services)
        wanted, file = self._reference(service["extends"], services, name)
        origin, base_path, base_resets = services, path, resets
        if file:
            origin, base_path, base_resets = self._services_of(file, name, services, path)
        if wanted not in origin:
            where = base_path if file else path
            self._fail(
                services, name, f'cannot extend service "{name}" in {path}: service "{wanted}" not found in {where}'
            )
        base = self._extended(wanted, origin, base_path, base_resets, chain)
        if base is None:
            return service
        if not isinstance(base, dict):
            self._fail(services, name, f'cannot extend service "{name}" in {path}: "{wanted}" is not a mapping')
        merged = clone(base)
        for reset in resets:
            _drop(merged, name, reset)
        merged = merge(merged, service, self._context.files, ("services", name))
        merged.pop("extends", None)
        services[name] = merged
        return merged

    def _chained(self, chain: _Chain, path: str, name: str, services: dict[str, Any]) -> _Chain:
        if (path, name) in chain:
            steps = " extends ".join(f"{service} ({file})" for file, service in (*chain, (path, name)))
            self._fail(services, name, f"circular reference: {steps}")
        return (*chain, (path, name))

    def _reference(self, extends: Any, services: dict[str, Any], name: str) -> tuple[str, str]:
        if isinstance(extends, str):
            return extends, ""
        wanted = extends.get("service") if isinstance(extends, dict) else None
        file = extends.get("file") if isinstance(extends, dict) else None
        if not isinstance(wanted, str) or not (file is None or isinstance(file, str)):
            self._fail(
                services, name, f"services.{name}.extends needs a service's name, and a file's if it is in another"
            )
        return str(wanted), file or ""

    def _fail(self, services: Any, name: str, message: str) -> None:
        self._context.files.fail([self._context.files.problem_in(services, (name, "extends"), Trouble(message))])

    def _services_of(
        self, file: str, name: str, services: dict[str, Any], path: str
    ) -> tuple[dict[str, Any], str, list[Path]]:
        """Another file's services in canonical form, their paths made relative to this project's folder."""
        from dockless.compose.load import documents

        remote = fetched(file, self._context.fetch)
        folder = os.path.dirname(path) if path != self._path else self._context.working_dir
        full = remote.path if remote else os.path.normpath(os.path.join(folder, file))
        if not os.path.isfile(full):
            self._fail(
                services, name, f'cannot extend service "{name}" in {path}: open {full}: no such file or directory'
            )
        context = self._context
        tree: dict[str, Any] = {}
        resets: list[Path] = []
        for document in documents.parse(full, context).documents:
            problems: list[Problem] = []
            prepared, found = documents.prepare(document, full, context, problems)
            context.files.fail(problems)
            resets.extend(found)
            tree = merge(tree, prepared, context.files) if tree else prepared
        unicity.enforce(tree, context.files, checked=False)
        canonical(tree, context.files, context.warn, lenient=not context.interpolate)
        others: Any = tree.get("services")
        if not isinstance(others, dict):
            self._fail(services, name, f'cannot extend service "{name}" in {full}: no services section')
        # Docker Compose takes paths in a repository's file from the repository's root.
        relative = os.path.relpath(remote.folder if remote else os.path.dirname(full), context.working_dir)
        references = {key: service.pop("extends") for key, service in others.items() if _extends(service)}
        paths.resolve({"services": others}, relative, context.home, context.files)
        for key, reference in references.items():
            others[key]["extends"] = reference
        return others, full, resets


def _extends(service: Any) -> bool:
    return isinstance(service, dict) and "extends" in service


def _drop(service: dict[str, Any], name: str, reset: Path) -> None:
    if reset[:2] != ("services", name) or len(reset) < 3:
        return
    value: Any = service
    for part in reset[2:-1]:
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, dict):
        value.pop(reset[-1], None)
