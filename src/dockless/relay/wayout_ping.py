"""The way out of echo requests: `ping` of addresses beyond a container's networks, carried from the host.

The fabric answers and forwards none of them itself; the relay sees them on a packet socket, asks from an ICMP socket in
the host's namespace, and sends the reply in the name of the target. Where the host allows us no such socket
(net.ipv4.ping_group_range, without root) requests stay unanswered, like those to a host that is not there.
"""

from __future__ import annotations

import os
import socket
import struct

from dockless.relay.addresses import Addresses, destinations
from dockless.relay.datagrams import Flow, Flows
from dockless.relay.loop import IN, Loop
from dockless.relay.packets import Echo, echo_reply, replies_to

_PACKET = 65536
_PACKETS_PER_EVENT = 64
#: A reply that takes longer is lost.
_IDLE_SECONDS = 15.0
_SOL_RAW, _ICMP_FILTER = 255, 1
_ALL_BUT_REPLIES = struct.pack("=I", 0xFFFFFFFF & ~1)
_ALL_BUT_REPLIES_V6 = struct.pack("=8I", *(0xFFFFFFFF & ~(2 if word == 4 else 0) for word in range(8)))

_Key = tuple[bytes, bytes, int]


class PingWayOut:
    """One family's. `arriving` sees the requests, by `answering` replies go to the container; both are taken over."""

    def __init__(
        self, loop: Loop, addresses: Addresses, flows: Flows, arriving: socket.socket, answering: socket.socket
    ) -> None:
        self._loop = loop
        self._addresses = addresses
        self._flows = flows
        self._arriving = arriving
        self._answering = answering
        self._family = answering.family
        self._open: dict[_Key, tuple[Flow, int]] = {}
        for made in (arriving, answering):
            made.setblocking(False)
        loop.add(arriving.fileno(), IN, self._ready)

    def close(self) -> None:
        for flow, _ in list(self._open.values()):
            flow.close()
        self._loop.remove(self._arriving.fileno())
        self._arriving.close()
        self._answering.close()

    def _ready(self, _: int) -> None:
        for _ in range(_PACKETS_PER_EVENT):
            try:
                packet = self._arriving.recv(_PACKET)
            except BlockingIOError:
                return
            except OSError:
                # The interface it came by is gone (ENETDOWN): this read reports it, the next one goes on.
                continue
            try:
                echo = Echo(packet)
            except ValueError:
                # A container may send what it likes.
                continue
            if self._addresses.may_leave(echo.source):
                self._forward(echo)

    def _forward(self, echo: Echo) -> None:
        key = (echo.source, echo.destination, echo.identifier)
        found = self._open.get(key) or self._new_flow(key)
        if found is not None:
            flow, identifier = found
            flow.send(echo.request(identifier))

    def _new_flow(self, key: _Key) -> tuple[Flow, int] | None:
        source, destination, wanted = key
        for family, text in destinations(self._addresses, destination):
            if family != self._family:
                continue
            try:
                outward, raw = _icmp_socket(family)
            except OSError:
                return None
            if outward.connect_ex((text, 0)):
                outward.close()
                return None
            # A raw socket gets all replies from there: ours are known by a number that others hardly have.
            identifier = int.from_bytes(os.urandom(2), "big")

            def reply(data: bytes, raw: bool = raw, identifier: int = identifier) -> None:
                if raw and self._family == socket.AF_INET:
                    data = data[(data[0] & 15) * 4 :]
                answered = replies_to(data)
                if answered is not None and (not raw or answered == identifier):
                    packet = echo_reply(data, wanted, destination, source)
                    self._answering.sendto(packet, (socket.inet_ntop(self._family, source), 0))

            flow = self._flows.add(outward, source, reply, _IDLE_SECONDS, lambda: self._open.pop(key, None))
            self._open[key] = (flow, identifier)
            return flow, identifier
        return None


def _icmp_socket(family: int) -> tuple[socket.socket, bool]:
    """Non-blocking, and whether it is a raw one. Raises OSError where we may have neither."""
    protocol = socket.IPPROTO_ICMP if family == socket.AF_INET else socket.IPPROTO_ICMPV6
    flags = socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
    try:
        return socket.socket(family, socket.SOCK_DGRAM | flags, protocol), False
    except PermissionError:
        made = socket.socket(family, socket.SOCK_RAW | flags, protocol)
    if family == socket.AF_INET:
        made.setsockopt(_SOL_RAW, _ICMP_FILTER, _ALL_BUT_REPLIES)
    else:
        made.setsockopt(socket.IPPROTO_ICMPV6, _ICMP_FILTER, _ALL_BUT_REPLIES_V6)
    return made, True
