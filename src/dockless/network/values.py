"""The engine's specifications as the relay's plain values, and back: the relay keeps them for the next engine."""

from collections.abc import Mapping
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

from dockless.network.specs import EndpointSpec, NetworkSpec, PortSpec


def network_value(spec: NetworkSpec) -> dict[str, Any]:
    return {
        "id": spec.id,
        "subnets": [str(subnet) for subnet in spec.subnets],
        "gateways": [str(gateway) for gateway in spec.gateways],
        "internal": spec.internal,
        "mtu": spec.mtu,
        "closed": spec.closed,
    }


def network_spec(value: Mapping[str, Any]) -> NetworkSpec:
    return NetworkSpec(
        value["id"],
        tuple(ip_network(subnet) for subnet in value["subnets"]),
        tuple(ip_address(gateway) for gateway in value["gateways"]),
        value["internal"],
        value["mtu"],
        value["closed"],
    )


def endpoint_value(spec: EndpointSpec, link: int) -> dict[str, Any]:
    return {
        "network": spec.network_id,
        "container": spec.container_id,
        "addresses": [str(address.ip) for address in spec.addresses],
        "names": spec.names,
        "default_routes": spec.default_routes,
        # The relay makes nothing of these: they are for the engine that comes next.
        "interfaces": [str(address) for address in spec.addresses],
        "link_local": [str(address) for address in spec.link_local],
        "mac": spec.mac,
        "interface": spec.interface,
        "link": link,
    }


def endpoint_spec(value: Mapping[str, Any]) -> EndpointSpec:
    return EndpointSpec(
        value["network"],
        value["container"],
        tuple(ip_interface(address) for address in value["interfaces"]),
        value["mac"],
        value["interface"],
        tuple(value["names"]),
        tuple(value["default_routes"]),
        # A relay that an earlier engine told has none.
        tuple(ip_interface(address) for address in value.get("link_local", ())),
    )


def port_value(port: PortSpec) -> dict[str, Any]:
    return {
        "protocol": port.protocol,
        "host_ip": port.host_ip,
        "host_port": port.host_port,
        "targets": port.targets,
    }


def port_spec(value: Mapping[str, Any]) -> PortSpec:
    targets = tuple((str(address), int(number)) for address, number in value["targets"])
    return PortSpec(value["protocol"], value["host_ip"], value["host_port"], targets)
