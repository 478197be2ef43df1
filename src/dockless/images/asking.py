"""Questions to a registry besides pulling and pushing: are these credentials good, what is behind this name.

Synchronous; for many threads.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import msgspec

from dockless.images import config as image_config
from dockless.registry import credentials as credential_files
from dockless.registry import manifests
from dockless.registry.auth import Authenticator
from dockless.registry.credentials import Credentials
from dockless.registry.manifests import Descriptor, Index
from dockless.registry.platform import Platform
from dockless.registry.reference import Reference
from dockless.registry.repository import Repository
from dockless.registry.transport import AccessDenied, RegistryError, RegistryUnreachable, Transport, explain, text

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

SEARCH_HOST = "index.docker.io"
_MOST_SEARCHED = 4 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Described:
    """What a name stands for at its registry: the manifest or index, and the platforms that it is for."""

    descriptor: Descriptor
    platforms: tuple[Platform, ...]


def describe(reference: Reference, auth: Credentials | None, environ: Mapping[str, str]) -> Described:
    """Raises `RegistryUnreachable`, `ManifestNotFound`, `AccessDenied`, `BadContent`."""
    transport = Transport(environ)
    endpoint = transport.own_endpoint(reference.registry)
    credentials = auth or credential_files.find(reference.registry, environ)
    authenticator = Authenticator(transport, credentials, lenient=endpoint.lenient)
    reached = transport.reach(endpoint)
    repository = Repository(transport, reached, authenticator, reference.repository, str(reference), "pull")
    raw, digest, content_type = repository.manifest(reference.digest or reference.tag or "latest")
    parsed = manifests.parse(raw, content_type)
    if isinstance(parsed, Index):
        platforms = tuple(
            Platform(entry.platform.os, entry.platform.architecture, entry.platform.variant)
            for entry in parsed.manifests
            if entry.platform is not None and not manifests.is_attestation(entry)
        )
    else:
        config = image_config.decode(repository.small_blob(parsed.config, image_config.MAX_CONFIG_BYTES))
        platforms = (Platform(config.os or "linux", config.architecture, config.variant),)
    return Described(Descriptor(parsed.media_type or content_type, len(raw), digest), platforms)


@dataclass(frozen=True, slots=True)
class FoundRepository:
    """A line of what a registry answers to a search."""

    name: str
    description: str
    stars: int
    official: bool
    automated: bool


def search(term: str, limit: int, environ: Mapping[str, str]) -> list[FoundRepository]:
    """Asks the hub, or the registry whose host the term begins with, by the search of its first protocol (which the hub
    still answers). Raises `RegistryUnreachable`, `RegistryError`.
    """
    host, slash, rest = term.partition("/")
    named = bool(slash) and ("." in host or ":" in host or host == "localhost")
    registry, wanted = (host, rest) if named else (SEARCH_HOST, term)
    transport = Transport(environ)
    lenient = transport.own_endpoint(registry).lenient
    scheme = "http" if lenient else "https"
    url = f"{scheme}://{registry}/v1/search?{urlencode({'q': wanted, 'n': limit})}"
    content = text(_answered(transport, url, lenient=lenient), _MOST_SEARCHED)
    try:
        found = _search_decoder.decode(content)
    except msgspec.DecodeError as error:
        raise RegistryError(f"registry {registry}: what it answers to a search is not JSON: {error}") from error
    return [
        FoundRepository(one.name, one.description or "", one.star_count, one.is_official, one.is_automated)
        for one in found.results[:limit]
    ]


def download(url: str, environ: Mapping[str, str]) -> Iterator[bytes]:
    """The content of any URL, as it comes. Raises `RegistryUnreachable`, `RegistryError`."""
    from urllib3.exceptions import HTTPError

    response = _answered(Transport(environ), url, lenient=False)
    try:
        yield from response.stream(1 << 18)
    except HTTPError as error:
        raise RegistryError(f"{url}: {explain(error)}") from error
    finally:
        response.release_conn()


def _answered(transport: Transport, url: str, *, lenient: bool) -> "BaseHTTPResponse":
    from urllib3.exceptions import HTTPError

    try:
        response = transport.send("GET", url, lenient=lenient)
    except (HTTPError, OSError) as error:
        raise RegistryUnreachable(f"{url} cannot be reached: {explain(error)}") from error
    if response.status != 200:
        response.drain_conn()
        raise RegistryError(f"{url} is answered with HTTP status {response.status}")
    return response


class _SearchResult(msgspec.Struct):
    name: str
    description: str | None = None
    star_count: int = 0
    is_official: bool = False
    is_automated: bool = False


class _SearchAnswer(msgspec.Struct):
    results: list[_SearchResult] = []


_search_decoder = msgspec.json.Decoder(_SearchAnswer)


def log_in(registry: str, credentials: Credentials, environ: Mapping[str, str]) -> None:
    """Returns where the registry takes the credentials. Raises `RegistryUnreachable`, `AccessDenied`."""
    from urllib3.exceptions import HTTPError

    transport = Transport(environ)
    endpoint = transport.own_endpoint(registry)
    reached = transport.reach(endpoint)
    authenticator = Authenticator(transport, credentials, lenient=endpoint.lenient)
    try:
        headers = authenticator.header(reached.challenge, ())
        response = transport.send("GET", f"{reached.url}/v2/", headers=headers, lenient=endpoint.lenient)
        response.drain_conn()
    except HTTPError as error:
        raise RegistryError(f"registry {registry}: {explain(error)}") from error
    if response.status in (401, 403):
        raise AccessDenied("unauthorized: incorrect username or password")
    if response.status != 200:
        raise RegistryError(f"login attempt to {reached.url}/v2/ failed with status {response.status}")
