"""As whom a published port's client is seen in the container: with its own address, where the answer finds back.

A socket of the fabric takes the client's address (IP_TRANSPARENT). What the container answers goes by its default route
to the fabric, which takes it for its own: it forwards nothing. A client on the host's loopback, one whose address is of
a network of ours, or a container without a default route to the fabric: there the network's gateway is seen, as with
Docker's proxy.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

from dockless.relay.addresses import OUTSIDE, Addresses, family_of, pack, unpack
from dockless.relay.names import Names
from dockless.relay.sockets import Sockets, be_transparent

TargetAddress = tuple[str, int]

_IP_BIND_ADDRESS_NO_PORT = 24


class Visitors:
    """Makes the sockets of the fabric by which clients' connections and datagrams reach a container."""

    def __init__(self, sockets: Sockets, addresses: Addresses, names: Names) -> None:
        self._sockets = sockets
        self._addresses = addresses
        self._names = names

    def ways(self, client: str, target: TargetAddress) -> Iterator[tuple[TargetAddress, str]]:
        """(address to connect to, source or "" for the gateway), the best first; the last one always works.

        A client by IPv6 meets the container's IPv6 address, if it has one.
        """
        if self._may_be_seen(client):
            endpoint = self._names.at(pack(target[0]))
            size, version = (16, 6) if ":" in client else (4, 4)
            if endpoint is not None and version in endpoint.default_routes:
                for address in endpoint.addresses:
                    if len(address) == size:
                        yield (unpack(address), target[1]), client
        yield target, ""

    def socket(self, kind: int, target: TargetAddress, source: str) -> socket.socket:
        """Not connected yet. Raises OSError."""
        family = family_of(target[0])
        made = self._sockets.in_fabric(family, kind)
        if source:
            try:
                be_transparent(made)
                # The port is chosen with the target known: one for each client and target, not one for each client.
                made.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
                made.bind((source, 0))
            except OSError:
                made.close()
                raise
        return made

    def _may_be_seen(self, client: str) -> bool:
        if "%" in client or client.startswith(("127.", "169.254.", "fe80:")) or client == "::1":
            return False
        return self._addresses.kind(pack(client)) == OUTSIDE
