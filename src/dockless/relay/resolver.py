"""The name server at 127.0.0.11 of one container: sockets opened in its namespace, answered here.

What the container's networks know is answered at once; everything else goes to the servers outside, unless all of its
networks are internal.
"""

from __future__ import annotations

import socket
from collections.abc import Callable

from dockless.relay import dns
from dockless.relay.listen import Acceptor
from dockless.relay.loop import IN, OUT, Loop, Timer
from dockless.relay.names import Asker, Names
from dockless.relay.upstream import Upstream

#: Short, because replicas come and go.
_TTL_SECONDS = 5
_DATAGRAM = 65536
_QUERIES_PER_EVENT = 64
_TCP_CLIENTS = 128
_TCP_IDLE_SECONDS = 10.0
#: Questions of one container that wait for a server outside; more are refused until some are answered.
_WAITING = 512


class Resolver:
    """Owns both sockets. `asker` may be replaced at any time."""

    def __init__(
        self,
        loop: Loop,
        names: Names,
        upstream: Upstream,
        asker: Asker,
        datagrams: socket.socket,
        streams: socket.socket,
    ) -> None:
        self.asker = asker
        self.loop = loop
        self._names = names
        self._upstream = upstream
        self._datagrams = datagrams
        self._acceptor = Acceptor(loop, streams, self._accepted)
        self._clients: set[_TcpClient] = set()
        self._waiting = 0
        self._closed = False
        datagrams.setblocking(False)
        loop.add(datagrams.fileno(), IN, self._ready)

    def close(self) -> None:
        """The sockets pin the container's namespace: they go at once."""
        self._closed = True
        self._acceptor.close()
        for client in list(self._clients):
            client.close()
        self.loop.remove(self._datagrams.fileno())
        self._datagrams.close()

    def ask(self, raw: bytes, by_tcp: bool, reply: Callable[[bytes], None]) -> None:
        """`reply` is called once for what deserves a reply."""
        try:
            query = dns.Query(raw)
        except dns.Malformed as problem:
            if problem.answer is not None:
                reply(problem.answer)
            return
        answer = query.answer if by_tcp else query.answer_udp
        if (known := self._names.answer(self.asker, query)) is not None:
            rcode, records = known
            reply(answer(rcode, records, _TTL_SECONDS))
            return
        if not self._names.has_way_out(self.asker) or self._waiting >= _WAITING:
            reply(answer(dns.SERVFAIL))
            return

        def done(received: bytes | None) -> None:
            self._waiting -= 1
            if not self._closed:
                if received is None:
                    reply(answer(dns.SERVFAIL))
                else:
                    reply(received if by_tcp else query.fitting(received))

        self._waiting += 1
        ask = self._upstream.ask_tcp if by_tcp else self._upstream.ask_udp
        ask(query, self.asker.servers, done)

    def _ready(self, _: int) -> None:
        for _ in range(_QUERIES_PER_EVENT):
            try:
                raw, client = self._datagrams.recvfrom(_DATAGRAM)
            except BlockingIOError:
                return
            except OSError:
                # An ICMP error for an earlier answer, whose client is gone: this read reports it.
                continue
            self.ask(raw, False, lambda answer, client=client: self._answer(answer, client))  # type: ignore[misc]

    def _answer(self, answer: bytes, client: tuple[str, int]) -> None:
        try:
            self._datagrams.sendto(answer, client)
        except OSError:
            # The client's buffer is full or it is gone: it asks again if it still wants to know.
            return

    def _accepted(self, connection: socket.socket, _: tuple[str, int]) -> None:
        if len(self._clients) >= _TCP_CLIENTS:
            connection.close()
            return
        self._clients.add(_TcpClient(self, connection, self._clients.discard))


class _TcpClient:
    """A connection on which length-prefixed questions come and answers go, in the order in which they are known."""

    def __init__(self, resolver: Resolver, connection: socket.socket, on_close: Callable[[_TcpClient], None]) -> None:
        self._resolver = resolver
        self._connection = connection
        self._on_close = on_close
        self._received = b""
        self._pending = b""
        self._open = True
        self._timer: Timer | None = None
        resolver.loop.add(connection.fileno(), IN, self._ready)
        self._rest()

    def close(self) -> None:
        if not self._open:
            return
        self._open = False
        if self._timer is not None:
            self._timer.cancel()
        self._resolver.loop.remove(self._connection.fileno())
        self._resolver.loop.at_end_of_round(self._connection.close)
        self._on_close(self)

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._resolver.loop.later(_TCP_IDLE_SECONDS, self.close)

    def _ready(self, events: int) -> None:
        if events & OUT:
            self._flush()
        if not self._open or not events & ~OUT:
            return
        try:
            data = self._connection.recv(_DATAGRAM)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        self._rest()
        self._received += data
        while self._open and len(self._received) >= 2:
            end = 2 + int.from_bytes(self._received[:2], "big")
            if len(self._received) < end:
                return
            raw, self._received = self._received[2:end], self._received[end:]
            self._resolver.ask(raw, True, self._reply)

    def _reply(self, answer: bytes) -> None:
        if self._open:
            self._pending += len(answer).to_bytes(2, "big") + answer
            self._flush()

    def _flush(self) -> None:
        try:
            self._pending = self._pending[self._connection.send(self._pending) :]
        except BlockingIOError:
            pass
        except OSError:
            self.close()
            return
        # A client that asks and does not read is not asked further.
        self._resolver.loop.change(self._connection.fileno(), OUT if self._pending else IN)
