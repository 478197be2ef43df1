"""TLS towards a remote engine: which files it takes, as Docker's options and environment name them."""

import socket
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from dockless.client.errors import EngineUnavailable


class Tls(Struct, frozen=True):
    """A client's files in PEM form ("": none); without `verify` the engine may show any certificate."""

    ca: str = ""
    cert: str = ""
    key: str = ""
    verify: bool = True

    def wrap(self, connection: socket.socket, host: str) -> socket.socket:
        """Takes the connection over; what is returned is used like it, half-closing included.

        Raises `OSError` where the other end has no TLS, or shows a certificate that nobody here vouches for.
        """
        import ssl

        from dockless.client.carrying import carried

        context = ssl.create_default_context(cafile=self.ca or None)
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.cert:
            context.load_cert_chain(self.cert, self.key)
        return carried(connection, context, host)


class TlsOptions(Struct, frozen=True):
    """`--tls`, `--tlsverify` and the files of `--tlscacert`, `--tlscert`, `--tlskey`; None is not said."""

    tls: bool | None = None
    tlsverify: bool | None = None
    tlscacert: str = ""
    tlscert: str = ""
    tlskey: str = ""


def chosen(options: TlsOptions, environ: Mapping[str, str], *, wanted: bool = False) -> Tls | None:
    """As Docker decides: by the options, else by DOCKER_TLS_VERIFY and DOCKER_TLS, else None (but for `wanted`).

    Files that are not named are those of DOCKER_CERT_PATH or ~/.docker, as far as they are there. Raises
    `EngineUnavailable` for one that is needed and missing.
    """
    verify = bool(environ.get("DOCKER_TLS_VERIFY")) if options.tlsverify is None else options.tlsverify
    use = bool(environ.get("DOCKER_TLS")) if options.tls is None else options.tls
    if not (verify or use or wanted):
        return None
    folder = environ.get("DOCKER_CERT_PATH") or environ.get("DOCKER_CONFIG") or f"{environ.get('HOME', '')}/.docker"

    def file(named: str, usual: str) -> str:
        if named:
            return _there(named)
        return path if Path(path := f"{folder}/{usual}").exists() else ""

    cert, key = file(options.tlscert, "cert.pem"), file(options.tlskey, "key.pem")
    if bool(cert) != bool(key):
        raise EngineUnavailable(f"TLS: there is {cert or key}, but not the {'key' if cert else 'certificate'} to it")
    ca = file(options.tlscacert, "ca.pem")
    if verify and not ca:
        raise EngineUnavailable(f"TLS: {folder}/ca.pem does not exist: name a file with --tlscacert")
    return Tls(ca, cert, key, verify or (wanted and not use))


def _there(path: str) -> str:
    if not Path(path).is_file():
        raise EngineUnavailable(f"TLS: {path} does not exist")
    return path
