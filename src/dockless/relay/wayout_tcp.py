"""The way out of TCP: connections that containers make to addresses beyond their networks, carried from the host.

The fabric's rules stop the first packet of such a connection. The relay sees it, connects to the target, and only then
lets the packet in, to a listener of its own; a target that refuses is a refusal for the container too. So a `connect`
in a container succeeds when there is somebody, and only then, which is what scripts that wait for a port go by.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator
from functools import partial

from dockless.relay.addresses import Addresses, destinations
from dockless.relay.connect import Connecting, Target
from dockless.relay.listen import Acceptor
from dockless.relay.loop import IN, Loop, Timer
from dockless.relay.packets import Syn
from dockless.relay.ports import Pairs
from dockless.relay.sockets import Sockets
from dockless.relay.stream import abort

_SO_ORIGINAL_DST = 80
_SOCKADDR_IN, _SOCKADDR_IN6 = struct.Struct("!2xH4s8x"), struct.Struct("!2xH4x16s4x")

_PACKET = 2048
_PACKETS_PER_EVENT = 64
#: How long a container has to go on with a connection whose target has accepted.
_HANDSHAKE_SECONDS = 10.0
#: More connections in the making than this: their first packets are let fall, and come again.
_LIMIT = 4096
_UNREACHABLE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EHOSTDOWN)

_Key = tuple[bytes, int, bytes, int]


class Gate:
    """The sockets in the fabric, all of one family, and all taken over.

    `listener` gets the connections that were let in; `arriving` sees first packets; what `admitting` sends is let in;
    what `answering` sends goes to the container.
    """

    __slots__ = ("admitting", "answering", "arriving", "listener")

    def __init__(
        self,
        listener: socket.socket,
        arriving: socket.socket,
        admitting: socket.socket,
        answering: socket.socket,
    ) -> None:
        self.listener = listener
        self.arriving = arriving
        self.admitting = admitting
        self.answering = answering
        for made in (arriving, admitting, answering):
            made.setblocking(False)


class _Opening:
    """A connection in the making: to its target first, then from the container."""

    __slots__ = ("connected", "connecting", "syn", "timer")

    def __init__(self, syn: Syn) -> None:
        self.syn = syn
        self.connecting: Connecting | None = None
        self.connected: socket.socket | None = None
        self.timer: Timer | None = None


class TcpWayOut:
    """One family's way out."""

    def __init__(self, loop: Loop, sockets: Sockets, addresses: Addresses, pairs: Pairs, gate: Gate) -> None:
        self._loop = loop
        self._sockets = sockets
        self._addresses = addresses
        self._pairs = pairs
        self._gate = gate
        self._family = gate.listener.family
        self._opening: dict[_Key, _Opening] = {}
        self._acceptor = Acceptor(loop, gate.listener, self._accepted)
        loop.add(gate.arriving.fileno(), IN, self._arriving)

    def close(self) -> None:
        """Open connections go on."""
        self._acceptor.close()
        self._loop.remove(self._gate.arriving.fileno())
        for made in (self._gate.arriving, self._gate.admitting, self._gate.answering):
            made.close()
        for key in list(self._opening):
            self._forget(key)

    def _arriving(self, _: int) -> None:
        for _ in range(_PACKETS_PER_EVENT):
            try:
                packet = self._gate.arriving.recv(_PACKET)
            except BlockingIOError:
                return
            except OSError:
                # The interface it came by is gone (ENETDOWN): this read reports it, the next one goes on.
                continue
            try:
                syn = Syn(packet)
            except ValueError:
                # A container may send what it likes.
                continue
            self._first_packet(syn)

    def _first_packet(self, syn: Syn) -> None:
        key = syn.key
        opening = self._opening.get(key)
        if opening is not None:
            # Again, because nothing has answered yet: the target, or our own listener.
            if opening.connected is not None:
                self._admit(opening)
            return
        if len(self._opening) >= _LIMIT:
            return
        if not self._addresses.may_leave(syn.source):
            self._answer(syn, syn.refusal())
            return
        opening = self._opening[key] = _Opening(syn)
        connecting = Connecting(self._loop, self._targets(syn), partial(self._settled, opening))
        if self._opening.get(key) is opening and opening.connected is None:
            opening.connecting = connecting

    def _targets(self, syn: Syn) -> Iterator[Target]:
        for family, text in destinations(self._addresses, syn.destination):
            make = partial(self._sockets.in_host, family, socket.SOCK_STREAM)
            yield Target(make, (text, syn.destination_port))

    def _settled(self, opening: _Opening, connected: socket.socket | None, _: Target | None, number: int) -> None:
        key = opening.syn.key
        opening.connecting = None
        if connected is not None:
            opening.connected = connected
            opening.timer = self._loop.later(_HANDSHAKE_SECONDS, lambda: self._forget(key))
            self._admit(opening)
            return
        self._forget(key)
        if number in _UNREACHABLE:
            self._answer(opening.syn, opening.syn.unreachable(number != errno.ENETUNREACH))
        elif number != errno.ETIMEDOUT:
            # To one that timed out nothing is said: the container's own patience counts.
            self._answer(opening.syn, opening.syn.refusal())

    def _admit(self, opening: _Opening) -> None:
        self._send(self._gate.admitting, opening.syn.with_checksum(), opening.syn.destination)

    def _answer(self, syn: Syn, packet: bytes) -> None:
        self._send(self._gate.answering, packet, syn.source)

    def _send(self, by: socket.socket, packet: bytes, address: bytes) -> None:
        try:
            by.sendto(packet, (socket.inet_ntop(self._family, address), 0))
        except OSError:
            # Full, or the network is just being removed: the container's next attempt comes in a second.
            return

    def _accepted(self, client: socket.socket, peer: tuple[str, int]) -> None:
        key = self._key_of(client, peer)
        opening = None if key is None else self._opening.pop(key, None)
        if opening is None or opening.connected is None:
            # Too late, or somebody has found the listener itself.
            abort(client)
            self._loop.at_end_of_round(client.close)
            return
        if opening.timer is not None:
            opening.timer.cancel()
        self._pairs.join(client, opening.connected, opening.syn.source)

    def _key_of(self, client: socket.socket, peer: tuple[str, int]) -> _Key | None:
        try:
            if self._family == socket.AF_INET:
                port, address = _SOCKADDR_IN.unpack(client.getsockopt(socket.IPPROTO_IP, _SO_ORIGINAL_DST, 16))
            else:
                port, address = _SOCKADDR_IN6.unpack(client.getsockopt(socket.IPPROTO_IPV6, _SO_ORIGINAL_DST, 28))
        except OSError:
            return None
        return socket.inet_pton(self._family, peer[0]), peer[1], address, port

    def _forget(self, key: _Key) -> None:
        opening = self._opening.pop(key, None)
        if opening is None:
            return
        if opening.connecting is not None:
            opening.connecting.cancel()
        if opening.timer is not None:
            opening.timer.cancel()
        if opening.connected is not None:
            self._loop.at_end_of_round(opening.connected.close)
