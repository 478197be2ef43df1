"""Every real stack that lies at hand can be explained in every form; in any folder, the page and picture are whole."""

import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import case_files
import msgspec
import pytest
from loading import options
from reading import HERE, stack_in

from dockless.compose.errors import ComposeError
from dockless.compose.load.loader import trace
from dockless.explain.drawing.mermaid import mermaid
from dockless.explain.drawing.svg import draw
from dockless.explain.export import docker
from dockless.explain.export.from_docker import from_text
from dockless.explain.export.systemd import units
from dockless.explain.show import html, markdown
from dockless.explain.show.terminal import Terminal
from dockless.explain.story.by_hand import by_hand
from dockless.explain.story.stack import read_stack
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


@pytest.mark.parametrize("case", case_files.every(), ids=lambda case: case.name)
def test_whatever_can_be_loaded_can_be_explained(case: case_files.Case, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    case.lay_out(folder)
    asked = options(case, folder)
    try:
        traced = trace(asked)
    except ComposeError:
        return
    stack = read_stack(traced, folder=str(folder), shell=asked.environ, reveal=True)
    story = tell_stack(stack, by_hand=by_hand(stack))
    for entry in (entry for file in story.files for entry in file.entries):
        said = "\n".join((*entry.says, *entry.cautions))
        assert said and "``" not in said and "`None`" not in said, entry.key
    assert html.render(story).endswith("</html>\n") and markdown.render(story)
    script = docker.script(stack)
    subprocess.run(["sh", "-n"], input=script, text=True, check=True, timeout=20)
    assert units(stack)
    if any(service.provider is None and service.replicas for service in stack.project.services.values()):
        assert from_text(script).tree["services"]
