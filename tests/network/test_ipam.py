"""Which subnet, which address, which MAC."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

import pytest

from dockless.network.ipam import (
    DEFAULT_POOLS,
    PoolExhausted,
    gateway_of,
    mac_for,
    next_address,
    next_subnet,
)


def test_the_first_networks_are_dockers() -> None:
    taken: list[IPv4Network | IPv6Network] = []
    for _ in range(17):
        taken.append(next_subnet(DEFAULT_POOLS, taken))
    assert [str(subnet) for subnet in taken[:2]] == ["172.17.0.0/16", "172.18.0.0/16"]
    assert [str(subnet) for subnet in taken[14:]] == ["172.31.0.0/16", "192.168.0.0/20", "192.168.16.0/20"]


def test_a_subnet_keeps_off_the_hosts_routes_but_not_off_the_default_route() -> None:
    routes = [ip_network("0.0.0.0/0"), ip_network("172.16.0.0/12"), ip_network("fd00::/8")]
    assert next_subnet(DEFAULT_POOLS, [], routes) == ip_network("192.168.0.0/20")


def test_no_subnet_left_is_an_error() -> None:
    pool = (ip_network("10.0.0.0/30"), 30)
    with pytest.raises(PoolExhausted, match="fully subnetted"):
        next_subnet([pool], [ip_network("10.0.0.0/24")])


def test_addresses_are_given_from_the_lowest_and_never_the_networks_own_or_the_broadcast() -> None:
    subnet = IPv4Network("10.0.0.0/29")
    taken = {gateway_of(subnet)}
    while len(taken) < 6:
        taken.add(next_address(subnet, taken))
    assert max(taken) == IPv4Address("10.0.0.6")
    with pytest.raises(PoolExhausted):
        next_address(subnet, taken)


def test_an_address_given_back_is_given_again() -> None:
    subnet = IPv4Network("10.0.0.0/24")
    assert next_address(subnet, {IPv4Address("10.0.0.1"), IPv4Address("10.0.0.3")}) == IPv4Address("10.0.0.2")


def test_a_range_limits_the_choice() -> None:
    subnet, part = IPv4Network("10.0.0.0/24"), IPv4Network("10.0.0.128/30")
    assert next_address(subnet, set(), part) == IPv4Address("10.0.0.128")
    with pytest.raises(PoolExhausted):
        next_address(subnet, set(part), part)


def test_ipv6_subnets_work_alike() -> None:
    subnet = IPv6Network("fd00::/64")
    assert next_address(subnet, {gateway_of(subnet)}) == IPv6Address("fd00::2")


def test_the_mac_follows_from_the_address_as_dockers_does() -> None:
    assert mac_for(IPv4Address("172.17.0.2")) == "02:42:ac:11:00:02"
    assert mac_for(IPv6Address("fd00::abcd")) == "02:42:00:00:ab:cd"
