"""What a picture of a stack shows: published ports, services, what they keep or read, and the lines between them."""

import os
from collections.abc import Iterator
from typing import Literal

import msgspec

from dockless.compose.model import Service
from dockless.explain.story.built import follow
from dockless.explain.story.chapters.order import ports_of
from dockless.explain.story.stack import Stack

Kind = Literal["port", "service", "volume", "folder", "secret"]
Line = Literal["port", "started", "healthy", "completed", "mount", "reads"]


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A box. `detail` is its second line, `tags` are small remarks, `networks` indices into the graph's."""

    id: str
    kind: Kind
    title: str
    detail: str = ""
    tags: tuple[str, ...] = ()
    networks: tuple[int, ...] = ()
    hint: str = ""


class Edge(msgspec.Struct, frozen=True):
    """A line from a box to one that it needs, leads to or uses."""

    source: str
    target: str
    kind: Line
    hint: str = ""


class Graph(msgspec.Struct, frozen=True, kw_only=True):
    """`networks` are the names of the project's networks, in a fixed order."""

    title: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    networks: tuple[str, ...]


def graph_of(stack: Stack) -> Graph:
    """The graph of a project's enabled services."""
    project = stack.project
    networks = tuple(key for key in project.networks if any(key in s.networks for s in project.services.values()))
    nodes: dict[str, Node] = {}
    edges: list[Edge] = []
    for service in project.services.values():
        node = _service(stack, service, networks)
        nodes[node.id] = node
    for service in project.services.values():
        for other, edge in (*_ports(service), *_mounts(stack, service), *_secrets(service)):
            nodes.setdefault(other.id, other)
            if edge not in edges:
                edges.append(edge)
        edges += _dependencies(stack, service)
    return Graph(title=project.name, nodes=tuple(nodes.values()), edges=tuple(edges), networks=networks)


def _service(stack: Stack, service: Service, networks: tuple[str, ...]) -> Node:
    detail = service.image
    hint = service.image
    if service.provider is not None:
        detail = f"provided by {service.provider.type}"
    elif service.build is not None:
        folder = stack.shown(service.build.context)
        image = stack.by_service.get(service.name)
        base = follow(image.file, image.target, image.arguments).final.base if image else ""
        detail = "built here" if folder == "." else f"built from {folder}"
        hint = f"built from {folder}, on {base}" if base else detail
        detail = f"{detail} on {base}" if base and len(base) < 28 else detail
    tags = [f":{port}" for port in ports_of(stack, service)[:4]]
    if service.replicas != 1:
        tags.append(f"×{service.replicas}")
    if service.restart not in ("", "no"):
        tags.append("restarts")
    if service.healthcheck is not None and not service.healthcheck.disable:
        tags.append("health check")
    if service.network_mode:
        tags.append(f"network: {service.network_mode}")
    if any("host-gateway" in addresses for addresses in service.extra_hosts.values()):
        tags.append("reaches the host")
    return Node(
        id=f"service/{service.name}",
        kind="service",
        title=service.name,
        detail=detail,
        tags=tuple(tags),
        networks=tuple(at for at, key in enumerate(networks) if key in service.networks),
        hint=hint,
    )


def _ports(service: Service) -> Iterator[tuple[Node, Edge]]:
    for port in service.ports:
        protocol = "/udp" if port.protocol == "udp" else ""
        host = port.host_ip if port.host_ip not in ("", "0.0.0.0", "::") else ""
        title = (
            f"{host}:{port.published or 'any port'}{protocol}" if host else f"{port.published or 'any port'}{protocol}"
        )
        id_ = f"port/{title}" if port.published else f"port/{service.name}/{port.target}"
        detail = "this machine only" if host in ("127.0.0.1", "::1") else "open to the network"
        hint = f"{title} of the host leads to port {port.target} of {service.name}"
        node = Node(id=id_, kind="port", title=title, detail=detail, hint=hint)
        yield node, Edge(id_, f"service/{service.name}", "port", hint)


def _mounts(stack: Stack, service: Service) -> Iterator[tuple[Node, Edge]]:
    for volume in service.volumes:
        if volume.type == "volume" and volume.source:
            held = stack.project.volumes.get(volume.source)
            detail = "external volume" if held is not None and held.external else "volume"
            node = Node(id=f"volume/{volume.source}", kind="volume", title=volume.source, detail=detail)
        elif volume.type == "bind":
            shown = stack.shown(volume.source)
            title = f"./ ({os.path.basename(stack.folder)})" if shown == "." else shown
            kind = "file of the host" if os.path.isfile(volume.source) else "folder of the host"
            node = Node(id=f"folder/{volume.source}", kind="folder", title=title, detail=kind)
        else:
            continue
        way = "reads" if volume.read_only else "mount"
        hint = f"{service.name} has {node.title} at {volume.target}{', read-only' if volume.read_only else ''}"
        yield node, Edge(f"service/{service.name}", node.id, "reads" if way == "reads" else "mount", hint)


def _secrets(service: Service) -> Iterator[tuple[Node, Edge]]:
    for kind in ("secrets", "configs"):
        for grant in getattr(service, kind):
            node = Node(id=f"{kind}/{grant.source}", kind="secret", title=grant.source, detail=kind[:-1])
            yield (
                node,
                Edge(
                    f"service/{service.name}", node.id, "reads", f"{service.name} reads the {kind[:-1]} {grant.source}"
                ),
            )


_CONDITIONS: dict[str, tuple[Line, str]] = {
    "service_started": ("started", "is started after"),
    "service_healthy": ("healthy", "waits until healthy:"),
    "service_completed_successfully": ("completed", "waits for the end of"),
}


def _dependencies(stack: Stack, service: Service) -> Iterator[Edge]:
    for needed, how in service.depends_on.items():
        if needed in stack.project.services:
            kind, words = _CONDITIONS.get(how.condition, _CONDITIONS["service_started"])
            yield Edge(f"service/{service.name}", f"service/{needed}", kind, f"{service.name} {words} {needed}")
