"""The engine's side of the launcher: finds or starts it, asks it to run processes, hears of their ends.

One connection, used from one asyncio loop; many calls may be in flight. Descriptors that come back belong to the
caller. What the launcher holds outlives this side: `list` gives all of it to the next engine.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dockless.launcher import protocol
from dockless.launcher.spawn import spawn
from dockless.launcher.spec import Process, Seccomp, Spec
from dockless.linux.pidfd import start_time
from dockless.places import Places

CONNECT_ATTEMPTS = 40
CONNECT_PAUSE = 0.05


@dataclass(frozen=True, slots=True)
class OverlayRoot:
    """`lower`: absolute folders, topmost first. Without `upper` (and `work`) a read-only view."""

    lower: tuple[str, ...]
    upper: str | None = None
    work: str | None = None


@dataclass(frozen=True, slots=True)
class Stream:
    """`read`: where the output arrives (for a terminal the pty's master, which is also written to). The staging pipe
    begins empty; the launcher keeps it as well, so that bytes in flight to the log survive the engine."""

    read: int
    staging_read: int
    staging_write: int


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """`code` as Docker's: the status, or 128 + signal. `code` is 255 where it could not be learnt (after `adopt`)."""

    code: int
    signal: int | None = None
    oom_killed: bool = False


@dataclass(frozen=True, slots=True)
class Started:
    """A process that the launcher holds. `start_time` in ticks since boot (field 22 of /proc/PID/stat). `exit` is set
    where it has ended already. `warnings`: what the machine could not give (limits without a writable cgroup …)."""

    id: str
    pid: int
    start_time: int
    pidfd: int
    stdin: int | None = None
    stdout: Stream | None = None
    stderr: Stream | None = None
    terminal: Stream | None = None
    exit: ExitStatus | None = None
    warnings: tuple[str, ...] = ()

    @property
    def outputs(self) -> dict[str, Stream]:
        """By the name that the output has for its readers; a terminal's is all "stdout"."""
        if self.terminal is not None:
            return {"stdout": self.terminal}
        both = {"stdout": self.stdout, "stderr": self.stderr}
        return {name: stream for name, stream in both.items() if stream is not None}


_Answer = tuple[dict[str, Any], list[int]]
_Held = list[Started]  # `Launcher.list` hides the built-in's name in annotations


class LaunchError(Exception):
    """`step` (`mount`, `pivot_root`, `exec` …), `path`, `errno`; the message is worded as Docker's."""

    def __init__(self, step: str, path: str | None, errno: int, message: str) -> None:
        super().__init__(message)
        self.step = step
        self.path = path
        self.errno = errno
        self.message = message

    @property
    def exit_status(self) -> int:
        """Docker's: 127 where the program is missing, 126 where it cannot be executed, 128 for everything else."""
        if self.step in ("exec", "chdir", "mount") and self.errno == errno.ENOENT:
            return 127
        if self.step in ("exec", "chdir") and self.errno in _CANNOT_EXECUTE:
            return 126
        return 128


_CANNOT_EXECUTE = (errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOTDIR, errno.ENOEXEC)


class LauncherLost(ConnectionError):
    """The launcher's connection broke while a call was waiting, or none could be made."""


class Launcher:
    """`on_exit(id, status)`: a process that it holds has ended; called after a `run` or `exec` that is awaited directly
    has returned it. `on_lost()`: the connection broke; what it held is to be given to the next one with `adopt`."""

    def __init__(self, connection: socket.socket) -> None:
        self.on_exit: Callable[[str, ExitStatus], None] = lambda id, status: None
        self.on_lost: Callable[[], None] = lambda: None
        self._socket = connection
        self._loop = asyncio.get_running_loop()
        self._calls: dict[int, asyncio.Future[_Answer]] = {}
        self._items: dict[int, list[Started]] = {}
        self._seq = 0
        self._outgoing: list[protocol.Packet] = []
        self._filters: dict[int, tuple[Seccomp, str]] = {}
        self._closed = False
        connection.setblocking(False)
        self._loop.add_reader(connection.fileno(), self._on_readable)

    @classmethod
    async def connect(
        cls, places: Places, *, engine_argv: Sequence[str] = (), mount_namespace: int | None = None
    ) -> Launcher:
        """Starts a launcher when there is none.

        `engine_argv`: what it starts again, with this process's environment, when the connection ends without a goodbye
        while it holds anything. `mount_namespace`: descriptor of the mount namespace that it is to live in, whose
        mounts (later ones too) containers can bind; without it this process's own. Raises LauncherLost, or OSError
        where it cannot be started.
        """
        for attempt in range(CONNECT_ATTEMPTS):
            if attempt:
                # Another one is on its way up or down and holds the lock.
                await asyncio.sleep(CONNECT_PAUSE)
            found, process = _connect(places), None
            if found is None:
                found, process = spawn(places, mount_namespace)
            launcher = cls(found)
            try:
                await launcher._call("hello", argv=list(engine_argv), env=dict(os.environ))
            except LauncherLost:
                continue
            finally:
                if process is not None:
                    # It has daemonised: what we started ended when its child took over.
                    await asyncio.to_thread(process.wait)
            return launcher
        raise LauncherLost(f"the launcher does not start; see {places.engine_log}")

    async def run(
        self,
        id: str,
        spec: Spec,
        root: OverlayRoot,
        *,
        namespaces: Mapping[str, int] | None = None,
        trees: Mapping[str, int] | None = None,
        stdin: bool = False,
        split_output: bool = True,
    ) -> Started:
        """A new container, from the fork to its program's `execve`.

        `namespaces`: kind (`network`, `pid`, `ipc`, `uts` …) → descriptor to join, still the caller's. `trees`: a bind
        mount's destination → the detached mount to put there instead of its source's. Without `stdin` it is /dev/null;
        with `split_output=False` stderr goes where stdout goes. A call that is cancelled may still have started its
        container: `list` shows it. Raises LaunchError, LauncherLost.
        """
        linux = spec.get("linux", {})
        joined, trees = dict(namespaces or {}), dict(trees or {})
        message, descriptors = await self._call(
            "run",
            (*joined.values(), *trees.values()),
            id=id,
            spec={**spec, "linux": {key: value for key, value in linux.items() if key != "seccomp"}},
            seccomp=self._filter_text(linux.get("seccomp")),
            root={"lower": list(root.lower), "upper": root.upper, "work": root.work},
            namespaces=list(joined),
            trees=list(trees),
            stdin=stdin,
            split_output=split_output,
        )
        return _started(message, descriptors)

    async def exec(
        self,
        id: str,
        target: int | str,
        process: Process,
        *,
        stdin: bool = False,
        split_output: bool = True,
        seccomp: Seccomp | None = None,
    ) -> Started:
        """A process in the namespaces, cgroup and seccomp filter of `target` (an id that the launcher holds, or a pid).

        User, capabilities and limits are `process`'s; `seccomp` only where it is to be another than the container's.
        Raises LaunchError, LauncherLost.
        """
        message, descriptors = await self._call(
            "exec",
            id=id,
            target=target,
            process=process,
            seccomp=self._filter_text(seccomp),
            stdin=stdin,
            split_output=split_output,
        )
        return _started(message, descriptors)

    async def list(self) -> _Held:
        """Everything it holds, the ended ones too, with descriptors of the caller's own. Raises LauncherLost."""
        seq = self._seq + 1
        self._items[seq] = []
        try:
            await self._call("list")
            return self._items[seq]
        finally:
            del self._items[seq]

    async def forget(self, id: str) -> None:
        """Drops its descriptors and its status; nothing where it holds no such id. Raises LaunchError (EBUSY) for one
        that runs, LauncherLost."""
        await self._call("forget", id=id)

    async def close_stdin(self, id: str) -> None:
        """The launcher keeps a second end of stdin, so that an engine's death is no end of file: this drops it. The end
        of file comes when the caller's own is closed too. Raises LauncherLost."""
        await self._call("close_stdin", id=id)

    async def adopt(self, started: Started, cgroup_path: str | None = None, seccomp: Seccomp | None = None) -> bool:
        """Hands a process of a launcher that died, with copies of its descriptors, to this one.

        `on_exit` will tell its end: the true status where the kernel keeps one for strangers (Linux 6.15), else 255.
        False where the process is gone and its pid is another's. Raises LaunchError (EEXIST), LauncherLost.
        """
        if not _is_same(started):
            return False
        named = {"pidfd": started.pidfd, **_descriptors(started)}
        await self._call(
            "adopt",
            tuple(named.values()),
            id=started.id,
            pid=started.pid,
            start_time=started.start_time,
            names=[*named],
            cgroup=cgroup_path,
            seccomp=self._filter_text(seccomp),
        )
        return True

    async def close(self, *, bye: bool = True) -> None:
        """With `bye` the launcher does not start the engine again. `on_lost` is not called."""
        if self._closed:
            return
        if bye:
            try:
                await self._call("bye")
            except LauncherLost:
                return
        self._end()

    async def _call(self, operation: str, descriptors: Sequence[int] = (), **fields: Any) -> _Answer:
        if self._closed:
            raise LauncherLost("the launcher is gone")
        self._seq += 1
        seq = self._seq
        future = self._loop.create_future()
        self._send(protocol.pack({"op": operation, "seq": seq, **fields}, descriptors))
        self._calls[seq] = future
        try:
            message, received = await future
        finally:
            self._calls.pop(seq, None)
        if "error" in message:
            raise LaunchError(**message["error"])
        return message["ok"], received

    def _send(self, packet: protocol.Packet) -> None:
        if not self._outgoing:
            try:
                protocol.send(self._socket, packet)
                return
            except BlockingIOError:
                self._loop.add_writer(self._socket.fileno(), self._on_writable)
            except OSError as error:
                self._lost()
                raise LauncherLost(f"the launcher is gone: {error}") from error
        self._outgoing.append(protocol.queued(packet))

    def _on_writable(self) -> None:
        while self._outgoing:
            packet = self._outgoing[0]
            try:
                protocol.send(self._socket, packet)
            except BlockingIOError:
                return
            except OSError:
                self._lost()
                return
            protocol.drop(packet)
            del self._outgoing[0]
        self._loop.remove_writer(self._socket.fileno())

    def _on_readable(self) -> None:
        # Not for ever: other tasks of the loop want their turn.
        for _ in range(64):
            if self._closed:
                return
            try:
                received = protocol.receive(self._socket)
            except BlockingIOError:
                return
            except (OSError, protocol.ProtocolError):
                received = None
            if received is None:
                self._lost()
                return
            self._on_message(*received)

    def _on_message(self, message: dict[str, Any], descriptors: Sequence[int]) -> None:
        if message.get("event") == "exit":
            status = ExitStatus(**message["exit"])
            # Behind the wake-up of a `run` that this same batch has answered.
            self._loop.call_soon(lambda: self.on_exit(message["id"], status))
            return
        seq = message["seq"]
        if "item" in message and seq in self._items:
            self._items[seq].append(_started(message["item"], descriptors))
            return
        future = self._calls.get(seq)
        if future is None or future.done():
            # The caller has given up waiting; the launcher still holds what it asked for.
            for descriptor in descriptors:
                os.close(descriptor)
            return
        future.set_result((message, [*descriptors]))

    def _lost(self) -> None:
        if self._closed:
            return
        self._end()
        self._loop.call_soon(lambda: self.on_lost())

    def _end(self) -> None:
        self._closed = True
        self._loop.remove_reader(self._socket.fileno())
        self._loop.remove_writer(self._socket.fileno())
        self._socket.close()
        for packet in self._outgoing:
            protocol.drop(packet)
        self._outgoing = []
        for future in self._calls.values():
            if not future.done():
                future.set_exception(LauncherLost("the launcher's connection broke"))

    def _filter_text(self, profile: Seccomp | None) -> str | None:
        """Written out once for each profile object: the defaults share theirs between containers."""
        if profile is None:
            return None
        if id(profile) not in self._filters:
            if len(self._filters) >= 16:
                del self._filters[next(iter(self._filters))]
            self._filters[id(profile)] = (profile, json.dumps(profile, separators=(",", ":")))
        return self._filters[id(profile)][1]


def _connect(places: Places) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        connection.connect(str(places.launcher_socket))
    except (FileNotFoundError, ConnectionRefusedError):
        connection.close()
        return None
    except BaseException:
        connection.close()
        raise
    return connection


def _started(message: Mapping[str, Any], descriptors: Sequence[int]) -> Started:
    named = dict(zip(message["names"], descriptors, strict=True))
    return Started(
        id=message["id"],
        pid=message["pid"],
        start_time=message["start_time"],
        pidfd=named["pidfd"],
        stdin=named.get("stdin"),
        stdout=_stream(named, "stdout"),
        stderr=_stream(named, "stderr"),
        terminal=_stream(named, "terminal"),
        exit=ExitStatus(**message["exit"]) if message["exit"] else None,
        warnings=tuple(message["warnings"]),
    )


def _stream(named: Mapping[str, int], name: str) -> Stream | None:
    if f"{name}.read" not in named:
        return None
    return Stream(named[f"{name}.read"], named[f"{name}.staging_read"], named[f"{name}.staging_write"])


def _descriptors(started: Started) -> dict[str, int]:
    named = {} if started.stdin is None else {"stdin": started.stdin}
    for name in ("stdout", "stderr", "terminal"):
        stream: Stream | None = getattr(started, name)
        if stream is not None:
            named[f"{name}.read"] = stream.read
            named[f"{name}.staging_read"] = stream.staging_read
            named[f"{name}.staging_write"] = stream.staging_write
    return named


def _is_same(started: Started) -> bool:
    """A pid that is another's by now shows another start time; one that is gone may still tell its status."""
    try:
        return start_time(started.pid) == started.start_time
    except (FileNotFoundError, ProcessLookupError):
        return True
