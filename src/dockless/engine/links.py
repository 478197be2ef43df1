"""Legacy links (`--link`) between containers of the default bridge: names, and environment variables. Pure.

On networks of the user's own a link is an alias and nothing more; `engine/wiring.py` has those.
"""

import os
from collections.abc import Iterator, Sequence

from dockless.engine.records import ContainerRecord

BRIDGE = "bridge"
_NOT_INHERITED = ("HOME", "PATH")


def split(entry: str) -> tuple[str, str]:
    """(container, alias) of `container:alias` or `container`."""
    target, _, alias = entry.partition(":")
    target = target.lstrip("/")
    return target, os.path.basename(alias or target)


def is_legacy(record: ContainerRecord) -> bool:
    return BRIDGE in record.endpoints


def names(linked: ContainerRecord, alias: str) -> Sequence[str]:
    """By which the linked container is known: its alias, its host name and its name."""
    return tuple(dict.fromkeys((alias, linked.config.hostname, linked.name)))


def environment(record: ContainerRecord, linked: ContainerRecord, alias: str) -> Iterator[str]:
    """`DB_PORT=tcp://172.17.0.2:5432` and its kin, as Docker sets them; the linked container runs."""
    prefix = alias.replace("-", "_").upper()
    address = linked.endpoints[BRIDGE].address.split("/")[0]
    ports = sorted(_ports(linked), key=lambda port: (port[1], port[0]))
    if ports:
        yield f"{prefix}_PORT={ports[0][1]}://{address}:{ports[0][0]}"
    for number, protocol in ports:
        name = f"{prefix}_PORT_{number}_{protocol.upper()}"
        yield f"{name}={protocol}://{address}:{number}"
        yield f"{name}_ADDR={address}"
        yield f"{name}_PORT={number}"
        yield f"{name}_PROTO={protocol}"
    yield f"{prefix}_NAME=/{record.name}/{alias}"
    for entry in linked.config.env or ():
        key, equals, value = entry.partition("=")
        if equals and key not in _NOT_INHERITED:
            yield f"{prefix}_ENV_{key}={value}"


def _ports(linked: ContainerRecord) -> Iterator[tuple[int, str]]:
    for text in linked.config.exposed_ports or {}:
        number, _, protocol = text.partition("/")
        if number.isdecimal():
            yield int(number), protocol or "tcp"
