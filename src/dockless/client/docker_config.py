"""Docker's `config.json` as a client reads it: every registry's credentials, those that helpers keep included.

(What the engine needs of it for one registry it reads itself.) Helpers are programs `docker-credential-NAME` that take
`list` and `get` (docker-credential-helpers).
"""

import base64
import json
import subprocess
from collections.abc import Mapping
from typing import Any

from dockless.client.config_file import ConfigError, path_in, read

_IDENTITY_USER = "<token>"


def auth_entries(environ: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """From each registry to its entry as `auths` has it: `auth` is base64 of name:password. Raises `ConfigError`."""
    config = read(path_in(environ))
    found: dict[str, dict[str, str]] = {}
    for registry, entry in sorted(_mapping(config, "auths").items()):
        if isinstance(entry, dict) and (kept := _kept(entry)):
            found[registry] = kept
    if store := config.get("credsStore"):
        for registry in _ask(str(store), "list", "", environ):
            found[registry] = _of_helper(str(store), registry, environ)
    for registry, helper in _mapping(config, "credHelpers").items():
        found[registry] = _of_helper(str(helper), registry, environ)
    return found


def _mapping(config: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = config.get(key)
    return value if isinstance(value, dict) else {}


def _kept(entry: Mapping[str, Any]) -> dict[str, str]:
    auth = str(entry.get("auth") or "")
    if not auth and (entry.get("username") or entry.get("password")):
        auth = _encoded(str(entry.get("username", "")), str(entry.get("password", "")))
    fields = {"auth": auth, **{key: str(entry.get(key) or "") for key in ("identitytoken", "registrytoken")}}
    return {key: value for key, value in fields.items() if value}


def _encoded(username: str, password: str) -> str:
    return base64.b64encode(f"{username}:{password}".encode()).decode()


def _of_helper(helper: str, registry: str, environ: Mapping[str, str]) -> dict[str, str]:
    answer = _ask(helper, "get", registry, environ)
    username, secret = str(answer.get("Username", "")), str(answer.get("Secret", ""))
    if username == _IDENTITY_USER:
        return {"identitytoken": secret}
    return {"auth": _encoded(username, secret)}


def _ask(helper: str, action: str, message: str, environ: Mapping[str, str]) -> dict[str, Any]:
    program = f"docker-credential-{helper}"
    try:
        done = subprocess.run([program, action], input=message, env=dict(environ), capture_output=True, text=True)
    except OSError as error:
        raise ConfigError(f"{program}: {error.strerror}") from error
    said = (done.stdout + done.stderr).strip()
    if done.returncode:
        if "credentials not found" in said:
            return {}
        raise ConfigError(f"{program} {action}: {said}")
    try:
        answer = json.loads(done.stdout)
    except ValueError as error:
        raise ConfigError(f"{program} {action}: {error}") from error
    return answer if isinstance(answer, dict) else {}
