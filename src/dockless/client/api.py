"""The client as its users see it: one object, with a group of requests for each kind of thing.

A group's module, and the messages with it, is imported when the group is first used.
"""

from functools import cached_property
from typing import TYPE_CHECKING

from dockless import __version__
from dockless.client.config_file import ClientSettings
from dockless.client.endpoint import Endpoint
from dockless.client.transport import Transport
from dockless.wire import API_VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dockless.client.containers import Containers
    from dockless.client.execs import Execs
    from dockless.client.images import Images
    from dockless.client.networks import Networks
    from dockless.client.system import System
    from dockless.client.volumes import Volumes


class Client:
    """An engine that has answered. Threads may share it; `close` it at the end."""

    def __init__(self, endpoint: Endpoint, settings: ClientSettings = ClientSettings()) -> None:
        """Asks the engine which version it speaks; raises `EngineUnavailable`, `EngineLost`, `ApiError`."""
        self.transport = Transport(endpoint, f"dockless/{__version__}", settings.headers)
        self._settings = settings
        answer = self.transport.call("GET", "/_ping")
        self.server = answer.headers.get("server", "")
        self.api_version = lower_version(API_VERSION, answer.headers.get("api-version", "1.24"))
        self.transport.base_path = f"/v{self.api_version}"

    @property
    def is_ours(self) -> bool:
        """Whether the engine is dockless, and so knows what we added to the API."""
        return self.server.startswith("Dockless")

    @property
    def endpoint(self) -> Endpoint:
        return self.transport.endpoint

    @property
    def proxies(self) -> "Mapping[str, str]":
        """The variables that whoever makes containers and builds at this engine gives them, if they are not given."""
        return self._settings.proxies_for(str(self.endpoint))

    @cached_property
    def containers(self) -> "Containers":
        from dockless.client.containers import Containers

        return Containers(self.transport)

    @cached_property
    def execs(self) -> "Execs":
        from dockless.client.execs import Execs

        return Execs(self.transport)

    @cached_property
    def images(self) -> "Images":
        from dockless.client.images import Images

        return Images(self.transport, ours=self.is_ours, proxies=self.proxies)

    @cached_property
    def networks(self) -> "Networks":
        from dockless.client.networks import Networks

        return Networks(self.transport)

    @cached_property
    def volumes(self) -> "Volumes":
        from dockless.client.volumes import Volumes

        return Volumes(self.transport)

    @cached_property
    def system(self) -> "System":
        from dockless.client.system import System

        return System(self.transport)

    def close(self) -> None:
        self.transport.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def lower_version(one: str, other: str) -> str:
    """The lower of two versions of the API; one that cannot be read counts as the highest."""
    return min(one, other, key=_parts)


def _parts(version: str) -> tuple[int, ...]:
    numbers = version.split(".")
    return tuple(map(int, numbers)) if all(number.isdigit() for number in numbers) else (1 << 30,)
