"""The way out: what a container reaches beyond its networks, and how a refusal looks from inside."""

import errno
import os
import select
import socket
import subprocess
import threading
from collections.abc import Iterator

import pytest
from network_lab import Lab

from dockless.linux import netlink_route as route
from dockless.linux import netns
from dockless.linux.netlink import NETLINK_ROUTE, NetlinkSocket
from dockless.network.fabric import PortSpec, Sandbox


@pytest.fixture
def container(lab: Lab) -> str:
    lab.network("one", "172.30.0.0/16", "fd00:30::/64")
    lab.container("a", "one", "172.30.0.2/16", "fd00:30::2/64")
    return "a"


def host_address() -> str:
    """An address of this host that is not its loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("203.0.113.1", 9))
        except OSError:
            pytest.skip("this host has no address but its loopback")
        return str(probe.getsockname()[0])


@pytest.mark.parametrize("listening", ["127.0.0.1", "0.0.0.0", "::1"])
def test_the_host_gateway_leads_to_servers_of_the_host(lab: Lab, container: str, listening: str) -> None:
    port = lab.echo(None, "host", listening)
    sandbox = lab.sandboxes[container]
    assert lab.ask(sandbox, str(lab.fabric.host_gateway), port) == b"host:hello"
    assert lab.ask(sandbox, "172.30.0.1", port) == b"host:hello"
    assert lab.ask(sandbox, "fd00:30::1", port) == b"host:hello"


def test_an_address_outside_is_reached(lab: Lab, container: str) -> None:
    address = host_address()
    port = lab.echo(None, "outside", address)
    assert lab.ask(lab.sandboxes[container], address, port) == b"outside:hello"


@pytest.mark.parametrize("address", ["172.17.0.1", "172.30.0.1", "fd00:30::1"])
def test_a_port_where_nobody_listens_refuses_the_connection_itself(lab: Lab, container: str, address: str) -> None:
    with lab.open_socket(None) as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        client = lab.open_socket(lab.sandboxes[container], family=socket.AF_INET6 if ":" in address else socket.AF_INET)
        assert client.connect_ex((address, port)) == errno.ECONNREFUSED


def test_a_port_answers_as_soon_as_somebody_listens(lab: Lab, container: str) -> None:
    sandbox = lab.sandboxes[container]
    port = lab.echo(None, "first", "127.0.0.1")
    for _ in range(20):
        assert lab.ask(sandbox, "172.17.0.1", port) == b"first:hello"


def test_an_address_that_the_host_has_no_route_to_is_unreachable(lab: Lab, container: str) -> None:
    subprocess.run(["ip", "route", "add", "unreachable", "198.51.100.0/24"], check=True)
    try:
        client = lab.open_socket(lab.sandboxes[container])
        assert client.connect_ex(("198.51.100.1", 80)) in (errno.EHOSTUNREACH, errno.ENETUNREACH)
    finally:
        subprocess.run(["ip", "route", "del", "unreachable", "198.51.100.0/24"], check=True)


def test_bulk_data_goes_out_and_back(lab: Lab, container: str) -> None:
    port = lab.echo(None, "host", "127.0.0.1")
    connected = lab.connect(lab.sandboxes[container], "172.17.0.1", port)
    data = bytes(range(256)) * 20_000
    sender = threading.Thread(target=lambda: (connected.sendall(data), connected.shutdown(socket.SHUT_WR)))
    sender.start()
    received = bytearray()
    while piece := connected.recv(1 << 16):
        received += piece
    sender.join()
    assert bytes(received) == b"host:" + data


def test_datagrams_go_out_and_back(lab: Lab, container: str) -> None:
    sandbox = lab.sandboxes[container]
    outside = host_address()
    for listening, address in (("127.0.0.1", "172.17.0.1"), ("127.0.0.1", "172.30.0.1"), (outside, outside)):
        port = lab.udp_echo(None, "host", listening)
        for connected in (True, False):
            client = lab.open_socket(sandbox, socket.SOCK_DGRAM)
            if connected:
                client.connect((address, port))
            for datagram in (b"a", b"b" * 1400, b"c" * 9000):
                client.sendto(datagram, (address, port)) if not connected else client.send(datagram)
                data, sender = client.recvfrom(65536)
                assert data == b"host:" + datagram
                assert sender == (address, port)


def test_datagrams_go_out_by_ipv6(lab: Lab, container: str) -> None:
    port = lab.udp_echo(None, "host", "127.0.0.1")
    client = lab.open_socket(lab.sandboxes[container], socket.SOCK_DGRAM, socket.AF_INET6)
    client.connect(("fd00:30::1", port))
    client.send(b"six")
    assert client.recv(100) == b"host:six"


def test_two_containers_talk_to_the_same_server_from_the_same_port(lab: Lab, container: str) -> None:
    other = lab.container("b", "one", "172.30.0.3/16")
    port = lab.udp_echo(None, "host", "127.0.0.1")
    clients = []
    for sandbox in (lab.sandboxes[container], other):
        client = lab.open_socket(sandbox, socket.SOCK_DGRAM)
        client.bind(("0.0.0.0", 5353))
        client.connect(("172.17.0.1", port))
        clients.append(client)
    for round_number in range(3):
        for number, client in enumerate(clients):
            client.send(f"{number}{round_number}".encode())
        for number, client in enumerate(clients):
            assert client.recv(100) == f"host:{number}{round_number}".encode()


def test_an_internal_network_has_no_way_out(lab: Lab) -> None:
    lab.network("inner", "172.31.0.0/16", internal=True)
    first = lab.container("a", "inner", "172.31.0.2/16")
    second = lab.container("b", "inner", "172.31.0.3/16")
    assert lab.ask(second, "172.31.0.2", lab.echo(first, "a")) == b"a:hello"
    port = lab.echo(None, "host", "0.0.0.0")
    assert lab.open_socket(first).connect_ex((host_address(), port)) == errno.ENETUNREACH
    assert lab.open_socket(first).connect_ex(("172.31.0.1", port)) == errno.ECONNREFUSED
    # Not even with a route of the container's own making.
    with lab.inside(first), NetlinkSocket(NETLINK_ROUTE) as netlink:
        gateway = lab.networks["inner"].gateways[0].packed
        netlink.batch([route.default_route(gateway, socket.if_nametoindex("eth0"))])
    assert lab.open_socket(first).connect_ex((str(lab.fabric.host_gateway), port)) == errno.ECONNREFUSED
    datagrams = lab.udp_echo(None, "host", "0.0.0.0")
    client = lab.open_socket(first, socket.SOCK_DGRAM)
    client.settimeout(0.5)
    client.sendto(b"x", (host_address(), datagrams))
    with pytest.raises((TimeoutError, ConnectionRefusedError)):
        client.recv(10)


def test_a_published_port_of_an_internal_network_can_be_reached_from_the_host(lab: Lab) -> None:
    lab.network("inner", "172.31.0.0/16", internal=True)
    sandbox = lab.container("a", "inner", "172.31.0.2/16")
    port = lab.fabric.publish("a", PortSpec("tcp", "127.0.0.1", 0, (("172.31.0.2", lab.echo(sandbox, "a")),)))
    assert lab.ask(None, "127.0.0.1", port) == b"a:hello"


@pytest.fixture
def flooded(lab: Lab, container: str) -> Iterator[None]:
    with lab.inside(lab.sandboxes[container]):
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
    raw.connect(("172.30.0.1", 0))
    for size in (0, 1, 13, 14, 20, 60):
        raw.send(bytes([0, 1, 0, 2] + [2] * 56)[:size])
    raw.close()
    yield


@pytest.mark.usefixtures("flooded")
def test_malformed_first_packets_break_nothing(lab: Lab, container: str) -> None:
    port = lab.echo(None, "host", "127.0.0.1")
    assert lab.ask(lab.sandboxes[container], "172.17.0.1", port) == b"host:hello"


def test_many_connections_at_once_all_arrive(lab: Lab, container: str) -> None:
    port = lab.echo(None, "host", "127.0.0.1")
    clients = []
    for _ in range(200):
        client = lab.open_socket(lab.sandboxes[container])
        client.setblocking(False)
        assert client.connect_ex(("172.17.0.1", port)) == errno.EINPROGRESS
        clients.append(client)
    for number, client in enumerate(clients):
        client.settimeout(20)
        assert select.select([], [client], [], 20)[1]
        client.sendall(str(number).encode())
        client.shutdown(socket.SHUT_WR)
        assert client.recv(100) == f"host:{number}".encode()
        client.close()


def test_the_namespace_of_the_thread_stays_the_hosts(lab: Lab, container: str) -> None:
    def identity(descriptor: int) -> int:
        return os.fstat(descriptor).st_ino

    now = netns.current()
    assert identity(now) == identity(lab._home)
    os.close(now)


def ping(lab: Lab, sandbox: Sandbox, address: str, size: int = 56, patience: float = 30) -> bytes:
    """One echo request with that many bytes of data; the reply's. Raises TimeoutError after `patience` seconds."""
    family, protocol = (10, socket.IPPROTO_ICMPV6) if ":" in address else (2, socket.IPPROTO_ICMP)
    with lab.inside(sandbox):
        asking = socket.socket(family, socket.SOCK_DGRAM, protocol)
    with asking:
        asking.settimeout(patience)
        asking.connect((address, 0))
        asking.send(bytes([128 if ":" in address else 8, 0, 0, 0, 0, 0, 0, 7]) + b"x" * size)
        reply = asking.recv(65536)
    assert (reply[0], reply[6:8]) == (129 if ":" in address else 0, b"\0\7")
    return reply[8:]


def test_an_echo_request_is_answered_by_its_target(lab: Lab, container: str) -> None:
    sandbox = lab.sandboxes[container]
    for address in ("172.30.0.1", str(lab.fabric.host_gateway), "fd00:30::1", host_address()):
        for size in (0, 56, 1400):
            assert ping(lab, sandbox, address, size) == b"x" * size


def test_an_echo_request_to_nobody_stays_unanswered(lab: Lab, container: str) -> None:
    sandbox = lab.sandboxes[container]
    lab.network("two", "172.31.0.0/16")
    lab.container("b", "two", "172.31.0.2/16")
    for address in ("172.31.0.2", "240.0.0.1"):
        with pytest.raises(TimeoutError):
            ping(lab, sandbox, address, patience=2)


def test_many_pings_at_once_get_their_own_answers(lab: Lab, container: str) -> None:
    """Containers have the same identifiers: their replies must not be taken for one another's."""
    other = lab.container("b", "one", "172.30.0.3/16")
    asking = []
    for sandbox in (lab.sandboxes[container], other):
        with lab.inside(sandbox):
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
        made.settimeout(30)
        made.bind(("0.0.0.0", 77))
        made.connect(("172.17.0.1", 0))
        asking.append(made)
    for number in range(20):
        for which, made in enumerate(asking):
            made.send(bytes([8, 0, 0, 0, 0, 0, 0, number]) + bytes([which]))
    for which, made in enumerate(asking):
        replies = [made.recv(100)[6:] for _ in range(20)]
        assert sorted(replies) == [bytes([0, number, which]) for number in range(20)]
        made.close()
