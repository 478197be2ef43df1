"""The engine's end of the relay's control socket: starts the process, asks, and turns refusals into errors."""

import fcntl
import os
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dockless
from dockless.network.specs import FabricError, RelayLost
from dockless.relay import protocol

_TIMEOUT_SECONDS = 5.0
_LISTENER = 3


class RelayRefusal(FabricError):
    """The relay's own error: its text, errno and details."""

    def __init__(self, answer: Mapping[str, Any]) -> None:
        super().__init__(answer["error"])
        self.errno = int(answer.get("errno", 0))
        self.details = answer


class RelayClient:
    """One connection. Every request waits for its answer, at most five seconds; RelayLost afterwards."""

    def __init__(self, connected: socket.socket, child: int | None = None) -> None:
        self._socket = connected
        self._child = child
        self._gathered: list[tuple[dict[str, Any], list[int]]] | None = None
        self._owed = False
        connected.settimeout(_TIMEOUT_SECONDS)

    @classmethod
    def connect(cls, path: Path) -> "RelayClient | None":
        """To the relay that lives, or None where there is none."""
        connected = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
        try:
            connected.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            connected.close()
            return None
        return cls(connected)

    @classmethod
    def start(cls, path: Path, log: Path) -> "RelayClient":
        """A new relay at that path. What is asked waits in its socket until it has started.

        The process is the caller's child until one of them ends.
        """
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        log.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
        with listener:
            listener.bind(str(path))
            path.chmod(0o600)
            listener.listen(16)
            child = _spawn(path, log, listener.fileno())
            connected = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
            connected.connect(str(path))
        return cls(connected, child)

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        """A relay of ours that has ended already is reaped."""
        self._socket.close()
        if self._child is not None and os.waitpid(self._child, os.WNOHANG) != (0, 0):
            self._child = None

    def bye(self) -> None:
        """Says that nobody will be missed, and closes; waits for a relay of ours that ends at this."""
        try:
            ends = self.request({"op": "bye"})["ends"]
        finally:
            self._socket.close()
        if ends and self._child is not None:
            os.waitpid(self._child, 0)
            self._child = None

    def request(self, message: Mapping[str, Any], descriptors: Sequence[int] = ()) -> Mapping[str, Any]:
        """The answer. Raises RelayRefusal and RelayLost."""
        answer, received = self.request_descriptors(message, descriptors)
        protocol.close_all(received)
        return answer

    def request_descriptors(
        self, message: Mapping[str, Any], descriptors: Sequence[int] = ()
    ) -> tuple[Mapping[str, Any], list[int]]:
        """The answer and the descriptors that came with it. Raises RelayRefusal and RelayLost."""
        self.settle()
        self._send(message, descriptors)
        return self._answer()

    def settle(self) -> None:
        """Waits for what was asked `ahead`. Raises RelayRefusal for the first that is refused, and RelayLost."""
        if self._owed:
            self._owed = False
            protocol.close_all(self._answer()[1])

    def _send(self, message: Mapping[str, Any], descriptors: Sequence[int]) -> None:
        try:
            protocol.send(self._socket, dict(message), descriptors)
        except (OSError, protocol.ProtocolError) as problem:
            self._socket.close()
            raise RelayLost(f"the relay does not answer: {problem}") from problem

    def _answer(self) -> tuple[Mapping[str, Any], list[int]]:
        try:
            answer, received = protocol.receive(self._socket)
        except (OSError, protocol.ProtocolError) as problem:
            # After a time-out the answers would no longer belong to the questions.
            self._socket.close()
            raise RelayLost(f"the relay does not answer: {problem}") from problem
        if answer is None:
            self._socket.close()
            raise RelayLost("the relay has ended")
        if "error" in answer:
            protocol.close_all(received)
            raise RelayRefusal(answer)
        return answer, received

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is set and deleted in here is asked at the end, in one message and so with one wait.

        Nothing is asked where the body raises. Raises RelayRefusal for the first that is refused: what stands before it
        is done then, and the rest is not.
        """
        with self.ahead():
            yield
        self.settle()

    @contextmanager
    def ahead(self) -> Iterator[None]:
        """The same without the wait, which is `settle`'s, or the next request's."""
        self.settle()
        gathered = self._gathered = []
        try:
            yield
            self._gathered = None
            if gathered:
                messages = [{**message, "descriptors": len(held)} for message, held in gathered]
                self._send({"op": "several", "requests": messages}, [one for _, held in gathered for one in held])
                self._owed = True
        finally:
            self._gathered = None
            for _, held in gathered:
                protocol.close_all(held)

    def set(self, kind: str, key: str, value: Mapping[str, Any], descriptors: Sequence[int] = ()) -> Mapping[str, Any]:
        """The answer's fields; none yet where several are asked together."""
        return self._ask({"op": "set", "kind": kind, "key": key, "value": value}, descriptors)

    def delete(self, kind: str, key: str) -> None:
        self._ask({"op": "delete", "kind": kind, "key": key})

    def _ask(self, message: dict[str, Any], descriptors: Sequence[int] = ()) -> Mapping[str, Any]:
        if self._gathered is None:
            return self.request(message, descriptors)
        # Duplicates: the caller closes its own before all is asked.
        self._gathered.append((message, [os.dup(one) for one in descriptors]))
        return {}

    def items(self, kind: str) -> dict[str, dict[str, Any]]:
        answer = self.request({"op": "list", "kind": kind})
        items = dict(answer["items"])
        while answer.get("more"):
            answer = self._further()
            items.update(answer["items"])
        return items

    def _further(self) -> Mapping[str, Any]:
        try:
            answer, received = protocol.receive(self._socket)
        except (OSError, protocol.ProtocolError) as problem:
            self._socket.close()
            raise RelayLost(f"the relay does not answer: {problem}") from problem
        protocol.close_all(received)
        if answer is None:
            self._socket.close()
            raise RelayLost("the relay has ended")
        return answer


def _spawn(path: Path, log: Path, listener: int) -> int:
    """The relay's pid. It gets its own session, the listener as descriptor 3 and nothing else of ours."""
    package = Path(dockless.__file__).parent.parent
    # Without the site module: half the start, and less memory.
    command = [sys.executable, "-S", "-P", "-m", "dockless.relay", str(path)]
    environment = {"PYTHONPATH": str(package), "PATH": os.defpath}
    # Its number must not be 3 already: dup2 to the same number would leave it close-on-exec.
    inherited = fcntl.fcntl(listener, fcntl.F_DUPFD_CLOEXEC, 10)
    try:
        return os.posix_spawn(
            sys.executable,
            command,
            environment,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, inherited, _LISTENER),
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_OPEN, 2, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
            ],
            setsid=True,
        )
    finally:
        os.close(inherited)
