"""Sizes (`512m`), times (`1m30s`) and command lines, as Docker Compose reads and prints them."""

import re

from dockless.compose.load.text import go_float

_SIZE = re.compile(r"([-+]?[0-9_]*\.?[0-9_]*(?:[eE][-+]?[0-9]+)?) ?([kmgtp]?)(i?b)?", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_TIME = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(w|d|h|ms|m|s|us|µs|μs|ns)")
_UNITS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 24 * 3600 * 10**9,
    "w": 7 * 24 * 3600 * 10**9,
}
_LONGEST = (1 << 63) - 1


def size(text: str) -> int:
    """Bytes; units are powers of 1024. ValueError if the text is no size."""
    match = _SIZE.fullmatch(text)
    if (
        not match
        or not match[1]
        or (match[3] == "ib" and not match[2])
        or ((match[3] or "")[:1].lower() == "i" and not match[2])
    ):
        raise ValueError(f"invalid size: {text!r}")
    try:
        number = float(match[1]) * 1024 ** _POWERS[match[2].lower()]
    except (ValueError, OverflowError):
        raise ValueError(f"invalid size: {text!r}") from None
    if not 0 <= number <= _LONGEST:
        raise ValueError(f"invalid size: {text!r}")
    return int(number)


def number(text: str) -> float:
    """A number as Go writes them, so without blanks around it; ValueError if it is none."""
    if text != text.strip() or not text.isascii():
        raise ValueError(text)
    return float.fromhex(text) if "p" in text.lower() else float(text)


def duration(text: str) -> int:
    """Nanoseconds. ValueError if the text is no length of time."""
    rest = text[1:] if text[:1] in ("-", "+") else text
    if rest == "0":
        return 0
    total, end = 0, 0
    for match in _TIME.finditer(rest):
        if match.start() != end:
            break
        end = match.end()
        whole, _, fraction = match[1].partition(".")
        unit = _UNITS[match[2]]
        total += int(whole or 0) * unit + (int(fraction) * unit // 10 ** len(fraction) if fraction else 0)
    if not rest or end != len(rest) or total > _LONGEST:
        raise ValueError(f"invalid duration: {text!r}")
    return -total if text.startswith("-") else total


def duration_text(nanoseconds: int) -> str:
    """`1m30s`: hours, minutes and seconds, without leading zero parts."""
    if nanoseconds == 0:
        return "0s"
    sign, rest = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    if rest < 10**9:
        for unit, factor in (("ns", 1), ("µs", 10**3), ("ms", 10**6)):
            if rest < factor * 1000:
                return f"{sign}{_decimal(rest, factor)}{unit}"
    minutes, seconds = divmod(rest, 60 * 10**9)
    hours, minutes = divmod(minutes, 60)
    text = f"{_decimal(seconds, 10**9)}s"
    if hours or minutes:
        text = f"{minutes}m{text}"
    return f"{sign}{hours}h{text}" if hours else sign + text


def _decimal(amount: int, factor: int) -> str:
    whole, fraction = divmod(amount, factor)
    return f"{whole}.{str(fraction).zfill(len(str(factor)) - 1).rstrip('0')}" if fraction else str(whole)


def words(line: str) -> list[str]:
    """A command line's words: quotes and backslashes as a shell has them; an unquoted `; & | < >` ends the command.

    ValueError if a quote or bracket is left open.
    """
    found: list[str] = []
    word = ""
    started = escaped = double = single = back = dollar = False
    for character in line:
        quoted = single or double or back or dollar
        if escaped:
            word += character
            escaped, started = False, True
        elif character == "\\" and not single:
            escaped = True
        elif character in " \t\r\n" and not quoted:
            if started:
                found.append(word)
            word, started = "", False
        elif character == '"' and not single and not dollar:
            started = started or double
            double = not double
        elif character == "'" and not double and not dollar:
            started = started or single
            single = not single
        elif character in ";&|<>" and not quoted:
            if character == ">" and word[:1].isdigit():
                started = False
            break
        else:
            if character == "`" and not single and not double and not dollar:
                back = not back
            elif character == ")" and not single and not double and not back:
                dollar = not dollar
            elif character == "(" and not single and not double and not back:
                if dollar or not word.endswith("$"):
                    raise ValueError("invalid command line string")
                dollar = True
            word += character
            started = started or character not in " \t\r\n"
    if started:
        found.append(word)
    if escaped or single or double or back or dollar:
        raise ValueError("invalid command line string")
    return found


__all__ = ["duration", "duration_text", "go_float", "size", "words"]
