"""`use_api_socket`: a service gets the engine's socket, and the registry credentials of whoever runs this.

Nothing that an engine knows of: the project is changed before it is planned, as Docker Compose changes it.
"""

import json
from collections.abc import Callable, Mapping

from msgspec.structs import replace

from dockless.client.endpoint import Endpoint
from dockless.compose.model import FileObject, FileReference, Project, Service, ServiceVolume
from dockless.compose.run.order import ProjectError

_CONFIG = "#apisocket"  # no name that a file's own config can have
_FOLDER = "/run/secrets/docker"
_SOCKET = "/var/run/docker.sock"


def with_api_socket(
    project: Project, endpoint: Endpoint, credentials: Callable[[], Mapping[str, Mapping[str, str]]]
) -> Project:
    """The project with what its `use_api_socket` services need; `credentials` gives `config.json`'s `auths`.

    Raises `ProjectError` where the engine has no socket on this machine.
    """
    if not any(service.use_api_socket for service in project.services.values()):
        return project
    if not endpoint.path:
        raise ProjectError(
            f"use_api_socket can only be used with unix sockets: docker endpoint {endpoint} is incompatible"
        )
    content = json.dumps({"auths": credentials()}, indent="\t")
    services = {name: _given(service, endpoint.path) for name, service in project.services.items()}
    configs = {**project.configs, _CONFIG: FileObject(name=_CONFIG, content=content)}
    return replace(project, services=services, configs=configs)


def _given(service: Service, socket: str) -> Service:
    if not service.use_api_socket:
        return service
    environment = dict(service.environment)
    # Whoever says where the configuration is has one of their own.
    environment.setdefault("DOCKER_CONFIG", _FOLDER)
    return replace(
        service,
        volumes=(*service.volumes, ServiceVolume(type="bind", source=socket, target=_SOCKET)),
        environment=environment,
        configs=(*service.configs, FileReference(source=_CONFIG, target=f"{_FOLDER}/config.json")),
    )
