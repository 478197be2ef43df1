"""What a container's host configuration asks for and cannot have: refused by name before anything is made.

`check` is for what makes no sense or is not supported anywhere here; `warnings` for what this machine cannot do.
"""

import re
from collections.abc import Mapping
from ipaddress import IPv4Address, ip_address, ip_network
from pathlib import Path

from dockless.engine.config_checks import check_mac
from dockless.engine.log_files import BadOption, parse_options
from dockless.engine.records import NetworkRecord
from dockless.engine.resource_checks import check_resources
from dockless.linux import cgroups
from dockless.linux.capabilities import NUMBERS
from dockless.wire.config import HostConfig, RestartPolicy
from dockless.wire.endpoints import EndpointSettings
from dockless.wire.errors import BadParameter

_RESTARTS = ("", "no", "always", "unless-stopped", "on-failure")
_LOG_DRIVERS = ("", "json-file", "local", "none")
_SECURITY = ("seccomp", "apparmor", "label", "no-new-privileges", "systempaths")
_APPARMOR = ("unconfined", "docker-default", "")
_DEVICE_RULE = re.compile(r"[acb] (?:\d+|\*):(?:\d+|\*) [rwm]{1,3}")
_SYSTEM_LABELS = ("disable",)
INTERFACE_NAME = "com.docker.network.endpoint.ifname"
_INTERFACE = re.compile(r"(?!lo$)[^/\s:.][^/\s:]{0,14}")
_BRIDGE = "com.docker.network.bridge"
# The bridge's name has no meaning outside of the fabric, where each has one of its own.
_NETWORK_OPTIONS = ("com.docker.network.driver.mtu", f"{_BRIDGE}.name", f"{_BRIDGE}.default_bridge")
_NETWORK_DEFAULTS = {f"{_BRIDGE}.enable_ip_masquerade": "true"}
ENABLE_ICC, HOST_BINDING = f"{_BRIDGE}.enable_icc", f"{_BRIDGE}.host_binding_ipv4"


def check(host: HostConfig) -> None:
    """Raises BadParameter."""
    policy = host.restart_policy
    check_policy(policy)
    if host.auto_remove and policy.name not in ("", "no"):
        raise BadParameter("can't create 'AutoRemove' container with restart policy")
    if host.log_config.type not in _LOG_DRIVERS:
        raise BadParameter(f"logger: no log driver named '{host.log_config.type}' is registered")
    if host.log_config.type != "none":
        try:
            parse_options(host.log_config.config or {}, host.log_config.type or "json-file")
        except BadOption as error:
            raise BadParameter(str(error)) from error
    if host.runtime not in ("", "dockless", "runc"):
        raise BadParameter(f"unknown or invalid runtime name: {host.runtime}")
    _check_modes(host)
    check_resources(host)
    check_values(host)
    for option in host.security_opt or ():
        _check_security(option)


def check_policy(policy: RestartPolicy) -> None:
    """Raises BadParameter."""
    if policy.name not in _RESTARTS:
        raise BadParameter(
            f"invalid restart policy: unknown policy '{policy.name}'; "
            "use one of 'no', 'always', 'on-failure', or 'unless-stopped'"
        )
    if policy.maximum_retry_count < 0:
        raise BadParameter("invalid restart policy: maximum retry count cannot be negative")
    if policy.maximum_retry_count and policy.name != "on-failure":
        raise BadParameter("invalid restart policy: maximum retry count can only be used with 'on-failure'")


def check_values(host: HostConfig) -> None:
    """Raises BadParameter."""
    if not -1000 <= host.oom_score_adj <= 1000:
        raise BadParameter(f"Invalid value {host.oom_score_adj}, range for oom score adj is [-1000, 1000]")
    if host.shm_size < 0:
        raise BadParameter("SHM size can not be less than 0")
    for what, names in (("CapAdd", host.cap_add), ("CapDrop", host.cap_drop)):
        for name in names or ():
            full = name.upper() if name.upper().startswith("CAP_") else f"CAP_{name.upper()}"
            if full not in NUMBERS and full != "CAP_ALL":
                raise BadParameter(f'invalid {what}: unknown capability: "{full}"')
    for rule in host.device_cgroup_rules or ():
        if not _DEVICE_RULE.fullmatch(rule):
            raise BadParameter(f"invalid device cgroup rule format: '{rule}'")


def _check_modes(host: HostConfig) -> None:
    if host.userns_mode not in ("", "host"):
        raise BadParameter(f"invalid user namespace mode: {host.userns_mode}")
    if host.cgroup:
        raise BadParameter(f"invalid cgroup: {host.cgroup}: the control group of another container cannot be joined")
    if host.isolation not in ("", "default"):
        raise BadParameter(f"Invalid isolation: \"{host.isolation}\" - linux only supports 'default'")
    if host.ipc_mode not in ("", "none", "private", "shareable", "host") and not host.ipc_mode.startswith("container:"):
        raise BadParameter(f"invalid IPC mode: {host.ipc_mode}")
    if host.pid_mode not in ("", "host") and not host.pid_mode.startswith("container:"):
        raise BadParameter(f"invalid PID mode: {host.pid_mode}")
    if host.uts_mode not in ("", "host"):
        raise BadParameter(f"invalid UTS mode: {host.uts_mode}")
    if host.cgroupns_mode not in ("", "private", "host"):
        raise BadParameter(f"invalid cgroup namespace mode: {host.cgroupns_mode}")
    if host.storage_opt:
        raise BadParameter("--storage-opt is supported only for overlay over xfs with 'pquota' mount option")


def _check_security(option: str) -> None:
    separator = "=" if "=" in option else ":"
    name, _, value = option.partition(separator)
    if name not in _SECURITY:
        raise BadParameter(f'invalid --security-opt: "{option}"')
    if name == "apparmor" and value not in _APPARMOR:
        raise BadParameter(f"apparmor profile {value} cannot be applied: only unconfined is supported")
    if name == "label" and value not in _SYSTEM_LABELS:
        raise BadParameter(f"SELinux label {value} cannot be applied: only disable is supported")


def check_endpoint(record: NetworkRecord, settings: EndpointSettings) -> None:
    """Raises BadParameter."""
    network = record.name
    if settings.ipam_config is not None:
        for family, text in ((4, settings.ipam_config.ipv4_address), (6, settings.ipam_config.ipv6_address)):
            _check_address(record, family, text)
    check_mac(settings.mac_address, network)
    for text in (settings.ipam_config and settings.ipam_config.link_local_ips) or ():
        _check_link_local(network, text)
    for name, value in (settings.driver_opts or {}).items():
        if name == INTERFACE_NAME and _INTERFACE.fullmatch(value):
            continue
        if name == INTERFACE_NAME:
            raise BadParameter(f"network {network}: {value!r} cannot be the name of an interface")
        if name.startswith("com.docker.network."):
            raise BadParameter(f"network {network}: the endpoint option {name} is not supported")


def _check_link_local(network: str, text: str) -> None:
    try:
        address = ip_address(text)
    except ValueError:
        raise BadParameter(
            f"invalid config for network {network}: invalid endpoint settings:\ninvalid link-local IP address: {text}"
        ) from None
    if not address.is_link_local:
        raise BadParameter(f"invalid link local IP address: {text}")


def _check_address(network: NetworkRecord, family: int, text: str) -> None:
    """An address that the user wants must be one, and in a subnet of the network."""
    if not text:
        return
    where = f"invalid config for network {network.name}: invalid endpoint settings"
    try:
        address = ip_address(text)
    except ValueError:
        raise BadParameter(f"{where}: invalid IPv{family} address: {text}") from None
    subnets = [item.subnet for item in network.ipam.config or ()]
    if address.version != family or not any(address in ip_network(subnet) for subnet in subnets):
        raise BadParameter(f"{where}: the address {text} is in none of the network's subnets ({', '.join(subnets)})")


def check_network(options: Mapping[str, str]) -> None:
    """Options of the driver `bridge`. Raises BadParameter."""
    for name, value in options.items():
        if name in _NETWORK_OPTIONS or value == _NETWORK_DEFAULTS.get(name):
            continue
        if name == ENABLE_ICC:
            if value not in ("true", "false"):
                raise BadParameter(f"invalid network config: {name}={value} is neither true nor false")
            continue
        if name == HOST_BINDING:
            try:
                IPv4Address(value)
            except ValueError as error:
                raise BadParameter(f"invalid network config: {name}: {error}") from error
            continue
        if name.startswith("com.docker.network."):
            raise BadParameter(f"invalid network config: the option {name}={value} is not supported")


def warnings(host: HostConfig) -> tuple[str, ...]:
    """Limits that this machine has no controller for, worded as Docker's: they are discarded."""
    found = []
    available = cgroups.controllers()
    for controller, wanted, words in (
        (
            "memory",
            host.memory or host.memory_reservation or host.memory_swappiness not in (None, -1),
            "memory limit capabilities or the cgroup is not mounted. Limitation discarded.",
        ),
        (
            "cpu",
            host.nano_cpus or host.cpu_quota or host.cpu_period,
            "CPU CFS quota or the cgroup is not mounted. Quota discarded.",
        ),
        ("cpu", host.cpu_shares, "CPU shares or the cgroup is not mounted. Shares discarded."),
        ("cpuset", host.cpuset_cpus or host.cpuset_mems, "cpuset or the cgroup is not mounted. Cpuset discarded."),
        ("pids", (host.pids_limit or 0) > 0, "PIDs limit capabilities or the cgroup is not mounted. Limit discarded."),
        (
            "blkio",
            host.blkio_weight or host.blkio_weight_device,
            "Block I/O weight or the cgroup is not mounted. Weight discarded.",
        ),
        (
            "blkio",
            host.blkio_device_read_bps or host.blkio_device_write_bps,
            "BPS Block I/O limits or the cgroup is not mounted. Limits discarded.",
        ),
        (
            "blkio",
            host.blkio_device_read_iops or host.blkio_device_write_iops,
            "IOPS Block I/O limits or the cgroup is not mounted. Limits discarded.",
        ),
    ):
        if wanted and controller not in available:
            found.append(f"Your kernel does not support {words}")
    if (host.blkio_weight or host.blkio_weight_device) and "blkio" in cgroups.layout().v1 and not _disk_with_weights():
        found.append("Block I/O weights have no effect: no disk here has the scheduler bfq, which alone knows them.")
    if host.port_bindings and host.network_mode.startswith(("host", "container:")):
        found.append("Published ports are discarded when using host network mode")
    if host.cpu_count or host.cpu_percent or host.io_maximum_iops or host.io_maximum_bandwidth:
        found.append("CpuCount, CpuPercent, IOMaximumIOps and IOMaximumBandwidth are of Windows containers. Discarded.")
    if host.oom_kill_disable and not host.memory:
        found.append("OOM killer is disabled for the container, but no memory limit is set.")
    return tuple(found)


def _disk_with_weights() -> bool:
    return any("[bfq]" in file.read_text() for file in Path("/sys/block").glob("*/queue/scheduler"))
