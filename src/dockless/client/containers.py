"""Requests about containers."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from dockless.client.connection import Body
from dockless.client.streams import BodyStream, Duplex, Messages, Output
from dockless.client.transport import JSON, Query, Transport, decoded
from dockless.wire.base import encode
from dockless.wire.config import ContainerConfig
from dockless.wire.containers import (
    ContainerCreateRequest,
    ContainerCreateResponse,
    ContainerInspect,
    ContainerPruneResponse,
    ContainerSummary,
    ContainerWaitResponse,
    FilesystemChange,
    TopResponse,
    UpdateRequest,
    UpdateResponse,
)
from dockless.wire.errors import NotModified
from dockless.wire.filters import encode_filters
from dockless.wire.queries import AttachOptions, LogOptions
from dockless.wire.times import unix_time

if TYPE_CHECKING:
    from dockless.wire.archive import PathStat
    from dockless.wire.stats import ContainerStats

Filters = Mapping[str, Collection[str]]


class Waiting:
    """A wait that the engine has registered; what is done now, it will see."""

    def __init__(self, body: BodyStream) -> None:
        self._body = body

    def result(self) -> ContainerWaitResponse:
        """Blocks until it happened. Raises `EngineLost`; after `close` as well."""
        return decoded(b"".join(self._body), ContainerWaitResponse)

    def close(self) -> None:
        self._body.close()


class Containers:
    """An `id` may be a name or a prefix of the id. All methods raise `ApiError` with the engine's message."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, name: str | None, body: ContainerCreateRequest, *, platform: str = "") -> ContainerCreateResponse:
        query = {"name": name, "platform": platform}
        return self._transport.ask(ContainerCreateResponse, "POST", "/containers/create", query, body)

    def list(
        self, *, all: bool = False, limit: int = 0, size: bool = False, filters: Filters | None = None
    ) -> Sequence[ContainerSummary]:
        query = {"all": all, "limit": limit or None, "size": size, "filters": encode_filters(filters or {})}
        return self._transport.ask(tuple[ContainerSummary, ...], "GET", "/containers/json", query)

    def inspect(self, id: str, *, size: bool = False) -> ContainerInspect:
        return self._transport.ask(ContainerInspect, "GET", f"/containers/{id}/json", {"size": size})

    def start(self, id: str) -> bool:
        """False where it ran already."""
        return self._changes(f"/containers/{id}/start", {})

    def stop(self, id: str, *, timeout: int | None = None, signal: str | None = None) -> bool:
        """False where it did not run. It is killed after `timeout` seconds, -1: never, `None`: the container's own."""
        return self._changes(f"/containers/{id}/stop", {"t": timeout, "signal": signal})

    def restart(self, id: str, *, timeout: int | None = None, signal: str | None = None) -> None:
        self._transport.send("POST", f"/containers/{id}/restart", {"t": timeout, "signal": signal})

    def kill(self, id: str, *, signal: str = "SIGKILL") -> None:
        self._transport.send("POST", f"/containers/{id}/kill", {"signal": signal})

    def rename(self, id: str, *, name: str) -> None:
        self._transport.send("POST", f"/containers/{id}/rename", {"name": name})

    def pause(self, id: str) -> None:
        self._transport.send("POST", f"/containers/{id}/pause")

    def unpause(self, id: str) -> None:
        self._transport.send("POST", f"/containers/{id}/unpause")

    def remove(self, id: str, *, volumes: bool = False, force: bool = False) -> None:
        """`volumes`: its anonymous ones too; `force`: kill it first if it runs."""
        self._transport.send("DELETE", f"/containers/{id}", {"v": volumes, "force": force})

    def waiting(self, id: str, *, condition: str = "", timeout: float | None = None) -> Waiting:
        """Returns when the engine has registered the wait; for what must not be missed, before `start`."""
        query = {"condition": condition, "timeout": None if timeout is None else f"{timeout:g}"}
        return Waiting(self._transport.stream("POST", f"/containers/{id}/wait", query))

    def wait(self, id: str, *, condition: str = "", timeout: float | None = None) -> ContainerWaitResponse:
        """`condition`: `not-running` (if empty), `next-exit`, `removed`; on our own engine also `listening`.

        `timeout` in seconds is for `listening` alone.
        """
        return self.waiting(id, condition=condition, timeout=timeout).result()

    def logs(self, id: str, options: LogOptions, *, tty: bool) -> Output:
        """`tty` as in the container's configuration."""
        query: Query = {
            "follow": options.follow,
            "stdout": options.stdout,
            "stderr": options.stderr,
            "since": unix_time(options.since),
            "until": unix_time(options.until),
            "timestamps": options.timestamps,
            "tail": "all" if options.tail is None else str(options.tail),
        }
        return Output(self._transport.stream("GET", f"/containers/{id}/logs", query), tty=tty)

    def attach(self, id: str, options: AttachOptions, *, tty: bool) -> Duplex:
        """Returns when the engine has attached it: output from then on is not missed."""
        query: Query = {
            "logs": options.logs,
            "stream": options.stream,
            "stdin": options.stdin,
            "stdout": options.stdout,
            "stderr": options.stderr,
            "detachKeys": options.detach_keys,
        }
        return self._transport.hijack(f"/containers/{id}/attach", query, tty=tty)

    def resize(self, id: str, *, height: int, width: int) -> None:
        self._transport.send("POST", f"/containers/{id}/resize", {"h": height, "w": width})

    def top(self, id: str, *, ps_args: str = "") -> TopResponse:
        return self._transport.ask(TopResponse, "GET", f"/containers/{id}/top", {"ps_args": ps_args})

    def prune(self, *, filters: Filters | None = None) -> ContainerPruneResponse:
        query = {"filters": encode_filters(filters or {})}
        return self._transport.ask(ContainerPruneResponse, "POST", "/containers/prune", query)

    def update(self, id: str, body: UpdateRequest) -> UpdateResponse:
        return self._transport.ask(UpdateResponse, "POST", f"/containers/{id}/update", None, body)

    def stats(self, id: str, *, stream: bool = True, one_shot: bool = False) -> "Messages[ContainerStats]":
        """A sample each second; not streamed, one, with the one before it unless `one_shot`."""
        from dockless.wire.stats import ContainerStats

        query = {"stream": "1" if stream else "0", "one-shot": one_shot}
        body = self._transport.stream("GET", f"/containers/{id}/stats", query)
        return Messages(body, lambda line: decoded(line, ContainerStats))

    def changes(self, id: str) -> Sequence[FilesystemChange]:
        answer = self._transport.call("GET", f"/containers/{id}/changes")
        return () if answer.body.strip() == b"null" else answer.decode(tuple[FilesystemChange, ...])

    def export(self, id: str, *, bare: bool = False) -> BodyStream:
        """The root file system as a tar archive."""
        return self._transport.stream("GET", f"/containers/{id}/export", {"bare": bare})

    def archive_stat(self, id: str, *, path: str) -> "PathStat":
        answer = self._transport.call("HEAD", f"/containers/{id}/archive", {"path": path})
        return _stat(answer.headers)

    def archive_get(self, id: str, *, path: str) -> "tuple[PathStat, BodyStream]":
        """A file or folder of the container as a tar archive."""
        body = self._transport.stream("GET", f"/containers/{id}/archive", {"path": path})
        return _stat(body.headers), body

    def archive_put(
        self,
        id: str,
        *,
        path: str,
        content: Body,
        no_overwrite_dir_non_dir: bool = False,
        copy_uid_gid: bool = False,
    ) -> None:
        """Unpacks a tar archive into the container's folder `path`."""
        query: Query = {"path": path, "noOverwriteDirNonDir": no_overwrite_dir_non_dir, "copyUIDGID": copy_uid_gid}
        headers = (("Content-Type", "application/x-tar"),)
        self._transport.call("PUT", f"/containers/{id}/archive", query, body=content, headers=headers)

    def commit(
        self,
        id: str,
        *,
        repo: str = "",
        tag: str = "",
        comment: str = "",
        author: str = "",
        pause: bool = True,
        changes: Iterable[str] = (),
        config: ContainerConfig | None = None,
    ) -> str:
        """The new image's id."""
        from dockless.wire.execs import IdResponse

        query: Query = {
            "container": id,
            "repo": repo,
            "tag": tag,
            "comment": comment,
            "author": author,
            "pause": "1" if pause else "0",
            "changes": changes,
        }
        body = encode(config or ContainerConfig())
        return self._transport.call("POST", "/commit", query, body=body, headers=JSON).decode(IdResponse).id

    def _changes(self, path: str, query: Query) -> bool:
        try:
            self._transport.send("POST", path, query)
        except NotModified:
            return False
        return True


def _stat(headers: Mapping[str, str]) -> "PathStat":
    from dockless.wire.archive import parse_path_stat

    return parse_path_stat(headers.get("x-docker-container-path-stat", ""))
