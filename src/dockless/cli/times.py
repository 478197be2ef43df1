"""`--since` and `--until` as people write them, as nanoseconds since 1970."""

import time

from dockless.cli.failure import Failure
from dockless.wire.errors import BadParameter
from dockless.wire.times import parse_time


def moment(text: str, flag: str) -> int:
    """A time or a duration before now; 0 for nothing. Raises `Failure`."""
    if not text:
        return 0
    try:
        return parse_time(text, time.time_ns())
    except BadParameter as error:
        raise Failure(
            f"invalid value for --{flag}: {text!r}: a time (2026-01-02T13:23:37Z) or a duration (42m)"
        ) from error


def tail_lines(text: str) -> int | None:
    """`--tail`: a number, or `all`. Raises `Failure`."""
    if text in ("all", ""):
        return None
    if not text.lstrip("-").isdigit():
        raise Failure(f"invalid value for --tail: {text!r}: a number of lines, or all")
    return None if int(text) < 0 else int(text)
