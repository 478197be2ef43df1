"""Which containers a list's filters mean."""

import re
import time
from collections.abc import Callable

from dockless.engine.health import HealthState
from dockless.engine.records import ContainerRecord
from dockless.wire.errors import BadParameter
from dockless.wire.filters import Filters
from dockless.wire.times import parse_time

STATUSES = ("created", "restarting", "running", "removing", "paused", "exited", "dead")
HEALTH = ("none", "starting", "healthy", "unhealthy")
_PORT = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?(?:/(tcp|udp|sctp))?")
Find = Callable[[str], ContainerRecord]


def matches(record: ContainerRecord, filters: Filters, health: HealthState | None, find: Find) -> bool:
    """Raises BadParameter for a value that makes no sense, NotFound for a container named by `before` or `since`."""
    if not filters:
        return True
    return (
        filters.accepts_labels(record.config.labels)
        and all(test(record, filters) for test in (_names, _status, _exited, _volume, _network, _ports))
        and filters.accepts("health", health.status if health else "none")
        and filters.accepts("isolation", record.host.isolation or "default", "")
        and filters.flag("is-task") is not True
        and all(record.created < find(other).created for other in filters.wanted("before"))
        and all(record.created > find(other).created for other in filters.wanted("since"))
        and all(record.created <= parse_time(until, time.time_ns()) for until in filters.wanted("until"))
    )


def check_values(filters: Filters) -> None:
    """Raises BadParameter for a value that no container could have."""
    for status in filters.wanted("status"):
        if status not in STATUSES:
            raise BadParameter(f"invalid filter 'status={status}'")
    for health in filters.wanted("health"):
        if health not in HEALTH:
            raise BadParameter(f"invalid filter 'health={health}': unrecognized filter value for health: {health}")
    for code in filters.wanted("exited"):
        if not code.lstrip("-").isdecimal():
            raise BadParameter(f"invalid filter 'exited={code}': not a number")
    for key in ("publish", "expose"):
        for port in filters.wanted(key):
            _port_range(key, port)
    for until in filters.wanted("until"):
        parse_time(until, time.time_ns())
    filters.flag("is-task")
    for pattern in filters.wanted("name"):
        try:
            re.compile(pattern)
        except re.error as error:
            raise BadParameter(f"invalid filter 'name={pattern}': {error}") from error


def _names(record: ContainerRecord, filters: Filters) -> bool:
    """A name is a part of the container's, or a regular expression where it is anchored."""
    wanted = filters.wanted("name")
    names = (f"/{record.name}", record.name)
    by_name = not wanted or any(re.search(pattern, name) for pattern in wanted for name in names)
    ids = filters.wanted("id")
    return by_name and (not ids or any(record.id.startswith(identity) for identity in ids))


def _status(record: ContainerRecord, filters: Filters) -> bool:
    return filters.accepts("status", record.state.status)


def _exited(record: ContainerRecord, filters: Filters) -> bool:
    wanted = filters.wanted("exited")
    if not wanted:
        return True
    return record.state.status == "exited" and str(record.state.exit_code) in wanted


def _volume(record: ContainerRecord, filters: Filters) -> bool:
    points = [mount.point for mount in record.mounts]
    return filters.accepts("volume", *(point.name for point in points), *(point.destination for point in points))


def _network(record: ContainerRecord, filters: Filters) -> bool:
    endpoints = record.endpoints.values()
    mode = record.host.network_mode
    return filters.accepts("network", mode, *record.endpoints, *(endpoint.network_id for endpoint in endpoints))


def _ports(record: ContainerRecord, filters: Filters) -> bool:
    published = [f"{port.host_port}/{port.protocol}" for port in record.ports]
    exposed = list(record.config.exposed_ports or {})
    return _port(filters, "publish", published) and _port(filters, "expose", exposed)


def _port(filters: Filters, key: str, actual: list[str]) -> bool:
    wanted = [_port_range(key, port) for port in filters.wanted(key)]
    return not wanted or any(_within(port, *one) for port in actual for one in wanted)


def _port_range(key: str, text: str) -> tuple[int, int, str]:
    """`80`, `80/udp`, `8000-8010/tcp` as (first, last, protocol). Raises BadParameter."""
    found = _PORT.fullmatch(text)
    if found is None:
        raise BadParameter(f"invalid filter '{key}={text}': not a port or a range of ports")
    return int(found[1]), int(found[2] or found[1]), found[3] or "tcp"


def _within(port: str, first: int, last: int, protocol: str) -> bool:
    number, _, kind = port.partition("/")
    return number.isdecimal() and first <= int(number) <= last and (kind or "tcp") == protocol
