"""Reads a folder's stack as `dockless explain` does."""

from collections.abc import Mapping
from pathlib import Path

from dockless.compose.load import LoadOptions
from dockless.compose.load.loader import trace
from dockless.explain.story.stack import Stack, read_stack
from dockless.explain.story.telling import tell_stack
from dockless.explain.story.values import Story

HERE = Path(__file__).parent
FETCH = HERE.parent.parent / "examples" / "fetch_c1"


def stack_in(folder: Path, environ: Mapping[str, str] | None = None, *, reveal: bool = False) -> Stack:
    environ = dict(environ or {})
    traced = trace(LoadOptions(cwd=folder, environ=environ))
    return read_stack(traced, folder=str(folder), shell=environ, reveal=reveal)


def story_in(folder: Path, environ: Mapping[str, str] | None = None) -> Story:
    return tell_stack(stack_in(folder, environ))


def stack_of(folder: Path, compose: str, **files: str) -> Stack:
    """The stack of a compose file's text and other files (`Dockerfile=…`)."""
    (folder / "compose.yaml").write_text(compose)
    for name, text in files.items():
        (folder / name).write_text(text)
    return stack_in(folder)


def said_of(story: Story, key: str) -> str:
    """All that is said of a key, as one text."""
    parts = []
    for file in story.files:
        for entry in file.entries:
            if entry.key == key:
                parts += [*entry.says, *entry.cautions]
                parts += [f"{value.name}={value.text} ({value.origin})" for value in entry.values]
    return "\n".join(parts)
