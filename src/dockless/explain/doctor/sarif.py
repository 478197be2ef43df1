"""A report as SARIF 2.1.0 (OASIS), which code scanning services read. Pure.

A finding that the doctor can mend carries the change as a `fix` (section 3.55): for each file the replacements, by
lines and columns of what was read.
"""

import posixpath
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from dockless.explain.doctor.examine import rules
from dockless.explain.doctor.findings import Edit, Finding, Report, Severity, Text

_LEVELS: dict[Severity, str] = {"error": "error", "warning": "warning", "info": "note"}
_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def sarif(report: Report, version: str) -> str:
    """One run, with the rules that were found. `version` is ours."""
    named = {finding.rule for finding in report.findings}
    listed = [rule for rule in rules() if rule.id in named]
    index = {rule.id: number for number, rule in enumerate(listed)}
    run = {
        "tool": {
            "driver": {
                "name": "dockless doctor",
                "version": version,
                "rules": [
                    {
                        "id": rule.id,
                        "shortDescription": {"text": rule.title},
                        "fullDescription": {"text": rule.about},
                        "help": {"text": rule.costs},
                        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
                    }
                    for rule in listed
                ],
            }
        },
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, index[finding.rule], report.texts) for finding in report.findings],
    }
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return msgspec.json.format(msgspec.json.encode(log), indent=2).decode()


def _result(finding: Finding, index: int, texts: Mapping[str, Text]) -> dict[str, Any]:
    message = f"{finding.message}. {finding.fix}" if finding.fix else finding.message
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": _LEVELS[finding.severity],
        "message": {"text": message},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(finding.file)},
                    "region": {"startLine": finding.line, "startColumn": finding.column},
                }
            }
        ],
    }
    if finding.edits:
        result["fixes"] = [_fix(finding, texts)]
    return result


def _fix(finding: Finding, texts: Mapping[str, Text]) -> dict[str, Any]:
    """One fix; its replacements are in the order of the file and do not overlap."""
    unsure = "" if finding.safe else " (look whether everything still works)"
    by_path: dict[str, list[Edit]] = {}
    for edit in sorted(finding.edits):
        by_path.setdefault(edit.path, []).append(edit)
    changes = []
    for path, edits in by_path.items():
        text = texts.get(path) or Text(path, _beside(finding, path), "")
        replacements = [_replacement(edit, text) for edit in edits]
        changes.append({"artifactLocation": {"uri": quote(text.name)}, "replacements": replacements})
    return {"description": {"text": finding.fix + unsure}, "artifactChanges": changes}


def _beside(finding: Finding, path: str) -> str:
    """How a file is called that is not there yet, seen from where the finding's own file is."""
    below = posixpath.relpath(path, posixpath.dirname(finding.path))
    return posixpath.normpath(posixpath.join(posixpath.dirname(finding.file), below))


def _replacement(edit: Edit, text: Text) -> dict[str, Any]:
    """An empty region is an insertion before its column (3.57.3). Lines end as the file's lines do."""
    line, column = text.place(edit.start)
    end_line, end_column = text.place(edit.end)
    region = {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column}
    replacement: dict[str, Any] = {"deletedRegion": region}
    if edit.text:
        ending = "\r\n" if "\r\n" in text.content else "\n"
        replacement["insertedContent"] = {"text": edit.text.replace("\n", ending)}
    return replacement
