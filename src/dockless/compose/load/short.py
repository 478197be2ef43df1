"""The short syntaxes: `8080:80/udp`, `./src:/dst:ro`, `/dev/x:/dev/y:r`, and what they stand for in long syntax."""

import posixpath
import re
from typing import Any

from dockless.compose.load.tree import Trouble

_PORT = re.compile(r"[0-9]{1,5}")
_PROPAGATIONS = frozenset({"rprivate", "private", "rshared", "shared", "rslave", "slave"})


def ports(spec: str) -> list[dict[str, Any]]:
    """`[[ip:]published:]target[/protocol]`, where published and target may be ranges. Raises Trouble."""
    address, published, target = _port_parts(spec)
    target, _, protocol = target.partition("/")
    protocol = protocol.split("/")[0].lower() or "tcp"
    if not target:
        raise Trouble(f"no port specified: {spec}")
    if protocol not in ("tcp", "udp", "sctp"):
        raise Trouble(f"invalid protocol {protocol!r} in port {spec!r}", hint="use tcp, udp or sctp")
    host_ip = _address(address, spec)
    first, last = _port_range(target, "container", spec)
    host_first, host_last = _port_range(published, "host", spec) if published else (0, 0)
    if published and first != last and last - first != host_last - host_first:
        raise Trouble(f"invalid ranges specified for container and host ports: {target} and {published}")
    found = []
    for offset in range(last - first + 1):
        port: dict[str, Any] = {"mode": "ingress"}
        if host_ip:
            port["host_ip"] = host_ip
        if first + offset:  # there is no port 0: what has no target is refused later
            port["target"] = first + offset
        if published:
            port["published"] = f"{host_first + offset}"
            if first == last and host_first != host_last:
                port["published"] += f"-{host_last}"
        port["protocol"] = protocol
        found.append(port)
    return sorted(found, key=lambda port: str(port.get("target")))


def _port_parts(spec: str) -> tuple[str, str, str]:
    rest, _, target = spec.rpartition(":")
    address, _, published = rest.rpartition(":")
    return address, published, target


def _address(text: str, spec: str) -> str:
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    if text and not is_address(text):
        raise Trouble(f"invalid IP address {text!r} in port {spec!r}")
    return text


def is_address(text: str) -> bool:
    """Whether this is an IPv4 or IPv6 address."""
    import ipaddress  # few projects name one: the others need not wait for the import

    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _port_range(text: str, side: str, spec: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    if not _PORT.fullmatch(first) or (dash and not _PORT.fullmatch(last)):
        raise Trouble(f"invalid {side} port {text!r} in port {spec!r}")
    start, end = int(first), int(last) if dash else int(first)
    if max(start, end) > 65535 or end < start:
        raise Trouble(f"invalid {side} port {text!r} in port {spec!r}")
    return start, end


def volume(spec: str) -> dict[str, Any]:
    """`[source:]target[:options]`; a source that begins like a path is a bind mount, else a volume. Raises Trouble."""
    if not spec:
        raise Trouble("invalid empty volume spec")
    if len(spec.encode()) < 3:
        return {"type": "volume", "target": spec}
    parts = _volume_parts(spec)
    if "" in parts:
        raise Trouble(f"invalid volume {spec!r}: empty section between colons")
    if len(parts) > 3:
        raise Trouble(f"invalid volume {spec!r}: too many colons")
    source, target = (parts[0], parts[1]) if len(parts) > 1 else ("", parts[0])
    mount: dict[str, Any] = {"type": "bind" if is_path(source) else "volume"}
    if source:
        mount["source"] = source
    mount["target"] = clean(target)
    for option in parts[2].split(",") if len(parts) > 2 else ():
        _volume_option(mount, option)
    if mount["type"] == "bind":
        mount.setdefault("bind", {})["create_host_path"] = True
    else:
        mount.setdefault("volume", {})
    return mount


def clean(path: str) -> str:
    """The path without `.`, `..` and doubled or trailing slashes."""
    cleaned = posixpath.normpath(path)
    return cleaned[1:] if cleaned.startswith("//") else cleaned


def _volume_option(mount: dict[str, Any], option: str) -> None:
    if option in ("ro", "rw"):
        mount.pop("read_only", None)
        if option == "ro":
            mount["read_only"] = True
    elif option == "nocopy":
        mount["volume"] = {"nocopy": True}
    elif option in _PROPAGATIONS:
        mount.setdefault("bind", {})["propagation"] = option
    elif option in ("z", "Z"):
        mount.setdefault("bind", {})["selinux"] = option


def _volume_parts(spec: str) -> list[str]:
    """Split at colons, except after a drive letter and inside `${…}`."""
    parts = [""]
    depth = 0
    for index, character in enumerate(spec):
        if character == "$" and spec[index + 1 : index + 2] == "{":
            depth += 1
        elif character == "}" and depth:
            depth -= 1
        is_drive = len(parts[-1]) == 1 and parts[-1].isalpha()
        if character == ":" and not depth and not is_drive:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def is_path(source: str) -> bool:
    """Whether a volume's source names a place on the host (and not a volume)."""
    return source[:1] in (".", "/", "~") or source.startswith("\\\\") or (source[1:2] == ":" and source[0].isalpha())


def device(spec: str) -> dict[str, Any]:
    """`source[:target[:permissions]]`. Raises Trouble."""
    parts = spec.split(":")
    if len(parts) > 3:
        raise Trouble(f"confusing device mapping, please use long syntax: {spec}")
    return {
        "source": parts[0],
        "target": (parts[1] if len(parts) > 1 else "") or parts[0],
        "permissions": parts[2] if len(parts) > 2 else "rwm",
    }
