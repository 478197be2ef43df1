"""The API's times: RFC 3339 with nanoseconds in answers, several forms in requests; here nanoseconds since 1970."""

import time

from dockless.wire.errors import BadParameter

_SECOND = 1_000_000_000
_UNITS = {"ns": 1, "us": 1_000, "µs": 1_000, "ms": 1_000_000, "s": _SECOND, "m": 60 * _SECOND, "h": 3600 * _SECOND}


def rfc3339(nanoseconds: int) -> str:
    """`2026-01-02T03:04:05.000000006Z`, without trailing zeros, as Go prints it."""
    seconds, rest = divmod(nanoseconds, _SECOND)
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}{fraction}Z"


def rfc3339_fixed(nanoseconds: int) -> str:
    """Always with nine digits of fraction: what stands before a line of log."""
    seconds, rest = divmod(nanoseconds, _SECOND)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest:09d}Z"


def parse_rfc3339(text: str) -> int:
    """Nanoseconds since 1970. Raises `ValueError`."""
    from calendar import timegm

    head, offset = text, 0
    if text.endswith(("Z", "z")):
        head = text[:-1]
    elif len(text) > 6 and text[-6] in "+-" and text[-3] == ":":
        head = text[:-6]
        offset = (int(text[-5:-3]) * 3600 + int(text[-2:]) * 60) * (1 if text[-6] == "+" else -1)
    whole, _, fraction = head.partition(".")
    form = "%Y-%m-%dT%H:%M:%S" if "T" in whole else "%Y-%m-%d"
    seconds = timegm(time.strptime(whole, form)) - offset
    return seconds * _SECOND + _fraction(fraction)


def parse_time(text: str, now: int) -> int:
    """A `since` or `until`: Unix seconds with a fraction, RFC 3339, or a duration (`10m`) before `now`.

    Raises `BadParameter`.
    """
    whole, _, fraction = text.partition(".")
    try:
        if whole.lstrip("-").isdigit():
            return int(whole) * _SECOND + (-1 if whole.startswith("-") else 1) * _fraction(fraction)
        if "-" in text[1:]:
            return parse_rfc3339(text)
        return now - parse_duration(text)
    except ValueError as error:
        raise BadParameter(f"invalid value for a time: {text!r}: {error}") from error


def parse_duration(text: str) -> int:
    """Go's form (`1h30m`, `1.5s`, `300ms`) in nanoseconds. Raises `ValueError`."""
    sign, rest = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if rest == "0":
        return 0
    total = 0.0
    at = 0
    while at < len(rest):
        start = at
        while at < len(rest) and (rest[at].isdigit() or rest[at] == "."):
            at += 1
        number = rest[start:at]
        start = at
        while at < len(rest) and not (rest[at].isdigit() or rest[at] == "."):
            at += 1
        unit = _UNITS.get(rest[start:at])
        if unit is None or not number:
            raise ValueError(f"invalid duration {text!r}")
        total += float(number) * unit
    if not rest:
        raise ValueError("invalid duration ''")
    return sign * round(total)


def _fraction(digits: str) -> int:
    if digits and not digits.isdigit():
        raise ValueError(f"invalid fraction of a second {digits!r}")
    return int(digits[:9].ljust(9, "0")) if digits else 0


def unix_time(nanoseconds: int) -> str:
    """For the query: Unix seconds with nine digits of fraction; empty where there is none."""
    seconds, rest = divmod(nanoseconds, _SECOND)
    return f"{seconds}.{rest:09d}" if nanoseconds else ""
