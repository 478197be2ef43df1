"""Questions passed on to the name servers outside: by UDP with a new source port and id for each, or by TCP."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence

from dockless.relay import dns
from dockless.relay.addresses import HOST, INSIDE, Addresses, pack
from dockless.relay.connect import HURRIED_SECONDS, Connecting, Target
from dockless.relay.loop import IN, Loop, Timer
from dockless.relay.sockets import Sockets

_PORT = 53
#: resolv.conf(5): MAXNS.
_MAX_SERVERS = 3
#: Three attempts, one after the other over the servers, and an answer within five seconds whatever happens: that is
#: how long a client waits for us (resolv.conf(5), timeout).
_ATTEMPTS = 3
_ATTEMPT_SECONDS = 1.5
QUESTION_SECONDS = _ATTEMPTS * _ATTEMPT_SECONDS
#: How long all servers together are waited for once none of them has answered: a host without a network must not keep
#: every program in every container waiting. The first answer, to whatever question, ends it.
_SILENT_SECONDS = 1.0
_DATAGRAM = 65536
_NOT_HELPFUL = (dns.SERVFAIL, dns.REFUSED, dns.NOTIMP)

Done = Callable[[bytes | None], None]


class HostServers:
    """The host's own servers, read again when resolv.conf changes (a laptop moves, a VPN comes up)."""

    def __init__(self, path: str = "/etc/resolv.conf") -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._servers: list[str] = []

    def current(self) -> list[str]:
        try:
            status = os.stat(self._path)
        except FileNotFoundError:
            # resolv.conf(5): without the file the server on the local machine is asked.
            return ["127.0.0.1"]
        if (status.st_mtime_ns, status.st_ino) != self._seen:
            with open(self._path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123  pathlib is not imported here
                self._servers = parse_resolv_conf(file.read())
            self._seen = (status.st_mtime_ns, status.st_ino)
        return self._servers


def parse_resolv_conf(text: str) -> list[str]:
    """The `nameserver` lines that name an address, three at most; the local machine where there is none."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver":
            try:
                pack(words[1].partition("%")[0])
            except OSError:
                # Not an address: the C library passes such a line over as well.
                continue
            found.append(words[1])
    return found[:_MAX_SERVERS] or ["127.0.0.1"]


class Upstream:
    """Asks servers; each question ends with one call of `done`, with a reply that has the client's id, or None."""

    def __init__(self, loop: Loop, sockets: Sockets, addresses: Addresses) -> None:
        self.loop = loop
        self._sockets = sockets
        self._addresses = addresses
        self._host = HostServers()
        self._silent: set[tuple[str, ...]] = set()

    def targets(self, explicit: Sequence[str], kind: int) -> list[Target]:
        """Where to ask: the servers named for a container, seen from there, or the host's, seen from the host."""
        if not explicit:
            return [self._target(text, kind, self._sockets.in_host) for text in self._host.current()]
        found = []
        for text in explicit[:_MAX_SERVERS]:
            meaning = self._addresses.kind(pack(text.partition("%")[0]))
            if meaning == INSIDE:
                found.append(self._target(text, kind, self._sockets.in_fabric))
            else:
                found.append(self._target("127.0.0.1" if meaning == HOST else text, kind, self._sockets.in_host))
        return found

    def ask_udp(self, query: dns.Query, explicit: Sequence[str], done: Done) -> None:
        servers = tuple(explicit)

        def heard(anybody: bool) -> None:
            if anybody:
                self._silent.discard(servers)
            else:
                self._silent.add(servers)

        targets = self.targets(explicit, socket.SOCK_DGRAM)
        _UdpQuestion(self.loop, query, targets, servers in self._silent, heard, done)

    def ask_tcp(self, query: dns.Query, explicit: Sequence[str], done: Done) -> None:
        _TcpQuestion(self.loop, query, iter(self.targets(explicit, socket.SOCK_STREAM)), done)

    def _target(self, text: str, kind: int, make: Callable[[int, int], socket.socket]) -> Target:
        plain, _, zone = text.partition("%")
        family = socket.AF_INET6 if ":" in plain else socket.AF_INET
        address: tuple[str, int] = (plain, _PORT)
        if zone:
            scope = int(zone) if zone.isdigit() else socket.if_nametoindex(zone)
            address = (plain, _PORT, 0, scope)  # type: ignore[assignment]
        return Target(lambda: make(family, kind), address)


class _UdpQuestion:
    """One question; late answers to earlier attempts still count. `heard` is told whether any server answered."""

    def __init__(
        self,
        loop: Loop,
        query: dns.Query,
        targets: list[Target],
        silent: bool,
        heard: Callable[[bool], None],
        done: Done,
    ) -> None:
        """After a silence all servers are asked at once, and for a short time."""
        self._loop = loop
        self._heard = heard
        self._query = query
        self._targets = targets
        self._done = done
        self._open: dict[int, tuple[socket.socket, int]] = {}
        self._attempts = 0
        self._end = time.monotonic() + (_SILENT_SECONDS if silent else QUESTION_SECONDS)
        self._timer: Timer | None = None
        self._unhelpful: bytes | None = None
        if silent:
            self._attempts = _ATTEMPTS
            for target in targets:
                self._send(target)
        self._next()

    def _next(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._attempts < _ATTEMPTS:
            target = self._targets[self._attempts % len(self._targets)]
            self._attempts += 1
            if self._send(target):
                self._timer = self._loop.later(_ATTEMPT_SECONDS, self._next)
                return
        # Refusals have used the attempts up early: a server that was only slow may still answer.
        left = self._end - time.monotonic()
        if self._open and left > 0:
            self._timer = self._loop.later(left, self._next)
        else:
            if left <= 0:
                self._heard(self._unhelpful is not None)
            self._finish(self._unhelpful)

    def _send(self, target: Target) -> bool:
        try:
            made = target.make()
        except OSError:
            return False
        identifier = int.from_bytes(os.urandom(2), "big")
        try:
            made.connect(target.address)
            made.send(dns.with_id(self._query.raw, identifier))
        except OSError:
            made.close()
            return False
        number = made.fileno()
        self._open[number] = (made, identifier)
        self._loop.add(number, IN, lambda _: self._ready(number))
        return True

    def _ready(self, number: int) -> None:
        if number not in self._open:
            return
        made, identifier = self._open[number]
        try:
            reply = made.recv(_DATAGRAM)
        except BlockingIOError:
            return
        except OSError:
            # Nobody listens there: the next server, at once.
            self._drop(number)
            self._next()
            return
        if not self._query.is_answered_by(reply, identifier):
            return
        self._heard(True)
        if dns.rcode_of(reply) in _NOT_HELPFUL:
            self._unhelpful = reply
            self._drop(number)
            self._next()
            return
        self._finish(reply)

    def _finish(self, reply: bytes | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for number in list(self._open):
            self._drop(number)
        self._done(None if reply is None else dns.with_id(reply, self._query.id))

    def _drop(self, number: int) -> None:
        made, _ = self._open.pop(number)
        self._loop.remove(number)
        self._loop.at_end_of_round(made.close)


class _TcpQuestion:
    """One question on a connection of its own."""

    def __init__(self, loop: Loop, query: dns.Query, targets: Iterator[Target], done: Done) -> None:
        self._loop = loop
        self._query = query
        self._done: Done | None = done
        self._socket: socket.socket | None = None
        self._identifier = int.from_bytes(os.urandom(2), "big")
        self._received = b""
        self._connecting: Connecting | None = None
        self._timer = loop.later(QUESTION_SECONDS, self._give_up)
        self._connecting = Connecting(loop, targets, self._connected, HURRIED_SECONDS)

    def _connected(self, connected: socket.socket | None, _: Target | None, _errno: int) -> None:
        self._connecting = None
        if connected is None:
            self._finish(None)
            return
        self._socket = connected
        raw = dns.with_id(self._query.raw, self._identifier)
        try:
            # A new connection's buffer takes 64 KiB at once.
            connected.send(len(raw).to_bytes(2, "big") + raw)
        except OSError:
            self._finish(None)
            return
        self._loop.add(connected.fileno(), IN, self._ready)

    def _ready(self, _: int) -> None:
        if self._socket is None:
            return
        try:
            data = self._socket.recv(_DATAGRAM)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._received += data
        length = int.from_bytes(self._received[:2], "big")
        if len(self._received) >= 2 and len(self._received) >= 2 + length:
            reply = self._received[2 : 2 + length]
            answered = self._query.is_answered_by(reply, self._identifier)
            self._finish(dns.with_id(reply, self._query.id) if answered else None)
        elif not data:
            self._finish(None)

    def _give_up(self) -> None:
        self._finish(None)

    def _finish(self, reply: bytes | None) -> None:
        self._timer.cancel()
        if self._connecting is not None:
            self._connecting.cancel()
        if self._socket is not None:
            self._loop.remove(self._socket.fileno())
            self._loop.at_end_of_round(self._socket.close)
            self._socket = None
        done, self._done = self._done, None
        if done is not None:
            done(reply)
