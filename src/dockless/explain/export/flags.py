"""A service as the flags of `docker run`: a row for each key that says something about a container.

A row is a function from a service to flags, each as its words. What is not a matter of one container (networks, other
services) is in `docker`. Values are as they are; `words` quotes them for a shell.
"""

import shlex
from collections.abc import Callable, Iterator, Sequence

from dockless.compose.load.units import duration_text
from dockless.compose.model import DeviceRequest, Duration, Service, ServiceVolume
from dockless.compose.parts import ThrottleDevice

Flag = tuple[str, ...]
Row = Callable[[Service], Iterator[Flag]]


def container_flags(service: Service) -> list[Flag]:
    """The flags of everything but names, networks, mounts and environment."""
    return [flag for row in _ROWS for flag in row(service)]


def _text(option: str, field: str) -> Row:
    def row(service: Service) -> Iterator[Flag]:
        if value := getattr(service, field):
            yield option, str(value)

    return row


def _number(option: str, field: str) -> Row:
    def row(service: Service) -> Iterator[Flag]:
        if value := getattr(service, field):
            yield option, f"{value:g}" if isinstance(value, float) else str(int(value))

    return row


def _switch(option: str, field: str) -> Row:
    def row(service: Service) -> Iterator[Flag]:
        if getattr(service, field):
            yield (option,)

    return row


def _list(option: str, field: str) -> Row:
    def row(service: Service) -> Iterator[Flag]:
        for value in getattr(service, field):
            yield option, str(value)

    return row


def _map(option: str, field: str) -> Row:
    def row(service: Service) -> Iterator[Flag]:
        for key, value in getattr(service, field).items():
            yield option, f"{key}={value}"

    return row


def _restart(service: Service) -> Iterator[Flag]:
    if service.restart and service.restart != "no":
        yield "--restart", service.restart
        return
    policy = service.deploy.restart_policy if service.deploy and not service.restart else None
    if policy is not None:
        name = {"none": "no", "any": "always", "": "always"}.get(policy.condition, policy.condition)
        count = f":{policy.max_attempts}" if name == "on-failure" and policy.max_attempts else ""
        if name != "no":
            yield "--restart", f"{name}{count}"


def _ports(service: Service) -> Iterator[Flag]:
    for port in service.ports:
        host = f"[{port.host_ip}]" if ":" in port.host_ip else port.host_ip
        address = f"{host}:{port.published}:" if host else f"{port.published}:" if port.published else ""
        protocol = f"/{port.protocol}" if port.protocol not in ("", "tcp") else ""
        yield "-p", f"{address}{port.target}{protocol}"
    for exposed in service.expose:
        yield "--expose", exposed


def _health(service: Service) -> Iterator[Flag]:
    check = service.healthcheck
    if check is None:
        return
    if check.disable or check.test[:1] == ("NONE",):
        yield ("--no-healthcheck",)
        return
    if check.test:
        words = check.test[1:]
        yield "--health-cmd", words[0] if check.test[0] == "CMD-SHELL" and len(words) == 1 else shlex.join(words)
    times: tuple[tuple[str, Duration | None], ...] = (
        ("interval", check.interval),
        ("timeout", check.timeout),
        ("start-period", check.start_period),
        ("start-interval", check.start_interval),
    )
    for name, value in times:
        if value:
            yield f"--health-{name}", duration_text(value)
    if check.retries:
        yield "--health-retries", str(check.retries)


def _stop(service: Service) -> Iterator[Flag]:
    if service.stop_signal:
        yield "--stop-signal", service.stop_signal
    if service.stop_grace_period is not None:
        yield "--stop-timeout", str(max(round(service.stop_grace_period.seconds), 0))


def _hosts(service: Service) -> Iterator[Flag]:
    for host, addresses in service.extra_hosts.items():
        for address in addresses:
            yield "--add-host", f"{host}:{address}"


def _security(service: Service) -> Iterator[Flag]:
    for option in service.security_opt:
        name, separator, value = option.partition("=" if "=" in option else ":")
        yield "--security-opt", f"{name}={value}" if separator else name


def _resources(service: Service) -> Iterator[Flag]:
    limits = service.deploy.resources.limits if service.deploy else None
    reserved = service.deploy.resources.reservations if service.deploy else None
    cpus = limits.cpus if limits and limits.cpus else service.cpus
    memory = limits.memory if limits and limits.memory else service.mem_limit
    pids = limits.pids if limits and limits.pids else service.pids_limit
    kept = reserved.memory if reserved and reserved.memory else service.mem_reservation
    if cpus:
        yield "--cpus", f"{cpus:g}"
    if memory:
        yield "--memory", str(int(memory))
    if kept:
        yield "--memory-reservation", str(int(kept))
    if pids:
        yield "--pids-limit", str(pids)
    for request in (*service.gpus, *(reserved.devices if reserved else ())):
        yield "--gpus", _gpus(request)


def _gpus(request: DeviceRequest) -> str:
    """As `--gpus` reads it: fields with commas in them are quoted."""
    parts = []
    if request.device_ids:
        parts.append(
            f'"device={",".join(request.device_ids)}"'
            if len(request.device_ids) > 1
            else f"device={request.device_ids[0]}"
        )
    else:
        parts.append("all" if request.count == -1 else f"count={request.count}")
    if request.driver:
        parts.append(f"driver={request.driver}")
    wanted = [each for each in request.capabilities if each != "gpu"]
    if wanted:
        parts.append(f'"capabilities={",".join(request.capabilities)}"')
    if request.options:
        parts.append(f'"options={",".join(f"{key}={value}" for key, value in request.options.items())}"')
    return ",".join(parts)


def _ulimits(service: Service) -> Iterator[Flag]:
    for name, limit in service.ulimits.items():
        yield "--ulimit", f"{name}={limit.single}" if limit.single else f"{name}={limit.soft}:{limit.hard}"


def _devices(service: Service) -> Iterator[Flag]:
    for device in service.devices:
        yield "--device", ":".join((device.source, device.target or device.source, device.permissions or "rwm"))


def _blkio(service: Service) -> Iterator[Flag]:
    config = service.blkio_config
    if config is None:
        return
    if config.weight:
        yield "--blkio-weight", str(config.weight)
    for weighed in config.weight_device:
        yield "--blkio-weight-device", f"{weighed.path}:{weighed.weight}"
    throttled: tuple[tuple[str, Sequence[ThrottleDevice]], ...] = (
        ("--device-read-bps", config.device_read_bps),
        ("--device-read-iops", config.device_read_iops),
        ("--device-write-bps", config.device_write_bps),
        ("--device-write-iops", config.device_write_iops),
    )
    for option, devices in throttled:
        for device in devices:
            yield option, f"{device.path}:{int(device.rate)}"


def _logging(service: Service) -> Iterator[Flag]:
    if service.logging is None:
        return
    if service.logging.driver:
        yield "--log-driver", service.logging.driver
    for key, value in service.logging.options.items():
        yield "--log-opt", f"{key}={value}"


def _init(service: Service) -> Iterator[Flag]:
    if service.init:
        yield ("--init",)


def _swappiness(service: Service) -> Iterator[Flag]:
    if service.mem_swappiness:
        yield "--memory-swappiness", str(int(service.mem_swappiness))


_ROWS: tuple[Row, ...] = (
    _ports,
    _restart,
    _text("--user", "user"),
    _text("--workdir", "working_dir"),
    _text("--hostname", "hostname"),
    _text("--domainname", "domainname"),
    _hosts,
    _health,
    _stop,
    _init,
    _switch("--tty", "tty"),
    _switch("--interactive", "stdin_open"),
    _switch("--read-only", "read_only"),
    _switch("--privileged", "privileged"),
    _list("--cap-add", "cap_add"),
    _list("--cap-drop", "cap_drop"),
    _security,
    _list("--group-add", "group_add"),
    _resources,
    _number("--memory-swap", "memswap_limit"),
    _swappiness,
    _number("--cpu-shares", "cpu_shares"),
    _number("--cpu-period", "cpu_period"),
    _number("--cpu-quota", "cpu_quota"),
    _number("--cpu-rt-period", "cpu_rt_period"),
    _number("--cpu-rt-runtime", "cpu_rt_runtime"),
    _text("--cpuset-cpus", "cpuset"),
    _blkio,
    _switch("--oom-kill-disable", "oom_kill_disable"),
    _number("--oom-score-adj", "oom_score_adj"),
    _ulimits,
    _map("--sysctl", "sysctls"),
    _number("--shm-size", "shm_size"),
    _devices,
    _list("--device-cgroup-rule", "device_cgroup_rules"),
    _text("--cgroupns", "cgroup"),
    _text("--cgroup-parent", "cgroup_parent"),
    _text("--uts", "uts"),
    _text("--userns", "userns_mode"),
    _list("--dns", "dns"),
    _list("--dns-option", "dns_opt"),
    _list("--dns-search", "dns_search"),
    _logging,
    _map("--label", "labels"),
    _map("--annotation", "annotations"),
    _map("--storage-opt", "storage_opt"),
    _text("--runtime", "runtime"),
    _text("--isolation", "isolation"),
    _text("--platform", "platform"),
)


def mount_flag(volume: ServiceVolume, source: str) -> Flag:
    """One mount; `source` is the host's path or the volume's name in the engine."""
    mode = "ro" if volume.read_only else ""
    if volume.type == "bind":
        bind = volume.bind
        if bind is not None and bind.create_host_path and not bind.recursive:
            modes = [part for part in (mode, bind.selinux, bind.propagation) if part]
            return "-v", f"{source}:{volume.target}" + (f":{','.join(modes)}" if modes else "")
        extra = [f"bind-propagation={bind.propagation}"] if bind and bind.propagation else []
        extra += [f"bind-recursive={bind.recursive}"] if bind and bind.recursive else []
        return "--mount", _mount("bind", source, volume, extra)
    if volume.type == "volume":
        options = volume.volume
        if options and (options.subpath or options.labels):
            extra = [f"volume-label={key}={value}" for key, value in options.labels.items()]
            extra += ["volume-nocopy"] if options.nocopy else []
            extra += [f"volume-subpath={options.subpath}"] if options.subpath else []
            return "--mount", _mount("volume", source, volume, extra)
        if not source:
            return ("--mount", _mount("volume", "", volume, [])) if volume.read_only else ("-v", volume.target)
        modes = [part for part in (mode, "nocopy" if options and options.nocopy else "") if part]
        return "-v", f"{source}:{volume.target}" + (f":{','.join(modes)}" if modes else "")
    if volume.type == "tmpfs":
        extra = [f"tmpfs-size={int(volume.tmpfs.size)}"] if volume.tmpfs and volume.tmpfs.size else []
        extra += [f"tmpfs-mode={volume.tmpfs.mode:o}"] if volume.tmpfs and volume.tmpfs.mode else []
        return "--mount", _mount("tmpfs", "", volume, extra)
    extra = [f"image-subpath={volume.image.subpath}"] if volume.image and volume.image.subpath else []
    return "--mount", _mount(volume.type, source, volume, extra)


def _mount(kind: str, source: str, volume: ServiceVolume, extra: Sequence[str]) -> str:
    parts = [f"type={kind}", *([f"source={source}"] if source else []), f"target={volume.target}", *extra]
    if volume.read_only:
        parts.append("readonly")
    return ",".join(f'"{part}"' if "," in part else part for part in parts)
