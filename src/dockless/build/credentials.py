"""Which of a build's secrets open a server that is fetched from: what goes into `Authorization`, or nothing.

The names are Docker's ("Build secrets"): `HTTP_AUTH_HEADER_HOST` and `HTTP_AUTH_TOKEN_HOST` for what ADD downloads,
`GIT_AUTH_HEADER[.HOST]` and `GIT_AUTH_TOKEN[.HOST]` for git repositories, where HOST has its port behind it.
"""

import base64
from collections.abc import Mapping
from urllib.parse import urlsplit


def for_download(url: str, secrets: Mapping[str, bytes]) -> str | None:
    host = urlsplit(url).hostname or ""
    if (header := _text(secrets, f"HTTP_AUTH_HEADER_{host}")) is not None:
        return header
    token = _text(secrets, f"HTTP_AUTH_TOKEN_{host}")
    return None if token is None else f"Bearer {token}"


def for_git(url: str, secrets: Mapping[str, bytes]) -> str | None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        return None
    for suffix in (f".{parts.netloc.rpartition('@')[2]}", ""):
        if (header := _text(secrets, f"GIT_AUTH_HEADER{suffix}")) is not None:
            return header
        if (token := _text(secrets, f"GIT_AUTH_TOKEN{suffix}")) is not None:
            return "basic " + base64.b64encode(f"x-access-token:{token}".encode()).decode()
    return None


def _text(secrets: Mapping[str, bytes], name: str) -> str | None:
    """On one line: an editor's newline at the end of the file is not part of it."""
    content = secrets.get(name)
    return None if content is None else content.decode("utf-8", "surrogateescape").strip()
