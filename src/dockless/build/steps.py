"""The seam between the builder and whatever runs a command in a container.

The builder describes one `RUN` as a `Step` (a command, its root as overlay directories, what is bound into it) and
hands it to a `StepRunner`. It knows nothing of namespaces or cgroups, and the runner nothing of Dockerfiles.
"""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from dockless.launcher.spec import Resources

Network = Literal["default", "none", "host"]
Output = Callable[[bytes], None]


class StepFailed(Exception):
    """A step's command could not be started, or the machinery around it failed: not an exit status.

    `status` is what Docker would report: 127 for a command that is not there, 126 for one that cannot be executed.
    """

    def __init__(self, message: str, status: int = 125) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


HOSTNAME = "buildkitsandbox"  # a step's, where nobody asks for another


class Cancellation:
    """Says once, to everybody who asked, that a build is to stop. Safe to use from any thread."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], None]] = []

    @property
    def cancelled(self) -> bool:
        return self._event.is_set()

    def wait(self, seconds: float | None = None) -> bool:
        """True as soon as it is cancelled, False when the time is over."""
        return self._event.wait(seconds)

    def cancel(self) -> None:
        """Calls, in this thread, each callback that is registered; later calls do nothing."""
        with self._lock:
            if self._event.is_set():
                return
            self._event.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def on_cancel(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Registers `callback` (called at once if it is cancelled already); the answer takes it back."""
        with self._lock:
            if not self._event.is_set():
                self._callbacks.append(callback)
                return lambda: self._forget(callback)
        callback()
        return lambda: None

    def _forget(self, callback: Callable[[], None]) -> None:
        with self._lock:
            if callback in self._callbacks:
                self._callbacks.remove(callback)


class Bind(msgspec.Struct, frozen=True):
    """`source`, a file or folder on the host, seen at `target` (absolute, inside).

    The target exists already where `Step.upper` or `Step.lower` holds it, and the builder makes it in `upper` where
    neither does (and takes it away again after the step): the runner need not make mount points.
    """

    source: Path
    target: str
    readonly: bool = True


class Tmpfs(msgspec.Struct, frozen=True):
    """An empty tmpfs at `target`; `size` in bytes, 0: the kernel's default. The mount point exists, as with `Bind`."""

    target: str
    size: int = 0


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One command, run to its end in a fresh container.

    The root is an overlay of `lower` (topmost first; empty for `FROM scratch`) with `upper` and `work`, which exist
    and are empty but for mount points. `env` is complete (PATH and HOME included). `user` is as the Dockerfile says
    it (`name`, `uid`, `name:group`, "" for root), resolved by the runner in the root's own /etc/passwd and /etc/group.
    `cwd` exists. `network`: "default" has a way out and the host's resolvers, "none" only a loopback, "host" the
    host's own. `privileged`: as a privileged container.
    `extra_hosts` are (name, address) pairs for /etc/hosts ("host-gateway" is resolved by the runner).
    `resources` are limits in the OCI specification's form, `cgroup_parent` is the cgroup that the
    step's is made in ("": the runner's own).
    Whatever the runner puts over files of the root (/etc/resolv.conf, /etc/hosts, /proc …) must leave no trace in
    `upper`, or only what the builder's `layers.clean_upper` takes away: empty mount points at these standard places.

    When `cancellation` fires, the runner kills the command and returns; the builder does not look at the status then.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str
    user: str
    lower: tuple[Path, ...]
    upper: Path
    work: Path
    hostname: str = HOSTNAME
    network: Network = "default"
    privileged: bool = False
    binds: tuple[Bind, ...] = ()
    tmpfs: tuple[Tmpfs, ...] = ()
    extra_hosts: tuple[tuple[str, str], ...] = ()
    shm_size: int = 0
    ulimits: tuple[tuple[str, int, int], ...] = ()
    resources: Resources = msgspec.field(default_factory=Resources)
    cgroup_parent: str = ""
    cancellation: Cancellation = msgspec.field(default_factory=Cancellation)


class StepRunner(Protocol):
    """What the engine implements with its launcher. `run` is called in a thread, many at once."""

    def run(self, step: Step, output: Output) -> int:
        """Runs `step`, gives stdout and stderr (interleaved as written) to `output`, and blocks until the end.

        The answer is the exit status (128 + n for signal n). Raises `StepFailed` where the command cannot start.
        """
        ...
