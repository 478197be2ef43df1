"""Requests about images: list, pull, build, push, save, load."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from dockless.client.connection import Body
from dockless.client.errors import RequestFailed
from dockless.client.streams import BodyStream, Messages
from dockless.client.transport import Query, Transport, decoded
from dockless.wire.base import encode
from dockless.wire.filters import encode_filters
from dockless.wire.images import (
    HistoryItem,
    ImageDeleteItem,
    ImageInspect,
    ImagePruneResponse,
    ImageSummary,
    SearchResult,
)
from dockless.wire.progress import Progress

if TYPE_CHECKING:
    from dockless.client.building import Lent
    from dockless.wire.auth import AuthConfig
    from dockless.wire.images import BuildPruneResponse, DistributionInspect, StandIn
    from dockless.wire.queries import BuildQuery

Filters = Mapping[str, Collection[str]]


class Images:
    """`name`: a reference, an id or a prefix of one. Progress iterators raise `RequestFailed` at an error message."""

    def __init__(self, transport: Transport, *, ours: bool = False, proxies: Mapping[str, str] | None = None) -> None:
        """`ours`: the engine is dockless, and knows what we added to the API. `proxies`: arguments of each build."""
        self._transport = transport
        self._ours = ours
        self._proxies = proxies or {}

    def list(self, *, all: bool = False, filters: Filters | None = None) -> Sequence[ImageSummary]:
        query: Query = {"all": all, "filters": encode_filters(filters or {})}
        return self._transport.ask(tuple[ImageSummary, ...], "GET", "/images/json", query)

    def inspect(self, name: str) -> ImageInspect:
        return self._transport.ask(ImageInspect, "GET", f"/images/{name}/json")

    def history(self, name: str, *, platform: Mapping[str, str] | None = None) -> Sequence[HistoryItem]:
        return self._transport.ask(tuple[HistoryItem, ...], "GET", f"/images/{name}/history", _platform(platform))

    def search(self, term: str, *, limit: int = 0, filters: Filters | None = None) -> Sequence[SearchResult]:
        """`limit` 0: as many as the engine likes."""
        query: Query = {"term": term, "limit": limit or "", "filters": encode_filters(filters or {})}
        return self._transport.ask(tuple[SearchResult, ...], "GET", "/images/search", query)

    def stand_ins(self) -> "Sequence[StandIn]":
        """What our own engine could make where no registry can be reached; other engines answer with an error."""
        from dockless.wire.images import StandIn

        return self._transport.ask(tuple[StandIn, ...], "GET", "/images/stand-ins")

    def remove(self, name: str, *, force: bool = False, noprune: bool = False) -> Sequence[ImageDeleteItem]:
        query = {"force": force, "noprune": noprune}
        return self._transport.ask(tuple[ImageDeleteItem, ...], "DELETE", f"/images/{name}", query)

    def tag(self, name: str, *, repo: str, tag: str = "") -> None:
        self._transport.send("POST", f"/images/{name}/tag", {"repo": repo, "tag": tag})

    def pull(
        self,
        from_image: str,
        *,
        tag: str = "",
        platform: str = "",
        auth: "AuthConfig | None" = None,
        stand_ins: bool = True,
    ) -> Messages[Progress]:
        """`stand_ins` is for our own engine: whether one may take the place of an image that cannot be pulled."""
        query = {"fromImage": from_image, "tag": tag, "platform": platform, "standins": None if stand_ins else "0"}
        return self._progress("/images/create", query, headers=_auth(auth))

    def push(
        self, name: str, *, tag: str = "", auth: "AuthConfig | None" = None, platform: Mapping[str, str] | None = None
    ) -> Messages[Progress]:
        """`platform`: `os`, `architecture` and `variant` of the one image to push of several."""
        from dockless.wire.auth import AuthConfig

        query = {"tag": tag, **_platform(platform)}
        return self._progress(f"/images/{name}/push", query, headers=_auth(auth or AuthConfig()))

    def build(self, context: Body, query: "BuildQuery", lent: "Lent | None" = None) -> Messages[Progress]:
        """`context`: a tar archive, whole or as it is made; it is not touched where the engine reads `lent.folder`.

        `lent` (client/building.py) is what the build gets beside it: secrets, ssh agents, named contexts, the context's
        folder itself. Our own engine takes it; with another one whatever it cannot do without raises `BadParameter`.
        """
        from msgspec.structs import replace

        from dockless.client import building

        query = replace(query, build_args={**self._proxies, **query.build_args})
        return building.build(self._build_request, context, query, lent, ours=self._ours)

    def _build_request(self, query: Query, body: Body, headers: Iterable[tuple[str, str]]) -> Messages[Progress]:
        return self._progress("/build", query, body=body, headers=headers)

    def save(
        self, names: Iterable[str], *, platform: Mapping[str, str] | None = None, together: bool = False
    ) -> BodyStream:
        """A tar archive that `load` takes. `together` is our own engine's: all of them as one index without a name."""
        query: Query = {"names": names, "together": together, **_platform(platform)}
        return self._transport.stream("GET", "/images/get", query)

    def load(self, content: Body, *, quiet: bool = False) -> Messages[Progress]:
        headers = (("Content-Type", "application/x-tar"),)
        return self._progress("/images/load", {"quiet": quiet}, body=content, headers=headers)

    def import_(
        self,
        content: Body,
        *,
        repo: str = "",
        tag: str = "",
        message: str = "",
        changes: Iterable[str] = (),
        platform: str = "",
    ) -> Messages[Progress]:
        query = {"fromSrc": "-", "repo": repo, "tag": tag, "message": message, "changes": changes, "platform": platform}
        headers = (("Content-Type", "application/x-tar"),)
        return self._progress("/images/create", query, body=content, headers=headers)

    def prune(self, *, filters: Filters | None = None) -> ImagePruneResponse:
        return self._transport.ask(
            ImagePruneResponse, "POST", "/images/prune", {"filters": encode_filters(filters or {})}
        )

    def build_prune(
        self, *, all: bool = False, keep_storage: int = 0, filters: Filters | None = None
    ) -> "BuildPruneResponse":
        from dockless.wire.images import BuildPruneResponse

        query = {"all": all, "keep-storage": keep_storage or None, "filters": encode_filters(filters or {})}
        return self._transport.ask(BuildPruneResponse, "POST", "/build/prune", query)

    def distribution(self, name: str, *, auth: "AuthConfig | None" = None) -> "DistributionInspect":
        """What the registry has under that name."""
        from dockless.wire.images import DistributionInspect

        answer = self._transport.call("GET", f"/distribution/{name}/json", headers=_auth(auth))
        return answer.decode(DistributionInspect)

    def _progress(
        self,
        path: str,
        query: Query,
        *,
        body: Body = b"",
        headers: Iterable[tuple[str, str]] = (),
    ) -> Messages[Progress]:
        return Messages(self._transport.stream("POST", path, query, body=body, headers=headers), _progress_message)


def _progress_message(line: bytes) -> Progress:
    message = decoded(line, Progress)
    if message.error or message.error_detail:
        detail = message.error_detail
        raise RequestFailed(message.error or (detail.message if detail else ""), detail.code if detail else 0)
    return message


def _platform(platform: Mapping[str, str] | None) -> "dict[str, str]":
    """`os`, `architecture` and `variant` of the one image that is meant of several."""
    return {"platform": encode(platform).decode()} if platform else {}


def _auth(auth: "AuthConfig | None") -> list[tuple[str, str]]:
    if auth is None:
        return []
    from dockless.wire.auth import auth_header

    return [("X-Registry-Auth", auth_header(auth))]
