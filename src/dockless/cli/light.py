"""Imports libraries without the modules of which they need a name or two and hardly ever more.

A short command spends most of its time on imports, and a quarter of that on modules that click, msgspec and pathlib
import for help texts, translations and Windows. While those are imported, a module of the same name stands there that
has what every command needs; whatever else is asked of it comes from the real one, which is imported at that moment.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

_DELAYED: dict[str, dict[str, Any]] = {}


class _Delayed(ModuleType):
    """In a module's place until the libraries are imported, and known to them afterwards."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            # Asked by the import system, which takes their absence for an answer.
            raise AttributeError(name)
        return getattr(_real(self), name)


def _real(stand_in: ModuleType) -> Any:
    name = stand_in.__name__
    if sys.modules.get(name) is stand_in:
        del sys.modules[name]
    return _import(name)


def _import(name: str) -> Any:
    """The module of that dotted name, without `importlib`, which itself takes a while."""
    return __import__(name, fromlist=("",))


def _later(module: str, function: str) -> Callable[..., Any]:
    """The function itself, when it is called."""

    def call(*arguments: Any, **named: Any) -> Any:
        return getattr(_import(module), function)(*arguments, **named)

    return call


def _clean(text: str) -> str:
    """`inspect.cleandoc`, at once where there is one line."""
    if "\n" in text:
        return str(_import("inspect").cleandoc(text))
    return text.expandtabs().lstrip()


_DELAYED |= {
    # click: to tidy help texts.
    "inspect": {"cleandoc": _clean},
    # click: we have no translations, and other programs' are not meant.
    "gettext": {"gettext": lambda text: text, "ngettext": lambda one, many, number: one if number == 1 else many},
    # uuid, which both import: for systems that are not this one.
    "platform": {"system": lambda: os.uname().sysname},
    # msgspec: for JSON schemas.
    "textwrap": {},
    # pathlib: for addresses of files.
    "urllib.parse": {"quote_from_bytes": _later("urllib.parse", "quote_from_bytes")},
}


@contextmanager
def lightly() -> Iterator[None]:
    """What is imported in here gets by with less."""
    placed: dict[str, ModuleType | None] = {}
    for name, given in _DELAYED.items():
        if name not in sys.modules:
            placed[name] = sys.modules[name] = _Delayed(name)
            placed[name].__dict__.update(given)
    if "typing_extensions" not in sys.modules:
        # msgspec takes two names from it where it is installed, else the same from `typing`.
        placed["typing_extensions"] = sys.modules["typing_extensions"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name, module in placed.items():
            if name in sys.modules and sys.modules[name] is module:
                del sys.modules[name]
