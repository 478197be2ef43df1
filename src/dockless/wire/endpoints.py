"""A container's endpoints on networks: what is asked for, and what it got."""

from collections.abc import Mapping

from dockless.wire.base import Message, always, names


class EndpointIPAMConfig(Message, frozen=True, kw_only=True):
    """Addresses that the user wants."""

    ipv4_address: str = ""
    ipv6_address: str = ""
    link_local_ips: tuple[str, ...] | None = None


class EndpointSettings(
    Message, rename=names(ipam_config="IPAMConfig", dns_names="DNSNames"), frozen=True, kw_only=True
):
    """The first fields are the user's; from `network_id` on they are the engine's answer.

    `aliases` are names on that network; `dns_names` are all of them, the container's own included.
    """

    ipam_config: EndpointIPAMConfig | None = always(None)
    links: tuple[str, ...] | None = always(None)
    aliases: tuple[str, ...] | None = always(None)
    mac_address: str = always("")
    driver_opts: Mapping[str, str] | None = always(None)
    gw_priority: int = 0
    network_id: str = always("")
    endpoint_id: str = always("")
    gateway: str = always("")
    ip_address: str = always("")
    ip_prefix_len: int = always(0)
    ipv6_gateway: str = always("")
    global_ipv6_address: str = always("")
    global_ipv6_prefix_len: int = always(0)
    dns_names: tuple[str, ...] | None = always(None)


class NetworkingConfig(Message, frozen=True, kw_only=True):
    """From a network's name or id to the endpoint wanted there; `None` is an endpoint without wishes."""

    endpoints_config: Mapping[str, EndpointSettings | None] | None = always(None)
