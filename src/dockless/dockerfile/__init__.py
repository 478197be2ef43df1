"""The Dockerfile language: text → instructions with their positions. Pure: no file is read, nothing is run.

`parse` is the entry; `words.expand` replaces variables; `ignore.Ignore` matches a .dockerignore. The parser is loaded
when it is first asked for, since the command line needs only `ignore` in most of its runs.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dockless.dockerfile.errors import DockerfileError, Position, excerpt
    from dockless.dockerfile.model import Dockerfile, Instruction, Stage
    from dockless.dockerfile.parser import parse, parse_trigger

__all__ = ["Dockerfile", "DockerfileError", "Instruction", "Position", "Stage", "excerpt", "parse", "parse_trigger"]

_HOMES = {
    "Dockerfile": "model",
    "DockerfileError": "errors",
    "Instruction": "model",
    "Position": "errors",
    "Stage": "model",
    "excerpt": "errors",
    "parse": "parser",
    "parse_trigger": "parser",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
