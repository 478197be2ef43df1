"""The values of `--chown` and `--chmod`: whose the copied files are, and with what permissions."""

import re
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from dockless.launcher.users import UnknownUser, resolve_user

_OCTAL = re.compile(r"0*[0-7]{1,4}")
_CLAUSE = re.compile(r"([ugoa]*)((?:[+=-](?:[ugo]|[rwxXst]*))+)")
_PART = re.compile(r"([+=-])([ugo]|[rwxXst]*)")
_WHO = {"u": 0o4700, "g": 0o2070, "o": 0o0007, "a": 0o7777}
_SHIFT = {"u": 6, "g": 3, "o": 0}
_WHAT = {"r": 0o444, "w": 0o222, "x": 0o111, "s": 0o6000, "t": 0o1000}

Chmod = Callable[[int], int]


class Owner(msgspec.Struct, frozen=True):
    uid: int = 0
    gid: int = 0


def parse_owner(text: str, layers: Sequence[Path]) -> Owner:
    """`user[:group]` as `--chown` and USER have it, names looked up in the image's own files.

    Without a group it is the user's own (reference: "COPY --chown"), and for a number the same number.
    Raises `UnknownUser`.
    """
    user, colon, group = text.partition(":")
    if not user and not group:
        return Owner()
    numeric = user.isascii() and user.isdigit()
    if numeric and not group:
        return Owner(int(user), int(user))
    if numeric and group.isascii() and group.isdigit():
        return Owner(int(user), int(group))
    if colon and not group:
        raise UnknownUser(f"invalid user: {text}")
    found = resolve_user(tuple(layers), text)
    return Owner(found.uid, found.gid)


def parse_chmod(text: str) -> Chmod:
    """`644`, `0755`, `u=rwX,go=rX` or `g=u`: a function from the file's mode (type bits and all) to its permissions.

    Raises `ValueError`.
    """
    if (value := octal_mode(text)) is not None:
        return lambda mode: value
    clauses = []
    for clause in text.split(","):
        found = _CLAUSE.fullmatch(clause)
        if found is None:
            raise ValueError(
                f"invalid chmod parameter: '{text}'. it should be octal string and between 0 and 07777, or symbolic"
            )
        clauses.append((found[1] or "a", _PART.findall(found[2])))

    def change(mode: int) -> int:
        result = stat.S_IMODE(mode)
        for who, parts in clauses:
            mask = 0
            for letter in who:
                mask |= _WHO[letter]
            for sign, letters in parts:
                bits = _bits(letters, mode, result) & mask
                if sign == "+":
                    result |= bits
                elif sign == "-":
                    result &= ~bits
                else:
                    result = (result & ~(mask & 0o777)) | bits
        return result

    return change


def octal_mode(text: str) -> int | None:
    """The permissions where `--chmod` names them in octal, None where it says how to change them."""
    return int(text, 8) if _OCTAL.fullmatch(text) else None


def _bits(letters: str, mode: int, current: int) -> int:
    if letters in _SHIFT:
        return (current >> _SHIFT[letters] & 0o7) * 0o111
    bits = 0
    for letter in letters:
        if letter == "X":
            bits |= 0o111 if stat.S_ISDIR(mode) or current & 0o111 else 0
        else:
            bits |= _WHAT[letter]
    return bits
