"""Registry credentials as clients send them: base64url JSON in `X-Registry-Auth` and `X-Registry-Config`."""

import binascii
from collections.abc import Mapping

from dockless.wire.base import Message, decode, encode
from dockless.wire.errors import BadParameter


class AuthConfig(
    Message,
    frozen=True,
    kw_only=True,
    rename={"server_address": "serveraddress", "identity_token": "identitytoken", "registry_token": "registrytoken"},
):
    """One registry's credentials; all empty: none."""

    username: str = ""
    password: str = ""
    auth: str = ""
    email: str = ""
    server_address: str = ""
    identity_token: str = ""
    registry_token: str = ""


class AuthResponse(Message, frozen=True, kw_only=True):
    status: str
    identity_token: str = ""


def parse_auth(header: str) -> AuthConfig | None:
    """`X-Registry-Auth`; `None` where it is empty or says nothing: as in Docker, since clients that have no credentials
    send all kinds of words in it."""
    try:
        data = unwrap(header, "X-Registry-Auth")
        return decode(data, AuthConfig) if data else None
    except BadParameter:
        return None


def parse_auths(header: str) -> Mapping[str, AuthConfig]:
    """`X-Registry-Config` of a build: from registry to credentials. Raises `BadParameter`."""
    data = unwrap(header, "X-Registry-Config")
    return decode(data, dict[str, AuthConfig]) if data else {}


def auth_header(auth: AuthConfig) -> str:
    return wrap(encode(auth))


def auths_header(auths: Mapping[str, AuthConfig]) -> str:
    return wrap(encode(auths))


def wrap(data: bytes) -> str:
    """As such headers carry their JSON."""
    return binascii.b2a_base64(data, newline=False).translate(_TO_URL).decode()


def unwrap(header: str, name: str) -> bytes:
    """Clients differ in padding and alphabet; all are read."""
    try:
        raw = header.strip().encode("ascii").translate(_FROM_URL).rstrip(b"=")
        return binascii.a2b_base64(raw + b"=" * (-len(raw) % 4), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise BadParameter(f"invalid {name} header: {error}") from error


_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_", b"+/")
