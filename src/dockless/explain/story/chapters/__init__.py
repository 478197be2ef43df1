"""What the files mean together: when what happens, what is cached, who reaches whom, what survives, what is read."""

from collections.abc import Iterator

from dockless.explain.story.chapters.keeping import host, survives
from dockless.explain.story.chapters.reaching import cached, reach
from dockless.explain.story.chapters.running import times, together
from dockless.explain.story.stack import Stack
from dockless.explain.story.values import Chapter


def chapters(stack: Stack) -> Iterator[Chapter]:
    """The chapters that this stack has something to say in."""
    project = stack.project
    if project.services:
        yield together(stack)
        yield times(stack)
    if stack.images:
        yield cached(stack)
    if project.services:
        yield reach(stack)
        yield survives(stack)
        yield host(stack)
