"""The engine itself: its version, and events."""

from collections.abc import Mapping

from dockless.wire import API_VERSION, MIN_API_VERSION
from dockless.wire.base import Message, always, names


class PlatformName(Message, frozen=True, kw_only=True):
    name: str = always("dockless")


class Component(Message, frozen=True, kw_only=True):
    name: str
    version: str = always("")
    details: Mapping[str, str] | None = None


class Version(Message, rename=names(min_api_version="MinAPIVersion"), frozen=True, kw_only=True):
    """`version` is the engine's own; `api_version` is what clients settle by."""

    platform: PlatformName = always(PlatformName())
    components: tuple[Component, ...] = always(())
    version: str = always("")
    api_version: str = always(API_VERSION)
    min_api_version: str = always(MIN_API_VERSION)
    git_commit: str = always("")
    go_version: str = always("")
    os: str = always("linux")
    arch: str = always("")
    kernel_version: str = always("")
    experimental: bool = False
    build_time: str = ""


class Actor(Message, rename=names(id="ID"), frozen=True, kw_only=True):
    """`attributes`: all labels of the object, and `name`, `image`, `exitCode`, `signal` … where they apply."""

    id: str = always("")
    attributes: Mapping[str, str] = always({})


def _event_names(attribute: str) -> str:
    capitalised = {"type": "Type", "action": "Action", "actor": "Actor", "time_nano": "timeNano", "from_": "from"}
    return capitalised.get(attribute, attribute)


class EventMessage(Message, rename=_event_names, frozen=True, kw_only=True):
    """`time` in Unix seconds, `time_nano` in nanoseconds. `status`, `id`, `from_`: the old form."""

    status: str = ""
    id: str = ""
    from_: str = ""
    type: str
    action: str
    actor: Actor
    scope: str = always("local")
    time: int
    time_nano: int
