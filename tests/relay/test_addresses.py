"""What an address means, seen from a container; and the host's resolv.conf."""

from pathlib import Path

import pytest

from dockless.relay.addresses import HOST, INSIDE, NOWHERE, OUTSIDE, Addresses, Network, destinations, pack
from dockless.relay.upstream import HostServers, parse_resolv_conf


@pytest.fixture
def addresses() -> Addresses:
    made = Addresses()
    made.host_gateway = pack("172.17.0.1")
    made.networks["one"] = Network(["172.18.0.0/16", "fd00:18::/64"], ["172.18.0.1", "fd00:18::1"], False)
    made.networks["inner"] = Network(["172.19.0.0/20"], ["172.19.0.1"], True)
    return made


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("172.17.0.1", HOST),
        ("172.18.0.1", HOST),
        ("fd00:18::1", HOST),
        ("172.18.255.255", INSIDE),
        ("fd00:18::77", INSIDE),
        ("172.19.15.1", INSIDE),
        ("172.19.16.1", OUTSIDE),
        ("192.0.2.1", OUTSIDE),
        ("2001:db8::1", OUTSIDE),
        ("127.0.0.1", NOWHERE),
        ("0.0.0.0", NOWHERE),
        ("224.0.0.251", NOWHERE),
        ("255.255.255.255", NOWHERE),
        ("::1", NOWHERE),
        ("ff02::1", NOWHERE),
        ("::ffff:127.0.0.1", NOWHERE),
    ],
)
def test_addresses_mean(addresses: Addresses, address: str, kind: str) -> None:
    assert addresses.kind(pack(address)) == kind


def test_only_containers_of_networks_that_are_not_internal_may_leave(addresses: Addresses) -> None:
    assert addresses.may_leave(pack("172.18.0.2"))
    assert not addresses.may_leave(pack("172.19.0.2"))
    assert not addresses.may_leave(pack("10.0.0.1"))


def test_the_host_is_its_loopback_ipv4_first_and_inside_is_nowhere(addresses: Addresses) -> None:
    assert [text for _, text in destinations(addresses, pack("172.17.0.1"))] == ["127.0.0.1", "::1"]
    assert [text for _, text in destinations(addresses, pack("192.0.2.1"))] == ["192.0.2.1"]
    assert list(destinations(addresses, pack("172.18.0.2"))) == []


def test_resolv_conf_is_read_as_the_c_library_reads_it() -> None:
    text = "# a comment\nsearch example\nnameserver 192.0.2.1\nnameserver\tfe80::1%eth0 # x\nnameserver nonsense\n"
    assert parse_resolv_conf(text) == ["192.0.2.1", "fe80::1%eth0"]
    assert parse_resolv_conf("") == ["127.0.0.1"]
    assert len(parse_resolv_conf("nameserver 192.0.2.1\n" * 5)) == 3


def test_a_changed_resolv_conf_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"
    servers = HostServers(str(path))
    assert servers.current() == ["127.0.0.1"]
    path.write_text("nameserver 192.0.2.1\n")
    assert servers.current() == ["192.0.2.1"]
    other = tmp_path / "new"
    other.write_text("nameserver 192.0.2.2\n")
    other.rename(path)
    assert servers.current() == ["192.0.2.2"]
