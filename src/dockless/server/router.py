"""From method and path to a handler.

A pattern is literal but for one `{…}`. For images it stands for a name that may contain slashes, elsewhere for one
segment. Looking a path up is a few dictionary accesses, however many routes there are.
"""

from collections.abc import Awaitable, Callable, Iterable

from msgspec import Struct

from dockless.server.messages import Answer, Request
from dockless.server.query import unquote
from dockless.server.seam import Engine

Handler = Callable[[Engine, Request], Awaitable[Answer]]

_WITH_SLASHES = ("images", "distribution")


class Route(Struct, frozen=True):
    """`ends_with_client`: long and without effect of its own, so it is given up when the client goes away."""

    handler: Handler
    ends_with_client: bool = False


Routes = Iterable[tuple[str, str, Route]]
_Key = tuple[str, str, str | None, str]


class Router:
    """Routes by (method, first segment, whether a name follows, what stands behind)."""

    def __init__(self, routes: Routes) -> None:
        self._exact: dict[tuple[str, str], Route] = {}
        self._named: dict[tuple[str, str, str], Route] = {}
        for method, pattern, route in routes:
            before, brace, behind = pattern.partition("{")
            if brace:
                self._named[method, before.strip("/"), behind.partition("}")[2].strip("/")] = route
            else:
                self._exact[method, pattern] = route

    def find(self, method: str, path: str) -> tuple[Route, str] | None:
        """The route and what `{…}` stands for."""
        if found := self._exact.get((method, path)):
            return found, ""
        first, _, rest = path[1:].partition("/")
        if not rest:
            return None
        name, _, last = rest.partition("/")
        if first not in _WITH_SLASHES and "/" in last and (route := self._named.get((method, first, last))):
            return route, unquote(name)
        name, _, last = rest.rpartition("/")
        if name and (route := self._named.get((method, first, last))) and self._fits(first, name):
            return route, unquote(name)
        if (route := self._named.get((method, first, ""))) and self._fits(first, rest):
            return route, unquote(rest)
        return None

    @staticmethod
    def _fits(first: str, name: str) -> bool:
        return "/" not in name or first in _WITH_SLASHES
