"""A command's options as data: click's are made of them, and the usual words are understood without click.

For commands that are too short to wait for click's import. What `read` does not understand (a mistake, `--help`,
`--flag=false`) is left to click, which has the words for it.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple


class Flag(NamedTuple):
    """What `click.option` takes; a `type` that is a tuple are the values to choose from."""

    names: tuple[str, ...]
    given: dict[str, Any]

    @property
    def field(self) -> str:
        """The parameter's name, as click makes it of the option's."""
        explicit = next((name for name in self.names if not name.startswith("-")), None)
        first = explicit or next((name for name in self.names if name.startswith("--")), self.names[0])
        return first.partition("/")[0].lstrip("-").replace("-", "_")

    @property
    def default(self) -> Any:
        if self.given.get("multiple"):
            return ()
        return False if self.given.get("is_flag") else self.given.get("default")

    def option(self) -> Callable[[Any], Any]:
        """As a decorator of click's."""
        import click

        given = dict(self.given)
        if isinstance(given.get("type"), tuple):
            given["type"] = click.Choice(given["type"])
        return click.option(*self.names, **given)


def flag(*names: str, **given: Any) -> Flag:
    return Flag(names, given)


def read(flags: Iterable[Flag], words: Sequence[str]) -> tuple[dict[str, Any], tuple[str, ...]] | None:
    """The parameters, and what follows the options; None if that is to be found out by click."""
    reading = _Reading(flags)
    left = list(reversed(words))
    while left:
        word = left.pop()
        if word == "--":
            break
        if not word.startswith("-") or word == "-":
            left.append(word)
            break
        understood = reading.long(word, left) if word.startswith("--") else reading.short(word[1:], left)
        if not understood:
            return None
    return reading.values, tuple(reversed(left))


class _Reading:
    def __init__(self, flags: Iterable[Flag]) -> None:
        self.values: dict[str, Any] = {}
        self._switches: dict[str, tuple[str, bool]] = {}
        self._valued: dict[str, Flag] = {}
        for one in flags:
            self.values[one.field] = one.default
            for name in one.names:
                on, slash, off = name.partition("/")
                if slash:
                    self._switches[off] = (one.field, False)
                if slash or one.given.get("is_flag"):
                    self._switches[on] = (one.field, True)
                else:
                    self._valued[name] = one

    def long(self, word: str, left: list[str]) -> bool:
        name, equals, value = word.partition("=")
        if not equals and self._switch(name):
            return True
        return name in self._valued and (self._take(name, value) if equals else self._take_next(name, left))

    def short(self, letters: str, left: list[str]) -> bool:
        """`-d`, `-it`, `-eNAME`, `-ite NAME`."""
        for place, letter in enumerate(letters, 1):
            name = f"-{letter}"
            if self._switch(name):
                continue
            if name not in self._valued or letters[place:].startswith("="):
                return False
            return self._take(name, letters[place:]) if letters[place:] else self._take_next(name, left)
        return True

    def _switch(self, name: str) -> bool:
        if name not in self._switches:
            return False
        field, value = self._switches[name]
        self.values[field] = value
        return True

    def _take_next(self, name: str, left: list[str]) -> bool:
        return bool(left) and not left[-1].startswith("-") and self._take(name, left.pop())

    def _take(self, name: str, text: str) -> bool:
        one = self._valued[name]
        kind = one.given.get("type", str)
        if isinstance(kind, tuple):
            if text not in kind:
                return False
            value: Any = text
        else:
            try:
                value = kind(text)
            except ValueError:
                return False
        self.values[one.field] = (*self.values[one.field], value) if one.given.get("multiple") else value
        return True
