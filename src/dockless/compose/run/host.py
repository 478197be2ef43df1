"""A service's limits, privileges and modes as the API's `HostConfig`."""

import json
from collections.abc import Mapping
from pathlib import Path

from dockless.compose.model import Deploy, DeviceRequest, Port, Service, ThrottleDevice, Ulimit
from dockless.compose.run.mounts import Mounted, MountError
from dockless.wire import config as wire

_NO_SYSTEM_PATHS = "systempaths=unconfined"


def host_config(
    service: Service,
    mounts: Mounted,
    *,
    network_mode: str,
    links: tuple[str, ...],
    shared: Mapping[str, str],
    folder: str,
) -> wire.HostConfig:
    """`shared`: from a service's name to the container whose namespaces stand for `service:NAME`; `folder`: the
    project's. Raises `MountError` for a seccomp profile that cannot be read."""
    security = [option for option in service.security_opt if option != _NO_SYSTEM_PATHS]
    paths: tuple[str, ...] | None = () if len(security) < len(service.security_opt) else None
    limits = service.deploy.resources.limits if service.deploy else None
    reservations = service.deploy.resources.reservations if service.deploy else None
    cpus = limits.cpus if limits and limits.cpus else service.cpus
    memory = limits.memory if limits and limits.memory else service.mem_limit
    pids = limits.pids if limits and limits.pids else service.pids_limit
    reserved = reservations.memory if reservations and reservations.memory else service.mem_reservation
    requests = (*service.gpus, *(reservations.devices if reservations else ()))
    blkio = service.blkio_config
    return wire.HostConfig(
        binds=tuple(mounts.binds) or None,
        mounts=tuple(mounts.mounts) or None,
        tmpfs=mounts.tmpfs or None,
        network_mode=network_mode,
        port_bindings=_port_bindings(service.ports),
        restart_policy=restart_policy(service),
        links=links or None,
        log_config=_log_config(service),
        cap_add=service.cap_add or None,
        cap_drop=service.cap_drop or None,
        cgroupns_mode=service.cgroup,
        cgroup_parent=service.cgroup_parent,
        dns=service.dns or None,
        dns_options=service.dns_opt or None,
        dns_search=service.dns_search or None,
        extra_hosts=tuple(f"{host}:{address}" for host, found in service.extra_hosts.items() for address in found)
        or None,
        group_add=service.group_add or None,
        ipc_mode=_mode(service.ipc, shared),
        pid_mode=_mode(service.pid, shared),
        uts_mode=service.uts,
        userns_mode=service.userns_mode,
        oom_score_adj=service.oom_score_adj,
        oom_kill_disable=service.oom_kill_disable or None,
        privileged=service.privileged,
        readonly_rootfs=service.read_only,
        security_opt=tuple(_security_option(option, folder) for option in security) or None,
        masked_paths=paths,
        readonly_paths=paths,
        storage_opt=service.storage_opt or None,
        sysctls=service.sysctls or None,
        shm_size=int(service.shm_size),
        runtime=service.runtime,
        isolation=service.isolation,
        init=service.init,
        annotations=service.annotations or None,
        volumes_from=volumes_from(service, shared) or None,
        memory=int(memory),
        memory_reservation=int(reserved),
        memory_swap=int(service.memswap_limit),
        memory_swappiness=int(service.mem_swappiness) or None,
        nano_cpus=round(cpus * 1_000_000_000),
        cpu_shares=service.cpu_shares,
        cpu_period=service.cpu_period,
        cpu_quota=service.cpu_quota,
        cpu_realtime_period=service.cpu_rt_period,
        cpu_realtime_runtime=service.cpu_rt_runtime,
        cpu_count=service.cpu_count,
        cpu_percent=round(service.cpu_percent),
        cpuset_cpus=service.cpuset,
        pids_limit=pids or None,
        ulimits=tuple(_ulimit(name, limit) for name, limit in service.ulimits.items()) or None,
        devices=tuple(
            wire.DeviceMapping(
                path_on_host=each.source, path_in_container=each.target, cgroup_permissions=each.permissions
            )
            for each in service.devices
        )
        or None,
        device_cgroup_rules=service.device_cgroup_rules or None,
        device_requests=tuple(_device_request(each) for each in requests) or None,
        blkio_weight=blkio.weight if blkio else 0,
        blkio_weight_device=tuple(wire.WeightDevice(path=e.path, weight=e.weight) for e in blkio.weight_device) or None
        if blkio
        else None,
        blkio_device_read_bps=_rates(blkio.device_read_bps) if blkio else None,
        blkio_device_read_iops=_rates(blkio.device_read_iops) if blkio else None,
        blkio_device_write_bps=_rates(blkio.device_write_bps) if blkio else None,
        blkio_device_write_iops=_rates(blkio.device_write_iops) if blkio else None,
    )


def restart_policy(service: Service) -> wire.RestartPolicy:
    """`restart`, else `deploy.restart_policy`, whose conditions have other names."""
    if service.restart:
        name, _, count = service.restart.partition(":")
        return wire.RestartPolicy(name=name, maximum_retry_count=int(count) if count.isdigit() else 0)
    policy = service.deploy.restart_policy if service.deploy else None
    if policy is None:
        return wire.RestartPolicy()
    name = {"none": "no", "any": "always", "": "always"}.get(policy.condition, policy.condition)
    return wire.RestartPolicy(name=name, maximum_retry_count=(policy.max_attempts or 0) if name == "on-failure" else 0)


def volumes_from(service: Service, shared: Mapping[str, str]) -> tuple[str, ...]:
    """Each as a container and a mode; `container:NAME` stands as it is, anything else is a service."""
    found = []
    for entry in service.volumes_from:
        if entry.startswith("container:"):
            found.append(entry.removeprefix("container:"))
            continue
        name, colon, mode = entry.partition(":")
        found.append(f"{shared.get(name, name)}{colon}{mode}")
    return tuple(found)


def ignored_keys(service: Service) -> list[str]:
    """Keys that say nothing to a single engine: named, so that they are not dropped in silence."""
    found = []
    deploy: Deploy | None = service.deploy
    if service.credential_spec:
        found.append("credential_spec")
    if service.pull_refresh_after:
        found.append("pull_refresh_after")
    if deploy:
        if deploy.mode not in ("", "replicated"):
            found.append(f"deploy.mode: {deploy.mode}")
        if deploy.placement.constraints or deploy.placement.preferences or deploy.placement.max_replicas_per_node:
            found.append("deploy.placement")
        if deploy.endpoint_mode:
            found.append("deploy.endpoint_mode")
        if deploy.labels:
            found.append("deploy.labels")
        if deploy.update_config:
            found.append("deploy.update_config")
        if deploy.rollback_config:
            found.append("deploy.rollback_config")
        policy = deploy.restart_policy
        if policy and policy.delay is not None:
            found.append("deploy.restart_policy.delay")
        if policy and policy.window is not None:
            found.append("deploy.restart_policy.window")
        limits = deploy.resources.limits
        if limits and limits.generic_resources:
            found.append("deploy.resources.limits.generic_resources")
        reservations = deploy.resources.reservations
        if reservations and reservations.generic_resources:
            found.append("deploy.resources.reservations.generic_resources")
        if reservations and reservations.cpus:
            found.append("deploy.resources.reservations.cpus")
    return found


def _security_option(option: str, folder: str) -> str:
    """A seccomp profile is sent as its content: the engine may be elsewhere."""
    name, separator, value = option.partition("=" if "=" in option else ":")
    if not separator and option != "no-new-privileges":
        raise MountError(f"Invalid security-opt: {option!r}")
    if name != "seccomp" or value in ("unconfined", "builtin"):
        return f"{name}={value}" if separator else name
    path = Path(folder, value)
    try:
        profile = json.loads(path.read_bytes())
    except OSError as error:
        raise MountError(f"opening seccomp profile ({value}) failed: {error.strerror}: {path}") from error
    except ValueError as error:
        raise MountError(f"compacting json for seccomp profile ({value}) failed: {error}") from error
    return f"seccomp={json.dumps(profile, separators=(',', ':'))}"


def _mode(text: str, shared: Mapping[str, str]) -> str:
    name = text.removeprefix("service:")
    return f"container:{shared.get(name, name)}" if name != text else text


def _port_bindings(ports: tuple[Port, ...]) -> dict[str, tuple[wire.PortBinding, ...] | None] | None:
    bindings: dict[str, tuple[wire.PortBinding, ...] | None] = {}
    for port in ports:
        key = f"{port.target}/{port.protocol or 'tcp'}"
        binding = wire.PortBinding(host_ip=port.host_ip, host_port=port.published)
        bindings[key] = (*(bindings.get(key) or ()), binding)
    return bindings or None


def _log_config(service: Service) -> wire.LogConfig:
    if service.logging is None:
        return wire.LogConfig()
    return wire.LogConfig(type=service.logging.driver, config=service.logging.options or None)


def _ulimit(name: str, limit: Ulimit) -> wire.Ulimit:
    if limit.single:
        return wire.Ulimit(name=name, soft=limit.single, hard=limit.single)
    return wire.Ulimit(name=name, soft=limit.soft, hard=limit.hard)


def _device_request(request: DeviceRequest) -> wire.DeviceRequest:
    return wire.DeviceRequest(
        driver=request.driver,
        count=request.count,
        device_ids=request.device_ids or None,
        capabilities=(request.capabilities or ("gpu",),),
        options=request.options or None,
    )


def _rates(devices: tuple[ThrottleDevice, ...]) -> tuple[wire.ThrottleDevice, ...] | None:
    return tuple(wire.ThrottleDevice(path=each.path, rate=int(each.rate)) for each in devices) or None
