"""What a container's host configuration asks for and cannot have: refused by name before anything is made.

`check` is for what makes no sense or is not supported anywhere here; `warnings` for what this machine cannot do.
"""

import re
from collections.abc import Mapping

from dockless.engine.log_files import BadOption, parse_options
from dockless.images.platform import InvalidPlatform, Platform
from dockless.linux import cgroups
from dockless.wire.config import HostConfig
from dockless.wire.endpoints import EndpointSettings
from dockless.wire.errors import BadParameter, NotFound

_RESTARTS = ("", "no", "always", "unless-stopped", "on-failure")
_LOG_DRIVERS = ("", "json-file", "none")
_SECURITY = ("seccomp", "apparmor", "label", "no-new-privileges", "systempaths")
_APPARMOR = ("unconfined", "docker-default", "")
_ULIMITS = (
    *("as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss"),
    *("rtprio", "rttime", "sigpending", "stack"),
)
_SYSTEM_LABELS = ("disable",)
INTERFACE_NAME = "com.docker.network.endpoint.ifname"
_INTERFACE = re.compile(r"(?!lo$)[^/\s:.][^/\s:]{0,14}")
_BRIDGE = "com.docker.network.bridge"
# The bridge's name has no meaning outside of the fabric, where each has one of its own.
_NETWORK_OPTIONS = ("com.docker.network.driver.mtu", f"{_BRIDGE}.name", f"{_BRIDGE}.default_bridge")
_NETWORK_DEFAULTS = {
    f"{_BRIDGE}.enable_icc": "true",
    f"{_BRIDGE}.enable_ip_masquerade": "true",
    f"{_BRIDGE}.host_binding_ipv4": "0.0.0.0",
}


def check(host: HostConfig) -> None:
    """Raises BadParameter."""
    policy = host.restart_policy
    if policy.name not in _RESTARTS:
        raise BadParameter(
            f'invalid restart policy: unknown policy "{policy.name}"; use one of no, always, on-failure, unless-stopped'
        )
    if policy.maximum_retry_count and policy.name != "on-failure":
        raise BadParameter("invalid restart policy: maximum retry count can only be used with 'on-failure'")
    if host.auto_remove and policy.name not in ("", "no"):
        raise BadParameter("can't create 'AutoRemove' container with restart policy")
    if host.log_config.type not in _LOG_DRIVERS:
        raise BadParameter(f"logger: no log driver named '{host.log_config.type}' is registered")
    if host.log_config.type != "none":
        try:
            parse_options(host.log_config.config or {})
        except BadOption as error:
            raise BadParameter(str(error)) from error
    if host.runtime not in ("", "dockless", "runc"):
        raise BadParameter(f"unknown or invalid runtime name: {host.runtime}")
    if host.memory and host.memory < 6 * 1024 * 1024:
        raise BadParameter("Minimum memory limit allowed is 6MB")
    if host.device_requests:
        raise BadParameter("could not select device driver: devices by capability (GPUs) are not supported")
    _check_modes(host)
    _check_limits(host)
    for option in host.security_opt or ():
        _check_security(option)


def _check_modes(host: HostConfig) -> None:
    if host.userns_mode not in ("", "host"):
        raise BadParameter(f"invalid user namespace mode: {host.userns_mode}")
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
        raise BadParameter(f"--storage-opt is not supported: {', '.join(sorted(host.storage_opt))}")


def _check_limits(host: HostConfig) -> None:
    if host.blkio_weight and not 10 <= host.blkio_weight <= 1000:
        raise BadParameter("Range of blkio weight is from 10 to 1000")
    if host.memory and 0 < host.memory_swap < host.memory:
        raise BadParameter("Minimum memoryswap limit should be larger than memory limit, see usage")
    if host.memory_swap > 0 and not host.memory:
        raise BadParameter("You should always set the Memory limit when using Memoryswap limit, see usage")
    if host.memory and host.memory_reservation > host.memory:
        raise BadParameter("Minimum memory limit can not be less than memory reservation limit, see usage")
    if host.nano_cpus and (host.cpu_period or host.cpu_quota):
        raise BadParameter("Conflicting options: Nano CPUs and CPU Period or CPU Quota cannot both be set")
    if (host.cpu_realtime_period or host.cpu_realtime_runtime) and "cpu" not in cgroups.layout().v1:
        raise BadParameter("Your kernel does not support CPU real-time scheduler")

    for limit in host.ulimits or ():
        if limit.name not in _ULIMITS:
            raise BadParameter(f"invalid ulimit type: {limit.name}")
        if limit.hard != -1 and (limit.soft > limit.hard or limit.soft == -1):
            raise BadParameter(f"ulimit soft limit must be less than or equal to hard limit: {limit.name}")


def _check_security(option: str) -> None:
    separator = "=" if "=" in option else ":"
    name, _, value = option.partition(separator)
    if name not in _SECURITY:
        raise BadParameter(f'invalid --security-opt 2: "{option}"')
    if name == "apparmor" and value not in _APPARMOR:
        raise BadParameter(f"apparmor profile {value} cannot be applied: only unconfined is supported")
    if name == "label" and value not in _SYSTEM_LABELS:
        raise BadParameter(f"SELinux label {value} cannot be applied: only disable is supported")


def check_platform(asked: str, image: Platform, name: str) -> None:
    """Raises BadParameter for no platform, NotFound where the image is for another one."""
    if not asked:
        return
    try:
        wanted = Platform.parse(asked)
    except InvalidPlatform as error:
        raise BadParameter(str(error)) from error
    if image.architecture and not any(one.accepts(image) for one in wanted.fallbacks()):
        raise NotFound(
            f"image with reference {name} was found but does not provide the specified platform ({wanted}): "
            f"it is for {image}"
        )


def check_endpoint(network: str, settings: EndpointSettings) -> None:
    """Raises BadParameter."""
    if settings.ipam_config and settings.ipam_config.link_local_ips:
        raise BadParameter(f"network {network}: link-local addresses of a container's own are not supported")
    for name, value in (settings.driver_opts or {}).items():
        if name == INTERFACE_NAME and _INTERFACE.fullmatch(value):
            continue
        if name == INTERFACE_NAME:
            raise BadParameter(f"network {network}: {value!r} cannot be the name of an interface")
        if name.startswith("com.docker.network."):
            raise BadParameter(f"network {network}: the endpoint option {name} is not supported")


def check_network(options: Mapping[str, str]) -> None:
    """Options of the driver `bridge`. Raises BadParameter."""
    for name, value in options.items():
        if name in _NETWORK_OPTIONS or value == _NETWORK_DEFAULTS.get(name):
            continue
        if name.startswith("com.docker.network."):
            raise BadParameter(f"invalid network config: the option {name}={value} is not supported")


def warnings(host: HostConfig) -> tuple[str, ...]:
    """Limits that this machine has no controller for, worded as Docker's: they are discarded."""
    found = []
    available = cgroups.controllers()
    for controller, wanted, words in (
        ("memory", host.memory, "memory limit capabilities or the cgroup is not mounted. Limitation discarded."),
        ("cpu", host.nano_cpus or host.cpu_quota, "CPU CFS quota or the cgroup is not mounted. Quota discarded."),
        ("cpu", host.cpu_shares, "CPU shares or the cgroup is not mounted. Shares discarded."),
        ("cpuset", host.cpuset_cpus or host.cpuset_mems, "cpuset or the cgroup is not mounted. Cpuset discarded."),
        ("pids", (host.pids_limit or 0) > 0, "PIDs limit capabilities or the cgroup is not mounted. Limit discarded."),
        ("blkio", host.blkio_weight, "Block I/O weight or the cgroup is not mounted. Weight discarded."),
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
    if host.cpu_count or host.cpu_percent:
        found.append("CPU count and CPU percent are limits of Windows containers. Discarded.")
    if host.oom_kill_disable and not host.memory:
        found.append("OOM killer is disabled for the container, but no memory limit is set.")
    return tuple(found)
