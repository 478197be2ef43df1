"""Regular expressions of a library that are compiled when they are used, not when the library is imported.

PyYAML's are for its parser in Python, which is not ours where the one in C is there, and cost every command more than
the reading of its files.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_compile = re.compile


class _Late:
    def __init__(self, *arguments: Any) -> None:
        self._arguments = arguments

    def __getattr__(self, name: str) -> Any:
        return getattr(_compile(*self._arguments), name)


@contextmanager
def late_patterns() -> Iterator[None]:
    """For the time of an import."""
    re.compile = _Late  # type: ignore[assignment]
    try:
        yield
    finally:
        re.compile = _compile
