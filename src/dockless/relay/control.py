"""The control socket: what the engine asks for, carried out one request after the other.

    {"op": "hello", "version": 2}                          → {"pid": …, "fabric": bool} and the fabric's namespace
    {"op": "fabric", "host_gateway": …}                    with the namespace and, for each family, seven sockets in it
    {"op": "set", "kind": …, "key": …, "value": {…}}       → as state.py says
    {"op": "delete", "kind": …, "key": …}                  nothing there counts as done
    {"op": "several", "requests": [set or delete, …]}      each with "descriptors": how many of them are its own
    {"op": "list", "kind": …}                              → {"items": {key: value}} in pieces
    {"op": "held", "key": …}                               → {} and duplicates of the descriptors
    {"op": "bye"}                                          → {"ends": bool}: the relay may end, and whether it does now

An engine that goes without a word is waited for as long as somebody hangs on this process, and a little longer.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from itertools import islice

from dockless.relay import protocol
from dockless.relay.listen import Acceptor
from dockless.relay.loop import IN, OUT, Loop, Timer
from dockless.relay.state import Refused, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dockless.relay.protocol import Message

_GRACE_SECONDS = 3.0
_PIECE_ITEMS = 100
_REQUESTS_PER_EVENT = 64


class Control:
    """Owns the listening socket and its connections; ends the loop when nobody needs it any more."""

    def __init__(self, loop: Loop, state: State, listener: socket.socket) -> None:
        self.loop = loop
        self.state = state
        self._connections: set[_Connection] = set()
        self._grace: Timer | None = None
        self._acceptor = Acceptor(loop, listener, self._accepted)
        self.consider_ending()

    def gone(self, connection: _Connection, said_bye: bool) -> None:
        self._connections.discard(connection)
        self.consider_ending(0.0 if said_bye else _GRACE_SECONDS)

    def ends_with(self, connection: _Connection) -> bool:
        """Whether the relay ends as soon as this connection does."""
        return self._connections == {connection} and not self.state.needed

    def consider_ending(self, seconds: float = _GRACE_SECONDS) -> None:
        if not self._connections:
            if self._grace is not None:
                self._grace.cancel()
            self._grace = self.loop.later(seconds, self._end_if_idle)

    def _end_if_idle(self) -> None:
        self._grace = None
        if not self._connections and not self.state.needed:
            self.loop.stop()
        # Otherwise the next engine that goes asks again: what is needed changes only by an engine's word.

    def _accepted(self, connected: socket.socket, _: object) -> None:
        self._connections.add(_Connection(self, connected))


class _Connection:
    def __init__(self, control: Control, connected: socket.socket) -> None:
        self._control = control
        self._socket = connected
        self._unsent: list[tuple[bytes, list[int]]] = []
        self._said_bye = False
        self._operations: dict[str, Callable[[Message, list[int]], None]] = {
            "hello": self._hello,
            "fabric": self._fabric,
            "set": self._set,
            "delete": self._delete,
            "several": self._several,
            "list": self._list,
            "held": self._held,
            "bye": self._bye,
        }
        control.loop.add(connected.fileno(), IN, self._ready)

    def _ready(self, events: int) -> None:
        if events & OUT:
            self._flush()
            return
        for _ in range(_REQUESTS_PER_EVENT):
            try:
                message, descriptors = protocol.receive(self._socket)
            except BlockingIOError:
                return
            except (OSError, protocol.ProtocolError):
                # It died in the middle, or speaks something else: we have nothing more to say to each other.
                self._close()
                return
            if message is None:
                self._close()
                return
            self._request(message, descriptors)
            if self._unsent:
                return

    def _request(self, message: Message, descriptors: list[int]) -> None:
        try:
            self._operations[message["op"]](message, descriptors)
        except Refused as problem:
            self._answer({"error": str(problem), **problem.details})
        except OSError as problem:
            self._answer({"error": str(problem), "errno": problem.errno or 0})
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as problem:
            self._answer({"error": f"malformed request: {type(problem).__name__}: {problem}", "errno": 22})
        finally:
            # What an operation takes over it takes out of the list.
            protocol.close_all(descriptors)

    def _hello(self, message: Message, _: list[int]) -> None:
        if message["version"] != protocol.VERSION:
            raise Refused(f"the relay speaks version {protocol.VERSION}", errno=0)
        fabric = self._control.state.fabric
        descriptors = [] if fabric is None else [os.dup(fabric)]
        self._answer({"ok": True, "pid": os.getpid(), "fabric": fabric is not None}, descriptors)

    def _fabric(self, message: Message, descriptors: list[int]) -> None:
        namespace, *sockets = descriptors
        descriptors.clear()
        self._control.state.use_fabric(namespace, message["host_gateway"], sockets)
        self._answer({"ok": True})

    def _set(self, message: Message, descriptors: list[int]) -> None:
        fields = self._control.state.set(message["kind"], message["key"], message.get("value", {}), descriptors)
        self._answer({"ok": True, **fields})

    def _delete(self, message: Message, _: list[int]) -> None:
        self._control.state.delete(message["kind"], message["key"])
        self._answer({"ok": True})

    def _several(self, message: Message, descriptors: list[int]) -> None:
        for request in message["requests"]:
            count = request["descriptors"]
            own, descriptors[:count] = descriptors[:count], []
            try:
                if request["op"] == "set":
                    self._control.state.set(request["kind"], request["key"], request["value"], own)
                else:
                    self._control.state.delete(request["kind"], request["key"])
            finally:
                # What was not taken over is closed with the rest.
                descriptors += own
        self._answer({"ok": True})

    def _list(self, message: Message, _: list[int]) -> None:
        items = iter(list(self._control.state.items(message["kind"]).items()))
        while len(piece := dict(islice(items, _PIECE_ITEMS))) == _PIECE_ITEMS:
            self._answer({"ok": True, "items": piece, "more": True})
        self._answer({"ok": True, "items": piece})

    def _held(self, message: Message, _: list[int]) -> None:
        # Duplicates, because the answer may have to wait while the originals are released.
        self._answer({"ok": True}, [os.dup(number) for number in self._control.state.held(message["key"])])

    def _bye(self, _: Message, __: list[int]) -> None:
        self._said_bye = True
        self._answer({"ok": True, "ends": self._control.ends_with(self)})

    def _answer(self, message: Message, descriptors: list[int] | None = None) -> None:
        """Sends, or keeps until it can be sent; closes `descriptors` afterwards."""
        self._unsent.append((protocol.encode(message), descriptors or []))
        if len(self._unsent) == 1:
            self._flush()

    def _flush(self) -> None:
        try:
            while self._unsent:
                data, descriptors = self._unsent[0]
                protocol.send_encoded(self._socket, data, descriptors)
                protocol.close_all(descriptors)
                del self._unsent[0]
        except BlockingIOError:
            self._control.loop.change(self._socket.fileno(), OUT)
            return
        except OSError:
            self._close()
            return
        self._control.loop.change(self._socket.fileno(), IN)

    def _close(self) -> None:
        if self._socket.fileno() < 0:
            return
        self._control.loop.remove(self._socket.fileno())
        self._socket.close()
        for _, descriptors in self._unsent:
            protocol.close_all(descriptors)
        self._unsent.clear()
        self._control.gone(self, self._said_bye)
