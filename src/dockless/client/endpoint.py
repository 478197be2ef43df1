"""Where an engine listens: a Unix socket or a TCP address, read from `DOCKER_HOST`."""

import _socket
from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from dockless.client.errors import EngineUnavailable

if TYPE_CHECKING:
    import socket

_CONNECT_TIMEOUT = 10.0


class Endpoint(Struct, frozen=True):
    """`path` of a Unix socket, or `host` and `port`; `certificates`: the folder of a TLS client's ca, cert and key."""

    path: str = ""
    host: str = ""
    port: int = 0
    certificates: str | None = None

    def __str__(self) -> str:
        return f"unix://{self.path}" if self.path else f"tcp://{self.host}:{self.port}"

    def open(self) -> _socket.socket:
        """A new connection; raises `OSError`."""
        if not self.path:
            return self._open_tcp()
        # The bare socket: to import what `socket` adds, and we do not use, takes longer than what most commands ask.
        connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        try:
            connection.connect(self.path)
        except BaseException:
            connection.close()
            raise
        return connection

    def _open_tcp(self) -> "socket.socket":
        import socket

        connection = socket.create_connection((self.host, self.port), timeout=_CONNECT_TIMEOUT)
        connection.settimeout(None)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._secured(connection) if self.certificates is not None else connection

    def _secured(self, connection: "socket.socket") -> "socket.socket":
        import ssl

        context = ssl.create_default_context(cafile=f"{self.certificates}/ca.pem")
        context.load_cert_chain(f"{self.certificates}/cert.pem", f"{self.certificates}/key.pem")
        return context.wrap_socket(connection, server_hostname=self.host)


def parse_host(text: str, environ: Mapping[str, str]) -> Endpoint:
    """`DOCKER_HOST` as Docker reads it; raises `EngineUnavailable` for a form that is not spoken here."""
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "tcp", text
    if scheme == "unix" and rest:
        return Endpoint(path=rest)
    if scheme in ("tcp", "http", "https"):
        certificates = None
        if environ.get("DOCKER_TLS_VERIFY") or scheme == "https":
            certificates = environ.get("DOCKER_CERT_PATH") or f"{environ.get('HOME', '')}/.docker"
        host, colon, port = rest.rstrip("/").rpartition(":")
        if not colon or port.endswith("]"):
            host, port = rest.rstrip("/"), "2375" if certificates is None else "2376"
        if port.isdigit():
            return Endpoint(host=host.strip("[]") or "localhost", port=int(port), certificates=certificates)
    raise EngineUnavailable(f"cannot use DOCKER_HOST {text!r}: write unix:///path/of/socket or tcp://host:port")
