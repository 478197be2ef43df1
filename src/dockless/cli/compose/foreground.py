"""`up` without `-d`: shows what the services print until they have ended, or until somebody presses Ctrl-C."""

import _socket
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dockless.cli.compose import menu as menu_keys
from dockless.cli.compose.menu import Menu, line, menu, wanted
from dockless.cli.failure import Failure
from dockless.cli.log_view import LogView
from dockless.cli.output import echo, note
from dockless.cli.progress import wants_colour
from dockless.cli.session import Session
from dockless.compose.model import Project
from dockless.compose.run.converge import UpOptions
from dockless.compose.run.execute import Context, Execution, execute
from dockless.compose.run.foreground import (
    Ended,
    Foreground,
    Happening,
    Interrupted,
    Lost,
    interrupts,
    next_happening,
)
from dockless.compose.run.image_options import ImageOptions
from dockless.compose.run.observe import containers_of
from dockless.compose.run.order import ProjectError
from dockless.compose.run.plan import CreateContainer, Plan, StartContainer
from dockless.compose.run.teardown import kill_plan, stop_plan
from dockless.compose.run.turns import take_turn
from dockless.compose.run.up import Prepared, prepare

if TYPE_CHECKING:
    from dockless.compose.run.watch import Watch
    from dockless.compose.run.watch_rules import Watched

_INTERRUPTED = 130
_LATE_SECONDS = 5.0  # the end whose status counts is told soon after it, if it is to be told at all


def run_foreground(
    session: Session,
    project: Project,
    services: tuple[str, ...],
    options: UpOptions,
    images: ImageOptions,
    flags: dict[str, Any],
) -> int:
    """Returns the exit status."""
    rules = _rules(project, services) if flags["watch"] else None
    _refuse_unknown(frozenset(project.services), flags)
    progress = session.progress()
    with progress:
        turn = take_turn(project.name, session.client.transport.endpoint, progress)
        project = session.provided(project, services, progress, with_deps=not flags["no_deps"])
        prepared = prepare(
            session.client,
            project,
            services,
            options,
            images,
            session.converter(project),
            progress,
            with_deps=not flags["no_deps"],
        )
        for warning in prepared.plan.warnings:
            progress.line(f"WARN[0000] {warning}")
    _refuse_unknown(prepared.selected, flags)
    with menu(asked=wanted(flags["menu"], session.environ)) as keys:
        return _Stage(session, project, prepared, services, flags, images, rules, keys, turn).play()


def _refuse_unknown(selected: frozenset[str], flags: dict[str, Any]) -> None:
    """Raises `Failure` for a service to look at that is not among those that are started."""
    if (chosen := flags["exit_code_from"]) and chosen not in selected:
        raise Failure(f"no such service: {chosen}: not found")
    if strange := sorted({*flags["attach"]} - selected):
        raise Failure(f"cannot attach to services not included in up: {', '.join(strange)}")


class _Stage:
    """One run of `up`: its containers, and what the flags ask for when one of them ends."""

    def __init__(
        self,
        session: Session,
        project: Project,
        prepared: Prepared,
        services: tuple[str, ...],
        flags: dict[str, Any],
        images: ImageOptions,
        rules: "Watched | None",
        keys: Menu,
        turn: _socket.socket,
    ) -> None:
        self._session = session
        self._project = project
        self._turn = turn
        self._prepared = prepared
        self._flags = flags
        self._shown = _attached_services(project, prepared.selected, services, flags)
        # Docker Compose's notion of what an `up` is about: it ends with these, and Ctrl-C stops those asked for.
        self._asked = frozenset(services) & prepared.selected or prepared.selected
        self._counting = self._shown & self._asked or self._asked
        self._containers = _final_containers(prepared)
        colour = wants_colour(sys.stdout, os.environ) and not flags["no_color"] and session.ansi != "never"
        colour = colour or session.ansi == "always"
        shown = sorted(name for name, service in self._containers.items() if service in self._shown)
        self._view = LogView(
            sys.stdout, sys.stderr, colour=colour, prefix=not flags["no_log_prefix"], project=project.name, names=shown
        )
        self._services = services
        self._images = images
        self._menu = keys
        self._menu.text = lambda: line(watching=self._watch is not None, colour=colour)
        self._names = shown
        ttys = {name: service.tty for name, service in project.services.items()}
        self._foreground = Foreground(
            session.client, project.name, ttys, self._view.write, timestamps=flags["timestamps"]
        )
        self._live = {name for name, service in self._containers.items() if service in self._counting}
        self._status = 0
        self._awaits_status = bool(flags["exit_code_from"])
        self._stopping = 0
        self._execution = self._make_execution()
        self._started = threading.Event()
        self._watch = self._make_watch(rules, images) if rules else None
        self._watcher: _Background | None = None
        self._leaving: _Background | None = None  # a watch that was ended by a key, and may not yet have ended

    def play(self) -> int:
        for name, service in self._containers.items():
            if service not in self._shown:
                self._foreground.mute(name)
        self._foreground.watch()
        with interrupts(self._foreground.happenings):
            echo("Attaching to " + ", ".join(self._view.short(name) for name in self._names))
            sys.stdout.flush()
            for each in self._prepared.observed.containers:
                if each.running and each.name in self._containers:
                    self._foreground.attach(each.name, each.service)
            self._menu.show()
            return self._follow()

    def _follow(self) -> int:
        starter = _Background(self._start)
        starter.begin()
        stopper: _Background | None = None
        while True:
            happening = next_happening(self._foreground.happenings, 0.1)
            if starter.error and not self._stopping:
                raise starter.error
            quiet = self._leaving is None or self._leaving.done
            if self._watch and self._watcher is None and quiet and starter.done and not self._stopping:
                self._watcher = _Background(self._watch.run)
                self._watcher.begin()
            if self._watcher is not None and self._watcher.error:
                self._broken(self._watcher.error)
            if not self._stopping and stopper is None and self._pressed(starter):
                return self._status
            if isinstance(happening, Interrupted):
                self._menu.hide()
                self._stopping += 1
                if self._stopping == 1:
                    echo("Gracefully Stopping... press Ctrl+C again to force")
                    sys.stdout.flush()
                    stopper = _Background(self._stop)
                    stopper.begin()
                else:
                    self._kill()
                    return _INTERRUPTED
            elif isinstance(happening, Ended):
                self._ended(happening)
                if stopper is None and self._aborts(happening):
                    self._status = happening.status
                    note("Aborting on container exit...")
                    stopper = _Background(self._stop)
                    stopper.begin()
                self._take_status(happening)
            elif isinstance(happening, Lost) and self._stopping == 0 and stopper is None:
                raise ConnectionError(f"lost the engine's events: {happening.reason}")
            if stopper is not None and stopper.done:
                if stopper.error:
                    raise stopper.error
                self._drain()
                return _INTERRUPTED if self._stopping else self._status
            if starter.done and not self._live and stopper is None and not self._watch:
                self._drain()
                return self._status

    def _pressed(self, starter: "_Background") -> bool:
        """Does what a key asks for; whether to leave the services to themselves."""
        match self._menu.key():
            case menu_keys.WATCH:
                self._toggle_watch()
                self._menu.redraw()
            case menu_keys.DETACH if starter.done:
                if self._watch:
                    self._watch.stop.set()
                return True
            case menu_keys.LINE:
                echo("")
        return False

    def _toggle_watch(self) -> None:
        if self._watch:
            self._watch.stop.set()
            self._leaving = self._watcher
            self._watch = self._watcher = None
            return
        try:
            self._watch = self._make_watch(_rules(self._project, self._services), self._images)
        except ProjectError:
            note("Watch →  watch is not yet configured. Learn more: https://docs.docker.com/compose/file-watch/")

    def _broken(self, error: BaseException) -> None:
        """The watch has ended by itself: that ends what was asked to watch, and not who has pressed a key."""
        if not self._menu.active or not isinstance(error, (ProjectError, OSError)):
            raise error
        note(str(error))
        self._watch = self._watcher = None
        self._menu.redraw()

    def _start(self) -> None:
        try:
            self._execution.run()
        finally:
            self._started.set()
            self._turn.close()

    def _make_execution(self) -> Execution:
        services = {
            step.action.name: step.action.service
            for step in self._prepared.plan
            if isinstance(step.action, StartContainer)
        }
        context = Context(
            self._session.client,
            self._session.plain_progress(),
            before_start=lambda name: self._foreground.attach(name, services.get(name, "")),
            announces_starts=False,
        )
        return Execution(self._prepared.plan, context, width=self._session.width)

    def _take_status(self, ended: Ended) -> None:
        if ended.service == self._flags["exit_code_from"]:
            self._status = ended.status
            self._awaits_status = False

    def _ended(self, ended: Ended) -> None:
        self._foreground.drain(ended)
        self._view.flush(ended.name)
        if ended.service in self._shown:
            suffix = " (restarting)" if ended.restarts else ""
            echo(f"{self._view.short(ended.name)} exited with code {ended.status}{suffix}")
            sys.stdout.flush()
        if not ended.restarts:
            self._live.discard(ended.name)

    def _aborts(self, ended: Ended) -> bool:
        """Whether this end stops the others."""
        if ended.restarts or ended.service not in self._counting:
            return False
        if self._flags["abort_on_container_failure"]:
            return ended.status != 0
        return bool(self._flags["abort_on_container_exit"] or self._flags["exit_code_from"])

    def _make_watch(self, rules: "Watched", images: ImageOptions) -> "Watch":
        from dockless.cli.compose.watch import make_watch
        from dockless.compose.run.watch import WatchOptions

        def before_start(name: str) -> None:
            self._live.add(name)
            self._foreground.attach(name, self._containers.get(name, ""))

        options = WatchOptions(images=images, timeout=self._flags["timeout"], before_start=before_start)
        return make_watch(self._session, self._project, rules, options, self._view)

    def _stop(self) -> None:
        if self._watch:
            self._watch.stop.set()
        # What is just being started would be missed by a look at what runs.
        self._execution.cancel()
        self._started.wait()
        self._carry_out(lambda found: stop_plan(found, self._flags["timeout"]))

    def _kill(self) -> None:
        self._carry_out(lambda found: kill_plan(found, "SIGKILL"))

    def _carry_out(self, planner: Callable[[list[Any]], Plan]) -> None:
        found = [
            each
            for each in containers_of(self._session.client, self._project.name)
            if each.service in self._asked and not each.one_off
        ]
        context = Context(self._session.client, self._session.plain_progress())
        execute(planner(found), context, width=self._session.width)

    def _drain(self) -> None:
        self._foreground.drain()
        for name in self._names:
            self._view.flush(name)
        deadline = time.monotonic() + _LATE_SECONDS
        while not self._foreground.happenings.empty() or (self._awaits_status and time.monotonic() < deadline):
            self._note_late(next_happening(self._foreground.happenings, 0.1))

    def _note_late(self, happening: Happening | None) -> None:
        if isinstance(happening, Ended):
            self._take_status(happening)
            if happening.service in self._shown:
                echo(f"{self._view.short(happening.name)} exited with code {happening.status}")


def _rules(project: Project, services: tuple[str, ...]) -> "Watched":
    from dockless.cli.compose.watch import rules_of

    return rules_of(project, services)


class _Background:
    """A call in a thread of its own; `error` is what it raised."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call
        self.error: BaseException | None = None
        self.done = False

    def begin(self) -> None:
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        try:
            self._call()
        except BaseException as error:  # noqa: BLE001  (raised by the main thread)
            self.error = error
        self.done = True


def _attached_services(
    project: Project, selected: frozenset[str], asked: tuple[str, ...], flags: dict[str, Any]
) -> frozenset[str]:
    """The services whose output is shown."""
    if flags["attach"]:
        chosen = set(flags["attach"])
    elif asked and not flags["attach_dependencies"]:
        chosen = set(asked)
    else:
        chosen = set(selected)
    silent = {
        name for name, service in project.services.items() if service.attach is False and name not in flags["attach"]
    }
    return frozenset(chosen - silent - set(flags["no_attach"])) & selected


def _final_containers(prepared: Prepared) -> dict[str, str]:
    """The containers that will run, by name, with their services."""
    removed = {step.key.removeprefix("remove:") for step in prepared.plan if step.key.startswith("remove:")}
    found = {
        each.name: each.service
        for each in prepared.observed.containers
        if each.service in prepared.selected and not each.one_off and each.id not in removed
    }
    found |= {
        step.action.shown: step.action.service for step in prepared.plan if isinstance(step.action, CreateContainer)
    }
    found |= {
        step.action.name: step.action.service for step in prepared.plan if isinstance(step.action, StartContainer)
    }
    return found
