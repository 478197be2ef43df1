"""How published and exposed ports are shown: `0.0.0.0:8080->80/tcp, [::]:8080->80/tcp, 9000-9002/tcp`."""

from collections.abc import Iterable

from dockless.wire.containers import Port


def shown(ports: Iterable[Port]) -> str:
    """Neighbouring ports with the same address are one range, as in `docker ps`."""
    groups: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for port in sorted(ports, key=lambda port: (port.ip, port.private_port, port.public_port, port.type)):
        groups.setdefault((port.ip if port.public_port else "", port.type), []).append(
            (port.private_port, port.public_port)
        )
    texts = []
    for (address, kind), found in groups.items():
        for first, last in _ranges(list(dict.fromkeys(found))):
            texts.append((first[0], first[1] == 0, _one(address, kind, first, last)))
    return ", ".join(text for _, _, text in sorted(texts, key=lambda each: (each[1], each[0])))


def _ranges(ports: list[tuple[int, int]]) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    ranges: list[tuple[tuple[int, int], tuple[int, int]]] = []
    for port in ports:
        if ranges:
            first, last = ranges[-1]
            step = 1 if port[1] else 0
            if port[0] == last[0] + 1 and port[1] == last[1] + step and bool(port[1]) == bool(last[1]):
                ranges[-1] = (first, port)
                continue
        ranges.append((port, port))
    return ranges


def _one(address: str, kind: str, first: tuple[int, int], last: tuple[int, int]) -> str:
    private = f"{first[0]}" if first == last else f"{first[0]}-{last[0]}"
    if not first[1]:
        return f"{private}/{kind}"
    public = f"{first[1]}" if first == last else f"{first[1]}-{last[1]}"
    host = f"[{address}]" if ":" in address else address
    return f"{host}:{public}->{private}/{kind}" if host else f"{public}->{private}/{kind}"
