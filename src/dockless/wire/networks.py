"""Networks: create, inspect, list, connect, disconnect, prune."""

from collections.abc import Mapping

from dockless.wire.base import Message, always, names
from dockless.wire.endpoints import EndpointSettings


class IPAMConfig(Message, frozen=True, kw_only=True):
    """A subnet in CIDR notation; `auxiliary_addresses` are not handed out."""

    subnet: str = ""
    ip_range: str = ""
    gateway: str = ""
    auxiliary_addresses: Mapping[str, str] | None = None


class IPAM(Message, frozen=True, kw_only=True):
    driver: str = always("default")
    options: Mapping[str, str] | None = always(None)
    config: tuple[IPAMConfig, ...] | None = always(())


class ConfigReference(Message, frozen=True, kw_only=True):
    network: str = always("")


class NetworkContainer(
    Message, rename=names(endpoint_id="EndpointID", ipv4_address="IPv4Address"), frozen=True, kw_only=True
):
    """An endpoint as the network shows it; addresses with their prefix length."""

    name: str = always("")
    endpoint_id: str = always("")
    mac_address: str = always("")
    ipv4_address: str = always("")
    ipv6_address: str = always("")


_NAMES = names(enable_ipv4="EnableIPv4", enable_ipv6="EnableIPv6", ipam="IPAM")


class Network(Message, rename=_NAMES, frozen=True, kw_only=True):
    """`containers` (by container id) is filled by inspect and empty in lists."""

    name: str
    id: str
    created: str = always("0001-01-01T00:00:00Z")
    scope: str = always("local")
    driver: str = always("bridge")
    enable_ipv4: bool = always(True)
    enable_ipv6: bool = always(False)
    ipam: IPAM = always(IPAM())
    internal: bool = always(False)
    attachable: bool = always(False)
    ingress: bool = always(False)
    config_from: ConfigReference = always(ConfigReference())
    config_only: bool = always(False)
    containers: Mapping[str, NetworkContainer] = always({})
    options: Mapping[str, str] | None = always({})
    labels: Mapping[str, str] | None = always({})


class NetworkCreateRequest(Message, rename=_NAMES, frozen=True, kw_only=True):
    name: str
    check_duplicate: bool = False
    driver: str = always("")
    scope: str = always("")
    enable_ipv4: bool | None = None
    enable_ipv6: bool | None = None
    ipam: IPAM | None = always(None)
    internal: bool = always(False)
    attachable: bool = always(False)
    ingress: bool = always(False)
    config_only: bool = always(False)
    config_from: ConfigReference | None = always(None)
    options: Mapping[str, str] | None = always(None)
    labels: Mapping[str, str] | None = always(None)


class NetworkCreateResponse(Message, frozen=True, kw_only=True):
    id: str
    warning: str = always("")


class NetworkConnectRequest(Message, frozen=True, kw_only=True):
    container: str
    endpoint_config: EndpointSettings | None = None


class NetworkDisconnectRequest(Message, frozen=True, kw_only=True):
    container: str
    force: bool = always(False)


class NetworkPruneResponse(Message, frozen=True, kw_only=True):
    networks_deleted: tuple[str, ...] | None = always(None)
