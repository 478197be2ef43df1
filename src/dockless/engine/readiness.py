"""Waiting until a container serves: until one of the TCP ports that it exposes is in LISTEN state.

The kernel is asked, in the container's network namespace: no connection is made that the service would see.
"""

import asyncio
import time
from collections.abc import Callable

from dockless.engine.helpers import Helpers
from dockless.engine.records import ContainerRecord
from dockless.network.fabric import FabricError
from dockless.wire.containers import ContainerWaitResponse, WaitError

QUICKEST, SLOWEST = 0.003, 0.1  # seconds between two looks, each of which takes a tenth of a millisecond
LONGER = 0.1  # by that part of it a wait may be longer than it need be


async def until_listening(
    current: Callable[[], ContainerRecord | None], helpers: Helpers, timeout: float
) -> ContainerWaitResponse:
    """Status 0 when it listens (or exposes no TCP port); else an error that says what happened instead."""
    begun = time.monotonic()
    deadline = begun + timeout
    while True:
        record = current()
        if record is None:
            return _failure(1, "the container was removed")
        ports = exposed_tcp(record)
        if not ports:
            return ContainerWaitResponse(status_code=0)
        if record.running:
            fabric = await helpers.fabric()
            try:
                listening = fabric.listening_ports(record.state.pid)
            except (FabricError, ProcessLookupError, FileNotFoundError):
                listening = set()  # it is just ending; the next look finds its status
            if listening & ports:
                return ContainerWaitResponse(status_code=0)
        elif record.state.status == "exited":
            return _failure(record.state.exit_code or 1, f"the container exited ({record.state.exit_code})")
        if time.monotonic() >= deadline:
            shown = ", ".join(str(port) for port in sorted(ports))
            return _failure(1, f"not listening on port {shown} after {timeout:g} s")
        await asyncio.sleep(min(max((time.monotonic() - begun) * LONGER, QUICKEST), SLOWEST))


def exposed_tcp(record: ContainerRecord) -> set[int]:
    """The TCP ports that image or configuration expose."""
    found = set()
    for port in record.config.exposed_ports or {}:
        number, _, protocol = port.partition("/")
        if protocol in ("", "tcp"):
            first, _, last = number.partition("-")
            found |= set(range(int(first), int(last or first) + 1))
    return found


def _failure(code: int, message: str) -> ContainerWaitResponse:
    return ContainerWaitResponse(status_code=code, error=WaitError(message=message))
