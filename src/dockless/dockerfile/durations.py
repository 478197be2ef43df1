"""Durations as Go writes them (`1h30m`, `2.5s`, `300ms`), in nanoseconds, as an image's configuration holds them."""

import re
from decimal import Decimal

_UNITS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)")


def parse_duration(text: str) -> int:
    """Nanoseconds of `text`. Raises `ValueError` with the message that a person should see."""
    sign, body = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if body == "0":
        return 0
    at = 0
    total = Decimal(0)
    while at < len(body):
        part = _PART.match(body, at)
        if part is None:
            break
        total += Decimal(part[1]) * _UNITS[part[2]]
        at = part.end()
    if at == 0 or at != len(body):
        raise ValueError(f'invalid duration "{text}" (write it as 30s, 1m30s, 500ms)')
    if total >= 2**63:
        raise ValueError(f'invalid duration "{text}": too long')
    return sign * int(total)
