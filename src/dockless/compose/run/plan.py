"""A plan as data: what will be done to which object, and what must be done before.

A step names the steps that it comes after; what has no path between them may happen at the same time. A plan can be
printed (`--dry-run`) and compared; `execute` carries it out.
"""

from collections.abc import Iterable, Iterator

from msgspec import Struct, field

from dockless.compose.model import Service
from dockless.wire.containers import ContainerCreateRequest
from dockless.wire.endpoints import EndpointSettings
from dockless.wire.networks import NetworkCreateRequest
from dockless.wire.volumes import VolumeCreateRequest


class InjectedFile(Struct, frozen=True):
    """A config or secret whose content is not a file of the host: put into the created container before its start."""

    target: str
    content: bytes
    mode: int
    uid: int
    gid: int


class CreateNetwork(Struct, frozen=True):
    name: str
    body: NetworkCreateRequest


class CreateVolume(Struct, frozen=True):
    name: str
    body: VolumeCreateRequest


class Shared(Struct, frozen=True):
    """The containers whose namespaces or volumes a service uses, as (service, container's name)."""

    service: Service
    containers: tuple[tuple[str, str], ...]


class CreateContainer(Struct, frozen=True):
    """`name` is the one to create it under; `shown` the one that people know it by.

    A request that refers to other containers names them; their ids are put in when they exist (`shared`).
    """

    name: str
    shown: str
    service: str
    body: ContainerCreateRequest
    platform: str = ""
    further_networks: tuple[tuple[str, EndpointSettings], ...] = ()
    shared: Shared | None = None
    recreates: bool = False


class InjectFiles(Struct, frozen=True):
    """Puts files into a container that has not been started yet; may be done again."""

    name: str
    files: tuple[InjectedFile, ...]


class StartContainer(Struct, frozen=True):
    name: str
    service: str
    restarts: bool = False
    hooks: tuple["Hook", ...] = ()


class Hook(Struct, frozen=True):
    """A `post_start` or `pre_stop` command."""

    command: tuple[str, ...]
    user: str = ""
    privileged: bool = False
    working_dir: str = ""
    environment: tuple[str, ...] = ()


class UnpauseContainer(Struct, frozen=True):
    name: str


class PauseContainer(Struct, frozen=True):
    name: str


class StopContainer(Struct, frozen=True):
    """`timeout` in seconds; None takes the container's own. `ended`: it does not run, so this is only reported."""

    name: str
    timeout: int | None = None
    hooks: tuple[Hook, ...] = ()
    quiet: bool = False
    ended: bool = False


class RestartContainer(Struct, frozen=True):
    name: str
    timeout: int | None = None


class KillContainer(Struct, frozen=True):
    name: str
    signal: str


class RemoveContainer(Struct, frozen=True):
    """`volumes`: its anonymous volumes too. `quiet`: part of a recreation that is reported as a whole."""

    name: str
    volumes: bool = False
    force: bool = False
    quiet: bool = False


class RenameContainer(Struct, frozen=True):
    name: str
    to: str


class Recreated(Struct, frozen=True):
    """Marks the end of a recreation, for the report."""

    name: str


class AwaitCondition(Struct, frozen=True):
    """Waits until a container is `healthy`, `completed`, `running` or `listening` on a TCP port.

    `required`: whether the plan fails when it is not reached. `timeout` in seconds, None waits as long as it takes.
    `must_live`: waiting for `listening` fails when the container ends with another status than 0.
    """

    name: str
    service: str
    condition: str
    required: bool = True
    timeout: float | None = None
    must_live: bool = False


class RemoveNetwork(Struct, frozen=True):
    id: str
    name: str


class RemoveVolume(Struct, frozen=True):
    name: str


class RemoveImage(Struct, frozen=True):
    name: str


class Report(Struct, frozen=True):
    """Nothing to do, but worth saying: `Container p-web-1  Running`."""

    subject: str
    text: str


Action = (
    CreateNetwork
    | CreateVolume
    | CreateContainer
    | InjectFiles
    | StartContainer
    | UnpauseContainer
    | PauseContainer
    | StopContainer
    | RestartContainer
    | KillContainer
    | RemoveContainer
    | RenameContainer
    | Recreated
    | AwaitCondition
    | RemoveNetwork
    | RemoveVolume
    | RemoveImage
    | Report
)


class Step(Struct, frozen=True):
    """`key` is unique in its plan; `after` holds keys. A key that the plan does not have is already done."""

    key: str
    action: Action
    after: frozenset[str] = frozenset()


class Plan(Struct):
    """Steps in an order in which they could be done one by one."""

    steps: list[Step] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add(self, key: str, action: Action, after: Iterable[str] = ()) -> str:
        """Appends a step and returns its key."""
        self.steps.append(Step(key, action, frozenset(after)))
        return key

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __bool__(self) -> bool:
        return bool(self.steps)


def subject_of(action: Action) -> str:
    """What a step is about, as it is reported: `Container p-web-1`."""
    match action:
        case CreateNetwork() | RemoveNetwork():
            return f"Network {action.name}"
        case CreateVolume() | RemoveVolume():
            return f"Volume {action.name}"
        case RemoveImage():
            return f"Image {action.name}"
        case CreateContainer():
            return f"Container {action.shown}"
        case RenameContainer():
            return f"Container {action.to}"
        case Report():
            return action.subject
        case _:
            return f"Container {action.name}"


def describe(action: Action) -> str:
    """One line of `--dry-run`."""
    match action:
        case CreateContainer(recreates=True):
            what = "recreate"
        case CreateNetwork() | CreateVolume() | CreateContainer():
            what = "create"
        case InjectFiles():
            what = "put " + ", ".join(file.target for file in action.files)
        case StartContainer():
            what = "start"
        case UnpauseContainer():
            what = "unpause"
        case PauseContainer():
            what = "pause"
        case StopContainer():
            what = "has ended" if action.ended else "stop"
        case RestartContainer():
            what = "restart"
        case KillContainer():
            what = f"kill with {action.signal}"
        case RemoveContainer() | RemoveNetwork() | RemoveVolume() | RemoveImage():
            what = "remove"
        case RenameContainer():
            what = f"rename from {action.name}"
        case Recreated():
            what = "recreated"
        case AwaitCondition():
            what = f"wait until {action.condition}"
        case Report():
            what = action.text.lower()
    return f"{subject_of(action)}  {what}"


def printed(plan: Plan) -> list[str]:
    """The plan for a person: a line for each step, with the steps that it waits for."""
    known = {step.key: f"{number}" for number, step in enumerate(plan, 1)}
    lines = []
    for number, step in enumerate(plan, 1):
        before = sorted((known[key] for key in step.after if key in known), key=int)
        tail = f"  (after {', '.join(before)})" if before else ""
        lines.append(f"{number:>3}  {describe(step.action)}{tail}")
    return lines
