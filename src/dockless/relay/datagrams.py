"""UDP flows: a connected socket for each, forgotten when it was silent for its time."""

from __future__ import annotations

import socket
from collections.abc import Callable

from dockless.relay.loop import IN, Loop

_DATAGRAM = 65536
_DATAGRAMS_PER_EVENT = 64
_SWEEP_SECONDS = 5.0
#: More would be an attack or a scan; the one that was silent for longest makes room.
_LIMIT = 8192


class Flow:
    """One client's datagrams to one target, and back by `reply`; `container` is the address of the one inside."""

    __slots__ = ("_flows", "_on_close", "_outward", "_reply", "closed", "container", "idle_seconds", "last")

    def __init__(
        self,
        flows: Flows,
        outward: socket.socket,
        container: bytes,
        reply: Callable[[bytes], object],
        idle_seconds: float,
        on_close: Callable[[], object],
    ) -> None:
        self._flows = flows
        self.container = container
        self._outward = outward
        self._reply = reply
        self._on_close = on_close
        self.idle_seconds = idle_seconds
        self.last = flows.loop.now
        self.closed = False

    def send(self, data: bytes) -> None:
        self.last = self._flows.loop.now
        try:
            self._outward.send(data)
        except BlockingIOError:
            # The socket's buffer is full: a datagram may be lost.
            return
        except OSError:
            # Nobody listens there (any more): the client's next datagram begins a new flow.
            self.close()

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._flows.remove(self, self._outward)
            self._on_close()

    def ready(self, _: int) -> None:
        """The target has answered."""
        for _ in range(_DATAGRAMS_PER_EVENT):
            try:
                data = self._outward.recv(_DATAGRAM)
            except BlockingIOError:
                return
            except OSError:
                self.close()
                return
            self.last = self._flows.loop.now
            try:
                self._reply(data)
            except OSError:
                # The client's side is full or gone: a datagram may be lost.
                return


class Flows:
    """All flows of the relay, in one table with one sweep."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self._flows: dict[int, Flow] = {}
        self._sweeping = False

    def add(
        self,
        outward: socket.socket,
        container: bytes,
        reply: Callable[[bytes], object],
        idle_seconds: float,
        on_close: Callable[[], object],
    ) -> Flow:
        """Takes the connected socket over."""
        if len(self._flows) >= _LIMIT:
            min(self._flows.values(), key=lambda flow: flow.last).close()
        flow = Flow(self, outward, container, reply, idle_seconds, on_close)
        self._flows[outward.fileno()] = flow
        self.loop.add(outward.fileno(), IN, flow.ready)
        if not self._sweeping:
            self._sweeping = True
            self.loop.later(_SWEEP_SECONDS, self._sweep)
        return flow

    def remove(self, flow: Flow, outward: socket.socket) -> None:
        if self._flows.pop(outward.fileno(), None) is flow:
            self.loop.remove(outward.fileno())
            self.loop.at_end_of_round(outward.close)

    def cut(self, container: bytes) -> None:
        """Forgets the flows from and to a container that has left its network."""
        for flow in [flow for flow in self._flows.values() if flow.container == container]:
            flow.close()

    def __len__(self) -> int:
        return len(self._flows)

    def _sweep(self) -> None:
        for flow in list(self._flows.values()):
            if self.loop.now - flow.last > flow.idle_seconds:
                flow.close()
        self._sweeping = bool(self._flows)
        if self._sweeping:
            self.loop.later(_SWEEP_SECONDS, self._sweep)
