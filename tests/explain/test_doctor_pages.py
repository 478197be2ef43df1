"""The documentation has a page for each rule, and says what the rules say."""

from pathlib import Path

from dockless.explain.doctor.pages import pages

FOLDER = Path(__file__).parents[2] / "docs" / "rules"


def test_the_pages_of_the_documentation_are_those_of_the_rules() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(pages())
    for name, text in pages().items():
        again = "python -m dockless.explain.doctor.pages docs/rules"
        assert (FOLDER / name).read_text(encoding="utf-8") == text, f"write them anew: {again}"
