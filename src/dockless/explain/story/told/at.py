"""What the functions of the instructions' table share: where an instruction stands."""

from collections.abc import Iterator

import msgspec

from dockless.dockerfile import model as language
from dockless.explain.story.built import Built, State
from dockless.explain.story.caching import Cause
from dockless.explain.story.stack import Image, Stack
from dockless.explain.story.values import Caution


class At(msgspec.Struct, frozen=True):
    """Where an instruction stands: the image, what has been built before it."""

    stack: Stack
    image: Image
    built: Built
    state: State
    stage: language.Stage
    cause: Cause | None = None


Said = Iterator[str | Caution]
