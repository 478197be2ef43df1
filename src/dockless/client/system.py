"""Requests about the engine itself."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from dockless.client.streams import Messages
from dockless.client.transport import Transport, decoded
from dockless.wire.filters import encode_filters
from dockless.wire.system import EventMessage, Version
from dockless.wire.times import unix_time

if TYPE_CHECKING:
    from dockless.wire.info import Info
    from dockless.wire.usage import DiskUsage


class System:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def version(self) -> Version:
        return self._transport.ask(Version, "GET", "/version")

    def info(self) -> "Info":
        from dockless.wire.info import Info

        return self._transport.ask(Info, "GET", "/info")

    def events(
        self, *, since: int = 0, until: int = 0, filters: Mapping[str, Collection[str]] | None = None
    ) -> Messages[EventMessage]:
        """Returns when the engine has registered it: no event from then on is missed. Times in ns since 1970."""
        query = {
            "since": unix_time(since),
            "until": unix_time(until),
            "filters": encode_filters(filters or {}),
        }
        return Messages(self._transport.stream("GET", "/events", query), lambda line: decoded(line, EventMessage))

    def df(self) -> "DiskUsage":
        from dockless.wire.usage import DiskUsage

        return self._transport.ask(DiskUsage, "GET", "/system/df")
