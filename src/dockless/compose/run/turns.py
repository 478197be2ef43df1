"""One `up` of a project at a time: two that plan at once would both make what neither has seen.

A turn is a name of a socket without a file: who ends, however it ends, gives it back and leaves nothing. It is a
courtesy between the clients of one machine, and not more: who has waited long enough goes on, and what is made twice
then is refused by the engine.
"""

import _socket
import errno
import hashlib
import os
import time

from dockless.client.endpoint import Endpoint
from dockless.compose.run.execute import Reporter

_LONGEST_SECONDS = 60.0
_PAUSE_SECONDS = 0.05


def take_turn(
    project: str, engine: Endpoint, reporter: Reporter, *, patience: float = _LONGEST_SECONDS
) -> _socket.socket:
    """Waits, `patience` seconds at most, while another `up` of the project is at work; to be closed after ours."""
    held = _socket.socket(_socket.AF_UNIX)
    address = _address(project, engine)
    deadline = time.monotonic() + patience
    told = False
    while True:
        try:
            held.bind(address)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() >= deadline:
                return held
            if not told:
                reporter.line(f" Another `up` of {project} is at work: waiting for it")
                told = True
            time.sleep(_PAUSE_SECONDS)
        else:
            return held


def _address(project: str, engine: Endpoint) -> str:
    """The engine is known by its socket itself: its path may be another socket's in another mount namespace."""
    try:
        place = os.stat(engine.path) if engine.path else None
    except OSError:
        place = None
    seen = f"{place.st_dev} {place.st_ino}" if place else str(engine)
    return f"\0dockless-up-{hashlib.sha256(f'{os.geteuid()} {seen} {project}'.encode()).hexdigest()}"
