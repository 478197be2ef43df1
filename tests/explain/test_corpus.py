"""Every real stack that lies at hand can be explained in every form; in any folder, the page and picture are whole."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import msgspec
import pytest
from reading import HERE, stack_in

from dockless.compose.errors import ComposeError
from dockless.explain.drawing.mermaid import mermaid
from dockless.explain.drawing.svg import draw
from dockless.explain.show import html, markdown
from dockless.explain.show.terminal import Terminal
from dockless.explain.story.telling import tell_stack

CORPUS = HERE.parent.parent.parent / "shared" / "corpus"
STACKS = sorted({path.parent for path in CORPUS.rglob("*compose*.y*ml")}) if CORPUS.is_dir() else []


@pytest.mark.parametrize("folder", STACKS, ids=lambda path: str(path.relative_to(CORPUS)))
def test_it_can_be_explained(folder: Path) -> None:
    try:
        stack = stack_in(folder)
    except ComposeError:
        pytest.skip("does not load by itself")
    story = tell_stack(stack)
    assert story.files
    for file in story.files:
        for entry in file.entries:
            assert entry.says, f"nothing is said of {entry.key}"
            assert 1 <= entry.line <= entry.last <= file.text.count("\n") + 1
    ElementTree.fromstring(draw(stack))
    assert mermaid(stack).startswith("flowchart")
    assert html.render(story, draw(stack)).endswith("</html>\n")
    assert markdown.render(story).startswith("# ")
    msgspec.json.encode(story)
    for width in (60, 100, 140):
        for line in Terminal(width, colour=False).story(story).split("\n"):
            assert len(line) <= width or " " not in line.strip(), line
