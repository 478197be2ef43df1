"""Addresses: which subnet a new network gets, which address a new endpoint, and which MAC goes with it.

Pure functions over `ipaddress` values: what is taken is passed in, what was chosen is handed back, and the engine
writes it down.
"""

from collections.abc import Collection, Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

#: (pool, prefix length of one network): Docker's own defaults, in its order. `172.17.0.0/16` is its network `bridge`.
DEFAULT_POOLS: tuple[tuple[Network, int], ...] = (
    *((IPv4Network(f"172.{second}.0.0/16"), 16) for second in range(17, 32)),
    (IPv4Network("192.168.0.0/16"), 20),
)


class PoolExhausted(Exception):
    """No free address in a subnet, or no free subnet in the pools. The message is Docker's."""


def next_subnet(
    pools: Iterable[tuple[Network, int]], taken: Iterable[Network], host_routes: Iterable[Network] = ()
) -> Network:
    """The first subnet of the pools that overlaps neither a network of ours nor a route of the host.

    A default route among `host_routes` is passed over: it overlaps everything. Raises PoolExhausted.
    """
    occupied = [*taken, *(route for route in host_routes if route.prefixlen)]
    for pool, prefix in pools:
        for candidate in pool.subnets(new_prefix=max(prefix, pool.prefixlen)):
            if not any(_overlap(candidate, other) for other in occupied):
                return candidate
    raise PoolExhausted("all predefined address pools have been fully subnetted")


def gateway_of(subnet: Network) -> Address:
    """The address a network's bridge has unless the user names another: the first of the subnet."""
    return subnet.network_address + (1 if subnet.num_addresses > 2 else 0)


def next_address(subnet: Network, taken: Collection[Address], range: Network | None = None) -> Address:
    """The lowest free address of the subnet (of `range` within it, Compose's `ip_range`). Raises PoolExhausted.

    `taken` has the gateway and all endpoints' addresses; network and broadcast address are never given.
    """
    within = range or subnet
    occupied = {int(address) for address in taken}
    occupied.add(int(subnet.network_address))
    if subnet.version == 4 and subnet.num_addresses > 2:
        occupied.add(int(subnet.broadcast_address))
    number, last = int(within.network_address), int(within.broadcast_address)
    while number in occupied:
        number += 1
    if number > last:
        raise PoolExhausted(f"no available IPv{subnet.version} addresses on this network's address pools: {within}")
    return within.network_address + (number - int(within.network_address))


def mac_for(address: Address) -> str:
    """A locally administered MAC that follows from the address, as Docker makes it: `02:42:` and the four octets."""
    return ":".join(f"{octet:02x}" for octet in (0x02, 0x42, *address.packed[-4:]))


def _overlap(one: Network, other: Network) -> bool:
    if isinstance(one, IPv4Network):
        return isinstance(other, IPv4Network) and one.overlaps(other)
    return isinstance(other, IPv6Network) and one.overlaps(other)
