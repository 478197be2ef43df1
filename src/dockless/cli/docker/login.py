"""`docker login` and `docker logout`: registry credentials in Docker's own `config.json`, or with its helpers.

The engine's pulls and pushes read them there, so they serve both commands.
"""

import base64
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from dockless.cli.docker import client_config
from dockless.cli.failure import Failure
from dockless.cli.output import echo, note
from dockless.cli.session import Session, pass_session
from dockless.client.config_file import path_in

_HUB = "https://index.docker.io/v1/"


@click.command("login", short_help="Authenticate to a registry")
@click.option("-p", "--password", default="", help="Password or Personal Access Token (PAT)")
@click.option("--password-stdin", is_flag=True, help="Take the Password or Personal Access Token (PAT) from stdin")
@click.option("-u", "--username", default="", help="Username")
@click.argument("server", required=False, default="")
@pass_session
def login(session: Session, /, server: str, username: str, password: str, password_stdin: bool) -> None:
    """Authenticate to a registry: the engine asks it, then the credentials are kept in Docker's config.json."""
    from dockless.wire.auth import AuthConfig, AuthResponse

    if password_stdin:
        if password or not username:
            raise Failure("--password-stdin goes with --username, and without --password")
        password = sys.stdin.read().rstrip("\r\n")
    elif password:
        note("WARNING! Using --password via the CLI is insecure. Use --password-stdin.")
    username = username or click.prompt("Username", err=True)
    password = password or click.prompt("Password", hide_input=True, err=True)
    registry = _registry(server)
    asked = AuthConfig(username=username, password=password, server_address=registry)
    answer = session.client.transport.ask(AuthResponse, "POST", "/auth", None, asked)
    if answer.identity_token:
        username, password = "<token>", answer.identity_token
    path = path_in(session.environ)
    config = client_config.read(path)
    helper = _helper(config, registry)
    if helper:
        _ask(helper, "store", {"ServerURL": registry, "Username": username, "Secret": password}, session.environ)
    else:
        auth: dict[str, str] = {"auth": base64.b64encode(f"{username}:{password}".encode()).decode()}
        if answer.identity_token:
            auth = {"auth": base64.b64encode(f"{username}:".encode()).decode(), "identitytoken": password}
        config.setdefault("auths", {})[registry] = auth
        _write(path, config)
        note(f"WARNING! The credentials are stored unencrypted in '{path}'.")
    echo(answer.status or "Login Succeeded")


@click.command("logout", short_help="Log out from a registry")
@click.argument("server", required=False, default="")
@pass_session
def logout(session: Session, /, server: str) -> None:
    """Log out from a registry: its credentials are taken out of Docker's config.json."""
    registry = _registry(server)
    path = path_in(session.environ)
    config = client_config.read(path)
    if helper := _helper(config, registry):
        _ask(helper, "erase", registry, session.environ)
    elif registry not in config.get("auths", {}):
        echo(f"Not logged in to {registry}")
        return
    if config.get("auths", {}).pop(registry, None) is not None:
        _write(path, config)
    echo(f"Removing login credentials for {registry}")


def _registry(server: str) -> str:
    """The key in the file: a registry's host alone; Docker Hub under the address of its first API."""
    host = server.removeprefix("https://").removeprefix("http://").partition("/")[0]
    return _HUB if host in ("", "docker.io", "index.docker.io", "registry-1.docker.io") else host


def _write(path: Path, config: dict[str, Any]) -> None:
    """Beside its place, for this user alone, and renamed into it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".config", delete=False) as file:
        json.dump(config, file, indent="\t")
    os.replace(file.name, path)


def _helper(config: dict[str, Any], registry: str) -> str:
    return str((config.get("credHelpers") or {}).get(registry) or config.get("credsStore") or "")


def _ask(helper: str, action: str, message: object, environ: Mapping[str, str]) -> None:
    """Raises `Failure` with the helper's own words."""
    program = f"docker-credential-{helper}"
    text = message if isinstance(message, str) else json.dumps(message)
    try:
        done = subprocess.run([program, action], input=text, env=environ, capture_output=True, text=True)
    except OSError as error:
        raise Failure(f"{program}: {error.strerror}") from error
    if done.returncode:
        raise Failure(f"{program} {action}: {(done.stdout + done.stderr).strip()}")
