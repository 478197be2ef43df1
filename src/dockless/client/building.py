"""A build as a request: its query, and what the client lends to it beside the context (wire/building.py)."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct, field

from dockless.wire.auth import auths_header
from dockless.wire.base import encode
from dockless.wire.building import HEADER, IMAGE_SCHEME, Document, Lending, Place, lending_header
from dockless.wire.errors import BadParameter, Conflict
from dockless.wire.queries import BuildQuery

if TYPE_CHECKING:
    from dockless.client.connection import Body
    from dockless.client.transport import Query

T = TypeVar("T")

_REMOTE = ("http://", "https://", "git://", "ssh://", "git@", "github.com/")


class Lent(Struct, frozen=True):
    """What a build is given beside its context.

    `folder`: the context's folder, which an engine on this machine reads where it lies instead of taking the archive.
    `dockerfile`: (name to show, text) of a Dockerfile that is not in that folder, and `ignore` the .dockerignore that
    lies beside it, if there is one: used with `folder` only, an archive holds both.
    `secrets`: contents by id. `ssh`: agents' sockets by id ("default" is the usual one).
    `contexts`: named contexts: a folder's path, an image as `docker-image://REFERENCE`, or an address (`is_remote`).
    """

    folder: Path | None = None
    dockerfile: tuple[str, bytes] | None = None
    ignore: bytes | None = None
    secrets: Mapping[str, bytes] = field(default_factory=dict)
    ssh: Mapping[str, Path] = field(default_factory=dict)
    contexts: Mapping[str, str] = field(default_factory=dict)

    @property
    def needed(self) -> list[str]:
        """What the build cannot do without, as its options are called."""
        found = {"secret": self.secrets, "ssh": self.ssh, "build-context": self.contexts}
        return [f"--{name}" for name, value in found.items() if value]


def is_remote(context: str) -> bool:
    """Whether a context is one that the engine fetches (`BuildQuery.remote`), not a folder of this machine."""
    return context.startswith(_REMOTE)


def build(
    send: "Callable[[Query, Body, Iterable[tuple[str, str]]], T]",
    context: "Body",
    query: BuildQuery,
    lent: Lent | None,
    *,
    ours: bool,
) -> T:
    """Sends the request. Raises `BadParameter` for what the engine, or this machine, does not have."""
    lent = lent or Lent()
    headers = [("Content-Type", "application/x-tar")]
    if query.auths:
        headers.append(("X-Registry-Config", auths_header(query.auths)))
    if not ours:
        refused = lent.needed + _ours_only(query)
        if refused:
            raise BadParameter(f"{', '.join(refused)}: only dockless's own engine can do that (unset DOCKER_HOST)")
        return send(parameters(query), context, headers)
    if lent.folder is not None:
        try:
            return send(parameters(query), *_with(lent, b"", headers))
        except Conflict:
            # The engine sees another folder at this path: it gets the archive.
            lent = Lent(secrets=lent.secrets, ssh=lent.ssh, contexts=lent.contexts)
    if not lent.needed:
        return send(parameters(query), context, headers)
    return send(parameters(query), *_with(lent, context, headers))


def parameters(query: BuildQuery) -> "Query":
    """As `POST /build` has them."""
    return {
        "t": query.tags,
        "dockerfile": query.dockerfile,
        "buildargs": encode(query.build_args).decode() if query.build_args else "",
        "labels": encode(query.labels).decode() if query.labels else "",
        "target": query.target,
        "platform": query.platform,
        "networkmode": query.network_mode,
        "extrahosts": query.extra_hosts,
        "allow": query.allow,
        "nocache": query.no_cache,
        "nocachefilter": query.no_cache_filter,
        "call": query.call,
        "pull": query.pull,
        "q": query.quiet,
        "standins": None if query.stand_ins else "0",
        "rm": "1" if query.remove else "0",
        "forcerm": query.force_remove,
        "squash": query.squash,
        "cachefrom": encode(query.cache_from).decode() if query.cache_from else "",
        "cacheto": encode(query.cache_to).decode() if query.cache_to else "",
        "remote": query.remote,
        "shmsize": query.shm_size or None,
        "ulimits": encode(query.ulimits).decode() if query.ulimits else "",
        "memory": query.memory or None,
        "memswap": query.memory_swap or None,
        "cpushares": query.cpu_shares or None,
        "cpuperiod": query.cpu_period or None,
        "cpuquota": query.cpu_quota or None,
        "cpusetcpus": query.cpuset_cpus,
        "cpusetmems": query.cpuset_mems,
        "cgroupparent": query.cgroup_parent,
        "version": "1",
    }


def _ours_only(query: BuildQuery) -> list[str]:
    found = {
        "allow": query.allow,
        "no-cache-filter": query.no_cache_filter,
        "cache-to": query.cache_to,
        f"call={query.call}": query.call,
    }
    several = ["--platform of several"] if "," in query.platform else []
    return [*(f"--{name}" for name, value in found.items() if value), *several]


def _with(lent: Lent, context: "Body", headers: Iterable[tuple[str, str]]) -> "tuple[Body, list[tuple[str, str]]]":
    documents = []
    dockerfile = None
    if lent.dockerfile is not None:
        name, text = lent.dockerfile
        dockerfile = Document(name=name, size=len(text))
        documents.append(text)
    ignore = None
    if lent.ignore is not None:
        ignore = Document(name="dockerignore", size=len(lent.ignore))
        documents.append(lent.ignore)
    documents += lent.secrets.values()
    lending = Lending(
        folder=_place(lent.folder) if lent.folder is not None else None,
        dockerfile=dockerfile,
        ignore=ignore,
        secrets=tuple(Document(name=name, size=len(content)) for name, content in lent.secrets.items()),
        ssh={name: _place(path) for name, path in lent.ssh.items()},
        contexts={name: _place(Path(said)) for name, said in lent.contexts.items() if _is_folder(said)},
        images={name: said for name, said in lent.contexts.items() if said.startswith(IMAGE_SCHEME)},
        remotes={name: said for name, said in lent.contexts.items() if is_remote(said)},
    )
    head = b"".join(documents)
    body: Body = head + context if isinstance(context, bytes) else _joined(head, context)
    return body, [*headers, (HEADER.decode(), lending_header(lending))]


def _is_folder(context: str) -> bool:
    return not context.startswith(IMAGE_SCHEME) and not is_remote(context)


def _joined(head: bytes, rest: Iterable[bytes]) -> Iterable[bytes]:
    if head:
        yield head
    yield from rest


def _place(path: Path) -> Place:
    absolute = path.absolute()
    try:
        status = absolute.stat()
    except OSError as error:
        raise BadParameter(f"{path}: {error.strerror}") from error
    return Place(path=str(absolute), device=status.st_dev, inode=status.st_ino)
