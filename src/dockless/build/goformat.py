"""How Docker's builder writes values into an image's history (Go's `%q` and `%v`), so that the lines are the same."""

from collections.abc import Iterable

_ESCAPES = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
}


def quoted(text: str, mark: str = '"') -> str:
    """Go's `%q` of a string (or, with a single quote as the mark, of a rune)."""
    letters = []
    for letter in text:
        if letter == mark:
            letters.append("\\" + letter)
        elif letter in _ESCAPES:
            letters.append(_ESCAPES[letter])
        elif letter.isprintable():
            letters.append(letter)
        else:
            code = ord(letter)
            width, kind = (2, "x") if code < 0x80 else (4, "u") if code < 0x10000 else (8, "U")
            letters.append(f"\\{kind}{code:0{width}x}")
    return mark + "".join(letters) + mark


def quoted_list(words: Iterable[str]) -> str:
    """Go's `%q` of a list of strings: `["a" "b"]`."""
    return "[" + " ".join(quoted(word) for word in words) + "]"


def duration(nanoseconds: int) -> str:
    """Go's form of a duration: `1m30s`, `1.5s`, `300ms`, `0s`."""
    if nanoseconds == 0:
        return "0s"
    sign, rest = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    for unit, size in (("ns", 1), ("µs", 1_000), ("ms", 1_000_000)):
        if rest < size * 1000:
            return f"{sign}{_decimal(rest, size)}{unit}"
    minutes, rest = divmod(rest, 60_000_000_000)
    hours, minutes = divmod(minutes, 60)
    shown = f"{hours}h" if hours else ""
    if hours or minutes:
        shown += f"{minutes}m"
    return f"{sign}{shown}{_decimal(rest, 1_000_000_000)}s"


def _decimal(value: int, unit: int) -> str:
    whole, part = divmod(value, unit)
    if not part:
        return str(whole)
    digits = len(str(unit)) - 1
    return f"{whole}.{part:0{digits}d}".rstrip("0")
