"""`docker run --use-api-socket`: the container gets the engine's socket, and the registry credentials of its user."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec.structs import replace

from dockless.cli.failure import Failure
from dockless.client.config_file import ConfigError
from dockless.client.docker_config import auth_entries
from dockless.client.endpoint import Endpoint
from dockless.wire.config import Mount
from dockless.wire.containers import ContainerCreateRequest

if TYPE_CHECKING:
    from dockless.client.api import Client

_SOCKET = "/var/run/docker.sock"
_FOLDER = "/run/secrets/docker"


def with_api_socket(
    body: ContainerCreateRequest, endpoint: Endpoint, environ: Mapping[str, str]
) -> tuple[ContainerCreateRequest, bytes]:
    """The request, and the `config.json` to put into the container before its start: empty where there are no
    credentials, and for whoever says where the configuration is and has one of their own.

    Raises `Failure` where the engine has no socket on this machine, or the credentials cannot be read.
    """
    if not endpoint.path:
        raise Failure(f"docker: --use-api-socket needs an engine at a Unix socket, and not at {endpoint}", 125)
    mount = Mount(type="bind", source=endpoint.path, target=_SOCKET)
    host = replace(body.host_config, mounts=(*(body.host_config.mounts or ()), mount))
    body = replace(body, host_config=host)
    if any(entry.startswith("DOCKER_CONFIG=") for entry in body.env or ()):
        return body, b""
    try:
        credentials = auth_entries(environ)
    except ConfigError as error:
        raise Failure(f"docker: resolving credentials failed: {error}", 125) from error
    if not credentials:
        return body, b""
    environment = (*(body.env or ()), f"DOCKER_CONFIG={_FOLDER}")
    return replace(body, env=environment), json.dumps({"auths": credentials}, indent="\t").encode()


def give(client: "Client", container: str, config: bytes) -> None:
    """Puts the file into the container, for its root alone. Raises `ApiError`."""
    from dockless.compose.run.actions import archive_of
    from dockless.compose.run.plan import InjectedFile

    file = InjectedFile(target=f"{_FOLDER}/config.json", content=config, mode=0o600, uid=0, gid=0)
    client.containers.archive_put(container, path="/", content=archive_of((file,)))
