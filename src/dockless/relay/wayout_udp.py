"""The way out of UDP: datagrams that containers send to addresses beyond their networks, carried from the host.

They come by TPROXY to a transparent socket in the fabric; each flow answers from a socket that is bound to the address
the container wrote to.
"""

from __future__ import annotations

import socket
import struct

from dockless.relay.addresses import Addresses, destinations, unpack
from dockless.relay.datagrams import Flow, Flows
from dockless.relay.loop import IN, Loop
from dockless.relay.sockets import Sockets, be_transparent

_IP_ORIGDSTADDR = 20
_IPV6_ORIGDSTADDR = 74
_SOCKADDR_IN, _SOCKADDR_IN6 = struct.Struct("!2xH4s8x"), struct.Struct("!2xH4x16s4x")

_UDP_IDLE_SECONDS = 120.0
_DATAGRAM = 65536
_DATAGRAMS_PER_EVENT = 64
_ANCILLARY = 256


class UdpWayOut:
    """Owns the transparent socket that gets the first datagram of each flow."""

    def __init__(
        self, loop: Loop, sockets: Sockets, addresses: Addresses, flows: Flows, receiver: socket.socket
    ) -> None:
        self._loop = loop
        self._sockets = sockets
        self._addresses = addresses
        self._flows = flows
        self._receiver = receiver
        self._family = receiver.family
        self._open: dict[tuple[tuple[str, int], tuple[bytes, int]], Flow] = {}
        receiver.setblocking(False)
        loop.add(receiver.fileno(), IN, self._ready)

    def close(self) -> None:
        for flow in list(self._open.values()):
            flow.close()
        self._loop.remove(self._receiver.fileno())
        self._receiver.close()

    def _ready(self, _: int) -> None:
        for _ in range(_DATAGRAMS_PER_EVENT):
            try:
                data, ancillary, _flags, client = self._receiver.recvmsg(_DATAGRAM, _ANCILLARY)
            except BlockingIOError:
                return
            except OSError:
                # An ICMP error of an earlier datagram: this read reports it, the next one goes on.
                continue
            if (target := _original_of(ancillary)) is not None:
                self._forward((client[0], client[1]), target, data)

    def _forward(self, client: tuple[str, int], target: tuple[bytes, int], data: bytes) -> None:
        flow = self._open.get((client, target))
        if flow is None:
            flow = self._new_flow(client, target)
        if flow is not None:
            flow.send(data)

    def _new_flow(self, client: tuple[str, int], target: tuple[bytes, int]) -> Flow | None:
        address, port = target
        for family, text in destinations(self._addresses, address):
            try:
                outward = self._sockets.in_host(family, socket.SOCK_DGRAM)
            except OSError:
                return None
            if outward.connect_ex((text, port)):
                outward.close()
                continue
            try:
                inward = self._transparent(client, target)
            except OSError:
                outward.close()
                return None
            return self._join(client, target, inward, outward)
        return None

    def _join(
        self, client: tuple[str, int], target: tuple[bytes, int], inward: socket.socket, outward: socket.socket
    ) -> Flow:
        def closed() -> None:
            self._open.pop((client, target), None)
            self._loop.remove(inward.fileno())
            self._loop.at_end_of_round(inward.close)

        container = socket.inet_pton(self._family, client[0])
        flow = self._flows.add(outward, container, inward.send, _UDP_IDLE_SECONDS, closed)

        def more(_: int) -> None:
            # The kernel gives the flow's further datagrams to its own socket, being the better match.
            for _ in range(_DATAGRAMS_PER_EVENT):
                try:
                    data = inward.recv(_DATAGRAM)
                except BlockingIOError:
                    return
                except OSError:
                    flow.close()
                    return
                flow.send(data)
                if flow.closed:
                    return

        self._loop.add(inward.fileno(), IN, more)
        self._open[client, target] = flow
        return flow

    def _transparent(self, client: tuple[str, int], target: tuple[bytes, int]) -> socket.socket:
        """A socket in the fabric that is `target` to the container: bound to an address that is not ours."""
        made = self._sockets.in_fabric(self._family, socket.SOCK_DGRAM)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            be_transparent(made)
            made.bind((unpack(target[0]), target[1]))
            made.connect(client)
        except OSError:
            made.close()
            raise
        return made


def _original_of(ancillary: list[tuple[int, int, bytes]]) -> tuple[bytes, int] | None:
    for level, kind, payload in ancillary:
        if level == socket.IPPROTO_IP and kind == _IP_ORIGDSTADDR:
            port, address = _SOCKADDR_IN.unpack(payload[:16])
            return address, port
        if level == socket.IPPROTO_IPV6 and kind == _IPV6_ORIGDSTADDR:
            port, address = _SOCKADDR_IN6.unpack(payload[:28])
            return address, port
    return None
