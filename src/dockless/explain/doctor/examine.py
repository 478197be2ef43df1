"""Applies the rules to what was read. Pure: subjects in, report out."""

from collections.abc import Callable, Iterator
from datetime import date
from functools import cache
from importlib import import_module

from dockless.compose.load.options import LoadOptions
from dockless.explain.doctor.findings import Finding, Hit, Report, Severity, Text
from dockless.explain.doctor.ignoring import Ignored, configured
from dockless.explain.doctor.reading import Reader, Subjects
from dockless.explain.doctor.table import Rule

_MODULES = (
    "unreadable",
    "packages",
    "installs",
    "commands",
    "bases",
    "instructions",
    "copying",
    "secrets",
    "compose_keys",
    "readiness",
    "exposure",
    "privileges",
    "limits",
    "images",
    "storage",
    "settings",
    "mounts",
    "serving",
    "building",
)
_BROKEN = {"dockerfile": "DF000", "compose": "CF000"}
Read = Callable[[dict[str, str]], list[Subjects]]
"""Reads everything that is examined, with texts that have not been written yet (by absolute path)."""


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule, in the order of their names."""
    found: list[Rule] = []
    for name in _MODULES:
        found += import_module(f"dockless.explain.doctor.rules.{name}").rules.rules
    return tuple(sorted(found, key=lambda rule: rule.id))


def known(name: str) -> Rule | None:
    """The rule that is called so, by its own name or by another tool's."""
    lowered = name.lower()
    return next(
        (rule for rule in rules() if lowered in (rule.id.lower(), *(other.lower() for other in rule.also))), None
    )


def reader_of(targets: list[LoadOptions | str], cwd: str, today: date) -> Read:
    """Reads projects (as load options) and Dockerfiles (as absolute paths). What it returns may raise `OSError`."""

    def read(texts: dict[str, str]) -> list[Subjects]:
        found: list[Subjects] = []
        for target in targets:
            reader = Reader(cwd, today, texts)
            found.append(reader.dockerfile(target) if isinstance(target, str) else reader.project(target))
        return found

    return read


def examine(
    subjects: list[Subjects], *, only: frozenset[str] = frozenset(), without: frozenset[str] = frozenset()
) -> Report:
    """All findings but those of rules in `without`; of `only` these rules, if any is named (by their ids)."""
    found: dict[tuple[str, str, int, int, str], Finding] = {}
    texts: dict[str, Text] = {}
    ignored = 0
    for subject in subjects:
        texts.update(subject.texts)
        comments = _Comments(subject)
        for rule, finding in _findings(subject):
            if rule.id in without or (only and rule.id not in only):
                continue
            if comments.cover(finding, rule):
                ignored += 1
                continue
            found[(finding.rule, finding.path, finding.line, finding.column, finding.message)] = finding
    ordered = sorted(found.values(), key=lambda finding: (finding.file, finding.line, finding.column, finding.rule))
    return Report(tuple(ordered), tuple(sorted(text.name for text in texts.values())), ignored, texts)


class _Comments:
    """The ignore comments of all files of one subject."""

    def __init__(self, subject: Subjects) -> None:
        recipes = {recipe.text.path: recipe for recipe in subject.recipes}
        self._files = {path: Ignored(text, recipes.get(path)) for path, text in subject.texts.items()}
        self._names = configured(subject.composed.project.extensions) if subject.composed else frozenset()

    def cover(self, finding: Finding, rule: Rule) -> bool:
        comments = self._files.get(finding.path)
        return rule.id.lower() in self._names or (comments is not None and comments.covers(finding, rule))


def _findings(subject: Subjects) -> Iterator[tuple[Rule, Finding]]:
    by_id = {rule.id: rule for rule in rules()}
    for broken in subject.broken:
        rule = by_id[_BROKEN[broken.kind]]
        yield rule, _finding(rule, broken.hit)
    for rule in rules():
        givens: tuple[object, ...] = subject.recipes if rule.subject == "dockerfile" else (subject.composed,)
        for given in givens:
            if given is not None:
                for hit in rule.check(given):
                    yield rule, _finding(rule, hit)


def _finding(rule: Rule, hit: Hit) -> Finding:
    severity: Severity = hit.severity or rule.severity
    return Finding(
        rule=rule.id,
        title=rule.title,
        severity=severity,
        file=hit.text.name,
        path=hit.text.path,
        line=hit.line,
        column=hit.column,
        message=hit.message,
        costs=rule.costs,
        fix=hit.change,
        source=hit.text.line(hit.line),
        edits=hit.edits,
        safe=hit.safe,
    )
