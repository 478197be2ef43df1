"""Containers start, run, stop, end and start again: the state machine.

Each container has one record (stored) and one `Live` (not stored). A start holds the container's lock; an end may come
at any time and takes none: it runs in the event loop's thread from the launcher's word to the saved record.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from dataclasses import replace as replaced
from typing import Any

from dockless.engine import health, log_files
from dockless.engine.events import Events
from dockless.engine.helpers import Helpers
from dockless.engine.inputs import Input
from dockless.engine.live import Live
from dockless.engine.logs import Journal
from dockless.engine.preparing import Preparation, Prepared
from dockless.engine.processes import end_all
from dockless.engine.records import ContainerRecord, State, Table, replace
from dockless.engine.restarts import delay_before, should_restart
from dockless.engine.signals import parse_signal
from dockless.engine.tasks import Tasks
from dockless.engine.wiring import Wiring
from dockless.launcher.client import ExitStatus, LauncherLost, LaunchError, Started
from dockless.linux import cgroups
from dockless.places import Places
from dockless.wire.containers import ContainerWaitResponse, WaitError
from dockless.wire.errors import ApiError, BadParameter, Conflict, Internal, NotFound, NotModified

DRAIN = 5.0  # seconds for the last output of a process that has ended; its end is there at once where nobody holds on
KILL_WAIT = 10.0  # seconds until a killed container must be gone
DEFAULT_STOP = 10  # seconds
UNKNOWN_STATUS = 255  # a process that ended while nobody watched
LASTED = 10_000_000_000  # nanoseconds after which a run counts as a success for the back-off


@dataclass(frozen=True)
class Parts:
    """What the state machine works with."""

    places: Places
    table: Table[ContainerRecord]
    helpers: Helpers
    wiring: Wiring
    preparation: Preparation
    events: Events
    removed: Callable[[str], Coroutine[Any, Any, None]]  # removes a container that ends with AutoRemove
    check: Callable[[str, tuple[str, ...], float], Coroutine[Any, Any, health.CheckResult]]


class Lifecycle:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._lives: dict[str, Live] = {}
        self._tasks = Tasks()

    def live(self, identity: str) -> Live:
        found = self._lives.get(identity)
        if found is None:
            found = self._lives[identity] = Live(identity)
            found.ended.set()
        return found

    def drop(self, identity: str) -> None:
        """The container was removed."""
        live = self._lives.pop(identity, None)
        if live is not None:
            live.outputs.end()

    @property
    def busy(self) -> bool:
        """Whether a container runs, is about to, or is about to again."""
        return any(record.running or record.state.status == "restarting" for record in self._parts.table) or any(
            live.lock.locked() for live in self._lives.values()
        )

    async def start(self, identity: str) -> None:
        live = self.live(identity)
        async with live.lock:
            record = self._record(identity)
            if record.state.status == "paused":
                raise Conflict("cannot start a paused container, try unpause instead")
            if record.running:
                raise NotModified("container already started")
            self._cancel_restart(live)
            live.restarts = 0
            await self._start(live, record, restart=False)

    async def after_a_start(self, identity: str) -> tuple[Live, ContainerRecord]:
        """Where a start is under way, what is after it: who ends a container means one that is about to run, too."""
        record = self._record(identity)
        live = self.live(identity)
        if not record.running and record.state.status != "restarting":
            async with live.lock:
                record = self._record(identity)
        return live, record

    async def stop(self, identity: str, timeout: int | None, wanted_signal: str | None) -> None:
        """Asks the container to end with its stop signal, and kills it after `timeout` seconds (-1: never)."""
        live, record = await self.after_a_start(identity)
        if record.state.status == "restarting":
            self._stop_restarting(live, record)
            return
        if not record.running:
            raise NotModified("container already stopped")
        self._save_state(record, stopped_by_user=True)
        await self._end_gracefully(live, timeout, wanted_signal)
        record = self._record(identity)
        self._publish(record, "stop")

    async def restart(self, identity: str, timeout: int | None, wanted_signal: str | None) -> None:
        live = self.live(identity)
        async with live.lock:
            record = self._record(identity)
            self._cancel_restart(live)
            if record.running:
                live.stopping = True
                try:
                    await self._end_gracefully(live, timeout, wanted_signal)
                finally:
                    live.stopping = False
                self._publish(self._record(identity), "stop")
            live.restarts = 0
            await self._start(live, self._record(identity), restart=False)
            self._publish(self._record(identity), "restart")

    async def kill(self, identity: str, name: str) -> None:
        live, record = await self.after_a_start(identity)
        number = parse_signal(name)
        if record.state.status == "restarting":
            self._stop_restarting(live, record)
            return
        if not record.running:
            raise Conflict(f"cannot kill container: {record.id}: container {record.id} is not running")
        if number == signal.SIGKILL:
            self._save_state(record, stopped_by_user=True)
        self._signal(live, number)
        self._publish(record, "kill", signal=str(int(number)))
        if number == signal.SIGKILL:
            self._thaw(record)
            await self._until_ended(live, KILL_WAIT)

    async def pause(self, identity: str) -> None:
        record = self._running_record(identity)
        if record.state.status == "paused":
            raise Conflict(f"container {record.id} is already paused")
        self._end_checks(self.live(record.id))
        await asyncio.to_thread(cgroups.freeze, cgroup_path(record))
        self._save_state(record, status="paused")
        self._publish(record, "pause")

    async def unpause(self, identity: str) -> None:
        record = self._running_record(identity)
        if record.state.status != "paused":
            raise Conflict(f"container {record.id} is not paused")
        await asyncio.to_thread(cgroups.thaw, cgroup_path(record))
        self._save_state(record, status="running")
        self._publish(record, "unpause")
        live = self.live(record.id)
        if live.health is not None:
            live.health_task = asyncio.create_task(self._check_health(live.health, record))

    def exited(self, identity: str, status: ExitStatus) -> None:
        """The launcher's word that a container's process has ended."""
        self._tasks.start(self._end(self.live(identity), status))

    async def adopt(self, record: ContainerRecord, started: Started) -> None:
        """Takes over a container that an earlier engine started; its output goes on where it was."""
        live = self.live(record.id)
        if not record.running:
            state = replace(record.state, status="running", started=record.state.started or time.time_ns())
            record = replace(record, state=state)
        record = replace(record, state=replace(record.state, pid=started.pid, start_time=started.start_time))
        self._parts.table.save(record)
        self._watch(live, record, started)
        if started.exit is not None:
            self.exited(record.id, started.exit)

    async def lost(self, record: ContainerRecord) -> None:
        """A container that the records call running and that no launcher holds: nobody saw its end, or nobody holds its
        output any more. What is left of it must not go on beside the next start."""
        live = self.live(record.id)
        await asyncio.to_thread(end_all, cgroup_path(record))
        await self._conclude(live, record, ExitStatus(UNKNOWN_STATUS))

    def resume_restart(self, record: ContainerRecord) -> None:
        """A container that was waiting for its next start when the engine ended."""
        live = self.live(record.id)
        live.restart_task = asyncio.create_task(self._restart_later(live, 0.0))

    def held(self) -> Iterator[tuple[Started, str]]:
        """The processes of running containers with what is still open of them, each with its cgroup."""
        for record in self._parts.table:
            live = self.live(record.id)
            if record.running and live.process is not None:
                yield _still_open(live, live.process), cgroup_path(record)

    async def settle(self) -> None:
        """Waits for ends that are being dealt with."""
        await self._tasks.settle()

    def detach(self) -> None:
        """The engine ends while containers live: lets go of them without touching them."""
        for live in self._lives.values():
            for task in (live.health_task, live.restart_task):
                if task is not None:
                    task.cancel()
            if live.journal is not None:
                live.journal.detach()

    async def _start(self, live: Live, record: ContainerRecord, *, restart: bool) -> None:
        """Raises ApiError where the container cannot be started; then nothing of the attempt is left but its error."""
        parts = self._parts
        begun = time.time_ns()
        launcher = await parts.helpers.launcher()
        fabric = await parts.helpers.fabric()
        prepared: Prepared | None = None
        try:
            prepared = await parts.preparation.prepare(fabric, record)
            record = prepared.record
            parts.table.save(record)
            started = await launcher.run(
                record.id,
                prepared.spec,
                prepared.root,
                namespaces=prepared.namespaces,
                trees=prepared.trees,
                stdin=record.config.open_stdin,
            )
        except LaunchError as error:
            self._failed(record, error.message, error.exit_status)
            raise BadParameter(f"failed to create task for container: {error.message}") from error
        except ApiError as error:
            self._failed(record, error.message, 128)
            raise
        except LauncherLost as error:
            await asyncio.to_thread(end_all, cgroup_path(record))
            self._failed(record, str(error), 128)
            raise Internal("the launcher ended while it started the container; try again") from error
        finally:
            if prepared is not None:
                prepared.close()
        state = State(
            status="running",
            pid=started.pid,
            start_time=started.start_time,
            started=begun,
            finished=record.state.finished,
            restart_count=record.state.restart_count + 1 if restart else 0,
        )
        record = replace(record, state=state)
        parts.table.save(record)
        self._publish(record, "start", at=begun)
        self._watch(live, record, started)

    def _watch(self, live: Live, record: ContainerRecord, started: Started) -> None:
        folder = self._parts.places.containers / record.id
        stored = record.host.log_config.type != "none"
        journal = Journal(
            folder,
            record.log_name,
            started.outputs,
            live.outputs.publish,
            stored=stored,
            rotation=_rotation(record) if stored else None,
        )
        live.outputs.throttle = lambda owner, hold: journal.pause(owner) if hold else journal.resume(owner)
        live.journal = journal
        live.process = started
        live.input = Input.of(started)
        live.ended.clear()
        if health.command(record.config) is not None:
            live.health = health.HealthState(log=live.health.log if live.health else [])
            if record.state.status == "paused":
                live.health.rest()
            else:
                live.health_task = asyncio.create_task(self._check_health(live.health, record))

    def _end_checks(self, live: Live) -> None:
        """A container that stands still or has ended is not asked how it is."""
        if live.health_task is not None:
            live.health_task.cancel()
            live.health_task = None
        if live.health is not None:
            live.health.rest()

    async def _check_health(self, state: health.HealthState, record: ContainerRecord) -> None:
        def changed() -> None:
            self._publish(record, f"health_status: {state.status}")

        async def check(argv: tuple[str, ...], timeout: float) -> health.CheckResult:
            return await self._parts.check(record.id, argv, timeout)

        await health.watch(state, record.config, record.state.started, check, changed)

    async def _end(self, live: Live, status: ExitStatus) -> None:
        """From the launcher's word to the saved record."""
        record = self._parts.table.get(live.id)
        if record is None:
            return
        if (fabric := self._parts.helpers.open_fabric) is not None:
            self._parts.wiring.withdraw(fabric, record)
        self._end_checks(live)
        if live.journal is not None:
            await live.journal.drain(DRAIN)
            live.journal = None
        live.outputs.end()
        if live.input is not None:
            live.input.close()
            live.input = None
        if live.process is not None:
            os.close(live.process.pidfd)
            live.process = None
        record = self._parts.table.get(live.id)
        if record is not None:
            await self._conclude(live, record, status)

    async def _conclude(self, live: Live, record: ContainerRecord, status: ExitStatus) -> None:
        parts = self._parts
        finished = time.time_ns()
        if (fabric := parts.helpers.open_fabric) is not None:
            record = parts.wiring.disconnect(fabric, record)
        again = not live.stopping and should_restart(record, status.code)
        if finished - record.state.started > LASTED:
            live.restarts = 0
        duration = (finished - record.state.started) // 1_000_000_000 if record.state.started else 0
        state = replace(
            record.state,
            status="restarting" if again else "exited",
            pid=0,
            start_time=0,
            exit_code=status.code,
            oom_killed=status.oom_killed,
            finished=finished,
            error="",
        )
        record = replace(record, state=state)
        parts.table.save(record)
        if (launcher := parts.helpers.open_launcher) is not None:
            # A launcher that is gone took what it held with it.
            with contextlib.suppress(LauncherLost):
                await launcher.forget(record.id)
        if status.oom_killed:
            self._publish(record, "oom")
        self._publish(record, "die", exitCode=str(status.code), execDuration=str(duration))
        live.ended.set()
        live.resolve(("not-running", "next-exit"), ContainerWaitResponse(status_code=status.code))
        if again:
            wait = delay_before(live.restarts)
            live.restarts += 1
            live.restart_task = asyncio.create_task(self._restart_later(live, wait))
        elif record.host.auto_remove and not live.stopping:
            self._tasks.start(parts.removed(record.id))

    async def _restart_later(self, live: Live, seconds: float) -> None:
        await asyncio.sleep(seconds)
        async with live.lock:
            record = self._parts.table.get(live.id)
            if record is None or record.state.status != "restarting":
                return
            live.restart_task = None
            try:
                await self._start(live, record, restart=True)
            except ApiError as error:
                self._publish(self._record(live.id), "die", exitCode="128", error=error.message)

    async def _end_gracefully(self, live: Live, timeout: int | None, wanted_signal: str | None) -> None:
        record = self._record(live.id)
        number = parse_signal(wanted_signal or record.config.stop_signal or "SIGTERM")
        if timeout is None:
            timeout = record.config.stop_timeout if record.config.stop_timeout is not None else DEFAULT_STOP
        if (fabric := self._parts.helpers.open_fabric) is not None:
            self._parts.wiring.withdraw(fabric, record)
        self._thaw(record)
        self._signal(live, number)
        self._publish(record, "kill", signal=str(int(number)))
        if not await self._until_ended(live, None if timeout < 0 else timeout):
            self._signal(live, signal.SIGKILL)
            self._publish(record, "kill", signal=str(int(signal.SIGKILL)))
            if not await self._until_ended(live, KILL_WAIT):
                raise Internal(f"cannot stop container: {record.id}: it did not end {KILL_WAIT:.0f} s after SIGKILL")

    async def _until_ended(self, live: Live, seconds: float | None) -> bool:
        try:
            await asyncio.wait_for(live.ended.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def _signal(self, live: Live, number: signal.Signals) -> None:
        if live.process is None:
            return
        # A process that is gone has ended, and the launcher is about to say so.
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(live.process.pidfd, number)

    def _thaw(self, record: ContainerRecord) -> None:
        if record.state.status == "paused":
            cgroups.thaw(cgroup_path(record))
            self._save_state(self._record(record.id), status="running")

    def _cancel_restart(self, live: Live) -> None:
        if live.restart_task is not None:
            live.restart_task.cancel()
            live.restart_task = None

    def _stop_restarting(self, live: Live, record: ContainerRecord) -> None:
        self._cancel_restart(live)
        self._save_state(record, status="exited", stopped_by_user=True)
        self._publish(record, "stop")

    def _failed(self, record: ContainerRecord, message: str, code: int) -> None:
        """A start that did not succeed: what was wired is taken back, and the record says why."""
        if (fabric := self._parts.helpers.open_fabric) is not None:
            record = self._parts.wiring.disconnect(fabric, record)
        status = "exited" if record.state.started or record.state.status == "restarting" else "created"
        state = replace(record.state, status=status, pid=0, error=message, exit_code=code)
        self._parts.table.save(replace(record, state=state))
        live = self.live(record.id)
        answer = ContainerWaitResponse(status_code=code, error=WaitError(message=message))
        live.resolve(("not-running", "next-exit"), answer)
        if record.host.auto_remove:
            self._tasks.start(self._parts.removed(record.id))

    def _save_state(self, record: ContainerRecord, **changes: Any) -> None:
        self._parts.table.save(replace(record, state=replace(record.state, **changes)))

    def _record(self, identity: str) -> ContainerRecord:
        record = self._parts.table.get(identity)
        if record is None:
            raise NotFound(f"No such container: {identity}")
        return record

    def _running_record(self, identity: str) -> ContainerRecord:
        record = self._record(identity)
        if not record.running:
            raise Conflict(f"container {record.id} is not running")
        return record

    def _publish(self, record: ContainerRecord, action: str, at: int | None = None, **more: str) -> None:
        self._parts.events.publish("container", action, record.id, {**event_attributes(record), **more}, at=at)


def _still_open(live: Live, process: Started) -> Started:
    """Without the outputs that have ended and the input that was closed: their descriptors are gone."""
    streams = live.journal.streams if live.journal is not None else frozenset()
    typing = process.terminal is None and live.input is not None and not live.input.closed
    return replaced(
        process,
        stdin=process.stdin if typing else None,
        stdout=process.stdout if "stdout" in streams else None,
        stderr=process.stderr if "stderr" in streams else None,
        terminal=process.terminal if "stdout" in streams else None,
    )


def _rotation(record: ContainerRecord) -> log_files.Rotation | None:
    config = record.host.log_config
    return log_files.parse_options(config.config or {}, config.type or "json-file")


def event_attributes(record: ContainerRecord) -> dict[str, str]:
    return {**(record.config.labels or {}), "image": record.image_name, "name": record.name}


def cgroup_path(record: ContainerRecord) -> str:
    """Relative to each hierarchy's root."""
    parent = record.host.cgroup_parent.strip("/") or "dockless"
    return f"/{parent}/{record.id}"
