"""What the build checks found, as a person reads it: a few lines at the end of a build, or `build --check`'s report.

A finding is the `warned` event of the trace (`dockless.build.events`), with its rule and its lines.
"""

import base64
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from dockless.dockerfile.checks.rules import RULES

Finding = dict[str, Any]
_RULER = "-" * 20
_AROUND = 2  # lines shown before and after a finding; twice as many around a single one


def summary(findings: Sequence[Finding]) -> Iterator[str]:
    """As BuildKit's client ends a build."""
    if findings:
        yield f"\n {_count(findings)} found (build --check shows the lines):"
    for finding in findings:
        yield f" - {_short(finding)}"


def report(findings: Sequence[Finding], text: str) -> str:
    """As `docker build --check` writes it; `text` is the Dockerfile's."""
    if not findings:
        return "Check complete, no warnings found."
    have = "has" if len(findings) == 1 else "have"
    shown = "".join(f"\n{_whole(finding, text.split(chr(10)))}" for finding in findings)
    return f"Check complete, {_count(findings)} {have} been found!\n{shown}"


def report_json(findings: Iterable[Finding], name: str, text: str, error: str = "") -> str:
    """As `docker build --call=check,format=json` writes it, without the build's own definition."""
    warnings = [
        {
            "ruleName": finding["rule"],
            "description": _rule(finding).description,
            "url": _rule(finding).url,
            "detail": finding["warned"],
            "location": {"ranges": [_range(finding)]},
        }
        for finding in findings
    ]
    found: dict[str, Any] = {"warnings": warnings} if warnings else {}
    data = base64.b64encode(text.encode()).decode()
    found["sources"] = [{"filename": name, "data": data, "language": "Dockerfile"}]
    if error:
        found["buildError"] = {"message": error, "location": {}}
    return json.dumps(found, indent=2)


def raw_warning(finding: Finding) -> dict[str, Any]:
    """As BuildKit's `SolveStatus` has it; its texts are base64."""
    return {
        "level": 1,
        "short": base64.b64encode(_short(finding).encode()).decode(),
        "detail": [base64.b64encode(_rule(finding).description.encode()).decode()],
        "url": _rule(finding).url,
        "range": [_range(finding)],
    }


def _rule(finding: Finding) -> Any:
    return RULES[finding["rule"]]


def _range(finding: Finding) -> dict[str, dict[str, int]]:
    first, last = finding["lines"]
    return {"start": {"line": first}, "end": {"line": last}}


def _count(findings: Sequence[Finding]) -> str:
    return f"{len(findings)} warning" if len(findings) == 1 else f"{len(findings)} warnings"


def _short(finding: Finding) -> str:
    return f"{finding['rule']}: {finding['warned']} (line {finding['lines'][0]})"


def _whole(finding: Finding, lines: Sequence[str]) -> str:
    shown = [f"WARNING: {finding['rule']} - {_rule(finding).url}", finding["warned"], finding["where"], _RULER]
    first, last = finding["lines"]
    start, end = _surroundings(first, last, len(lines))
    for number in range(start, end + 1):
        mark = ">>>" if first <= number <= last else "   "
        shown.append(f"{number:4d} | {mark} {lines[number - 1].rstrip(chr(13))}")
    return "\n".join([*shown, _RULER, ""])


def _surroundings(first: int, last: int, count: int) -> tuple[int, int]:
    """The lines to show: as many before and after as there are, the fewer on one side the more on the other."""
    wanted = _AROUND if first != last else 2 * _AROUND
    taken = 0
    while taken < wanted:
        if first > 1:
            first -= 1
            taken += 1
        if last < count:
            last += 1
            taken += 1
        taken += 1
    return first, last
