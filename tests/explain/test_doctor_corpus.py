"""What is said about a collection of real projects has been read one by one; nothing of it is a mistake of ours."""

from pathlib import Path

import pytest
from doctoring import TODAY, mended, targets

from dockless.explain.doctor.examine import examine, reader_of

CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "awesome-compose"
STRIPPED = {"ST022", "CF063"}
"""The collection has compose files only: the Dockerfiles and mounted files that they name are not there."""
WARNINGS = {"CF010", "CF020", "CF050", "CF051", "CF060", "CF070"}


@pytest.mark.skipif(not CORPUS.exists(), reason="the corpus does not lie beside the repository")
def test_nothing_else_is_said_about_the_corpus_than_what_was_read() -> None:
    found: dict[str, set[str]] = {"error": set(), "warning": set(), "info": set()}
    for folder in sorted(path for path in CORPUS.iterdir() if path.is_dir()):
        report = examine(reader_of(targets(folder), str(folder), TODAY)({}))
        for finding in report.findings:
            found[finding.severity].add(finding.rule)
    assert found["error"] <= STRIPPED
    assert found["warning"] <= WARNINGS | STRIPPED
    assert found["info"] <= {"CF001", "CF005", "CF012", "CF040", "CF041", "CF050"}


@pytest.mark.skipif(not CORPUS.exists(), reason="the corpus does not lie beside the repository")
def test_every_project_of_the_corpus_can_be_mended_and_then_nothing_is_left_to_mend(tmp_path: Path) -> None:
    for folder in sorted(path for path in CORPUS.iterdir() if path.is_dir()):
        copied = tmp_path / folder.name
        copied.mkdir()
        for path in folder.iterdir():
            if path.is_file():
                (copied / path.name).write_bytes(path.read_bytes())
        result = mended(copied, {}, unsafe=True)
        assert [finding.rule for finding in result.report.findings if finding.mendable] == [], folder.name
        assert mended(copied, {}, unsafe=True).texts == {}
