"""Published ports: listeners on the host whose connections and datagrams go to targets inside the fabric, in turn."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterator
from functools import partial

from dockless.relay.addresses import family_of, pack
from dockless.relay.connect import HURRIED_SECONDS, Connecting, Target
from dockless.relay.datagrams import Flow, Flows
from dockless.relay.listen import Acceptor
from dockless.relay.loop import IN, Loop
from dockless.relay.sockets import Sockets, tune
from dockless.relay.stream import Pair, abort
from dockless.relay.visitors import TargetAddress, Visitors

_BACKLOG = 4096
_CHOICES = 32
#: As Docker's proxy: a client that is silent for so long begins anew.
_UDP_IDLE_SECONDS = 90.0
_DATAGRAM = 65536
_DATAGRAMS_PER_EVENT = 64
_IP_PKTINFO = 8
_ANCILLARY = 256


class ListenError(Exception):
    """We cannot listen there: the errno and which address and port."""

    def __init__(self, number: int, host_ip: str, host_port: int) -> None:
        super().__init__(number, host_ip, host_port)
        self.errno = number
        self.host_ip = host_ip
        self.host_port = host_port


class Targets:
    """Who gets the next connection; set again while connections are open."""

    def __init__(self, targets: list[TargetAddress]) -> None:
        self.all = targets
        self._turn = 0

    def turn(self) -> Iterator[TargetAddress]:
        """All targets once, each call beginning with the next; a target that was removed meanwhile is left out."""
        targets = self.all
        self._turn += 1
        for number in range(len(targets)):
            target = targets[(self._turn + number) % len(targets)]
            if target in self.all:
                yield target


class Pairs:
    """The open connections by the address of their target, to be cut when that one leaves its network."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._by_target: dict[bytes, set[Pair]] = {}

    def join(self, left: socket.socket, right: socket.socket, target: bytes) -> None:
        pairs = self._by_target.setdefault(target, set())

        def forget(pair: Pair) -> None:
            pairs.discard(pair)
            if not pairs and self._by_target.get(target) is pairs:
                del self._by_target[target]

        pair = Pair(self._loop, left, right, forget)
        if not pair.closed:
            pairs.add(pair)
            self._by_target[target] = pairs

    def cut(self, target: bytes) -> None:
        for pair in list(self._by_target.get(target, ())):
            pair.abort()

    def __len__(self) -> int:
        return sum(len(pairs) for pairs in self._by_target.values())


class TcpPort:
    """One published TCP port with a listener for each of its addresses."""

    def __init__(self, loop: Loop, visitors: Visitors, pairs: Pairs, listeners: list[socket.socket]) -> None:
        self.targets = Targets([])
        self._loop = loop
        self._visitors = visitors
        self._pairs = pairs
        self._acceptors = [Acceptor(loop, listener, self._accepted) for listener in listeners]

    def close(self) -> None:
        """No new connections; those that are open go on."""
        for acceptor in self._acceptors:
            acceptor.close()

    def _accepted(self, client: socket.socket, peer: tuple[str, int]) -> None:
        def done(connected: socket.socket | None, target: Target | None, _: int) -> None:
            if connected is None or target is None:
                abort(client)
                self._loop.at_end_of_round(client.close)
            else:
                self._pairs.join(client, connected, pack(target.address[0]))

        targets = (
            Target(partial(self._visitors.socket, socket.SOCK_STREAM, address, source), address)
            for target in self.targets.turn()
            for address, source in self._visitors.ways(peer[0], target)
        )
        Connecting(self._loop, targets, done, HURRIED_SECONDS)


class UdpPort:
    """One published UDP port: a flow for each client, to the target that the client's first datagram met."""

    def __init__(self, loop: Loop, visitors: Visitors, flows: Flows, listeners: list[socket.socket]) -> None:
        self.targets = Targets([])
        self._loop = loop
        self._visitors = visitors
        self._flows = flows
        self._by_client: dict[tuple[int, TargetAddress], Flow] = {}
        self._listeners = listeners
        for listener in listeners:
            loop.add(listener.fileno(), IN, self._reader(listener))

    def close(self) -> None:
        for flow in list(self._by_client.values()):
            flow.close()
        for listener in self._listeners:
            self._loop.remove(listener.fileno())
            listener.close()

    def _reader(self, listener: socket.socket) -> Callable[[int], None]:
        def ready(_: int) -> None:
            for _ in range(_DATAGRAMS_PER_EVENT):
                try:
                    data, ancillary, _flags, client = listener.recvmsg(_DATAGRAM, _ANCILLARY)
                except BlockingIOError:
                    return
                except OSError:
                    # An ICMP error for a datagram sent before: this read reports it, the next one goes on.
                    continue
                self._forward(listener, client, data, ancillary)

        return ready

    def _forward(
        self, listener: socket.socket, client: TargetAddress, data: bytes, ancillary: list[tuple[int, int, bytes]]
    ) -> None:
        key = (listener.fileno(), client)
        flow = self._by_client.get(key)
        if flow is None:
            flow = self._new_flow(listener, client, key, ancillary)
        if flow is not None:
            flow.send(data)

    def _new_flow(
        self,
        listener: socket.socket,
        client: TargetAddress,
        key: tuple[int, TargetAddress],
        ancillary: list[tuple[int, int, bytes]],
    ) -> Flow | None:
        # From the address that the client wrote to, which on a wildcard socket the kernel would not always choose.
        origin = [part for part in (_reply_from(*item) for item in ancillary) if part is not None]

        def reply(data: bytes) -> None:
            listener.sendmsg([data], origin, 0, client)

        for target in self.targets.turn():
            # Nobody answers a first datagram for sure: the best way is the one to take.
            address, source = next(self._visitors.ways(client[0], target))
            try:
                outward = self._visitors.socket(socket.SOCK_DGRAM, address, source)
            except OSError:
                return None
            if outward.connect_ex(address) == 0:
                forget = partial(self._by_client.pop, key, None)
                flow = self._flows.add(outward, pack(address[0]), reply, _UDP_IDLE_SECONDS, forget)
                self._by_client[key] = flow
                return flow
            outward.close()
        return None


def listeners(sockets: Sockets, protocol: str, host_ip: str, host_port: int) -> list[socket.socket]:
    """Bound sockets for a published port: IPv4 and IPv6 of all interfaces for "", where the host has IPv6.

    Port 0 is one that all of them can have. Raises ListenError.
    """
    addresses = [host_ip] if host_ip else ["0.0.0.0", "::"]
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    for _ in range(_CHOICES):
        made: list[socket.socket] = []
        try:
            for address in addresses:
                chosen = made[0].getsockname()[1] if made else host_port
                if (
                    bound := _bound(sockets, kind, address, chosen, optional=address == "::" and bool(made))
                ) is not None:
                    made.append(bound)
            return made
        except ListenError as problem:
            for bound in made:
                bound.close()
            if host_port or problem.errno != errno.EADDRINUSE:
                raise ListenError(problem.errno, problem.host_ip, problem.host_port) from problem
    raise ListenError(errno.EADDRINUSE, host_ip, host_port)


def _bound(sockets: Sockets, kind: int, address: str, port: int, *, optional: bool) -> socket.socket | None:
    try:
        made = sockets.in_host(family_of(address), kind)
    except OSError as problem:
        if optional and problem.errno == errno.EAFNOSUPPORT:
            return None
        raise ListenError(problem.errno or errno.EIO, address, port) from problem
    try:
        if made.family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind == socket.SOCK_STREAM:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tune(made)
        elif made.family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        else:
            made.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
        made.bind((address, port))
        if kind == socket.SOCK_STREAM:
            made.listen(_BACKLOG)
    except OSError as problem:
        made.close()
        # A host without IPv6 makes the socket and has no address for it.
        if optional and problem.errno == errno.EADDRNOTAVAIL:
            return None
        raise ListenError(problem.errno or errno.EIO, address, port) from problem
    return made


def _reply_from(level: int, kind: int, payload: bytes) -> tuple[int, int, bytes] | None:
    if level == socket.IPPROTO_IP and kind == _IP_PKTINFO:
        # struct in_pktinfo: interface, address to send from (ipi_spec_dst), destination in the header. Any interface.
        return (level, kind, bytes(4) + payload[4:8] + bytes(4))
    if level == socket.IPPROTO_IPV6 and kind == socket.IPV6_PKTINFO:
        return (level, kind, payload)
    return None
