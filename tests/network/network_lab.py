"""Networks, sandboxes, and servers and clients in them, for the tests of the network."""

import contextlib
import os
import queue
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from ipaddress import ip_interface, ip_network

from dockless.linux import netns
from dockless.network.fabric import EndpointSpec, Fabric, NetworkSpec, Sandbox
from dockless.network.ipam import mac_for
from dockless.places import Places


class Lab:
    """Networks and sandboxes by short names, and servers and clients in them."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.fabric = Fabric.open(places)
        self.sandboxes: dict[str, Sandbox] = {}
        self.networks: dict[str, NetworkSpec] = {}
        self._begun: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._closing: list[Callable[[], object]] = []
        self._home = netns.current()

    def network(self, name: str, *subnets: str, internal: bool = False) -> NetworkSpec:
        parsed = tuple(ip_network(subnet) for subnet in subnets)
        identifier = (name.encode().hex() * 64)[:64]
        spec = NetworkSpec(identifier, parsed, tuple(subnet.network_address + 1 for subnet in parsed), internal)
        self.fabric.ensure_network(spec)
        self.networks[name] = spec
        return spec

    def endpoint(
        self,
        container: str,
        network: str,
        *addresses: str,
        names: tuple[str, ...] = (),
        interface: str = "eth0",
        default_route: bool = True,
    ) -> EndpointSpec:
        parsed = tuple(ip_interface(address) for address in addresses)
        mac = mac_for(parsed[0].ip)
        network_id = self.networks[network].id
        routes = (4, 6) if default_route else ()
        return EndpointSpec(network_id, container, parsed, mac, interface, names or (container,), routes)

    def container(self, name: str, network: str, *addresses: str, names: tuple[str, ...] = ()) -> Sandbox:
        """A sandbox on one network, with a resolver."""
        sandbox = self.fabric.new_sandbox()
        self.sandboxes[name] = sandbox
        self.fabric.attach(sandbox, self.endpoint(name, network, *addresses, names=names))
        self.fabric.open_resolver(name, sandbox, networks=(self.networks[network].id,))
        return sandbox

    @contextlib.contextmanager
    def inside(self, sandbox: Sandbox | None) -> Iterator[None]:
        if sandbox is None:
            yield
            return
        with netns.inside(sandbox.fd, self._home):
            yield

    def run(self, sandbox: Sandbox | None, *command: str, timeout: float = 20) -> subprocess.CompletedProcess[str]:
        with self.inside(sandbox):
            return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)

    def open_socket(
        self, sandbox: Sandbox | None, kind: int = socket.SOCK_STREAM, family: int = socket.AF_INET
    ) -> socket.socket:
        with self.inside(sandbox):
            made = socket.socket(family, kind)
        made.settimeout(30)
        self._closing.append(made.close)
        return made

    def connect(self, sandbox: Sandbox | None, address: str, port: int) -> socket.socket:
        made = self.open_socket(sandbox, family=socket.AF_INET6 if ":" in address else socket.AF_INET)
        made.connect((address, port))
        return made

    def ask(self, sandbox: Sandbox | None, address: str, port: int, question: bytes = b"hello") -> bytes:
        """One connection: sends, ends its side, and reads to the end."""
        with self.connect(sandbox, address, port) as connected:
            connected.sendall(question)
            connected.shutdown(socket.SHUT_WR)
            return read_all(connected)

    def begin(self, address: str, port: int, question: bytes) -> socket.socket:
        """A connection from the host that an `echo` has accepted and heard the first byte of; its side is open."""
        while not self._begun.empty():
            self._begun.get()
        made = self.connect(None, address, port)
        made.sendall(question)
        self._begun.get(timeout=30)
        return made

    def serve(
        self,
        sandbox: Sandbox | None,
        handler: Callable[[socket.socket], None],
        address: str = "0.0.0.0",
        port: int = 0,
    ) -> int:
        """A TCP server with a thread for each connection; its port."""
        listener = self.open_socket(sandbox, family=socket.AF_INET6 if ":" in address else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.settimeout(None)
        listener.bind((address, port))
        listener.listen(128)
        self._closing.append(lambda: listener.shutdown(socket.SHUT_RDWR))

        def one(connected: socket.socket) -> None:
            with connected, contextlib.suppress(ConnectionError):
                handler(connected)

        def accept() -> None:
            while True:
                try:
                    connected, _ = listener.accept()
                except OSError:
                    return
                connected.settimeout(30)
                threading.Thread(target=one, args=(connected,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return int(listener.getsockname()[1])

    def echo(self, sandbox: Sandbox | None, name: str, address: str = "0.0.0.0", port: int = 0) -> int:
        """Answers with its name, a colon and what it got, once the client has ended its side."""

        def handler(connected: socket.socket) -> None:
            connected.recv(1, socket.MSG_PEEK)
            self._begun.put(name)
            connected.sendall(name.encode() + b":" + read_all(connected))

        return self.serve(sandbox, handler, address, port)

    def udp_echo(self, sandbox: Sandbox | None, name: str, address: str = "0.0.0.0", port: int = 0) -> int:
        made = self.open_socket(sandbox, socket.SOCK_DGRAM, socket.AF_INET6 if ":" in address else socket.AF_INET)
        made.settimeout(None)
        made.bind((address, port))
        self._closing.append(lambda: made.sendto(b"", made.getsockname()))

        def answer() -> None:
            while True:
                try:
                    data, client = made.recvfrom(65536)
                except OSError:
                    return
                if not data:
                    return
                made.sendto(name.encode() + b":" + data, client)

        threading.Thread(target=answer, daemon=True).start()
        return int(made.getsockname()[1])

    def close(self) -> None:
        for close in reversed(self._closing):
            with contextlib.suppress(OSError):
                close()
        self.fabric.reconcile(networks=(), endpoints=(), ports={}, resolvers=())
        for sandbox in self.sandboxes.values():
            sandbox.close()
        self.fabric.close(bye=True)
        os.close(self._home)


def read_all(connected: socket.socket) -> bytes:
    parts = []
    while data := connected.recv(1 << 16):
        parts.append(data)
    return b"".join(parts)
