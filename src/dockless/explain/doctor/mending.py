"""Makes the changes that findings propose, one after the other, each looked at again before it is kept. Pure.

After each change everything is read and examined anew: a change is kept only if the files can still be read, the
finding is gone, and no new error has come in its place. So a second run has nothing left to do.
"""

from collections.abc import Iterable

import msgspec

from dockless.explain.doctor.examine import Read, examine
from dockless.explain.doctor.findings import Edit, Finding, Report
from dockless.explain.doctor.reading import Subjects

_MOST = 500


class Mended(msgspec.Struct, frozen=True):
    """`texts` are the new contents by absolute path, `before` the old ones (None for a file that was not there)."""

    texts: dict[str, str]
    before: dict[str, str | None]
    done: tuple[Finding, ...]
    report: Report
    """What is left."""


def mend(
    read: Read, *, unsafe: bool = False, only: frozenset[str] = frozenset(), without: frozenset[str] = frozenset()
) -> Mended:
    """Makes all safe changes, and the others if asked. Raises `OSError` for a file that cannot be read."""
    texts: dict[str, str] = {}
    before: dict[str, str | None] = {}
    done: list[Finding] = []
    refused: set[tuple[str, str, str]] = set()
    subjects = read(texts)
    report = examine(subjects, only=only, without=without)
    for _ in range(_MOST):
        finding = next(
            (found for found in report.findings if _wanted(found, unsafe) and _key(found) not in refused), None
        )
        if finding is None:
            break
        tried = dict(texts)
        for path, edits in _by_file(finding.edits).items():
            old = tried.get(path)
            if old is None:
                old = _content(subjects, path)
                before.setdefault(path, old)
            tried[path] = apply(old or "", edits)
        next_subjects = read(tried)
        next_report = examine(next_subjects, only=only, without=without)
        if _better(report, next_report, finding):
            texts, subjects, report = tried, next_subjects, next_report
            done.append(finding)
        else:
            refused.add(_key(finding))
    return Mended(texts, {path: before[path] for path in texts}, tuple(done), report)


def apply(content: str, edits: Iterable[Edit]) -> str:
    """The text with the edits made. They must not overlap."""
    ending = "\r\n" if "\r\n" in content else "\n"
    for edit in sorted(edits, reverse=True):
        content = content[: edit.start] + edit.text.replace("\n", ending) + content[edit.end :]
    return content


def _wanted(finding: Finding, unsafe: bool) -> bool:
    if any(edit.path == "-" for edit in finding.edits):
        return False  # standard input has no place that could be written
    return finding.mendable == "safe" or (unsafe and finding.mendable == "unsafe")


def _key(finding: Finding) -> tuple[str, str, str]:
    """What a finding is, wherever its line has moved to."""
    return finding.rule, finding.path, finding.message


def _better(before: Report, after: Report, finding: Finding) -> bool:
    same = [sum(_key(found) == _key(finding) for found in report.findings) for report in (before, after)]
    errors = [{_key(found) for found in report.findings if found.severity == "error"} for report in (before, after)]
    return same[1] < same[0] and errors[1] <= errors[0]


def _by_file(edits: tuple[Edit, ...]) -> dict[str, list[Edit]]:
    found: dict[str, list[Edit]] = {}
    for edit in edits:
        found.setdefault(edit.path, []).append(edit)
    return found


def _content(subjects: list[Subjects], path: str) -> str | None:
    return next((subject.texts[path].content for subject in subjects if path in subject.texts), None)
