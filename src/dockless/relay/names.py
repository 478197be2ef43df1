"""Which names a container knows: those of the endpoints on its networks, its links, and what it was given as it stands.

Pure bookkeeping; the answers are records for dns.py.
"""

from __future__ import annotations

from collections.abc import Iterable

from dockless.relay import dns
from dockless.relay.addresses import Addresses, pack

_ADDRESS_KINDS = (dns.A, dns.AAAA, dns.ANY)


class Endpoint:
    """A container's place on a network."""

    __slots__ = ("addresses", "container", "default_routes", "names", "network")

    def __init__(
        self,
        network: str,
        container: str,
        addresses: Iterable[str],
        names: Iterable[str],
        default_routes: Iterable[int] = (),
    ) -> None:
        """`default_routes`: IP versions whose default route leads here. Raises OSError for what is no address."""
        self.network = network
        self.container = container
        self.addresses = [pack(address) for address in addresses]
        self.names = [name.rstrip(".").lower() for name in names]
        self.default_routes = frozenset(default_routes)


class Asker:
    """What one container's resolver goes by."""

    __slots__ = ("host_names", "links", "networks", "servers")

    def __init__(
        self, networks: Iterable[str], servers: Iterable[str], links: dict[str, str], host_names: dict[str, str]
    ) -> None:
        """Raises OSError for what is no address."""
        self.networks = list(networks)
        self.servers = list(servers)
        self.links = {alias.rstrip(".").lower(): container for alias, container in links.items()}
        self.host_names = {name.rstrip(".").lower(): pack(address) for name, address in host_names.items()}


class Names:
    """All endpoints, by network and name, and by network and address."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses
        self._endpoints: dict[tuple[str, str], Endpoint] = {}
        self._by_name: dict[tuple[str, str], list[Endpoint]] = {}
        self._by_address: dict[tuple[str, bytes], Endpoint] = {}
        self._turns: dict[tuple[str, str, int], int] = {}

    def __len__(self) -> int:
        return len(self._endpoints)

    def set(self, endpoint: Endpoint) -> None:
        self.delete(endpoint.network, endpoint.container)
        self._endpoints[endpoint.network, endpoint.container] = endpoint
        for name in endpoint.names:
            self._by_name.setdefault((endpoint.network, name), []).append(endpoint)
        for address in endpoint.addresses:
            self._by_address[endpoint.network, address] = endpoint

    def delete(self, network: str, container: str) -> Endpoint | None:
        endpoint = self._endpoints.pop((network, container), None)
        if endpoint is None:
            return None
        for name in endpoint.names:
            sharing = self._by_name.get((network, name), [])
            if endpoint in sharing:
                sharing.remove(endpoint)
            if not sharing:
                self._by_name.pop((network, name), None)
                for kind in _ADDRESS_KINDS:
                    self._turns.pop((network, name, kind), None)
        for address in endpoint.addresses:
            if self._by_address.get((network, address)) is endpoint:
                del self._by_address[network, address]
        return endpoint

    def at(self, address: bytes) -> Endpoint | None:
        """Who has that address: networks do not overlap."""
        for identifier, network in self._addresses.networks.items():
            if network.holds(address):
                return self._by_address.get((identifier, address))
        return None

    def answer(self, asker: Asker, query: dns.Query) -> tuple[int, list[tuple[int, bytes]]] | None:
        """(rcode, records), or None for a question to pass on to the servers outside."""
        if query.klass != dns.IN:
            return None
        if query.kind == dns.PTR and (address := dns.reversed_address(query.name)) is not None:
            return self._reverse(asker, address)
        known = self._lookup(asker, query.name, query.kind)
        return None if known is None else (dns.NOERROR, _records(known, query.kind))

    def has_way_out(self, asker: Asker) -> bool:
        """Whether one of the asker's networks is not internal."""
        networks = (self._addresses.networks.get(identifier) for identifier in asker.networks)
        return any(network is not None and not network.internal for network in networks)

    def _lookup(self, asker: Asker, name: str, kind: int) -> list[bytes] | None:
        if (given := asker.host_names.get(name)) is not None:
            return [given]
        if (container := asker.links.get(name)) is not None:
            for network in asker.networks:
                if (endpoint := self._endpoints.get((network, container))) is not None:
                    return endpoint.addresses
        for network in asker.networks:
            if sharing := self._by_name.get((network, name)):
                return self._in_turn((network, name, kind), sharing)
        return None

    def _in_turn(self, asked: tuple[str, str, int], sharing: list[Endpoint]) -> list[bytes]:
        """Questions for IPv4 and IPv6 mostly come in pairs: each kind has turns of its own."""
        turn = self._turns.get(asked, 0) % len(sharing)
        if asked[2] in _ADDRESS_KINDS:
            self._turns[asked] = turn + 1
        return [address for endpoint in sharing[turn:] + sharing[:turn] for address in endpoint.addresses]

    def _reverse(self, asker: Asker, address: bytes) -> tuple[int, list[tuple[int, bytes]]] | None:
        for network in asker.networks:
            endpoint = self._by_address.get((network, address))
            if endpoint is not None and endpoint.names:
                return dns.NOERROR, [(dns.PTR, dns.encode_name(endpoint.names[0]))]
            known = self._addresses.networks.get(network)
            if known is not None and known.holds(address):
                # Nobody outside knows our addresses, and asking would cost a service seconds for each client.
                return dns.NXDOMAIN, []
        return None


def _records(known: list[bytes], kind: int) -> list[tuple[int, bytes]]:
    records = []
    for address in known:
        own = dns.A if len(address) == 4 else dns.AAAA
        if kind in (own, dns.ANY):
            records.append((own, address))
    return records
