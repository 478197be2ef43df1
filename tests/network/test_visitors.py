"""Published ports seen from the container: whose connection is it?"""

import contextlib
import ipaddress
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from network_lab import Lab, read_all

from dockless.linux import netlink_route as route
from dockless.linux.netlink import NETLINK_ROUTE, NetlinkSocket
from dockless.network.fabric import PortSpec, Sandbox

GATEWAY, GATEWAY6 = "172.30.0.1", "fd00:30::1"
HERE, HERE6, THERE, THERE6 = "203.0.113.1", "2001:db8:1::1", "203.0.113.77", "2001:db8:1::77"


@pytest.fixture
def machine(lab: Lab) -> Iterator[Sandbox]:
    """Another machine: THERE and THERE6, by a cable to this one, which is HERE."""
    other = lab.fabric.new_sandbox()
    mac, name = "02:00:00:00:00:77", f"dlt{os.getpid()}"
    with NetlinkSocket(NETLINK_ROUTE) as netlink:
        netlink.batch([route.veth_add(name, master=0, mtu=1500, peer="eth0", peer_mac=mac, peer_namespace=other.fd)])
        index = socket.if_nametoindex(name)
        netlink.batch([route.address_add(index, ipaddress.ip_interface(one)) for one in (f"{HERE}/24", f"{HERE6}/64")])
    with lab.inside(other):
        Path("/proc/sys/net/ipv6/conf/eth0/disable_ipv6").write_text("0")
        with NetlinkSocket(NETLINK_ROUTE) as netlink:
            index = socket.if_nametoindex("eth0")
            addresses = (f"{THERE}/24", f"{THERE6}/64")
            netlink.batch([route.link_up("eth0")])
            netlink.batch([route.address_add(index, ipaddress.ip_interface(one)) for one in addresses])
    yield other
    with NetlinkSocket(NETLINK_ROUTE) as netlink:
        netlink.batch([route.link_delete(name)])
    other.close()


@pytest.fixture
def container(lab: Lab) -> Sandbox:
    lab.network("one", "172.30.0.0/16", "fd00:30::/64")
    return lab.container("a", "one", "172.30.0.2/16", "fd00:30::2/64")


def tells(connected: socket.socket) -> None:
    """Answers with the client's address and everything that it sent."""
    connected.sendall(connected.getpeername()[0].encode() + b":" + read_all(connected))


def published(lab: Lab, container: Sandbox, listening: str = "0.0.0.0", address: str = "172.30.0.2") -> int:
    return lab.fabric.publish("a", PortSpec("tcp", "", 0, ((address, lab.serve(container, tells, listening)),)))


def test_a_client_from_elsewhere_is_seen_with_its_own_address(lab: Lab, container: Sandbox, machine: Sandbox) -> None:
    port = published(lab, container)
    data = bytes(range(256)) * 4000
    for question in (b"hello", data):
        assert lab.ask(machine, HERE, port, question) == THERE.encode() + b":" + question


def test_a_client_by_ipv6_meets_the_containers_ipv6_address(lab: Lab, container: Sandbox, machine: Sandbox) -> None:
    port = published(lab, container, "::")
    assert lab.ask(machine, HERE6, port) == THERE6.encode() + b":hello"


def test_a_client_by_ipv6_reaches_a_server_of_ipv4_all_the_same(lab: Lab, container: Sandbox, machine: Sandbox) -> None:
    port = published(lab, container)
    assert lab.ask(machine, HERE6, port) == GATEWAY.encode() + b":hello"


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_client_on_the_hosts_loopback_is_seen_as_the_gateway(lab: Lab, container: Sandbox, address: str) -> None:
    assert lab.ask(None, address, published(lab, container)) == GATEWAY.encode() + b":hello"


def test_a_container_of_an_internal_network_sees_the_gateway(lab: Lab, machine: Sandbox) -> None:
    lab.network("inner", "172.31.0.0/16", internal=True)
    inner = lab.container("b", "inner", "172.31.0.2/16")
    port = published(lab, inner, address="172.31.0.2")
    assert lab.ask(machine, HERE, port) == b"172.31.0.1:hello"


def test_a_container_that_does_not_answer_by_its_gateway_is_reached_all_the_same(
    lab: Lab, container: Sandbox, machine: Sandbox
) -> None:
    with lab.inside(container):
        # As with a VPN in the container: answers to the outside go elsewhere.
        assert os.system("ip route replace blackhole default") == 0
    assert lab.ask(machine, HERE, published(lab, container)) == GATEWAY.encode() + b":hello"


def test_datagrams_come_from_the_client_and_their_answers_go_to_it(
    lab: Lab, container: Sandbox, machine: Sandbox
) -> None:
    inside = lab.open_socket(container, socket.SOCK_DGRAM)
    inside.bind(("0.0.0.0", 0))
    port = lab.fabric.publish("u", PortSpec("udp", "", 0, (("172.30.0.2", inside.getsockname()[1]),)))
    clients = [lab.open_socket(machine, socket.SOCK_DGRAM) for _ in range(3)]
    for number, client in enumerate(clients):
        client.connect((HERE, port))
        for size in (1, 1400, 9000):
            client.send(b"q" * size)
            question, sender = inside.recvfrom(65536)
            assert (sender[0], len(question)) == (THERE, size)
            inside.sendto(b"%d" % number * size, sender)
            assert client.recv(65536) == b"%d" % number * size


def test_nobody_sends_in_the_name_of_another_networks_container(lab: Lab, container: Sandbox) -> None:
    lab.network("two", "172.31.0.0/16")
    lab.container("b", "two", "172.31.0.2/16")
    server = lab.open_socket(None, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    port = server.getsockname()[1]
    with lab.inside(container):
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    with contextlib.closing(raw):
        for source in ("172.31.0.2", "172.30.0.2"):
            datagram = struct.pack("!HHHH", 4000, port, 8 + len(source), 0) + source.encode()
            head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20, 0, 0, 64, 17, 0, *map(socket.inet_aton, (source, GATEWAY)))
            raw.sendto(head + datagram, (GATEWAY, 0))
    assert server.recv(100) == b"172.30.0.2"
