"""Requests about images: list, pull, build, push, save, load."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from dockless.client.connection import Body
from dockless.client.errors import RequestFailed
from dockless.client.streams import BodyStream, Messages
from dockless.client.transport import Query, Transport, decoded
from dockless.wire.base import encode
from dockless.wire.filters import encode_filters
from dockless.wire.images import HistoryItem, ImageDeleteItem, ImageInspect, ImagePruneResponse, ImageSummary
from dockless.wire.progress import Progress

if TYPE_CHECKING:
    from dockless.wire.auth import AuthConfig
    from dockless.wire.images import BuildPruneResponse, DistributionInspect
    from dockless.wire.queries import BuildQuery

Filters = Mapping[str, Collection[str]]


class Images:
    """`name`: a reference, an id or a prefix of one. Progress iterators raise `RequestFailed` at an error message."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, *, all: bool = False, filters: Filters | None = None) -> Sequence[ImageSummary]:
        query: Query = {"all": all, "filters": encode_filters(filters or {})}
        return self._transport.ask(tuple[ImageSummary, ...], "GET", "/images/json", query)

    def inspect(self, name: str) -> ImageInspect:
        return self._transport.ask(ImageInspect, "GET", f"/images/{name}/json")

    def history(self, name: str) -> Sequence[HistoryItem]:
        return self._transport.ask(tuple[HistoryItem, ...], "GET", f"/images/{name}/history")

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

    def push(self, name: str, *, tag: str = "", auth: "AuthConfig | None" = None) -> Messages[Progress]:
        from dockless.wire.auth import AuthConfig

        return self._progress(f"/images/{name}/push", {"tag": tag}, headers=_auth(auth or AuthConfig()))

    def build(self, context: Body, query: "BuildQuery") -> Messages[Progress]:
        """`context`: a tar archive, whole or as it is made."""
        from dockless.wire.auth import auths_header

        headers = [("Content-Type", "application/x-tar")]
        if query.auths:
            headers.append(("X-Registry-Config", auths_header(query.auths)))
        return self._progress("/build", _build(query), body=context, headers=headers)

    def save(self, names: Iterable[str]) -> BodyStream:
        """A tar archive that `load` takes."""
        return self._transport.stream("GET", "/images/get", {"names": names})

    def load(self, content: Body, *, quiet: bool = False) -> Messages[Progress]:
        headers = (("Content-Type", "application/x-tar"),)
        return self._progress("/images/load", {"quiet": quiet}, body=content, headers=headers)

    def import_(
        self, content: Body, *, repo: str = "", tag: str = "", message: str = "", changes: Iterable[str] = ()
    ) -> Messages[Progress]:
        query = {"fromSrc": "-", "repo": repo, "tag": tag, "message": message, "changes": changes}
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


def _auth(auth: "AuthConfig | None") -> list[tuple[str, str]]:
    if auth is None:
        return []
    from dockless.wire.auth import auth_header

    return [("X-Registry-Auth", auth_header(auth))]


def _build(query: "BuildQuery") -> Query:
    return {
        "t": query.tags,
        "dockerfile": query.dockerfile,
        "buildargs": encode(query.build_args).decode() if query.build_args else "",
        "labels": encode(query.labels).decode() if query.labels else "",
        "target": query.target,
        "platform": query.platform,
        "networkmode": query.network_mode,
        "extrahosts": query.extra_hosts,
        "nocache": query.no_cache,
        "pull": query.pull,
        "q": query.quiet,
        "standins": None if query.stand_ins else "0",
        "rm": "1" if query.remove else "0",
        "forcerm": query.force_remove,
        "squash": query.squash,
        "cachefrom": encode(query.cache_from).decode() if query.cache_from else "",
        "remote": query.remote,
        "shmsize": query.shm_size or None,
        "memory": query.memory or None,
        "memswap": query.memory_swap or None,
        "cpushares": query.cpu_shares or None,
        "cpuperiod": query.cpu_period or None,
        "cpuquota": query.cpu_quota or None,
        "cpusetcpus": query.cpuset_cpus,
        "version": "1",
    }
