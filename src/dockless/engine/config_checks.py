"""A container's own configuration (`ContainerConfig`, and the ports of `HostConfig`): what cannot be, refused by name.

Docker's words where Docker has them. Nothing is looked up here but what the request itself says.
"""

import re
from collections.abc import Iterable, Iterator
from ipaddress import ip_address

from dockless.engine.signals import parse_signal
from dockless.wire.config import ContainerConfig, HealthConfig, HostConfig
from dockless.wire.errors import BadParameter

# Docker's SDK for Python writes `80/tcp/tcp` where it is given `80/tcp`.
_PORT = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?(?:/(tcp|udp|sctp))?(?:/\3)?", re.IGNORECASE)
_RANGE = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")
_MAC = re.compile(r"[0-9a-fA-F]{2}(?:[:-][0-9a-fA-F]{2}){5}")
_MILLISECOND = 1_000_000
_CHECKS = ("", "NONE", "CMD", "CMD-SHELL")
_LONGEST_HOSTNAME = 63


def check_config(config: ContainerConfig, host: HostConfig) -> None:
    """Raises BadParameter."""
    for fault in _faults(config, host):
        raise BadParameter(fault)
    if config.stop_signal:
        parse_signal(config.stop_signal)


def check_mac(address: str, network: str) -> None:
    """Raises BadParameter."""
    if address and not _MAC.fullmatch(address):
        raise BadParameter(f"invalid config for network {network}: invalid MAC address {address}")


def _faults(config: ContainerConfig, host: HostConfig) -> Iterator[str]:
    if config.working_dir and not config.working_dir.startswith("/"):
        yield f"the working directory '{config.working_dir}' is invalid, it needs to be an absolute path"
    for entry in config.env or ():
        if not entry or entry.startswith("="):
            yield f"invalid environment variable: {entry}"
    if len(config.hostname) > _LONGEST_HOSTNAME:
        yield f"invalid hostname: {config.hostname}: longer than {_LONGEST_HOSTNAME} characters"
    texts: Iterable[str] = (config.hostname, config.domainname, config.user, config.working_dir, *(config.env or ()))
    if any("\0" in text for text in (*texts, *(config.cmd or ()), *(config.entrypoint or ()))):
        yield "invalid argument: a text contains a NUL byte"
    yield from _health(config.healthcheck)
    yield from _ports(config, host)
    for key in host.annotations or ():
        if not key:
            yield "invalid Annotations: the empty string is not permitted as an annotation key"
    for entry in host.extra_hosts or ():
        yield from _extra_host(entry)


def _health(check: HealthConfig | None) -> Iterator[str]:
    if check is None:
        return
    if check.test and check.test[0] not in _CHECKS:
        yield f"Unknown healthcheck type '{check.test[0]}' (expected 'CMD'): use CMD, CMD-SHELL or NONE"
    for name, value in (
        ("Interval", check.interval),
        ("Timeout", check.timeout),
        ("StartPeriod", check.start_period),
        ("StartInterval", check.start_interval),
    ):
        if value and value < _MILLISECOND:
            yield f"{name} in Healthcheck cannot be less than 1ms"
    if check.retries < 0:
        yield "Retries in Healthcheck cannot be negative"


def _ports(config: ContainerConfig, host: HostConfig) -> Iterator[str]:
    for port in config.exposed_ports or ():
        if not _is_range(_PORT, port):
            yield f'invalid port specification: "{port}"'
    for port, bindings in (host.port_bindings or {}).items():
        if not _is_range(_PORT, port):
            yield f'invalid port specification: "{port}"'
        elif port.lower().endswith("/sctp"):
            yield f"the port {port} cannot be published: only tcp and udp are"
        for binding in bindings or ():
            if binding.host_port and not _is_range(_RANGE, binding.host_port):
                yield f'invalid port specification: "{binding.host_port}"'
            if binding.host_ip and not _is_address(binding.host_ip):
                yield f"invalid IP address {binding.host_ip} for port {port}"


def _is_range(pattern: re.Pattern[str], text: str) -> bool:
    found = pattern.fullmatch(text)
    if found is None:
        return False
    first, last = int(found[1]), int(found[2] or found[1])
    return first <= last <= 0xFFFF


def _extra_host(entry: str) -> Iterator[str]:
    """`name:address` or `name=address`, as clients send it."""
    name, separator, address = entry.partition("=") if "=" in entry else entry.partition(":")
    if not name or not separator:
        yield f'bad format for add-host: "{entry}"'
    elif address != "host-gateway" and not _is_address(address.strip("[]")):
        yield f'invalid IP address in add-host: "{address}"'


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
