"""`use_api_socket`: the engine's socket and the user's registry credentials, as Docker Compose puts them."""

import base64
import json
from pathlib import Path

import pytest
from projects import project_of
from test_scenarios import Folder
from test_scenarios import folder as folder

from dockless.client.config_file import ConfigError
from dockless.client.docker_config import auth_entries
from dockless.client.endpoint import Endpoint
from dockless.compose.run.api_socket import with_api_socket
from dockless.compose.run.order import ProjectError

STACK = """
    services:
      a:
        image: busybox
        use_api_socket: true
        command: sh -c 'test -S /var/run/docker.sock && echo $$DOCKER_CONFIG && cat $$DOCKER_CONFIG/config.json'
      b: {image: busybox, command: "ls /var/run/docker.sock"}
    """
KEPT = {"auths": {"reg.example": {"auth": base64.b64encode(b"me:secret").decode()}}}


def test_a_service_reaches_the_engine_and_has_the_users_credentials(folder: Folder) -> None:
    (folder.path / "docker").mkdir()
    folder.write(json.dumps({**KEPT, "currentContext": "default"}), "docker/config.json")
    folder.engine = {**folder.engine, "DOCKER_CONFIG": str(folder.path / "docker")}
    folder.write(STACK)
    where, _, config = folder.ok("compose", "run", "--rm", "-T", "a").partition("\n")
    assert (where, json.loads(config)) == ("/run/secrets/docker", KEPT)
    assert folder.run("compose", "run", "--rm", "-T", "b").returncode == 1


def test_an_engine_that_is_elsewhere_has_no_socket_to_give(tmp_path: Path) -> None:
    project = project_of(tmp_path, STACK)
    with pytest.raises(ProjectError, match="docker endpoint tcp://far:2375 is incompatible"):
        with_api_socket(project, Endpoint(host="far", port=2375), dict)


def test_who_names_a_configuration_keeps_it(tmp_path: Path) -> None:
    project = project_of(
        tmp_path, "services: {a: {image: x, use_api_socket: true, environment: {DOCKER_CONFIG: /own}}}"
    )
    given = with_api_socket(project, Endpoint(path="/sock"), dict)
    assert given.services["a"].environment == {"DOCKER_CONFIG": "/own"}
    assert given.services["a"].configs[0].target == "/run/secrets/docker/config.json"


def test_credentials_that_helpers_keep_are_collected(tmp_path: Path) -> None:
    helper = tmp_path / "docker-credential-box"
    helper.write_text(
        "#!/bin/sh\n"
        'if [ "$1" = list ]; then echo \'{"one.example": "me"}\'; exit; fi\n'
        "read -r name || true\n"
        'if [ "$name" = two.example ]; then echo \'{"Username": "<token>", "Secret": "t"}\'; exit; fi\n'
        'echo \'{"Username": "me", "Secret": "secret"}\'\n'
    )
    helper.chmod(0o755)
    config = {"credsStore": "box", "credHelpers": {"two.example": "box"}, "auths": {"one.example": {}}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    environ = {"DOCKER_CONFIG": str(tmp_path), "PATH": f"{tmp_path}:/usr/bin:/bin"}
    entry = KEPT["auths"]["reg.example"]
    assert auth_entries(environ) == {"one.example": entry, "two.example": {"identitytoken": "t"}}
    with pytest.raises(ConfigError, match="docker-credential-none: No such file"):
        (tmp_path / "config.json").write_text('{"credsStore": "none"}')
        auth_entries(environ)
    (tmp_path / "config.json").write_text("[")
    with pytest.raises(ConfigError, match=r"config\.json"):
        auth_entries(environ)
