"""Restart policies: whether a container that ended starts again, and after how long."""

from dockless.engine.records import ContainerRecord

FIRST_DELAY = 0.1  # seconds
LONGEST_DELAY = 60.0


def should_restart(record: ContainerRecord, exit_code: int) -> bool:
    """One that was stopped by its user stays stopped, whatever its policy."""
    policy = record.host.restart_policy
    if record.state.stopped_by_user:
        return False
    if policy.name in ("always", "unless-stopped"):
        return True
    if policy.name == "on-failure":
        most = policy.maximum_retry_count
        return exit_code != 0 and (most == 0 or record.state.restart_count < most)
    return False


def delay_before(restarts: int) -> float:
    """Seconds before the next start: 0.1, doubled with each restart in a row, at most a minute."""
    return float(min(FIRST_DELAY * 2 ** min(restarts, 20), LONGEST_DELAY))
