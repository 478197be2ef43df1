"""The launcher's loop: one thread, one epoll; requests in, children out, exit statuses kept until they are forgotten.

It decides nothing. What it holds outlives the engine's connection; an engine that goes without a goodbye while there is
something to look after is started again; with nothing held and nobody connected it ends.
"""

import _socket
import errno
import os
import select
import sys
import time

from dockless.launcher import protocol, starter
from dockless.launcher.address import Address
from dockless.launcher.engine_process import EngineProcess
from dockless.launcher.failure import Failure
from dockless.launcher.records import Exit, Record
from dockless.linux import cgroups, pidfd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_GRACE_AT_START = 10.0
_UNKNOWN_STATUS = 255
_PATIENCE_WITH_STRANGERS = 1.0
_PATIENCE_WITH_CGROUPS = 5.0
_LOOK_AGAIN = 0.01
_LOOK_AT_ADDRESS = 2.0


class Connection:
    """One client: what waits to be sent to it, and whether it is an engine that said so."""

    __slots__ = ("is_engine", "said_bye", "since", "socket", "waiting")

    def __init__(self, socket: _socket.socket) -> None:
        self.socket = socket
        self.waiting: list[protocol.Packet] = []
        self.is_engine = False
        self.said_bye = False
        self.since = time.monotonic()


class Server:
    """`first` is a connection that came with the start, if any."""

    def __init__(self, address: Address, first: _socket.socket | None) -> None:
        self._epoll = select.epoll()
        self._handlers: dict[int, Callable[[int], None]] = {}
        self._starter = starter.Starter(address.place)
        self._records: dict[str, Record] = {}
        self._pending: dict[str, starter.Pending] = {}
        self._connections: dict[int, Connection] = {}
        self._engine = EngineProcess()
        self._engine_pidfd: int | None = None
        self._engine_is_due = False
        self._timers: list[tuple[float, Callable[[], None]]] = []
        self._not_before = time.monotonic() + (0.0 if first else _GRACE_AT_START)
        self._address = address
        self._watch(address.listener.fileno(), self._accept)
        self._later(_LOOK_AT_ADDRESS, self._look_at_address)
        if first is not None:
            self._connect(first)

    def serve(self) -> None:
        """Returns when there is nothing left to do."""
        while not self._is_idle():
            try:
                events = self._epoll.poll(self._time_to_wait())
            except InterruptedError:
                continue
            for descriptor, mask in events:
                handler = self._handlers.get(descriptor)
                if handler is not None:
                    handler(mask)
            self._run_timers()

    def _is_idle(self) -> bool:
        busy = self._records or self._pending or self._connections
        return not busy and time.monotonic() >= self._not_before

    def _time_to_wait(self) -> float | None:
        now = time.monotonic()
        moments = [moment for moment, _ in self._timers]
        if not (self._records or self._pending or self._connections):
            moments.append(self._not_before)
        return max(0.0, min(moments) - now) if moments else None

    def _run_timers(self) -> None:
        now = time.monotonic()
        due = [action for moment, action in self._timers if moment <= now]
        self._timers = [timer for timer in self._timers if timer[0] > now]
        for action in due:
            action()

    def _later(self, seconds: float, action: "Callable[[], None]") -> None:
        self._timers.append((time.monotonic() + seconds, action))

    def _watch(self, descriptor: int, handler: "Callable[[int], None]", mask: int = select.EPOLLIN) -> None:
        self._epoll.register(descriptor, mask)
        self._handlers[descriptor] = handler

    def _unwatch(self, descriptor: int) -> None:
        if self._handlers.pop(descriptor, None) is not None:
            self._epoll.unregister(descriptor)

    # Clients

    def _look_at_address(self) -> None:
        if not self._address.is_there():
            former = self._address.listener
            if self._address.renew():
                self._unwatch(former.fileno())
                former.close()
                self._watch(self._address.listener.fileno(), self._accept)
        self._later(_LOOK_AT_ADDRESS, self._look_at_address)

    def _accept(self, _: int) -> None:
        try:
            descriptor, _address = self._address.listener._accept()  # type: ignore[attr-defined]
        except (BlockingIOError, ConnectionAbortedError):
            return
        os.set_inheritable(descriptor, False)
        self._connect(_socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET, 0, descriptor))

    def _connect(self, socket: _socket.socket) -> None:
        connection = Connection(socket)
        self._connections[socket.fileno()] = connection
        self._watch(socket.fileno(), lambda mask: self._on_client(connection, mask))

    def _on_client(self, connection: Connection, mask: int) -> None:
        if mask & select.EPOLLOUT:
            self._flush(connection)
        if connection.socket.fileno() < 0 or not mask & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
            return
        try:
            received = protocol.receive(connection.socket)
        except BlockingIOError:
            return
        except (OSError, protocol.ProtocolError) as error:
            if not isinstance(error, ConnectionResetError):  # that one left by itself
                print(f"launcher: a client is dropped: {error}", file=sys.stderr, flush=True)
            received = None
        if received is None:
            self._disconnect(connection)
            return
        message, descriptors = received
        try:
            self._handle(connection, message, descriptors)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _disconnect(self, connection: Connection) -> None:
        descriptor = connection.socket.fileno()
        if self._connections.pop(descriptor, None) is None:
            return
        self._unwatch(descriptor)
        connection.socket.close()
        for packet in connection.waiting:
            protocol.drop(packet)
        connection.waiting = []
        if connection.is_engine and not connection.said_bye:
            self._engine.ran_for(time.monotonic() - connection.since)
            self._restart_engine()

    def _send(self, connection: Connection, message: "dict[str, Any]", descriptors: "list[int] | None" = None) -> None:
        """Queued where the client does not keep up; its descriptors are then copied, since the record may go."""
        if connection.socket.fileno() < 0:
            return
        packet = protocol.pack(message, descriptors or ())
        if not connection.waiting:
            try:
                protocol.send(connection.socket, packet)
                return
            except BlockingIOError:
                self._epoll.modify(connection.socket.fileno(), select.EPOLLIN | select.EPOLLOUT)
            except OSError:
                self._disconnect(connection)
                return
        connection.waiting.append(protocol.queued(packet))

    def _flush(self, connection: Connection) -> None:
        while connection.waiting:
            packet = connection.waiting[0]
            try:
                protocol.send(connection.socket, packet)
            except BlockingIOError:
                return
            except OSError:
                self._disconnect(connection)
                return
            protocol.drop(packet)
            del connection.waiting[0]
        self._epoll.modify(connection.socket.fileno(), select.EPOLLIN)

    def _handle(self, connection: Connection, message: "dict[str, Any]", descriptors: list[int]) -> None:
        seq = message.get("seq", 0)
        try:
            operation = getattr(self, f"_do_{message['op']}", None)
            if operation is None:
                raise Failure("request", None, errno.EINVAL, f"unknown request {message['op']}")
            operation(connection, seq, message, descriptors)
        except Failure as failure:
            self._send(connection, {"seq": seq, "error": failure.as_dict()})
        except Exception as error:  # noqa: BLE001 (one bad request must not take every container's keeper away)
            sys.excepthook(type(error), error, error.__traceback__)
            ours = Failure("request", None, errno.EINVAL, f"{type(error).__name__}: {error}")
            self._send(connection, {"seq": seq, "error": ours.as_dict()})

    # Requests

    def _do_hello(self, connection: Connection, seq: int, message: "dict[str, Any]", _: list[int]) -> None:
        connection.is_engine = True
        self._engine.introduced(message.get("argv", []), message.get("env", {}))
        self._send(connection, {"seq": seq, "ok": {"pid": os.getpid()}})

    def _do_bye(self, connection: Connection, seq: int, _: "dict[str, Any]", __: list[int]) -> None:
        connection.said_bye = True
        self._send(connection, {"seq": seq, "ok": {}})

    def _do_run(self, connection: Connection, seq: int, message: "dict[str, Any]", descriptors: list[int]) -> None:
        self._refuse_double(message["id"])
        self._begin(self._starter.run(message, descriptors), connection, seq)

    def _do_exec(self, connection: Connection, seq: int, message: "dict[str, Any]", _: list[int]) -> None:
        self._refuse_double(message["id"])
        named = message["target"]
        target = self._records.get(named) if isinstance(named, str) else None
        if target is not None:
            if target.exit is not None:
                raise Failure("exec", named, errno.ESRCH, f"container {named} is not running")
            self._begin(self._starter.execute(message, target, target.pidfd, target.pid), connection, seq)
            return
        if not isinstance(named, int):
            raise Failure("exec", named, errno.ESRCH, f"container {named} is not running")
        target = next((record for record in self._records.values() if record.pid == named), None)
        try:
            opened = pidfd.pidfd_open(named)
        except OSError as error:
            raise Failure.of("exec", error, str(named)) from None
        try:
            self._begin(self._starter.execute(message, target, opened, named), connection, seq)
        finally:
            os.close(opened)

    def _refuse_double(self, id: str) -> None:
        if id in self._records or id in self._pending:
            raise Failure("request", id, errno.EEXIST, f"{id} is held already")

    def _do_list(self, connection: Connection, seq: int, _: "dict[str, Any]", __: list[int]) -> None:
        for record in self._records.values():
            message, descriptors = record.as_message()
            self._send(connection, {"seq": seq, "item": message}, descriptors)
        self._send(connection, {"seq": seq, "ok": {}})

    def _do_forget(self, connection: Connection, seq: int, message: "dict[str, Any]", _: list[int]) -> None:
        record = self._records.get(message["id"])
        if record is not None:
            if record.exit is None:
                raise Failure("forget", record.id, errno.EBUSY, f"{record.id} is running")
            record.close()
            del self._records[record.id]
        self._send(connection, {"seq": seq, "ok": {}})

    def _do_close_stdin(self, connection: Connection, seq: int, message: "dict[str, Any]", _: list[int]) -> None:
        record = self._records.get(message["id"])
        if record is not None and "stdin" in record.descriptors:
            os.close(record.descriptors.pop("stdin"))
        self._send(connection, {"seq": seq, "ok": {}})

    def _do_adopt(self, connection: Connection, seq: int, message: "dict[str, Any]", descriptors: list[int]) -> None:
        self._refuse_double(message["id"])
        record = Record(message["id"])
        names = message["names"]
        copies = dict(zip(names, [os.dup(descriptor) for descriptor in descriptors], strict=True))
        record.pidfd = copies.pop("pidfd")
        record.descriptors = copies
        record.pid, record.start_time = message["pid"], message["start_time"]
        record.stranger = True
        self._starter.adopted(record, message)
        self._records[record.id] = record
        self._watch(record.pidfd, lambda _: self._on_exit(record))
        self._send(connection, {"seq": seq, "ok": {}})

    # Children

    def _begin(self, pending: starter.Pending, connection: Connection, seq: int) -> None:
        pending.asked_by, pending.seq = connection, seq
        record = pending.record
        self._pending[record.id] = pending
        self._watch(pending.status.fileno(), lambda _: self._on_status(pending))
        self._watch(record.pidfd, lambda _: self._on_exit(record))

    def _on_status(self, pending: starter.Pending) -> None:
        if not pending.read():
            return
        record = pending.record
        self._unwatch(pending.status.fileno())
        pending.status.close()
        if pending.failure is None and pending.ready:
            del self._pending[record.id]
            self._records[record.id] = record
            message, descriptors = record.as_message()
            self._send(pending.asked_by, {"seq": pending.seq, "ok": message}, descriptors)
        # Otherwise the child is about to end, and its exit brings the answer.

    def _on_exit(self, record: Record) -> None:
        pending = self._pending.get(record.id)
        if pending is not None and pending.status.fileno() >= 0:
            # Its last words were sent before it ended.
            self._on_status(pending)
        if record.stranger:
            # Readable for good: from here the loop looks by itself until whoever is its parent now has reaped it.
            self._unwatch(record.pidfd)
            self._look_at_stranger(record, time.monotonic() + _PATIENCE_WITH_STRANGERS)
            return
        result = pidfd.wait(record.pidfd)
        if result is None:
            return
        self._unwatch(record.pidfd)
        if record.id in self._pending:
            self._failed(self._pending.pop(record.id), result)
        else:
            self._ended(record, result)

    def _look_at_stranger(self, record: Record, deadline: float) -> None:
        status = pidfd.exit_of_stranger(record.pidfd, record.pid)
        if status is not None:
            self._ended(record, os.waitstatus_to_exitcode(status))
        elif time.monotonic() >= deadline:
            self._ended(record, _UNKNOWN_STATUS)
        else:
            self._later(_LOOK_AGAIN, lambda: self._look_at_stranger(record, deadline))

    def _ended(self, record: Record, result: int) -> None:
        oom_killed = record.cgroup is not None and cgroups.oom_kills(record.cgroup) > 0
        record.exit = Exit.of(result, oom_killed)
        if record.cgroup is not None:
            if not record.is_pid_namespace:
                cgroups.kill_all(record.cgroup)
            self._remove_cgroup(record.cgroup, time.monotonic() + _PATIENCE_WITH_CGROUPS)
        event = {"event": "exit", "id": record.id, "exit": record.exit.as_dict()}
        for connection in [one for one in self._connections.values() if one.is_engine]:
            self._send(connection, event)

    def _remove_cgroup(self, path: str, deadline: float) -> None:
        try:
            cgroups.remove(path, patience=0.0)
        except OSError as error:
            if error.errno == errno.EBUSY and time.monotonic() < deadline:
                self._later(_LOOK_AGAIN, lambda: self._remove_cgroup(path, deadline))
            else:
                print(f"launcher: cgroup {path} is left: {error}", file=sys.stderr, flush=True)

    def _failed(self, pending: starter.Pending, result: int) -> None:
        starter.discard(pending.record)
        failure = pending.failure
        if failure is None:
            how = f"signal {-result}" if result < 0 else f"status {result}"
            words = f"the container's first process ended before its program began: {how}"
            failure = Failure("start", None, errno.ECHILD, words).as_dict()
        self._send(pending.asked_by, {"seq": pending.seq, "error": failure})

    # The engine

    def _restart_engine(self) -> None:
        if self._wants_engine() and not self._engine_is_due:
            self._engine_is_due = True
            self._later(self._engine.delay(), self._start_engine)

    def _wants_engine(self) -> bool:
        connected = any(connection.is_engine for connection in self._connections.values())
        needed = bool(self._records or self._pending) and self._engine.is_known
        return needed and not connected and self._engine_pidfd is None

    def _start_engine(self) -> None:
        self._engine_is_due = False
        if not self._wants_engine():
            return
        started = self._engine.start()
        self._engine_pidfd = started
        self._watch(started, lambda _: self._on_engine_exit(started))

    def _on_engine_exit(self, started: int) -> None:
        if pidfd.wait(started) is None:
            return
        self._unwatch(started)
        os.close(started)
        self._engine_pidfd = None
        self._restart_engine()
