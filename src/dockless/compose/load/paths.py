"""Relative paths become absolute: a row for each place where the specification has a path of the host."""

import os
from typing import Any

from dockless.compose.load.patterns import apply, table
from dockless.compose.load.tree import Files

_REMOTE_CONTEXT = ("https://", "http://", "git://", "ssh://", "github.com/", "git@")


def resolve(tree: dict[str, Any], base: str, home: str, files: Files) -> None:
    """Changes the tree in place. `base` may itself be relative: to what it is relative the results are then."""
    at = _Resolver(base, home)
    apply(
        table(
            {
                "services.*.build.context": at.context,
                "services.*.build.additional_contexts.*": at.context,
                "services.*.env_file.*.path": at.path,
                "services.*.label_file.*": at.path,
                "services.*.extends.file": at.path,
                "services.*.develop.watch.*.path": at.real_path,
                "services.*.volumes.*": at.mount,
                "configs.*.file": at.source,
                "secrets.*.file": at.source,
                "volumes.*": at.volume,
            }
        ),
        tree,
        files,
    )


class _Resolver:
    def __init__(self, base: str, home: str) -> None:
        self._base, self._home = base, home

    def path(self, value: Any) -> Any:
        if not isinstance(value, str) or not value:
            return value
        if value.startswith("~"):
            value = os.path.normpath(self._home + "/" + value[1:])
        if os.path.isabs(value) or _is_windows(value):
            return value
        return os.path.normpath(os.path.join(self._base, value))

    def source(self, value: Any) -> Any:
        """Of a config or secret: where it is empty, it is the folder."""
        return self.path(value or ".") if isinstance(value, str) else value

    def context(self, value: Any) -> Any:
        if not isinstance(value, str) or "://" in value or value.startswith(("service:", *_REMOTE_CONTEXT)):
            return value
        return self.path(value)

    def real_path(self, value: Any) -> Any:
        """The first symbolic link on the way is replaced by what it stands for."""
        path = self.path(value)
        if not isinstance(path, str) or not os.path.isabs(path):
            return path
        reached = ""
        for part in path.split(os.sep):
            reached = os.path.normpath(f"{reached}/{part}")
            if os.path.islink(reached):
                return path.replace(reached, os.path.realpath(reached), 1)
        return path

    def mount(self, value: Any) -> Any:
        if isinstance(value, dict) and value.get("type") == "bind" and "source" in value:
            value["source"] = self.path(value["source"] or ".")
        return value

    def volume(self, value: Any) -> Any:
        """A local volume that binds a folder names that folder."""
        if isinstance(value, dict) and value.get("driver") == "local":
            options = value.get("driver_opts")
            if isinstance(options, dict) and options.get("o") == "bind" and "device" in options:
                options["device"] = self.path(options["device"])
        return value


def _is_windows(path: str) -> bool:
    return (path[1:3] in (":\\", ":/") and path[0].isalpha()) or path.startswith("\\\\")
