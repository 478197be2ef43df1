"""What the relay holds, by kind and key: networks, endpoints, resolvers, ports and descriptors of others.

Each kind is set, deleted and listed with plain JSON values, so that a new engine finds what the last one said. The
values' shapes stand beside the functions that take them.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable

from dockless.relay.addresses import Addresses, Network, pack
from dockless.relay.datagrams import Flows
from dockless.relay.loop import Loop
from dockless.relay.names import Asker, Endpoint, Names
from dockless.relay.ports import ListenError, Pairs, TcpPort, UdpPort, listeners
from dockless.relay.protocol import close_all
from dockless.relay.resolver import Resolver
from dockless.relay.sockets import Sockets
from dockless.relay.upstream import Upstream
from dockless.relay.visitors import Visitors
from dockless.relay.wayout_ping import PingWayOut
from dockless.relay.wayout_tcp import Gate, TcpWayOut
from dockless.relay.wayout_udp import UdpWayOut

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Value = dict[str, Any]

NETWORK, ENDPOINT, RESOLVER, PORT, HELD = KINDS = ("network", "endpoint", "resolver", "port", "held")


class Refused(Exception):
    """The request cannot be carried out; `details` go into the answer beside the message."""

    def __init__(self, message: str, **details: object) -> None:
        super().__init__(message)
        self.details = details


class State:
    """Everything the relay was told, and what serves it."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._sockets = Sockets()
        self._addresses = Addresses()
        self._names = Names(self._addresses)
        self._pairs = Pairs(loop)
        self._flows = Flows(loop)
        self._visitors = Visitors(self._sockets, self._addresses, self._names)
        self._upstream = Upstream(loop, self._sockets, self._addresses)
        self._values: dict[str, dict[str, Value]] = {kind: {} for kind in KINDS}
        self._ports: dict[str, TcpPort | UdpPort] = {}
        self._resolvers: dict[str, Resolver] = {}
        self._held: dict[str, list[int]] = {}
        self._ways_out: list[TcpWayOut | UdpWayOut | PingWayOut] = []
        self._setters: dict[str, Callable[[str, Value, list[int]], Value]] = {
            NETWORK: self._set_network,
            ENDPOINT: self._set_endpoint,
            RESOLVER: self._set_resolver,
            PORT: self._set_port,
            HELD: self._set_held,
        }
        self._deleters: dict[str, Callable[[str], None]] = {
            NETWORK: self._delete_network,
            ENDPOINT: self._delete_endpoint,
            RESOLVER: self._delete_resolver,
            PORT: self._delete_port,
            HELD: self._delete_held,
        }

    @property
    def fabric(self) -> int | None:
        return self._sockets.fabric

    @property
    def needed(self) -> bool:
        """Whether somebody's network or output hangs on this process."""
        return bool(len(self._names) or self._held)

    @property
    def connections(self) -> int:
        return len(self._pairs)

    def use_fabric(self, namespace: int, host_gateway: str, descriptors: list[int]) -> None:
        """The fabric's namespace, and for each family the sockets in it of the way out; all are taken over.

        The seven are: listener, first packets, to let one in, to answer one, datagrams, echo requests, to answer those.
        """
        for way in self._ways_out:
            way.close()
        self._sockets.use_fabric(namespace)
        self._addresses.host_gateway = pack(host_gateway)
        self._ways_out = []
        sockets = [socket.socket(fileno=number) for number in descriptors]
        for start in range(0, len(sockets), 7):
            listener, arriving, admitting, answering, datagrams, echoes, replying = sockets[start : start + 7]
            gate = Gate(listener, arriving, admitting, answering)
            self._ways_out += [
                TcpWayOut(self._loop, self._sockets, self._addresses, self._pairs, gate),
                UdpWayOut(self._loop, self._sockets, self._addresses, self._flows, datagrams),
                PingWayOut(self._loop, self._addresses, self._flows, echoes, replying),
            ]

    def set(self, kind: str, key: str, value: Value, descriptors: list[int]) -> Value:
        """The answer's fields. `descriptors` are emptied of what was taken over. Raises Refused, OSError, KeyError …"""
        answer = self._setters[kind](key, value, descriptors)
        self._values[kind][key] = value
        return answer

    def delete(self, kind: str, key: str) -> None:
        if self._values[kind].pop(key, None) is not None:
            self._deleters[kind](key)

    def items(self, kind: str) -> dict[str, Value]:
        return self._values[kind]

    def held(self, key: str) -> list[int]:
        return self._held.get(key, [])

    def _set_network(self, key: str, value: Value, _: list[int]) -> Value:
        """{"subnets": ["172.18.0.0/16"], "gateways": ["172.18.0.1"], "internal": false}"""
        self._addresses.networks[key] = Network(value["subnets"], value["gateways"], value["internal"])
        return {}

    def _delete_network(self, key: str) -> None:
        del self._addresses.networks[key]

    def _set_endpoint(self, key: str, value: Value, _: list[int]) -> Value:
        """{"network": id, "container": id, "addresses": ["172.18.0.2"], "names": ["web"], "default_routes": [4]}"""
        network = self._addresses.networks.get(value["network"])
        routes = value.get("default_routes", ()) if network is not None and not network.internal else ()
        found = Endpoint(value["network"], value["container"], value["addresses"], value["names"], routes)
        self._names.set(found)
        return {}

    def _delete_endpoint(self, key: str) -> None:
        network, _, container = key.partition("/")
        if (endpoint := self._names.delete(network, container)) is not None:
            # Its namespace may be gone already, and then nobody would ever answer on these.
            for address in endpoint.addresses:
                self._pairs.cut(address)
                self._flows.cut(address)

    def _set_resolver(self, key: str, value: Value, descriptors: list[int]) -> Value:
        """{"networks": [id], "servers": [], "links": {alias: container}, "host_names": {name: address}}

        With two descriptors (UDP, TCP) the sockets are these from now on; with none they stay what they are.
        """
        asker = Asker(value["networks"], value["servers"], value["links"], value["host_names"])
        for server in asker.servers:
            pack(server.partition("%")[0])
        if len(descriptors) == 2:
            self._delete_resolver(key)
            streams, datagrams = (socket.socket(fileno=descriptors.pop()) for _ in range(2))
            self._resolvers[key] = Resolver(self._loop, self._names, self._upstream, asker, datagrams, streams)
        elif key in self._resolvers and not descriptors:
            self._resolvers[key].asker = asker
        else:
            raise Refused(f"resolver of {key}: no sockets", errno=errno.EBADF)
        return {}

    def _delete_resolver(self, key: str) -> None:
        if (resolver := self._resolvers.pop(key, None)) is not None:
            resolver.close()

    def _set_port(self, key: str, value: Value, _: list[int]) -> Value:
        """{"protocol": "tcp", "host_ip": "", "host_port": 8055, "targets": [["172.18.0.2", 8055]]} → {"port": 8055}

        The value that is kept has the port that was chosen. The same address again changes the targets only.
        """
        before = self._values[PORT].get(key)
        targets = [(str(address), int(port)) for address, port in value["targets"]]
        for address, _port in targets:
            pack(address)
        if before is None or not _same_place(before, value):
            # First the old one: its address and the new one may be in each other's way ("" and 127.0.0.1).
            self.delete(PORT, key)
            self._ports[key] = self._listen(value)
        else:
            value["host_port"] = before["host_port"]
        self._ports[key].targets.all = targets
        return {"port": value["host_port"]}

    def _listen(self, value: Value) -> TcpPort | UdpPort:
        protocol = value["protocol"]
        if protocol not in ("tcp", "udp"):
            raise ValueError(f"protocol {protocol!r}")
        try:
            bound = listeners(self._sockets, protocol, value["host_ip"], value["host_port"])
        except ListenError as problem:
            where = {"host_ip": problem.host_ip, "host_port": problem.host_port}
            raise Refused(os.strerror(problem.errno), errno=problem.errno, **where) from problem
        value["host_port"] = bound[0].getsockname()[1]
        if protocol == "tcp":
            return TcpPort(self._loop, self._visitors, self._pairs, bound)
        return UdpPort(self._loop, self._visitors, self._flows, bound)

    def _delete_port(self, key: str) -> None:
        self._ports.pop(key).close()

    def _set_held(self, key: str, _: Value, descriptors: list[int]) -> Value:
        close_all(self._held.pop(key, []))
        self._held[key] = descriptors[:]
        descriptors.clear()
        return {}

    def _delete_held(self, key: str) -> None:
        close_all(self._held.pop(key, []))


def _same_place(one: Value, other: Value) -> bool:
    if one["protocol"] != other["protocol"] or one["host_ip"] != other["host_ip"]:
        return False
    return other["host_port"] in (0, one["host_port"])
