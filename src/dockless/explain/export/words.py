"""A command's words as a shell reads them: quoted, with `"$PWD"` for the project's folder, over several lines."""

import shlex
from collections.abc import Sequence

import msgspec


class Words(msgspec.Struct, frozen=True):
    """A command: its groups of words (a flag and its value), and a comment before it; without words a comment alone."""

    groups: tuple[tuple[str, ...], ...]
    comment: str = ""
    after: str = ""
    """What follows it as it stands, such as a here-document."""


class Raw(str):
    """A word that is a shell's text already."""

    __slots__ = ()


def shell_word(word: str, folder: str) -> str:
    """One word; a path below the project's folder begins with `"$PWD"`."""
    if isinstance(word, Raw):
        return word
    for start in (folder, f"source={folder}", f"src={folder}"):
        if folder != "/" and word.startswith(start) and word[len(start) : len(start) + 1] in ("", "/", ":", ","):
            head, rest = word[: len(start) - len(folder)], word[len(start) :]
            return f'{head}"$PWD"{shlex.quote(rest) if rest else ""}'
    at = word.find(f"source={folder}")
    if at > 0 and folder != "/" and word[at + 7 + len(folder) : at + 8 + len(folder)] in ("", "/", ","):
        rest = word[at + 7 + len(folder) :]
        return f'{shlex.quote(word[: at + 7])}"$PWD"{shlex.quote(rest) if rest else ""}'
    return shlex.quote(word)


def written(command: Words, folder: str, width: int = 100) -> str:
    """The command's text: on one line where it fits, else a flag to a line."""
    groups = [" ".join(shell_word(word, folder) for word in group) for group in command.groups]
    comment = "".join(f"# {line}\n" for line in command.comment.split("\n")) if command.comment else ""
    if not groups:
        return comment
    line = " ".join(groups)
    if len(line) > width:
        line = " \\\n    ".join(groups)
    return f"{comment}{line}{command.after}\n"


def flattened(groups: Sequence[Sequence[str]]) -> list[str]:
    """All words in order."""
    return [word for group in groups for word in group]
