"""Config hashes, the same as Docker Compose's: what changed is what hashes differently.

sha256 of the compact JSON of a resource as `config --format json` prints it.
"""

import hashlib
from typing import Any

import msgspec

from dockless.compose.model import Network, Service, Volume
from dockless.compose.plain import JSON, struct

_IGNORED: dict[str, Any] = {"build": None, "pull_policy": "", "scale": None, "depends_on": {}, "profiles": ()}
_HTML = (
    (b"&", b"\\u0026"),
    (b"<", b"\\u003c"),
    (b">", b"\\u003e"),
    (b"\xe2\x80\xa8", b"\\u2028"),
    (b"\xe2\x80\xa9", b"\\u2029"),
)


def service_hash(service: Service) -> str:
    """Hexadecimal. How a service is built, scaled, pulled and ordered does not count; give it with `env_file` read."""
    changes: dict[str, Any] = dict(_IGNORED)
    if service.deploy is not None:
        changes["deploy"] = msgspec.structs.replace(service.deploy, replicas=None)
    return _digest(struct(msgspec.structs.replace(service, **changes), JSON))


def network_hash(network: Network) -> str:
    """Hexadecimal."""
    return _digest(struct(network, JSON))


def volume_hash(volume: Volume) -> str:
    """Hexadecimal. Without a driver it is that of the driver `local`."""
    if not volume.driver:
        volume = msgspec.structs.replace(volume, driver="local")
    return _digest(struct(volume, JSON))


def _digest(value: dict[str, Any]) -> str:
    text = msgspec.json.encode(value)
    for character, escaped in _HTML:
        text = text.replace(character, escaped)
    return hashlib.sha256(text).hexdigest()
