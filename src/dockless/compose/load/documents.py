"""From files to one tree: each document is read, interpolated, extended, joined with what it includes, and merged over
those before it; the result is checked and brought into canonical form after each.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from dockless.compose.errors import ComposeError, Problem, gathered
from dockless.compose.load import defaults, paths, unicity
from dockless.compose.load.canonical import canonical
from dockless.compose.load.check import check
from dockless.compose.load.extends import Extender
from dockless.compose.load.include import Includer
from dockless.compose.load.interpolation import Interpolation
from dockless.compose.load.merge import merge
from dockless.compose.load.options import Fetched
from dockless.compose.load.reading import read, strip_tags
from dockless.compose.load.sources import read_file
from dockless.compose.load.tree import Files, Map, Path

_VERSION = "{}: the attribute `version` is obsolete, it will be ignored, please remove it to avoid potential confusion"


class Context(Struct, frozen=True):
    """What all files of one load share; an included project has its own environment and folder."""

    files: Files
    warn: Callable[[str], None]
    environment: Mapping[str, str]
    working_dir: str
    home: str
    standard_input: Callable[[], str]
    texts: Mapping[str, bytes]
    interpolate: bool
    resolve_paths: bool
    fetch: Callable[[str], Fetched] | None

    def within(self, working_dir: str, environment: Mapping[str, str]) -> "Context":
        """The same load, seen from an included project."""
        return replace(self, working_dir=working_dir, environment=environment)


class Parsed(Struct, frozen=True):
    """One file's documents, as read."""

    path: str
    documents: tuple[Any, ...]


def parse(path: str, context: Context) -> Parsed:
    """Raises ComposeError if the file cannot be read or is no YAML."""
    text = context.texts.get(path)
    if text is None:
        text = read_file(path, context.standard_input)
    return Parsed(path, tuple(read(text, path, context.files)))


def load(parsed: list[Parsed], context: Context, included: tuple[str, ...] = ()) -> dict[str, Any]:
    """The tree that the files make together, canonical and with its defaults. Raises ComposeError."""
    tree: dict[str, Any] = Map()
    for file in parsed:
        for document in file.documents:
            tree = _add(tree, document, file.path, context, included)
    if not tree:
        raise ComposeError(f"{parsed[0].path}: empty compose file")
    defaults.set_defaults(tree, context.files)
    defaults.check_values(tree, context.files)
    if context.interpolate:
        defaults.drop_fractions(tree, context.files, context.warn)
    if context.resolve_paths:
        paths.resolve(tree, context.working_dir, context.home, context.files)
    if context.interpolate:
        _resolve_listed(tree, context.environment)
    return tree


def _add(tree: dict[str, Any], document: Any, path: str, context: Context, included: tuple[str, ...]) -> dict[str, Any]:
    problems: list[Problem] = []
    document, resets = prepare(document, path, context, problems)
    with gathered(problems):
        Extender(path, context, resets).services(document)
    _reset(tree, resets)
    with gathered(problems):
        Includer(context, (*included, path)).resources(document)
    tree = merge(tree, document, context.files)
    unicity.enforce(tree, context.files, checked=False)
    with gathered(problems):
        check(tree, context.files)
    if tree.pop("version", None) is not None:
        context.warn(_VERSION.format(path))
    with gathered(problems):
        canonical(tree, context.files, context.warn, lenient=not context.interpolate)
    context.files.fail(_one_each(problems))
    unicity.enforce(tree, context.files, checked=True)
    return tree


def _one_each(problems: list[Problem]) -> Iterator[Problem]:
    """Of what the passes say about one value, what the first of them says: the others follow from it."""
    told: set[tuple[str, int, int]] = set()
    for problem in problems:
        place = (problem.file, problem.line, problem.column)
        if not problem.line or place not in told:
            yield problem
        told.add(place)


def prepare(document: Any, path: str, context: Context, problems: list[Problem]) -> tuple[dict[str, Any], list[Path]]:
    """A document as a mapping, interpolated, with the paths of its `!reset` and `!override` tags.

    Faults of interpolation are added to `problems`: the other passes may find more.
    """
    tree, resets = strip_tags(document)
    if tree is None:
        raise ComposeError(f"{path}: empty compose file")
    if not isinstance(tree, dict):
        raise ComposeError(f"{path}: top-level object must be a mapping")
    if context.interpolate:
        with gathered(problems):
            Interpolation(context.environment, context.files, context.warn).document(tree)
    return tree, resets


def _reset(tree: dict[str, Any], resets: list[Path]) -> None:
    """Drops from the earlier files what a document resets or replaces."""
    for path in resets:
        value: Any = tree
        for part in path[:-1]:
            value = value.get(part) if isinstance(value, dict) else None
        if path and isinstance(value, dict):
            value.pop(path[-1], None)


def _resolve_listed(tree: dict[str, Any], environment: Mapping[str, str]) -> None:
    """Variables that a service lists without a value, and contents that are taken from one: known here, where the
    environment is that of the file (an included project has its own)."""
    services = tree.get("services")
    for service in services.values() if isinstance(services, dict) else ():
        listed = service.get("environment") if isinstance(service, dict) else None
        if isinstance(listed, list):
            # In place: each entry keeps the place where it stands.
            for at, entry in enumerate(listed):
                if isinstance(entry, str) and entry in environment:
                    listed[at] = f"{entry}={environment[entry]}"
    for kind in ("secrets", "configs"):
        resources = tree.get(kind)
        for resource in resources.values() if isinstance(resources, dict) else ():
            name = resource.get("environment") if isinstance(resource, dict) else None
            if isinstance(name, str) and name in environment:
                resource["x-#value"] = environment[name]
