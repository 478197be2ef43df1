"""The light markup of a story's texts, in pieces: `code`, **strong**, and plain."""

import re
from collections.abc import Iterator
from typing import Literal

Kind = Literal["plain", "code", "strong"]
_MARKUP = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*")


def spans(text: str) -> Iterator[tuple[Kind, str]]:
    """The pieces of a text in order."""
    at = 0
    for match in _MARKUP.finditer(text):
        if match.start() > at:
            yield "plain", text[at : match.start()]
        yield ("code", match[1]) if match[1] is not None else ("strong", match[2])
        at = match.end()
    if at < len(text):
        yield "plain", text[at:]


def bare(text: str) -> str:
    """The text without its markup."""
    return "".join(piece for _, piece in spans(text))
