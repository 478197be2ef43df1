"""How a registry wants to be asked: nothing, a password (basic), or a token from elsewhere (bearer).

The token protocol is the distribution project's "Token Authentication Specification" and its OAuth 2 form.
"""

import base64
import re
import threading
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

import msgspec

from dockless import decoding
from dockless.registry.credentials import Credentials
from dockless.registry.transport import AccessDenied, BadContent, RateLimited, RegistryError, Transport, text

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

_PARAMETER = re.compile(r'([a-zA-Z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_SHORTEST_LIFE = 60  # seconds: what the specification says a token lives where it does not say


class _Token(msgspec.Struct, frozen=True):
    token: str = ""
    access_token: str = ""
    expires_in: int | None = None


class Authenticator:
    """For one registry and one set of credentials; for many threads."""

    def __init__(self, transport: Transport, credentials: Credentials | None, *, lenient: bool) -> None:
        self._transport = transport
        self._credentials = credentials
        self._lenient = lenient
        self._guard = threading.Lock()
        self._tokens: dict[tuple[str, ...], tuple[float, str]] = {}

    def header(self, challenge: str, scopes: Iterable[str]) -> dict[str, str]:
        """The Authorization header that answers `challenge` (a WWW-Authenticate header; empty: none needed yet).

        Raises `AccessDenied`, `RegistryError`, `urllib3.exceptions.HTTPError`.
        """
        scheme, parameters = parse_challenge(challenge)
        if self._credentials is not None and self._credentials.registry_token:
            return {"Authorization": f"Bearer {self._credentials.registry_token}"}
        if scheme == "bearer":
            return {"Authorization": f"Bearer {self._token(parameters, tuple(scopes))}"}
        if scheme == "basic":
            return self._basic()
        return {}

    def forget(self) -> None:
        """A token was refused: the next header has a new one."""
        with self._guard:
            self._tokens.clear()

    def _basic(self) -> dict[str, str]:
        if self._credentials is None or not self._credentials.username:
            return {}
        pair = f"{self._credentials.username}:{self._credentials.password}".encode()
        return {"Authorization": "Basic " + base64.b64encode(pair).decode()}

    def _token(self, parameters: dict[str, str], scopes: tuple[str, ...]) -> str:
        realm, service = parameters.get("realm", ""), parameters.get("service", "")
        parts = urlsplit(realm)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise BadContent(f"the registry names no place to get a token from: {realm!r}")
        if parts.scheme == "http" and not self._lenient:
            raise BadContent(f"the registry wants credentials to be sent without TLS, to {parts.netloc}")
        key = (realm, service, *scopes)
        with self._guard:  # one request, however many threads want the same token
            until, token = self._tokens.get(key, (0.0, ""))
            if until < time.monotonic():
                answer = self._fetch(realm, service, scopes)
                token = answer.token or answer.access_token
                if not token:
                    raise BadContent(f"{parts.netloc} answers without a token")
                life = max(answer.expires_in or 0, _SHORTEST_LIFE)
                self._tokens[key] = (time.monotonic() + life * 0.9, token)
            return token

    def _fetch(self, realm: str, service: str, scopes: tuple[str, ...]) -> _Token:
        credentials = self._credentials
        query = [("service", service), *(("scope", scope) for scope in scopes)]
        if credentials is not None and credentials.identity_token:
            form = urlencode(
                [
                    ("grant_type", "refresh_token"),
                    ("service", service),
                    ("client_id", "dockless"),
                    ("scope", " ".join(scopes)),
                    ("refresh_token", credentials.identity_token),
                ]
            ).encode()
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            response = self._transport.send("POST", realm, headers=headers, body=lambda: form, lenient=self._lenient)
        else:
            joint = "&" if urlsplit(realm).query else "?"
            url = f"{realm}{joint}{urlencode(query)}"
            response = self._transport.send("GET", url, headers=self._basic(), lenient=self._lenient)
        return _parse_token(response, urlsplit(realm).netloc)


def parse_challenge(header: str) -> tuple[str, dict[str, str]]:
    """The scheme (lower case; empty where there is none that we know) and its parameters (RFC 9110, 11.6.1)."""
    for scheme in ("bearer", "basic"):
        match = re.search(rf"(?:^|,\s*){scheme}(?:\s+|$)", header, re.IGNORECASE)
        if match is None:
            continue
        parameters: dict[str, str] = {}
        for name, quoted, bare in _PARAMETER.findall(header[match.end() :]):
            parameters.setdefault(name.lower(), re.sub(r"\\(.)", r"\1", quoted) if quoted else bare)
        return scheme, parameters
    return "", {}


def rate_limit(response: "BaseHTTPResponse", who: str) -> RateLimited:
    """What an answer with status 429 says."""
    said = text(response).decode(errors="replace").strip()
    after = response.headers.get("Retry-After") or response.headers.get("RateLimit-Reset") or ""
    reset = float(after) if after.isdigit() else None
    when = f"; try again in {reset:.0f} s" if reset is not None else ""
    return RateLimited(f"{who}: too many requests{when}: {said[:300]}", reset)


def _parse_token(response: "BaseHTTPResponse", host: str) -> _Token:
    if response.status == 429:
        raise rate_limit(response, host)
    body = text(response)
    if response.status in (400, 401, 403):
        raise AccessDenied(f"{host} gives no token: unauthorized: incorrect username or password")
    if response.status != 200:
        raise RegistryError(f"{host} gives no token: HTTP status {response.status}")
    try:
        return decoding.decode(body, _Token)
    except msgspec.MsgspecError as error:
        raise BadContent(f"{host}: {error}") from error
