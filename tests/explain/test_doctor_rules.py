"""Every rule finds what its page calls wrong, where it stands, and finds nothing in what the page calls right."""

from pathlib import Path

import pytest
from doctoring import examined, mended

from dockless.explain.doctor.examine import rules
from dockless.explain.doctor.table import Example, Rule

RULES = rules()
AROUND = {
    "app.py": "",
    "app.conf": "",
    "a.txt": "",
    "b.txt": "",
    "src/main.py": "",
    "requirements.txt": "",
    "package.json": "{}",
    "db.env": "POSTGRES_PASSWORD=x\n",
    ".dockerignore": ".git\n",
}
"""What the examples speak of and do not show."""
TOGETHER = {("DF072", "DF060"), ("ST023", "DF071")}
"""What is deleted later was copied first; an argument that is given is also declared."""


def files(rule: Rule, example: Example) -> dict[str, str]:
    around = {} if rule.id in ("DF060", "DF061", "DF062") else AROUND
    return {**around, **example}


def test_there_are_at_least_sixty_rules_and_each_has_a_name_of_its_own() -> None:
    assert len(RULES) >= 60
    assert len({rule.id for rule in RULES}) == len(RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_the_wrong_example_is_found(rule: Rule, tmp_path: Path) -> None:
    report = examined(tmp_path, files(rule, rule.wrong))
    hits = [finding for finding in report.findings if finding.rule == rule.id]
    assert hits, [f"{f.place} {f.rule} {f.message}" for f in report.findings]
    for hit in hits:
        assert hit.source == Path(hit.path).read_text().split("\n")[hit.line - 1]
        assert 1 <= hit.column <= len(hit.source) + 1
        assert hit.fix or rule.id.endswith("000")
        assert "\n" not in hit.message
        assert hit.mendable == rule.mends
    others = [f for f in report.findings if f.rule != rule.id and f.severity != "info"]
    others = [f for f in others if (rule.id, f.rule) not in TOGETHER]
    assert not others, [f"{f.place} {f.rule} {f.message}" for f in others]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_the_right_example_is_clean(rule: Rule, tmp_path: Path) -> None:
    report = examined(tmp_path, files(rule, rule.right))
    kept = [f for f in report.findings if f.rule == rule.id or f.severity != "info"]
    assert not kept, [f"{f.place} {f.rule} {f.message}" for f in kept]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_what_is_mended_is_gone_and_mending_again_changes_nothing(rule: Rule, tmp_path: Path) -> None:
    before = [finding for finding in examined(tmp_path, files(rule, rule.wrong)).findings if finding.mendable]
    first = mended(tmp_path, {}, unsafe=True)
    keys = {(finding.rule, finding.message) for finding in first.report.findings if finding.mendable}
    assert not keys & {(finding.rule, finding.message) for finding in before}, first.texts
    again = mended(tmp_path, {}, unsafe=True)
    assert again.texts == {}
