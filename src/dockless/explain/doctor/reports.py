"""A report as text for people, JSON, or the annotations of GitHub's workflows. SARIF has a module of its own. Pure."""

import difflib
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from dockless.explain.doctor.findings import SEVERITIES, Finding, Report, Severity

Paint = Callable[[str, str], str]
"""(text, what it is) → the text, perhaps coloured. What it is: error, warning, info, faint, added, removed."""
_GITHUB_LEVELS: dict[Severity, str] = {"error": "error", "warning": "warning", "info": "notice"}


def plain(text: str, _: str) -> str:
    """No colour."""
    return text


def text(report: Report, paint: Paint = plain) -> str:
    """Each finding with its line, its reason, what it costs and the change."""
    return "".join(f"{_shown(finding, paint)}\n" for finding in report.findings) + summary(report) + "\n"


def _shown(finding: Finding, paint: Paint) -> str:
    severity = paint(finding.severity, finding.severity)
    lines = [f"{finding.place}: {severity}: {finding.message} {paint(f'[{finding.rule}]', 'faint')}"]
    number = str(finding.line)
    if finding.source.strip():
        margin = "".join("\t" if letter == "\t" else " " for letter in finding.source[: finding.column - 1])
        lines.append(f"  {number} | {finding.source}")
        lines.append(f"  {' ' * len(number)} | {margin}{paint('^', finding.severity)}")
    if finding.costs:
        lines.append(f"  costs:  {finding.costs}")
    if finding.fix:
        how = {"safe": "  (--fix)", "unsafe": "  (--fix --unsafe)", "": ""}[finding.mendable]
        lines.append(f"  change: {finding.fix}{paint(how, 'faint')}")
    return "\n".join(lines) + "\n"


def summary(report: Report) -> str:
    """One line: how many, and how many of them can be mended."""
    if not report.findings:
        files = f"{len(report.files)} {_many('file', len(report.files))}"
        return f"Nothing to say about {files}." + (f" ({report.ignored} ignored)" if report.ignored else "")
    counts = [f"{count} {_many(severity, count)}" for severity in SEVERITIES if (count := report.count(severity))]
    safe = sum(finding.mendable == "safe" for finding in report.findings)
    unsafe = sum(finding.mendable == "unsafe" for finding in report.findings)
    ways = [f"{safe} mended by --fix"] if safe else []
    ways += [f"{unsafe} by --fix --unsafe"] if unsafe else []
    ignored = f", {report.ignored} ignored" if report.ignored else ""
    return ", ".join(counts) + ignored + (f" ({', '.join(ways)})" if ways else "")


def _many(word: str, count: int) -> str:
    return word if count == 1 or word == "info" else f"{word}s"


def as_json(report: Report) -> str:
    """An array with an object for each finding."""
    return msgspec.json.format(
        msgspec.json.encode([_object(finding) for finding in report.findings]), indent=2
    ).decode()


def _object(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "severity": finding.severity,
        "file": finding.file,
        "line": finding.line,
        "column": finding.column,
        "message": finding.message,
        "costs": finding.costs,
        "fix": finding.fix or None,
        "mendable": finding.mendable or None,
        "source": finding.source,
    }


def github(report: Report) -> str:
    """A workflow command for each finding, which GitHub shows beside the line."""
    return "\n".join(
        f"::{_GITHUB_LEVELS[finding.severity]} file={_property(finding.file)},line={finding.line},col={finding.column},"
        f"title={_property(f'{finding.rule}: {finding.title}')}::{_data(_said(finding))}"
        for finding in report.findings
    )


def _said(finding: Finding) -> str:
    return f"{finding.message}\n{finding.costs}\n{finding.fix}".strip()


def _data(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")


def diff(
    before: Mapping[str, str | None], after: Mapping[str, str], names: Callable[[str], str], paint: Paint = plain
) -> str:
    """A unified diff of all files that changed."""
    lines: list[str] = []
    for path, new in sorted(after.items()):
        old = before[path]
        name = names(path)
        source = "/dev/null" if old is None else f"a/{name}"
        found = difflib.unified_diff(
            (old or "").splitlines(keepends=True), new.splitlines(keepends=True), source, f"b/{name}"
        )
        for line in found:
            kind = {"+": "added", "-": "removed", "@": "faint"}.get(line[0], "")
            bare = line.rstrip("\r\n")
            shown = paint(bare, kind) if kind and not line.startswith(("+++", "---")) else bare
            lines.append(shown + ("" if line.endswith("\n") else "\n\\ No newline at end of file"))
    return "\n".join(lines)
