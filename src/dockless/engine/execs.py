"""Execs: further processes in running containers, and the health checks' own.

An exec is not stored: it lives as long as the engine remembers it, at most until its container ends. Its output is not
logged; it goes to the client that started it.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as replaced
from pathlib import Path

from dockless.engine import processes
from dockless.engine.attaching import detach_keys, feed, forward, unless
from dockless.engine.events import Events
from dockless.engine.health import CheckResult
from dockless.engine.helpers import Helpers
from dockless.engine.inputs import Input
from dockless.engine.lifecycle import Lifecycle, event_attributes
from dockless.engine.outputs import Outputs
from dockless.engine.records import ContainerRecord, new_id, replace
from dockless.engine.spec import exec_process
from dockless.engine.streams import Hijacked
from dockless.engine.tasks import Tasks
from dockless.launcher.client import ExitStatus, LauncherLost, LaunchError, Started
from dockless.launcher.spec import Process
from dockless.wire.errors import BadParameter, Conflict, Internal, NotFound
from dockless.wire.execs import ExecCreateRequest, ExecInspect, ExecProcess

CHUNK = 64 * 1024
KEPT = 300.0  # seconds that an ended exec can still be asked for its status
CANNOT_RUN = 126
BOTH = frozenset(("stdout", "stderr"))


@dataclass
class Exec:
    id: str
    container: str
    body: ExecCreateRequest
    process: Started | None = None
    exit: ExitStatus | None = None
    outputs: Outputs = field(default_factory=Outputs)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    input: Input | None = None
    readers: dict[str, int] = field(default_factory=dict)  # stream → descriptor, as long as it is open
    kept: float = KEPT


class Execs:
    """`layers` gives a container's folders, topmost first, its own upper directory among them."""

    def __init__(
        self,
        helpers: Helpers,
        lifecycle: Lifecycle,
        events: Events,
        find: Callable[[str], ContainerRecord],
        layers: Callable[[ContainerRecord], Sequence[Path]],
    ) -> None:
        self._helpers = helpers
        self._lifecycle = lifecycle
        self._events = events
        self._find = find
        self._layers = layers
        self._execs: dict[str, Exec] = {}
        self._tasks = Tasks()

    @property
    def busy(self) -> bool:
        return any(item.process is not None and item.exit is None for item in self._execs.values())

    async def create(self, container_id: str, body: ExecCreateRequest) -> str:
        record = self._find(container_id)
        if not record.running:
            raise Conflict(f"container {record.id} is not running")
        if record.state.status == "paused":
            raise Conflict(f"container {record.name} is paused, unpause the container before exec")
        if not body.cmd:
            raise BadParameter("No exec command specified")
        detach_keys(body.detach_keys or body.sdk_detach_keys, terminal=body.tty)
        item = Exec(new_id(), record.id, body)
        self._execs[item.id] = item
        self._lifecycle.live(record.id).execs.add(item.id)
        self._publish(record, f"exec_create: {' '.join(body.cmd)}", item)
        return item.id

    async def start(
        self,
        exec_id: str,
        *,
        detach: bool,
        tty: bool,
        stream: Hijacked | None,
        console_size: tuple[int, int] | None = None,
    ) -> None:
        item = self._known(exec_id)
        if item.process is not None or item.exit is not None:
            raise Conflict(f"exec instance {exec_id} has already run")
        record = self._find(item.container)
        if not record.running:
            raise Conflict(f"container {record.id} is not running")
        body = replace(item.body, console_size=console_size) if console_size else item.body
        if stream is None or detach:
            await self._run(item, record, self._process(item, record, body))
            return
        # What is wrong with the process is told in the stream, as in Docker: the command line of Docker reads the
        # message there and the exit status by an inspect.
        listener = item.outputs.listen()
        stream.accept()
        await self._run(item, record, self._process(item, record, body))
        detached = asyncio.Event()
        sending = asyncio.create_task(self._send_input(item, stream, detached)) if item.body.attach_stdin else None

        async def output() -> None:
            # As in Docker, the start's own word decides whether there are frames.
            await forward(listener, stream, raw=tty, wanted=_wanted(item.body))
            await item.ended.wait()

        try:
            await unless(detached, output())
        except ConnectionError:
            pass  # the client is gone; the process goes on, as in Docker
        finally:
            listener.close()
            if sending is not None:
                sending.cancel()

    async def resize(self, exec_id: str, *, height: int, width: int) -> None:
        item = self._known(exec_id)
        if item.body.tty and "stdout" in item.readers:
            processes.resize(item.readers["stdout"], height, width)

    async def inspect(self, exec_id: str) -> ExecInspect:
        item = self._known(exec_id)
        body = item.body
        command = body.cmd or ("",)
        return ExecInspect(
            id=item.id,
            running=item.process is not None and item.exit is None,
            exit_code=item.exit.code if item.exit else None,
            process_config=ExecProcess(
                tty=body.tty, entrypoint=command[0], arguments=command[1:], privileged=body.privileged, user=body.user
            ),
            open_stdin=body.attach_stdin,
            open_stderr=body.attach_stderr,
            open_stdout=body.attach_stdout,
            container_id=item.container,
            detach_keys=body.detach_keys,
            pid=item.process.pid if item.process else 0,
        )

    async def check(self, container: str, argv: tuple[str, ...], timeout: float) -> CheckResult:
        """Runs a health check: its status and what it printed; -1 where it could not be run or took too long."""
        record = self._find(container)
        body = ExecCreateRequest(cmd=argv, attach_stdout=True, attach_stderr=True)
        item = Exec(new_id(), record.id, body, kept=0)
        self._execs[item.id] = item
        listener = item.outputs.listen()
        collected = bytearray()

        async def collect() -> None:
            while (chunk := await listener.next()) is not None:
                collected.extend(chunk[1])
            await item.ended.wait()

        try:
            await self._run(item, record, exec_process(record, self._layers(record), item.body))
            await asyncio.wait_for(collect(), timeout)
        except asyncio.CancelledError:
            self._kill(item)
            raise
        except TimeoutError:
            self._kill(item)
            return CheckResult(-1, f"Health check exceeded timeout ({timeout:g}s)")
        except (BadParameter, Internal) as error:
            return CheckResult(-1, error.message)
        finally:
            listener.close()
        code = item.exit.code if item.exit else -1
        return CheckResult(code, collected.decode(errors="replace"))

    def held(self) -> Iterator[tuple[Started, None]]:
        """The processes of execs that run; they are in their container's cgroup. Without their pipes: those are read
        here alone, and nothing is staged."""
        for item in list(self._execs.values()):
            if item.process is not None and item.exit is None:
                yield replaced(item.process, stdin=None, stdout=None, stderr=None, terminal=None), None

    def knows(self, identity: str) -> bool:
        return identity in self._execs

    def exited(self, identity: str, status: ExitStatus) -> None:
        """The launcher's word. What is left of the output is read, then the status is there, then the stream ends."""
        item = self._execs.get(identity)
        if item is not None:
            self._finish(item, status)

    def _process(self, item: Exec, record: ContainerRecord, body: ExecCreateRequest) -> Process:
        """Raises BadParameter, after which the exec has ended."""
        try:
            if body.working_dir and not body.working_dir.startswith("/"):
                raise BadParameter(_failure("Cwd must be an absolute path"))
            return exec_process(record, self._layers(record), body)
        except BadParameter:
            self._finish(item, ExitStatus(CANNOT_RUN))
            raise

    async def _run(self, item: Exec, record: ContainerRecord, process: Process) -> None:
        launcher = await self._helpers.launcher()
        try:
            started = await launcher.exec(
                item.id, record.id, process, stdin=item.body.attach_stdin and not item.body.tty
            )
        except LaunchError as error:
            self._finish(item, ExitStatus(error.exit_status))
            raise BadParameter(_failure(f"unable to start container process: {error.message}")) from error
        except LauncherLost as error:
            raise Internal("the launcher ended while it started the process; try again") from error
        item.process = started
        item.input = Input.of(started)
        item.outputs.throttle = lambda owner, hold: self._throttle(item, hold)
        self._publish(record, f"exec_start: {' '.join(item.body.cmd or ())}", item)
        for name, pipe in started.outputs.items():
            # An exec's output is not stored, so its staging pipe is not needed.
            os.close(pipe.staging_read)
            os.close(pipe.staging_write)
            os.set_blocking(pipe.read, False)
            item.readers[name] = pipe.read
        self._throttle(item, False)

    def _pump(self, item: Exec, name: str) -> bool:
        """Answers whether there may be more at once."""
        try:
            data = os.read(item.readers[name], CHUNK)
        except BlockingIOError:
            return False
        except OSError:
            data = b""  # EIO: the other end of a terminal is closed
        if data:
            item.outputs.publish(name, data)
            return True
        self._close_reader(item, name)
        return False

    def _close_reader(self, item: Exec, name: str) -> None:
        descriptor = item.readers.pop(name)
        asyncio.get_running_loop().remove_reader(descriptor)
        os.close(descriptor)

    def _throttle(self, item: Exec, hold: bool) -> None:
        """A client that does not keep up holds its exec's output back."""
        loop = asyncio.get_running_loop()
        for name, descriptor in item.readers.items():
            if hold:
                loop.remove_reader(descriptor)
            else:
                loop.add_reader(descriptor, self._pump, item, name)

    def _finish(self, item: Exec, status: ExitStatus) -> None:
        item.exit = status
        for name in list(item.readers):
            while name in item.readers and self._pump(item, name):
                pass
            if name in item.readers:
                # Somebody else still holds the other end (a process that it left behind): enough is enough.
                self._close_reader(item, name)
        if item.input is not None:
            item.input.close()
        if item.process is not None:
            os.close(item.process.pidfd)
        item.ended.set()
        item.outputs.end()
        self._lifecycle.live(item.container).execs.discard(item.id)
        self._tasks.start(self._forget(item))
        record = self._lifecycle_record(item)
        if record is not None:
            self._publish(record, "exec_die", item, exitCode=str(status.code))

    async def _forget(self, item: Exec) -> None:
        if item.process is not None and (launcher := self._helpers.open_launcher) is not None:
            # A launcher that is gone took what it held with it.
            with contextlib.suppress(LauncherLost):
                await launcher.forget(item.id)
        await asyncio.sleep(item.kept)
        self._execs.pop(item.id, None)

    async def _send_input(self, item: Exec, stream: Hijacked, detached: asyncio.Event) -> None:
        keys = detach_keys(item.body.detach_keys or item.body.sdk_detach_keys, terminal=item.body.tty)

        async def target() -> Input | None:
            return item.input

        if await feed(stream, target, keys, detached) and not item.body.tty and item.input is not None:
            item.input.close()
            await (await self._helpers.launcher()).close_stdin(item.id)

    def _kill(self, item: Exec) -> None:
        if item.process is not None and item.exit is None:
            signal.pidfd_send_signal(item.process.pidfd, signal.SIGKILL)

    def _lifecycle_record(self, item: Exec) -> ContainerRecord | None:
        try:
            return self._find(item.container)
        except NotFound:
            return None

    def _known(self, exec_id: str) -> Exec:
        item = self._execs.get(exec_id)
        if item is None:
            raise NotFound(f"No such exec instance: {exec_id}")
        return item

    def _publish(self, record: ContainerRecord, action: str, item: Exec, **more: str) -> None:
        attributes = {**event_attributes(record), "execID": item.id, **more}
        self._events.publish("container", action, record.id, attributes, at=time.time_ns())


def _failure(reason: str) -> str:
    """In Docker's words, which clients look for."""
    return f"OCI runtime exec failed: exec failed: {reason}: unknown"


def _wanted(body: ExecCreateRequest) -> frozenset[str]:
    wanted = frozenset(
        name for name, asked in (("stdout", body.attach_stdout), ("stderr", body.attach_stderr)) if asked
    )
    return BOTH if body.tty else wanted
