"""Sizes and durations of `docker`'s flags: `512m`, `1g`; `10s`, `1m30s`."""

from dockless.cli.failure import Failure
from dockless.wire.times import parse_duration

_UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def bytes_of(text: str, flag: str) -> int:
    """Bytes; 0 for nothing. Raises `Failure` (125)."""
    if not text:
        return 0
    lowered = text.strip().lower()
    unit = lowered.lstrip("0123456789.").removesuffix("ib").removesuffix("b") if lowered[-1:].isalpha() else ""
    number = lowered.rstrip("bikmgt")
    try:
        return int(float(number) * _UNITS[unit])
    except (ValueError, KeyError) as error:
        raise Failure(f'docker: invalid argument "{text}" for "--{flag}" flag: invalid size: {text!r}', 125) from error


def duration_of(text: str, flag: str) -> int:
    """Nanoseconds; 0 for nothing. Raises `Failure` (125)."""
    if not text:
        return 0
    try:
        return parse_duration(text)
    except ValueError as error:
        raise Failure(
            f'docker: invalid argument "{text}" for "--{flag.replace("_", "-")}" flag: {error}', 125
        ) from error
