"""What `config` prints: the project in canonical form as YAML or JSON, or one aspect of it, one per line.

Each function returns text that ends with a newline, unless it is empty or JSON; nothing is written here.
"""

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import structs

from dockless.compose.load.loader import load_tree, load_variables
from dockless.compose.load.options import LoadOptions
from dockless.compose.model import Project, Service
from dockless.compose.plain import JSON, YAML, Form, extensions, plain, struct
from dockless.compose.selection import in_dependency_order

_SECTIONS = ("services", "networks", "volumes", "secrets", "configs", "models")
_NOT_IN_JSON = ("models",)
"""Docker Compose leaves it out."""


def as_json(project: Project) -> str:
    """`config --format json`: a dollar sign is doubled, so that the text can be loaded again."""
    tree = {**_sections(project, JSON), **extensions(project.extensions, JSON)}
    for section in _NOT_IN_JSON:
        tree.pop(section, None)
    return _json({key: tree[key] for key in sorted(tree)}).replace("$", "$$")


def as_yaml(project: Project) -> str:
    """`config`: a dollar sign is doubled, so that the text can be loaded again."""
    from dockless.compose.yaml_text import dump  # its patterns cost time that JSON need not pay

    return dump({**_sections(project, YAML), **plain(project.extensions, YAML)}).replace("$", "$$")


def uninterpolated(options: LoadOptions, form: str = "yaml") -> str:
    """`config --no-interpolate`: the merged files with variables as written. Raises ComposeError."""
    tree = _without_values(load_tree(structs.replace(options, interpolate=False)))
    if form == "json":
        return _json(plain(tree, JSON))
    from dockless.compose.yaml_text import dump

    return dump(plain(tree, YAML))


def locked(project: Project, form: str = "yaml") -> str:
    """`config --lock-image-digests`: an override file with nothing but the images."""
    services = {name: Service(name=name, image=service.image) for name, service in project.services.items()}
    if form == "json":
        return as_json(Project(services=services))
    from dockless.compose.yaml_text import dump

    tree = _sections(Project(services=services), YAML)
    del tree["name"]
    return dump(tree).replace("$", "$$")


def services(project: Project) -> str:
    """`config --services`: the enabled services, dependencies first."""
    return _lines(in_dependency_order(project))


def volumes(project: Project) -> str:
    """`config --volumes`: the keys of the volumes."""
    return _lines(sorted(project.volumes))


def networks(project: Project) -> str:
    """`config --networks`: the keys of the networks."""
    return _lines(sorted(project.networks))


def models(project: Project) -> str:
    """`config --models`: the names of the models that services use."""
    return _lines(sorted(model.model for model in project.models.values() if model.model))


def profiles(project: Project) -> str:
    """`config --profiles`: all profiles that services name, enabled or not."""
    every = [*project.services.values(), *project.disabled_services.values()]
    return _lines(sorted({profile for service in every for profile in service.profiles}))


def images(project: Project) -> str:
    """`config --images`: each enabled service's image, `{project}-{service}` where it is only built."""
    return _lines(
        service.image or f"{project.name}{project.separator}{service.name}"
        for name in in_dependency_order(project)
        if (service := project.services[name]).provider is None
    )


def environment(project: Project) -> str:
    """`config --environment`: what interpolation saw."""
    return _lines(sorted(f"{key}={value}" for key, value in project.environment.items()))


def variables(options: LoadOptions, form: str = "yaml") -> str:
    """`config --variables`: the variables that the files refer to, as a table or as JSON. Raises ComposeError."""
    found = load_variables(options)
    if form == "json":
        shown = {
            name: {
                "Name": name,
                "DefaultValue": variable.default,
                "PresenceValue": variable.alternate,
                "Required": variable.required,
            }
            for name, variable in sorted(found.items())
        }
        return escape(msgspec.json.format(msgspec.json.encode(shown), indent=4).decode())
    rows = [("NAME", "REQUIRED", "DEFAULT VALUE", "ALTERNATE VALUE")]
    for name in sorted(found):
        variable = found[name]
        rows.append((name, "true" if variable.required else "false", variable.default, variable.alternate))
    widths = [max(20, *(len(row[column]) + 3 for row in rows)) for column in range(3)]
    return _lines("".join(cell.ljust(width) for cell, width in zip(row, (*widths, 0), strict=True)) for row in rows)


def hashes(project: Project, names: Iterable[str]) -> str:
    """`config --hash NAMES`: each service's name and config hash; `*` is all services.

    As Docker Compose prints it: for a project loaded with `resolve_environment=False`.
    """
    from dockless.compose.hash import service_hash

    listed = sorted(names)
    wanted = sorted(project.services) if listed == ["*"] else listed
    return _lines(
        f"{name} {service_hash(_without_label_file(project.services[name]))}"
        for name in wanted
        if name in project.services
    )


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _sections(project: Project, form: Form) -> dict[str, Any]:
    services = {name: _without_label_file(service) for name, service in project.services.items()}
    project = structs.replace(project, services=services)
    shown: dict[str, Any] = {"name": project.name}
    for section in _SECTIONS:
        entries = getattr(project, section)
        if entries or section == "services":
            shown[section] = {key: struct(entries[key], form) for key in form.order(entries)}
    return shown


def _without_label_file(service: Service) -> Service:
    """Label files have been read into the labels."""
    return structs.replace(service, label_file=()) if service.label_file else service


def _json(tree: Any) -> str:
    return escape(msgspec.json.format(msgspec.json.encode(tree), indent=2).decode())


def escape(text: str) -> str:
    """JSON with the characters escaped that Go escapes for the sake of HTML."""
    for character, escaped in _HTML:
        text = text.replace(character, escaped)
    return text


def _without_values(value: Any) -> Any:
    """The tree without what loading has noted in it of secrets' contents."""
    if isinstance(value, dict):
        return {key: _without_values(entry) for key, entry in value.items() if key != "x-#value"}
    return [_without_values(entry) for entry in value] if isinstance(value, list) else value


_HTML = (("&", "\\u0026"), ("<", "\\u003c"), (">", "\\u003e"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029"))
