"""`build --check`: the Dockerfiles of the services that would be built, by BuildKit's own checks; nothing is built.

They are the rules of `doctor` that BuildKit has, too: the others are opinions, and for `doctor` to give.
"""

import os
from datetime import datetime

from msgspec.structs import replace

from dockless.cli.failure import Exit, Failure
from dockless.cli.output import echo
from dockless.cli.session import Session, warn
from dockless.explain.doctor import reports
from dockless.explain.doctor.examine import examine, rules
from dockless.explain.doctor.reading import Reader, dockerfile_of
from dockless.explain.doctor.table import Rule


def check(session: Session, services: tuple[str, ...]) -> None:
    """Prints what is wrong. Raises `Exit` (1) if anything is, as BuildKit's own check does."""
    project = session.load(services)
    if unknown := [name for name in services if name not in project.services]:
        raise Failure(f"no such service: {unknown[0]}")
    builds = [project.services[name].build for name in services or project.services]
    paths = {dockerfile_of(build) for build in builds if build is not None}
    if not paths:
        warn("No services to build")
        return
    for path in sorted(paths - {""}):
        if not os.path.isfile(path):
            raise Failure(f"failed to read dockerfile: open {path}: no such file or directory")
    reader = Reader(os.getcwd(), datetime.now().astimezone().date(), {})
    found = reader.project(session.load_options(services))
    subjects = replace(
        found,
        composed=None,
        recipes=tuple(recipe for recipe in found.recipes if recipe.text.path in paths),
        broken=tuple(each for each in found.broken if each.hit.text.path in paths),
        texts={path: text for path, text in found.texts.items() if path in paths},
    )
    report = examine([subjects], only=frozenset(rule.id for rule in rules() if _is_buildkits(rule)))
    echo(reports.text(report, reports.plain).rstrip("\n"))
    if report.findings:
        raise Exit(1)


def _is_buildkits(rule: Rule) -> bool:
    """Its checks are called in words (`StageNameCasing`), hadolint's by numbers (`DL3006`)."""
    return rule.id == "DF000" or any(not name[-1].isdigit() for name in rule.also)
