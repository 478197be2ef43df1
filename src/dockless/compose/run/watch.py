"""`watch`: follows `develop.watch`; an edit is synced into the containers, or restarts or rebuilds its service.

Changes are taken one batch after the other by one thread; what changes meanwhile is the next batch. A failure is told
and the watch goes on, since the next edit may mend it.
"""

import hashlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable
from queue import Empty

from msgspec import Struct

from dockless.client.api import Client
from dockless.client.errors import RequestFailed
from dockless.compose.model import Project
from dockless.compose.run.actions import ConditionFailed
from dockless.compose.run.builds import build_services
from dockless.compose.run.converge import UpOptions
from dockless.compose.run.convert import Converter
from dockless.compose.run.execute import Context, Reporter, execute
from dockless.compose.run.hooks import hooks_of
from dockless.compose.run.image_options import ImageError, ImageOptions, image_name
from dockless.compose.run.images import inspect_images
from dockless.compose.run.mounts import MountError
from dockless.compose.run.names import PROJECT
from dockless.compose.run.observe import Existing, containers_of
from dockless.compose.run.order import ProjectError
from dockless.compose.run.teardown import restart_plan
from dockless.compose.run.up import prepare
from dockless.compose.run.watch_files import Batch, Changes
from dockless.compose.run.watch_rules import Mapped, Rule, Work, work_for
from dockless.compose.run.watch_sync import SyncError, changed_since, expanded, run_inside, sync
from dockless.wire.errors import ApiError, Conflict, NotFound

_TOLD = (ApiError, RequestFailed, ConditionFailed, ImageError, MountError, ProjectError, SyncError, OSError)
_QUIET_SECONDS = 0.1
_LONGEST_SECONDS = 2.0
_LOOK_SECONDS = 0.2


class Voice(Struct, frozen=True):
    """Where a watch speaks: `log` for what it does, `warn` for what went wrong, `output` for what `exec` prints."""

    log: Callable[[str], None]
    warn: Callable[[str], None]
    output: Callable[[str], None]


class WatchOptions(Struct, frozen=True):
    """`prune`: remove the images that a rebuild leaves without a name. `before_start`: as `Context.before_start`."""

    images: ImageOptions = ImageOptions()
    prune: bool = True
    timeout: int | None = None
    before_start: Callable[[str], None] | None = None


class Watch:
    """Follows the rules of one project until `stop` is set."""

    def __init__(
        self,
        client: Client,
        project: Project,
        rules: list[Rule],
        voice: Voice,
        reporter: Reporter,
        converter: Callable[[], Converter],
        options: WatchOptions,
    ) -> None:
        self._client = client
        self._project = project
        self._rules = rules
        self._voice = voice
        self._reporter = reporter
        self._converter = converter
        self._options = options
        self.stop = threading.Event()

    def run(self) -> None:
        """Returns after `stop` has been set.

        Raises `OSError` when the disk cannot be watched, `ProjectError` when another watch of the project is at work.
        """
        with _alone(self._project.name, str(self._client.transport.endpoint)):
            self._run()

    def _run(self) -> None:
        changes = Changes(rule.path for rule in self._rules)
        try:
            self._guarded(self._initial)
            self._voice.log("Watch enabled")
            while not self.stop.is_set():
                batch = _next(changes, _LOOK_SECONDS)
                if batch is None:
                    continue
                work = work_for(self._rules, expanded(self._rules, batch))
                if work.rebuild:  # a build is too long to be begun again for each file of one save
                    work = work_for(self._rules, expanded(self._rules, _settled(changes, batch)))
                if work:
                    self._guarded(lambda work=work: self._do(work))  # type: ignore[misc]
        finally:
            changes.close()
        self._voice.log("Watch disabled")

    def _guarded(self, call: Callable[[], None]) -> None:
        try:
            call()
        except _TOLD as error:
            self._voice.warn(f"Error handling changed files: {error}")

    def _initial(self) -> None:
        rules = [rule for rule in self._rules if rule.syncs and rule.trigger.initial_sync]
        if not rules:
            return
        references = {rule.service: image_name(self._project, self._project.services[rule.service]) for rule in rules}
        images = inspect_images(self._client, references.values())
        for rule in rules:
            image = images[references[rule.service]]
            found = changed_since(rule, image.created or "" if image else "")
            if found:
                self._sync(rule.service, found)

    def _do(self, work: Work) -> None:
        if work.rebuild:
            self._rebuild(sorted(work.rebuild))
        for service, mapped in sorted(work.sync.items()):
            self._sync(service, mapped.values())
        if work.restart:
            self._restart(sorted(work.restart))
        for position in work.execs:
            self._exec(self._rules[position])

    def _containers(self, services: Iterable[str]) -> list[Existing]:
        chosen = frozenset(services)
        found = containers_of(self._client, self._project.name)
        return [each for each in found if each.service in chosen and not each.one_off]

    def _sync(self, service: str, mapped: Iterable[Mapped]) -> None:
        paths = list(mapped)
        self._voice.log(f'Syncing service "{service}" after {len(paths)} changes were detected')
        sync(self._client, self._containers([service]), paths)

    def _restart(self, services: list[str]) -> None:
        dependents = {
            other.name
            for other in self._project.services.values()
            if any(name in services and dependency.restart for name, dependency in other.depends_on.items())
        }
        plan = restart_plan(self._containers([*services, *dependents]), self._options.timeout)
        execute(plan, Context(self._client, self._reporter, self._options.before_start))
        self._voice.log(f"service(s) {_quoted(services)} restarted")

    def _exec(self, rule: Rule) -> None:
        (command,) = hooks_of((rule.trigger.exec,))
        for container in self._containers([rule.service]):
            if not container.running:
                continue
            status = run_inside(self._client, container, command, self._voice.output)
            if status:
                raise SyncError(f"{' '.join(command.command)!r} in {container.name} exited with status {status}")

    def _rebuild(self, services: list[str]) -> None:
        project = self._project
        self._voice.log(f"Rebuilding service(s) {_quoted(services)} after changes were detected...")
        before = self._images(services)
        wanted = [project.services[name] for name in services]
        build_services(self._client, project, wanted, self._options.images, _BuildLog(self._voice))
        self._voice.log(f"service(s) {_quoted(services)} successfully built")
        prepared = prepare(
            self._client,
            project,
            services,
            UpOptions(force_recreate=True, timeout=self._options.timeout),
            ImageOptions(no_build=True, pull="never"),
            self._converter(),
            self._reporter,
            with_deps=False,
        )
        execute(prepared.plan, Context(self._client, self._reporter, self._options.before_start))
        if self._options.prune:
            self._prune(before - self._images(services))

    def _images(self, services: list[str]) -> set[str]:
        references = [image_name(self._project, self._project.services[name]) for name in services]
        return {image.id for image in inspect_images(self._client, references).values() if image is not None}

    def _prune(self, replaced: set[str]) -> None:
        """Removes the images that the rebuild has taken the name from, unless something still uses them."""
        filters = {"dangling": ["true"], "label": [f"{PROJECT}={self._project.name}"]}
        for image in self._client.images.list(filters=filters):
            if image.id in replaced:
                try:
                    self._client.images.remove(image.id)
                except (Conflict, NotFound) as error:
                    self._voice.log(f"image {image.id[7:19]} is kept: {error.message}")


class _BuildLog:
    """A build's lines, told by the watch."""

    wants_output = True

    def __init__(self, voice: Voice) -> None:
        self._voice = voice

    def report(self, subject: str, text: str, *, done: bool, failed: bool = False) -> None:
        if failed:
            self._voice.log(f"Build failed. {subject}: {text}")

    def line(self, text: str) -> None:
        self._voice.log(text)


def _alone(project: str, engine: str) -> socket.socket:
    """Held as long as a watch runs: a name without a file, so a killed one leaves nothing. Raises `ProjectError`."""
    name = hashlib.sha256(f"{os.geteuid()} {engine} {project}".encode()).hexdigest()
    held = socket.socket(socket.AF_UNIX)
    try:
        held.bind(f"\0dockless-watch-{name}")
    except OSError as error:
        held.close()
        raise ProjectError(
            f'cannot take exclusive lock for project "{project}": another watch of it is at work'
        ) from error
    return held


def _next(changes: Changes, seconds: float) -> Batch | None:
    """The next batch, or None after `seconds`. Raises what broke the watch."""
    try:
        batch = changes.batches.get(timeout=seconds)
    except Empty:
        return None
    if isinstance(batch, BaseException):
        raise batch
    return batch


def _settled(changes: Changes, batch: Batch) -> Batch:
    """The batch with what follows it closely, until nothing changes for a moment."""
    batch = dict(batch)
    deadline = time.monotonic() + _LONGEST_SECONDS
    while time.monotonic() < deadline and (more := _next(changes, _QUIET_SECONDS)) is not None:
        for path, is_new in more.items():
            batch[path] = is_new or batch.get(path, False)
    return {path: is_new and os.path.lexists(path) for path, is_new in batch.items()}


def _quoted(services: list[str]) -> str:
    return "[" + " ".join(f'"{name}"' for name in services) + "]"
