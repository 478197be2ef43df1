"""The credentials that users already have: Docker's `config.json` and its credential helpers.

The file is `$DOCKER_CONFIG/config.json` or `~/.docker/config.json`; helpers are programs `docker-credential-NAME` that
take a registry's name on stdin and answer JSON (docker-credential-helpers, "get").
"""

import base64
import binascii
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from dockless import decoding
from dockless.registry.errors import ImageError
from dockless.registry.reference import DEFAULT_REGISTRY

# Under this name docker.io's credentials have been kept since the days of its first API.
_HUB_KEY = "https://index.docker.io/v1/"
_HELPER_SECONDS = 30
_IDENTITY_USER = "<token>"


class BadCredentials(ImageError):
    """The configuration file or a helper's answer cannot be understood."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A name and password, or an identity token (exchanged for access), or a registry token (used as it is)."""

    username: str = ""
    password: str = ""
    identity_token: str = ""
    registry_token: str = ""

    def __repr__(self) -> str:
        return f"Credentials(username={self.username!r}, …)"  # never a secret in a log


class _Auth(msgspec.Struct, frozen=True):
    auth: str = ""
    username: str = ""
    password: str = ""
    identitytoken: str = ""
    registrytoken: str = ""


class _File(msgspec.Struct, frozen=True, rename="camel"):
    auths: dict[str, _Auth] = {}
    creds_store: str = ""
    cred_helpers: dict[str, str] = {}


class _HelperAnswer(msgspec.Struct, frozen=True, rename="pascal"):
    username: str = ""
    secret: str = ""


def find(registry: str, environ: Mapping[str, str]) -> Credentials | None:
    """What the user has for `registry` (`docker.io`, `localhost:5000`); None where there is nothing.

    Raises `BadCredentials`.
    """
    path = _config_path(environ)
    if path is None or not path.is_file():
        return None
    config = _read(path)
    key = _HUB_KEY if registry == DEFAULT_REGISTRY else registry
    helper = config.cred_helpers.get(registry) or config.cred_helpers.get(key) or config.creds_store
    if helper:
        return _ask_helper(helper, key, environ)
    for name, auth in config.auths.items():
        if name == key or _host(name) == registry:
            return _decoded(auth, path)
    return None


def _config_path(environ: Mapping[str, str]) -> Path | None:
    if folder := environ.get("DOCKER_CONFIG"):
        return Path(folder) / "config.json"
    home = environ.get("HOME")
    return Path(home) / ".docker" / "config.json" if home else None


def _read(path: Path) -> _File:
    try:
        tree = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        return decoding.convert({key: value for key, value in tree.items() if value is not None}, _File)
    except (msgspec.MsgspecError, OSError) as error:
        raise BadCredentials(f"{path}: {error}") from error


def _decoded(auth: _Auth, path: Path) -> Credentials:
    username, password = auth.username, auth.password
    if auth.auth:
        try:
            username, _, password = base64.b64decode(auth.auth, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise BadCredentials(f"{path}: an `auth` value is not base64 of name:password") from error
    return Credentials(username, password.rstrip("\0"), auth.identitytoken, auth.registrytoken)


def _ask_helper(name: str, key: str, environ: Mapping[str, str]) -> Credentials | None:
    program = f"docker-credential-{name}"
    try:
        done = subprocess.run(
            [program, "get"],
            input=key.encode(),
            capture_output=True,
            timeout=_HELPER_SECONDS,
            env=dict(environ),
            check=False,
        )
    except FileNotFoundError:
        raise BadCredentials(f"{program}, which Docker's config.json names, is not installed") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BadCredentials(f"{program}: {error}") from error
    if done.returncode != 0:
        said = (done.stdout or done.stderr).decode(errors="replace").strip()
        if "credentials not found" in said:
            return None
        raise BadCredentials(f"{program}: {said}")
    try:
        answer = decoding.decode(done.stdout, _HelperAnswer)
    except msgspec.MsgspecError as error:
        raise BadCredentials(f"{program}: {error}") from error
    if answer.username == _IDENTITY_USER:
        return Credentials(identity_token=answer.secret)
    return Credentials(answer.username, answer.secret)


def _host(name: str) -> str:
    """`https://host:port/v1/` → `host:port`."""
    return name.partition("://")[2].partition("/")[0] if "://" in name else name.partition("/")[0]
