"""Where an engine listens: a Unix socket, a TCP address with or without TLS, or behind ssh; read from `DOCKER_HOST`."""

import _socket
from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from dockless.client.errors import EngineUnavailable

if TYPE_CHECKING:
    import socket

    from dockless.client.tls import Tls, TlsOptions

_CONNECT_TIMEOUT = 10.0


class Endpoint(Struct, frozen=True):
    """`path` of a Unix socket, or `host` and `port` (with `tls` or without), or an `ssh` address."""

    path: str = ""
    host: str = ""
    port: int = 0
    tls: "Tls | None" = None
    ssh: str = ""

    def __str__(self) -> str:
        if self.ssh:
            return self.ssh
        return f"unix://{self.path}" if self.path else f"tcp://{self.host}:{self.port}"

    def open(self) -> _socket.socket:
        """A new connection; raises `OSError`, `EngineUnavailable`."""
        if self.ssh:
            from dockless.client import ssh

            return ssh.connect(ssh.command(self.ssh))
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
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls is not None:
                return self.tls.wrap(connection, self.host)
        except BaseException:
            connection.close()
            raise
        connection.settimeout(None)
        return connection


def parse_host(
    text: str, environ: Mapping[str, str], *, options: "TlsOptions | None" = None, tls: "Tls | None" = None
) -> Endpoint:
    """`DOCKER_HOST` as Docker reads it; `options` are those of the command line, `tls` those of a context.

    Raises `EngineUnavailable` for a form that is not spoken here.
    """
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "tcp", text
    if scheme == "unix" and rest:
        return Endpoint(path=rest)
    if scheme == "ssh" and rest:
        from dockless.client import ssh

        ssh.command(text)
        return Endpoint(ssh=text)
    if scheme in ("tcp", "http", "https"):
        if tls is None:
            from dockless.client.tls import TlsOptions, chosen

            tls = chosen(options or TlsOptions(), environ, wanted=scheme == "https")
        host, colon, port = rest.rstrip("/").rpartition(":")
        if not colon or port.endswith("]"):
            host, port = rest.rstrip("/"), "2375" if tls is None else "2376"
        if port.isdigit():
            return Endpoint(host=host.strip("[]") or "localhost", port=int(port), tls=tls)
    raise EngineUnavailable(
        f"cannot use DOCKER_HOST {text!r}: write unix:///path/of/socket, tcp://host:port or ssh://user@host"
    )
