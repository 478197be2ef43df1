"""What the tests wait for: a thing that comes in its own time, which is longer on a busy machine."""

import time
from collections.abc import Callable

PATIENCE = 60.0  # seconds; only a test that fails waits as long


def until(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Returns once `condition()` is true. Raises AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
