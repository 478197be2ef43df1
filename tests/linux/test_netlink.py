"""Netlink: links, rules and sockets of a namespace of the test's own."""

import errno
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface

import pytest

from dockless.linux import netlink_route as route
from dockless.linux import netns, nftables, sock_diag
from dockless.linux.netlink import NETLINK_ROUTE, NETLINK_SOCK_DIAG, NetlinkError, NetlinkSocket

OUTPUT = nftables.NF_INET_LOCAL_OUT
NAT = nftables.NF_IP_PRI_NAT_DST


@pytest.fixture
def netlink() -> Iterator[NetlinkSocket]:
    """The test runs in a new namespace; the socket is of it."""
    if os.geteuid():
        pytest.skip("makes network namespaces: root only")
    home = netns.current()
    with netns.inside_new(home) as namespace, NetlinkSocket(NETLINK_ROUTE) as made:
        yield made
    os.close(namespace)
    os.close(home)


def rules() -> str:
    if shutil.which("nft") is None:
        pytest.skip("wants the nft command to look with")
    return subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True, check=True).stdout


def test_a_bridge_with_addresses_and_a_veth_is_made_in_few_requests(netlink: NetlinkSocket) -> None:
    netlink.batch([route.bridge_add("br0", mtu=1400, group=7, mac="02:42:00:00:00:01"), route.loopback_up()])
    bridge = socket.if_nametoindex("br0")
    here = netns.current()
    netlink.batch(
        [
            route.address_add(bridge, IPv4Interface("10.9.0.1/24")),
            route.address_add(bridge, IPv6Interface("fd09::1/64")),
            route.veth_add(
                "v0", master=bridge, mtu=1400, peer="eth0", peer_mac="02:42:0a:09:00:02", peer_namespace=here
            ),
            route.link_up("eth0"),
        ]
    )
    os.close(here)
    found = {link.name: link for link in route.links(netlink)}
    assert (found["br0"].group, found["br0"].up) == (7, True)
    assert (found["v0"].master, found["v0"].up, found["eth0"].master) == (bridge, True, 0)
    with socket.create_server(("10.9.0.1", 0)), socket.create_server(("fd09::1", 0), family=socket.AF_INET6):
        # Both addresses are this namespace's own, and usable at once.
        pass
    netlink.batch([route.default_route(IPv4Address("10.9.0.9").packed, bridge)])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        assert probe.getsockname()[0] == "10.9.0.1"
    netlink.batch([route.bridge_port_disable(found["v0"].index), route.link_delete("v0"), route.link_delete("v0")])
    netlink.batch([route.bridge_port_disable(found["v0"].index), route.link_delete_index(bridge)])
    assert {link.name for link in route.links(netlink)}.isdisjoint({"br0", "v0", "eth0"})


def test_what_is_there_already_counts_as_done_where_that_is_harmless(netlink: NetlinkSocket) -> None:
    for _ in range(2):
        netlink.batch([route.bridge_add("br0", mtu=1500, group=0)])
        netlink.batch([route.address_add(socket.if_nametoindex("br0"), IPv4Interface("10.9.0.1/24"))])


def test_a_refusal_says_what_was_asked_and_the_kernels_reason(netlink: NetlinkSocket) -> None:
    with pytest.raises(NetlinkError, match=r"add address 10\.9\.0\.1/24: No such device") as caught:
        netlink.batch([route.address_add(999, IPv4Interface("10.9.0.1/24")), route.loopback_up()])
    assert caught.value.errno == errno.ENODEV
    assert {link.name: link.up for link in route.links(netlink)}["lo"]


def test_a_batch_of_hundreds_is_acknowledged_whole(netlink: NetlinkSocket) -> None:
    netlink.batch([route.bridge_add("br0", mtu=1500, group=0)])
    index = socket.if_nametoindex("br0")
    addresses = [IPv4Interface((IPv4Address("10.9.0.1") + number, 16)) for number in range(500)]
    netlink.batch([route.address_add(index, address) for address in addresses])
    with pytest.raises(NetlinkError, match="no-such-link"):
        netlink.batch([*(route.loopback_up() for _ in range(200)), route.link_up("no-such-link")])


@pytest.mark.usefixtures("netlink")
def test_rules_read_as_nft_shows_them() -> None:
    redirected = nftables.ipv4() + nftables.destination_ipv4(bytes([127, 0, 0, 11])) + nftables.protocol(17)
    chains = [
        nftables.Chain(
            "out",
            "nat",
            OUTPUT,
            NAT,
            (redirected + nftables.destination_port(53) + nftables.dnat_ipv4(bytes([127, 0, 0, 11]), 40000),),
        ),
        nftables.Chain(
            "in",
            "filter",
            nftables.NF_INET_PRE_ROUTING,
            nftables.NF_IP_PRI_MANGLE,
            (
                nftables.input_group(1) + nftables.protocol(6) + nftables.tcp_syn() + nftables.drop(),
                nftables.input_group(2) + nftables.protocol(17) + nftables.tproxy(1) + nftables.mark(5),
                nftables.with_mark(5) + nftables.accept(),
            ),
        ),
    ]
    nftables.load("test", nftables.NFPROTO_INET, chains)
    shown = rules()
    for rule in (
        "ip daddr 127.0.0.11 udp dport 53 dnat ip to 127.0.0.11:40000",
        "iifgroup 1 tcp flags syn / syn,ack drop",
        "iifgroup 2 meta l4proto udp tproxy to :1 meta mark set 0x00000005",
        "meta mark 0x00000005 accept",
    ):
        assert rule in shown
    with pytest.raises(NetlinkError) as caught:
        nftables.load("test", nftables.NFPROTO_INET, chains)
    assert caught.value.errno == errno.EEXIST
    for _ in range(2):
        nftables.delete("test", nftables.NFPROTO_INET)
    assert rules() == ""


@pytest.mark.usefixtures("netlink")
def test_a_batch_of_rules_with_a_bad_one_leaves_nothing() -> None:
    chains = [nftables.Chain("good", "nat", OUTPUT, NAT, ()), nftables.Chain("bad", "nat", 2, 0, ())]
    with pytest.raises(NetlinkError, match="test/bad") as caught:
        nftables.load("test", nftables.NFPROTO_INET, chains)
    assert caught.value.errno == errno.EOPNOTSUPP
    assert rules() == ""


def test_listeners_are_those_in_listen_state_of_both_families(netlink: NetlinkSocket) -> None:
    netlink.batch([route.loopback_up()])
    with NetlinkSocket(NETLINK_SOCK_DIAG) as diag:
        assert sock_diag.listeners(diag) == []
        four, six = socket.create_server(("127.0.0.1", 0)), socket.create_server(("::", 0), family=socket.AF_INET6)
        with four, six, socket.socket() as bound_only, socket.create_connection(four.getsockname()):
            bound_only.bind(("127.0.0.1", 0))
            assert set(sock_diag.listeners(diag)) == {
                (IPv4Address("127.0.0.1"), four.getsockname()[1]),
                (IPv6Address("::"), six.getsockname()[1]),
            }


def test_a_thread_is_back_home_after_a_failure_in_another_namespace(netlink: NetlinkSocket) -> None:
    here = netns.current()
    with pytest.raises(RuntimeError), netns.inside_new(here) as other:
        os.close(other)
        raise RuntimeError
    now = netns.current()
    assert os.fstat(now).st_ino == os.fstat(here).st_ino
    os.close(now)
    os.close(here)
