"""Health checks: a command run in the container at intervals, and what its results add up to.

`step` is the rule (pure), `watch` carries it out.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from dockless.wire.config import ContainerConfig, HealthConfig
from dockless.wire.containers import Health, HealthcheckResult
from dockless.wire.times import rfc3339

SECOND = 1_000_000_000
INTERVAL = TIMEOUT = 30 * SECOND
START_INTERVAL = 5 * SECOND
RETRIES = 3
LOGGED = 5
OUTPUT = 4096  # bytes of a check's output that are kept


@dataclass
class HealthState:
    """`status` is Docker's: starting, healthy, unhealthy."""

    status: str = "starting"
    streak: int = 0
    log: list[HealthcheckResult] = field(default_factory=list)

    def rest(self) -> None:
        """No more checks: as in Docker the container counts as unhealthy until one succeeds, and no event says so."""
        self.status = "unhealthy"

    @property
    def view(self) -> Health:
        return Health(status=self.status, failing_streak=self.streak, log=tuple(self.log))


@dataclass(frozen=True)
class CheckResult:
    """`code` 0: healthy; -1: it could not be run or took too long."""

    code: int
    output: str


Check = Callable[[tuple[str, ...], float], Awaitable[CheckResult]]


def command(config: ContainerConfig) -> tuple[str, ...] | None:
    """The check's argv, or None where there is none (absent, or turned off by `NONE`)."""
    test = config.healthcheck.test if config.healthcheck else None
    if not test or test[0] == "NONE":
        return None
    if test[0] == "CMD-SHELL":
        return (*(config.shell or ("/bin/sh", "-c")), *test[1:])
    return test[1:] if test[0] == "CMD" else test


def step(state: HealthState, result: HealthcheckResult, config: HealthConfig, in_start_period: bool) -> bool:
    """Takes one result in; answers whether the status changed. Failures in the start period do not count."""
    before = state.status
    state.log = [*state.log, result][-LOGGED:]
    if result.exit_code == 0:
        state.streak = 0
        state.status = "healthy"
    elif not (in_start_period and state.status == "starting"):
        state.streak += 1
        if state.streak >= (config.retries or RETRIES):
            state.status = "unhealthy"
    return state.status != before


async def watch(
    state: HealthState, config: ContainerConfig, started: int, check: Check, changed: Callable[[], None]
) -> None:
    """Runs checks until it is cancelled. `started` (nanoseconds) is the container's start."""
    argv = command(config)
    health = config.healthcheck
    assert argv is not None and health is not None
    while True:
        in_start_period = time.time_ns() - started < health.start_period
        quick = in_start_period and state.status == "starting" and health.start_period
        interval = (health.start_interval or START_INTERVAL) if quick else (health.interval or INTERVAL)
        await asyncio.sleep(interval / SECOND)
        begin = time.time_ns()
        in_start_period = begin - started < health.start_period
        result = await check(argv, (health.timeout or TIMEOUT) / SECOND)
        record = HealthcheckResult(
            start=rfc3339(begin), end=rfc3339(time.time_ns()), exit_code=result.code, output=result.output[:OUTPUT]
        )
        if step(state, record, health, in_start_period):
            changed()
