"""`docker network`."""

from typing import Any

import click

from dockless.cli.docker.client_config import text_of
from dockless.cli.docker.each import for_each, parse_filters
from dockless.cli.environment import labels
from dockless.cli.failure import Failure
from dockless.cli.output import echo, print_rows, short_id
from dockless.cli.rows import label_method
from dockless.cli.session import Session, pass_session


@click.command("ls", short_help="List networks")
@click.option("-f", "--filter", "filters", multiple=True, help='Provide filter values (e.g. "driver=bridge")')
@click.option("--format", "format_", default="", help="table, json, or a Go template over the fields")
@click.option("--no-trunc", is_flag=True, help="Do not truncate the output")
@click.option("-q", "--quiet", is_flag=True, help="Only display network IDs")
@pass_session
def ls(session: Session, /, filters: tuple[str, ...], format_: str, no_trunc: bool, quiet: bool) -> None:
    """List networks."""
    found = sorted(session.client.networks.list(filters=parse_filters(filters)), key=lambda each: each.name)
    rows = [
        {
            "CreatedAt": network.created,
            "Driver": network.driver,
            "ID": network.id if no_trunc else short_id(network.id),
            "IPv6": str(network.enable_ipv6).lower(),
            "Internal": str(network.internal).lower(),
            "Label": label_method(network.labels),
            "Labels": ",".join(f"{key}={value}" for key, value in sorted((network.labels or {}).items())),
            "Name": network.name,
            "Scope": network.scope,
        }
        for network in found
    ]
    if quiet:
        for row in rows:
            echo(str(row["ID"]))
        return
    columns = {"NETWORK ID": "ID", "NAME": "Name", "DRIVER": "Driver", "SCOPE": "Scope"}
    print_rows(rows, columns, text_of(format_, "networksFormat", session.environ, "table"))


@click.command("create", short_help="Create a network")
@click.option("--config-from", default="", help="The network from which to copy the configuration")
@click.option("--config-only", is_flag=True, help="Create a configuration only network")
@click.option("--ingress", is_flag=True, help="Create swarm routing-mesh network")
@click.option("--ipv4", type=bool, default=None, is_flag=False, flag_value=True, help="Enable or disable IPv4")
@click.option("--scope", default="", help="Control the network's scope")
@click.option("--attachable", is_flag=True, help="Enable manual container attachment")
@click.option("--aux-address", multiple=True, help="Auxiliary IPv4 or IPv6 addresses used by Network driver")
@click.option("-d", "--driver", default="bridge", help="Driver to manage the Network")
@click.option("--gateway", multiple=True, help="IPv4 or IPv6 Gateway for the master subnet")
@click.option("--internal", is_flag=True, help="Restrict external access to the network")
@click.option("--ip-range", multiple=True, help="Allocate container ip from a sub-range")
@click.option("--ipam-driver", default="default", help="IP Address Management Driver")
@click.option("--ipam-opt", multiple=True, help="Set IPAM driver specific options")
@click.option("--ipv6", is_flag=True, help="Enable IPv6 networking")
@click.option("--label", multiple=True, help="Set metadata on a network")
@click.option("-o", "--opt", multiple=True, help="Set driver specific options")
@click.option("--subnet", multiple=True, help="Subnet in CIDR format that represents a network segment")
@click.argument("name")
@pass_session
def create(session: Session, /, name: str, **flags: Any) -> None:
    """Create a network."""
    from dockless.wire.networks import IPAM, ConfigReference, NetworkCreateRequest

    body = NetworkCreateRequest(
        name=name,
        check_duplicate=True,
        driver=flags["driver"],
        attachable=flags["attachable"],
        internal=flags["internal"],
        enable_ipv4=flags["ipv4"],
        scope=flags["scope"],
        ingress=flags["ingress"],
        config_only=flags["config_only"],
        config_from=ConfigReference(network=flags["config_from"]) if flags["config_from"] else None,
        enable_ipv6=True if flags["ipv6"] else None,
        ipam=IPAM(driver=flags["ipam_driver"], options=labels(flags["ipam_opt"]) or None, config=_pools(flags)),
        options=labels(flags["opt"]),
        labels=labels(flags["label"]),
    )
    answer = session.client.networks.create(body)
    echo(answer.id)


def _pools(flags: dict[str, Any]) -> tuple[Any, ...]:
    """A pool for each subnet, with the gateway and the range that lie in it. Raises `Failure`."""
    from ipaddress import ip_address, ip_network

    from dockless.wire.networks import IPAMConfig

    pools = []
    try:
        for text in flags["subnet"]:
            subnet = ip_network(text)
            gateway = next((each for each in flags["gateway"] if ip_address(each) in subnet), "")
            inner = [
                each
                for each in flags["ip_range"]
                if ip_network(each).version == subnet.version and ip_network(each).network_address in subnet
            ]
            reserved = {
                key: value for key, value in labels(flags["aux_address"]).items() if ip_address(value) in subnet
            }
            pools.append(
                IPAMConfig(
                    subnet=text,
                    gateway=gateway,
                    ip_range=inner[0] if inner else "",
                    auxiliary_addresses=reserved or None,
                )
            )
    except ValueError as error:
        raise Failure(f"invalid subnet: {error}") from error
    if (flags["gateway"] or flags["ip_range"]) and not pools:
        raise Failure("every ip-range or gateway must have a corresponding subnet")
    return tuple(pools)


@click.command("rm", short_help="Remove one or more networks")
@click.option("-f", "--force", is_flag=True, help="Do not error if the network does not exist")
@click.argument("names", nargs=-1, required=True, metavar="NETWORK [NETWORK...]")
@pass_session
def rm(session: Session, /, names: tuple[str, ...], force: bool) -> None:
    """Remove one or more networks."""
    from dockless.wire.errors import NotFound

    def one(name: str) -> None:
        try:
            session.client.networks.remove(name)
        except NotFound:
            if not force:
                raise

    for_each(names, one)


@click.command("connect", short_help="Connect a container to a network")
@click.option("--alias", multiple=True, help="Add network-scoped alias for the container")
@click.option("--driver-opt", multiple=True, help="driver options for the network")
@click.option("--gw-priority", type=int, default=0, help="Highest gw-priority provides the default gateway")
@click.option("--ip", default="", help="IPv4 address (e.g. 172.30.100.104)")
@click.option("--ip6", default="", help="IPv6 address (e.g. 2001:db8::33)")
@click.option("--link-local-ip", multiple=True, help="Add a link-local address for the container")
@click.option("--link", multiple=True, help="Add link to another container")
@click.argument("network")
@click.argument("container")
@pass_session
def connect(session: Session, /, network: str, container: str, **flags: Any) -> None:
    """Connect a container to a network."""
    from dockless.wire.endpoints import EndpointIPAMConfig, EndpointSettings

    fixed = EndpointIPAMConfig(
        ipv4_address=flags["ip"], ipv6_address=flags["ip6"], link_local_ips=flags["link_local_ip"] or None
    )
    endpoint = EndpointSettings(
        ipam_config=fixed if fixed != EndpointIPAMConfig() else None,
        aliases=flags["alias"] or None,
        links=flags["link"] or None,
        driver_opts=labels(flags["driver_opt"]) or None,
        gw_priority=flags["gw_priority"],
    )
    session.client.networks.connect(network, container=container, endpoint=endpoint)


@click.command("disconnect", short_help="Disconnect a container from a network")
@click.option("-f", "--force", is_flag=True, help="Force the container to disconnect from a network")
@click.argument("network")
@click.argument("container")
@pass_session
def disconnect(session: Session, /, network: str, container: str, force: bool) -> None:
    """Disconnect a container from a network."""
    session.client.networks.disconnect(network, container=container, force=force)


@click.command("prune", short_help="Remove all unused networks")
@click.option("-f", "--force", is_flag=True, help="Do not prompt for confirmation")
@click.option("--filter", "filters", multiple=True, help='Provide filter values (e.g. "until=<timestamp>")')
@pass_session
def prune(session: Session, /, force: bool, filters: tuple[str, ...]) -> None:
    """Remove all unused networks."""
    if not force:
        click.confirm("WARNING! This will remove all custom networks not used by a container.\nContinue?", abort=True)
    answer = session.client.networks.prune(filters=parse_filters(filters))
    if answer.networks_deleted:
        echo("Deleted Networks:\n" + "\n".join(answer.networks_deleted))
