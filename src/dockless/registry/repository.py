"""One repository of one registry: the requests of the OCI distribution specification, authenticated and retried.

Content is verified here: by its digest where it was asked for by one, by its size always.
"""

import hashlib
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import IO, TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import msgspec

from dockless import decoding
from dockless.registry.auth import Authenticator, rate_limit
from dockless.registry.manifests import ACCEPTED, MAX_MANIFEST_BYTES, Descriptor
from dockless.registry.reference import digest_of, is_digest
from dockless.registry.transport import (
    AccessDenied,
    BadContent,
    Body,
    ManifestNotFound,
    RateLimited,
    Reached,
    RegistryError,
    RegistryUnreachable,
    Transport,
    explain,
    text,
)

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

_PIECE = 1 << 18
_TAGS_PAGE, _PAGES = 1000, 100
_MAX_TAGS_BYTES = 4 << 20


class Stopped(RegistryError):
    """The transfer was given up because another one of the same command failed."""


class _Problem(msgspec.Struct, frozen=True):
    code: str = ""
    message: str = ""


class _Problems(msgspec.Struct, frozen=True):
    errors: tuple[_Problem, ...] = ()


class _Tags(msgspec.Struct, frozen=True):
    tags: tuple[str, ...] | None = None


class Repository:
    """For many threads."""

    def __init__(
        self, transport: Transport, reached: Reached, authenticator: Authenticator, name: str, shown: str, action: str
    ) -> None:
        """`name`: the path at the registry; `shown`: how the user knows it; `action`: `pull` or `pull,push`."""
        self._transport = transport
        self._reached = reached
        self._authenticator = authenticator
        self._base = f"{reached.url}/v2/{name}/"
        self._name = name
        self._shown = shown
        self._patience = transport.patience
        self._challenge = reached.challenge
        self.scopes: tuple[str, ...] = (f"repository:{name}:{action}",)

    def manifest(self, tag_or_digest: str) -> tuple[bytes, str, str]:
        """The manifest or index: its bytes, digest and content type. Raises `ManifestNotFound`, `BadContent`, …"""
        response = self._ask("GET", f"manifests/{tag_or_digest}", {"Accept": ", ".join(ACCEPTED)}, expect=(200,))
        raw = text(response, MAX_MANIFEST_BYTES)
        digest = digest_of(raw)
        said = response.headers.get("Docker-Content-Digest", digest)
        wanted = tag_or_digest if is_digest(tag_or_digest) else said
        if digest != wanted:
            raise BadContent(f"manifest verification failed for digest {wanted}: the registry sent {digest}")
        return raw, digest, response.headers.get("Content-Type", "")

    def tags(self) -> list[str]:
        """All that the repository has (OCI distribution specification, "Listing Tags"). Raises `BadContent`, …"""
        found: list[str] = []
        path = f"tags/list?n={_TAGS_PAGE}"
        for _ in range(_PAGES):
            response = self._ask("GET", path, {}, expect=(200,))
            link = response.headers.get("Link", "")
            try:
                page = decoding.decode(text(response, _MAX_TAGS_BYTES), _Tags)
            except msgspec.MsgspecError as error:
                raise BadContent(f"{self._shown}: what the registry answers is no list of tags: {error}") from error
            found += page.tags or ()
            if 'rel="next"' not in link:
                break
            path = link.partition("<")[2].partition(">")[0]
        return found

    def small_blob(self, descriptor: Descriptor, limit: int) -> bytes:
        """A configuration. Raises `BadContent` where it is larger than `limit` bytes or not what its digest says."""
        if descriptor.size > limit:
            raise BadContent(f"{descriptor.digest} has {descriptor.size} bytes, more than {limit}")
        return b"".join(self.blob(descriptor, lambda _: None, threading.Event()))

    def blob(self, descriptor: Descriptor, arrived: Callable[[int], None], stop: threading.Event) -> Iterator[bytes]:
        """The blob as it arrives. A connection that is cut or stalls is taken up again where it was, with patience.

        `arrived` is told the number of bytes so far. After the last byte the digest has been verified. Raises
        `BadContent`, `Stopped`, `RegistryError`, …
        """
        from urllib3.exceptions import HTTPError

        digest = hashlib.sha256()
        offset = failures = 0
        while True:
            try:
                for piece in self._blob_from(descriptor, offset):
                    if stop.is_set():
                        raise Stopped("given up")
                    offset += len(piece)
                    if offset > descriptor.size:
                        raise BadContent(
                            f"{descriptor.digest} has more than the {descriptor.size} bytes it should have"
                        )
                    failures = 0
                    digest.update(piece)
                    arrived(offset)
                    yield piece
                if offset == descriptor.size:
                    break
                reason = "the connection was cut"
            except (HTTPError, OSError) as error:
                reason = explain(error)
                if offset == descriptor.size:
                    break
            failures += 1
            if failures >= self._patience.attempts:
                raise RegistryError(f"{self._shown}: the download broke off again and again: {reason}")
            self._patience.pause(failures)
        if digest.hexdigest() != descriptor.digest.removeprefix("sha256:"):
            raise BadContent(f"filesystem layer verification failed for digest {descriptor.digest}")

    def has_blob(self, digest: str) -> bool:
        response = self._ask("HEAD", f"blobs/{digest}", {}, expect=(200, 404))
        response.drain_conn()
        return response.status == 200

    def mount(self, digest: str, source: str) -> bool:
        """Asks the registry to take the blob over from its repository `source`; False where it does not."""
        path = f"blobs/uploads/?mount={digest}&from={source}"
        scopes = (*self.scopes, f"repository:{source}:pull")
        response = self._ask("POST", path, {}, expect=(201, 202, 404, 405), scopes=scopes)
        response.drain_conn()
        if response.status == 202:  # it opened an upload instead, which nobody will use
            self._ask("DELETE", self._location(response), {}, expect=(204, 404, 405)).drain_conn()
        return response.status == 201

    def upload(self, digest: str, size: int, body: Callable[[], IO[bytes]]) -> None:
        """Sends a blob in one request; `body` opens it anew for each attempt."""
        opened = self._ask("POST", "blobs/uploads/", {"Content-Length": "0"}, expect=(202,))
        opened.drain_conn()
        location = self._location(opened)
        joint = "&" if urlsplit(location).query else "?"
        headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
        self._ask("PUT", f"{location}{joint}digest={digest}", headers, expect=(201,), body=body).drain_conn()

    def put_manifest(self, tag_or_digest: str, raw: bytes, media_type: str) -> None:
        headers = {"Content-Type": media_type}
        self._ask("PUT", f"manifests/{tag_or_digest}", headers, expect=(201, 202), body=lambda: raw).drain_conn()

    def _blob_from(self, descriptor: Descriptor, offset: int) -> Iterator[bytes]:
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        response = self._ask("GET", f"blobs/{descriptor.digest}", headers, expect=(200, 206))
        skip = 0
        if offset and response.status == 200:
            skip = offset  # it knows no ranges: the beginning comes once more
        elif offset and not response.headers.get("Content-Range", "").startswith(f"bytes {offset}-"):
            response.close()
            raise BadContent(f"{self._shown}: the registry sent another part of {descriptor.digest} than was asked for")
        try:
            while piece := response.read(_PIECE, decode_content=False):
                if skip >= len(piece):
                    skip -= len(piece)
                    continue
                yield piece[skip:]
                skip = 0
            response.release_conn()
        finally:
            if not response.closed:
                response.close()

    def _location(self, response: "BaseHTTPResponse") -> str:
        location = response.headers.get("Location")
        if not location:
            raise BadContent(f"{self._shown}: the registry opened an upload without saying where")
        return urljoin(self._base, location)

    def _ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        *,
        expect: Collection[int],
        body: Body | None = None,
        scopes: tuple[str, ...] = (),
    ) -> "BaseHTTPResponse":
        """One request, authenticated, repeated with patience while the registry or the network fails for the moment."""
        from urllib3.exceptions import HTTPError

        url = urljoin(self._base, path)
        failures = refusals = 0
        while True:
            response = None
            try:
                response = self._send_once(method, url, headers, body, scopes or self.scopes)
                if response.status in expect:
                    return response
                if response.status == 401 and refusals == 0:
                    refusals += 1
                    response.drain_conn()
                    self._challenge = response.headers.get("WWW-Authenticate", self._challenge)
                    self._authenticator.forget()
                    continue
                if response.status < 500 and response.status != 429:
                    raise self._problem(response)
                problem: RegistryError = self._problem(response)
            except (HTTPError, OSError) as error:
                problem = RegistryUnreachable(f"registry {self._reached.endpoint.registry}: {explain(error)}")
            failures += 1
            if failures >= self._patience.attempts:
                raise problem
            if isinstance(problem, RateLimited):
                if problem.reset is None or problem.reset > self._patience.longest_wait:
                    raise problem
                self._patience.sleep(problem.reset)
            else:
                self._patience.pause(failures)

    def _send_once(
        self, method: str, url: str, headers: Mapping[str, str], body: Body | None, scopes: tuple[str, ...]
    ) -> "BaseHTTPResponse":
        lenient = self._reached.endpoint.lenient
        sent = dict(headers)
        if urlsplit(url).netloc == urlsplit(self._base).netloc:  # an upload may go elsewhere, credentials do not
            sent.update(self._authenticator.header(self._challenge, scopes))
        return self._transport.send(method, url, headers=sent, body=body, lenient=lenient)

    def _problem(self, response: "BaseHTTPResponse") -> RegistryError:
        """The registry's answer in Docker's words."""
        if response.status == 429:
            return rate_limit(response, f"registry {self._reached.endpoint.registry}")
        problem = _first_problem(text(response))
        said = f": {problem.code.lower().replace('_', ' ')}: {problem.message}" if problem.code else ""
        if response.status in (401, 403):
            said = said or ": denied: requested access to the resource is denied"
            return AccessDenied(
                f"pull access denied for {self._shown}, repository does not exist or may require 'docker login'{said}"
                if self.scopes[0].endswith(":pull")
                else f"push access denied for {self._shown}{said}"
            )
        if response.status == 404:
            return ManifestNotFound(f"manifest for {self._shown} not found{said or ': manifest unknown'}")
        registry = self._reached.endpoint.registry
        return RegistryError(f"registry {registry} answers with HTTP status {response.status} for {self._shown}{said}")


def _first_problem(body: bytes) -> _Problem:
    """OCI distribution specification, "Error Codes"; a body in another form says nothing."""
    try:
        return next(iter(decoding.decode(body, _Problems).errors), _Problem())
    except msgspec.MsgspecError:
        return _Problem()
