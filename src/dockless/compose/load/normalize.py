"""What a project implies without saying: the default network, dependencies from links and shared namespaces, names."""

from collections.abc import Mapping
from typing import Any

from dockless.compose.load.short import clean

_NAMESPACES = ("network_mode", "ipc", "pid", "uts", "cgroup")


def normalize(tree: dict[str, Any], name: str, environment: Mapping[str, str]) -> None:
    """Changes a checked, canonical tree in place; `name` is the project's."""
    services = tree.get("services") or {}
    for key in [key for key, service in services.items() if service is None]:
        services[key] = {}
    _networks(tree, services)
    for service in services.values():
        _service(service, environment)
    for kind in ("networks", "volumes", "configs", "secrets"):
        _names(tree, kind, name)


def _networks(tree: dict[str, Any], services: dict[str, Any]) -> None:
    used = False
    for service in services.values():
        if "provider" in service or "network_mode" in service:
            continue
        if not service.get("networks"):
            service["networks"] = {"default": None}
        used = used or "default" in service["networks"]
    if used:
        networks = tree.get("networks")
        if networks is None:
            networks = tree["networks"] = {}
        networks.setdefault("default", None)


def _service(service: dict[str, Any], environment: Mapping[str, str]) -> None:
    if service.get("pull_policy") == "if_not_present":
        service["pull_policy"] = "missing"
    if isinstance(build := service.get("build"), dict):
        if build.get("context") is None:
            build["context"] = "."
        if build.get("dockerfile") is None and build.get("dockerfile_inline") is None:
            build["dockerfile"] = "Dockerfile"
        if "args" in build:
            build["args"] = with_values(build["args"], environment)
    for volume in service.get("volumes") or ():
        if isinstance(volume, dict) and isinstance(target := volume.get("target"), str) and target:
            volume["target"] = clean(target)
    depends = service.get("depends_on") or {}
    for needed, restart in _implied(service):
        depends.setdefault(needed, {"condition": "service_started", "restart": restart, "required": True})
    if depends:
        service["depends_on"] = depends


def _implied(service: dict[str, Any]) -> list[tuple[str, bool]]:
    """Services that this one cannot start without, and whether it restarts with them."""
    found = []
    for link in service.get("links") or ():
        parts = link.split(":")
        found.append((parts[0] if len(parts) == 2 else link, True))
    for namespace in _NAMESPACES:
        mode = service.get(namespace)
        if isinstance(mode, str) and mode.startswith("service:"):
            found.append((mode.removeprefix("service:"), True))
    for source in service.get("volumes_from") or ():
        if not source.startswith("container:"):
            found.append((source.split(":")[0], False))
    return found


def with_values(entries: Any, environment: Mapping[str, str]) -> Any:
    """Keys without a value take it from the environment; those that it lacks are dropped."""
    if isinstance(entries, dict):
        return {
            key: environment[key] if value is None else value
            for key, value in entries.items()
            if value is not None or key in environment
        }
    if isinstance(entries, list):
        return [
            entry if "=" in entry else f"{entry}={environment[entry]}"
            for entry in entries
            if "=" in entry or entry in environment
        ]
    return entries


def _names(tree: dict[str, Any], kind: str, project: str) -> None:
    resources: Any = tree.get(kind)
    for key, resource in resources.items() if isinstance(resources, dict) else ():
        if resource is None:
            resource = resources[key] = {}
        if resource.get("name") is None:
            resource["name"] = key if resource.get("external") else f"{project}_{key}"
