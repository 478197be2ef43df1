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
Find = Callable[[str], ContainerRecord]


def matches(record: ContainerRecord, filters: Filters, health: HealthState | None, find: Find) -> bool:
    """Raises BadParameter for a value that makes no sense, NotFound for a container named by `before` or `since`."""
    if not filters:
        return True
    return (
        filters.accepts_labels(record.config.labels)
        and all(test(record, filters) for test in (_names, _status, _exited, _ancestor, _volume, _network, _ports))
        and filters.accepts("health", health.status if health else "none")
        and all(record.created < find(other).created for other in filters.wanted("before"))
        and all(record.created > find(other).created for other in filters.wanted("since"))
        and all(record.created <= parse_time(until, time.time_ns()) for until in filters.wanted("until"))
    )


def _names(record: ContainerRecord, filters: Filters) -> bool:
    """A name is a part of the container's, or a regular expression where it is anchored."""
    wanted = filters.wanted("name")
    names = (f"/{record.name}", record.name)
    try:
        by_name = not wanted or any(re.search(pattern, name) for pattern in wanted for name in names)
    except re.error as error:
        raise BadParameter(f"invalid filter 'name={wanted}': {error}") from error
    ids = filters.wanted("id")
    return by_name and (not ids or any(record.id.startswith(identity) for identity in ids))


def _status(record: ContainerRecord, filters: Filters) -> bool:
    for status in filters.wanted("status"):
        if status not in STATUSES:
            raise BadParameter(f"invalid filter 'status={status}'")
    return filters.accepts("status", record.state.status)


def _exited(record: ContainerRecord, filters: Filters) -> bool:
    wanted = filters.wanted("exited")
    if not wanted:
        return True
    return record.state.status == "exited" and str(record.state.exit_code) in wanted


def _ancestor(record: ContainerRecord, filters: Filters) -> bool:
    name = record.image_name
    plain = name if ":" in name.rpartition("/")[2] else f"{name}:latest"
    return filters.accepts("ancestor", name, plain, record.image_id, record.image_id.removeprefix("sha256:")[:12])


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
    wanted = [port if "/" in port else f"{port}/tcp" for port in filters.wanted(key)]
    return not wanted or any(port in actual for port in wanted)
