"""The flags of `docker run` as a create request."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dockless.cli.docker.mounts import parse_mount
from dockless.cli.docker.resources import further_limits, pairs
from dockless.cli.docker.units import bytes_of, duration_of
from dockless.cli.environment import labels, read_env_file, variables
from dockless.cli.failure import Failure
from dockless.wire.config import (
    DeviceMapping,
    Empty,
    HealthConfig,
    HostConfig,
    LogConfig,
    PortBinding,
    RestartPolicy,
    Ulimit,
)
from dockless.wire.containers import ContainerCreateRequest
from dockless.wire.endpoints import EndpointIPAMConfig, EndpointSettings, NetworkingConfig

Endpoints = list[tuple[str, EndpointSettings]]


def request_of(
    flags: Mapping[str, Any], environ: Mapping[str, str], streams: frozenset[str]
) -> tuple[ContainerCreateRequest, Endpoints]:
    """The request, and the networks that the container is connected to besides the first. Raises `Failure` (125)."""
    bindings, exposed = _ports(flags["publish"], flags["expose"])
    binds, volumes = _volumes(flags["volume"])
    mode, first, further = _networks(flags)
    host = HostConfig(
        binds=binds or None,
        mounts=tuple(parse_mount(text) for text in flags["mount"]) or None,
        tmpfs=dict(text.partition(":")[::2] for text in flags["tmpfs"]) or None,
        network_mode=mode,
        port_bindings=bindings or None,
        publish_all_ports=flags["publish_all"],
        restart_policy=restart_policy(flags["restart"]),
        auto_remove=flags["remove"],
        volumes_from=flags["volumes_from"] or None,
        links=flags["link"] or None,
        log_config=LogConfig(type=flags["log_driver"], config=pairs(flags["log_opt"]) or None),
        cap_add=flags["cap_add"] or None,
        cap_drop=flags["cap_drop"] or None,
        cgroup_parent=flags["cgroup_parent"],
        cgroupns_mode=flags["cgroupns"],
        dns=flags["dns"] or None,
        dns_options=flags["dns_option"] or None,
        dns_search=flags["dns_search"] or None,
        extra_hosts=tuple(text.replace("=", ":", 1) for text in flags["add_host"]) or None,
        group_add=flags["group_add"] or None,
        ipc_mode=flags["ipc"],
        pid_mode=flags["pid"],
        uts_mode=flags["uts"],
        userns_mode=flags["userns"],
        oom_score_adj=flags["oom_score_adj"],
        oom_kill_disable=flags["oom_kill_disable"] or None,
        privileged=flags["privileged"],
        readonly_rootfs=flags["read_only"],
        security_opt=flags["security_opt"] or None,
        shm_size=bytes_of(flags["shm_size"], "shm-size"),
        sysctls=pairs(flags["sysctl"]) or None,
        runtime=flags["runtime"],
        init=True if flags["init"] else None,
        annotations=labels(flags["annotation"]) or None,
        memory=bytes_of(flags["memory"], "memory"),
        memory_reservation=bytes_of(flags["memory_reservation"], "memory-reservation"),
        memory_swap=-1 if flags["memory_swap"] == "-1" else bytes_of(flags["memory_swap"], "memory-swap"),
        nano_cpus=round(flags["cpus"] * 1_000_000_000),
        cpu_shares=flags["cpu_shares"],
        cpu_period=flags["cpu_period"],
        cpu_quota=flags["cpu_quota"],
        cpuset_cpus=flags["cpuset_cpus"],
        pids_limit=flags["pids_limit"] or None,
        ulimits=tuple(_ulimit(text) for text in flags["ulimit"]) or None,
        devices=tuple(_device(text) for text in flags["device"]) or None,
        volume_driver=flags["volume_driver"],
        storage_opt=pairs(flags["storage_opt"]) or None,
        isolation=flags["isolation"],
        **further_limits(flags),
    )
    stdin = flags["interactive"]
    body = ContainerCreateRequest(
        hostname=flags["hostname"],
        domainname=flags["domainname"],
        user=flags["user"],
        attach_stdin="stdin" in streams,
        attach_stdout="stdout" in streams,
        attach_stderr="stderr" in streams,
        exposed_ports=exposed or None,
        tty=flags["tty"],
        open_stdin=stdin,
        stdin_once=stdin and "stdin" in streams,
        env=_environment(flags, environ) or None,
        cmd=flags["command"] or None,
        healthcheck=_health(flags),
        image=flags["image"],
        volumes=volumes or None,
        working_dir=flags["workdir"],
        entrypoint=None if flags["entrypoint"] is None else (flags["entrypoint"],),
        mac_address=flags["mac_address"],
        labels=_labels(flags),
        stop_signal=flags["stop_signal"],
        stop_timeout=flags["stop_timeout"],
        host_config=host,
        networking_config=NetworkingConfig(endpoints_config=first or None),
    )
    return body, further


def _environment(flags: Mapping[str, Any], environ: Mapping[str, str]) -> tuple[str, ...]:
    entries = [entry for path in flags["env_file"] for entry in read_env_file(path, environ)]
    return (*entries, *variables(flags["env"], environ))


def _labels(flags: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in flags["label_file"]:
        try:
            lines = Path(path).read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise Failure(f"docker: open {path}: {(error.strerror or str(error)).lower()}", 125) from error
        found |= labels(line for line in lines if line.strip() and not line.startswith("#"))
    return found | labels(flags["label"])


def restart_policy(text: str) -> RestartPolicy:
    """`--restart`: a policy, `on-failure` with a count or without. Raises `Failure` (125)."""
    name, colon, count = text.partition(":")
    if name not in ("", "no", "always", "unless-stopped", "on-failure"):
        raise Failure(
            f"docker: invalid restart policy: unknown policy '{name}'; use one of 'no', 'always', "
            "'on-failure', or 'unless-stopped'",
            125,
        )
    if colon and not count.isdigit():
        raise Failure("docker: invalid restart policy format: maximum retry count must be an integer", 125)
    return RestartPolicy(name=name or "no", maximum_retry_count=int(count or 0))


def _ports(
    publish: Iterable[str], expose: Iterable[str]
) -> tuple[dict[str, tuple[PortBinding, ...] | None], dict[str, Empty]]:
    """`[[ip:]host:]container[/protocol]`, ranges of the same length on both sides."""
    bindings: dict[str, tuple[PortBinding, ...] | None] = {}
    exposed: dict[str, Empty] = {}
    for text in publish:
        rest, slash, protocol = text.partition("/")
        protocol = protocol if slash else "tcp"
        before, _, container = rest.rpartition(":")
        address, _, host = before.rpartition(":")
        targets = _range(container, text)
        published = _range(host, text) if host else []
        if published and len(published) != len(targets) and len(targets) != 1:
            raise Failure(f"docker: invalid ranges specified for container and host Ports: {container} and {host}", 125)
        for position, target in enumerate(targets):
            if len(targets) == 1 and len(published) > 1:
                chosen = host
            else:
                chosen = str(published[position]) if published else ""
            key = f"{target}/{protocol}"
            exposed[key] = Empty()
            binding = PortBinding(host_ip=address.strip("[]"), host_port=chosen)
            bindings[key] = (*(bindings.get(key) or ()), binding)
    for text in expose:
        rest, slash, protocol = text.partition("/")
        for port in _range(rest, text):
            exposed[f"{port}/{protocol if slash else 'tcp'}"] = Empty()
    return bindings, exposed


def _range(text: str, whole: str) -> list[int]:
    first, dash, last = text.partition("-")
    if not first.isdigit() or (dash and not last.isdigit()):
        raise Failure(f"docker: invalid containerPort: {whole}: write [[IP:]HOST:]CONTAINER[/PROTOCOL]", 125)
    numbers = list(range(int(first), int(last or first) + 1))
    if not numbers or numbers[-1] > 65535 or numbers[0] < 0:
        raise Failure(f"docker: invalid range format for port: {whole}", 125)
    return numbers


def _volumes(flags: Iterable[str]) -> tuple[tuple[str, ...], dict[str, Empty]]:
    """Binds with absolute sources, and anonymous volumes by their place in the container."""
    binds, volumes = [], {}
    for text in flags:
        source, colon, rest = text.partition(":")
        if not colon:
            volumes[source] = Empty()
            continue
        if source.startswith((".", "~")):
            source = os.path.abspath(os.path.expanduser(source))
        binds.append(f"{source}:{rest}")
    return tuple(binds), volumes


def _networks(flags: Mapping[str, Any]) -> tuple[str, dict[str, EndpointSettings], Endpoints]:
    """The network mode, the first network's endpoint and the others, in the order given."""
    chosen: Endpoints = []
    for position, text in enumerate(flags["network"]):
        name, endpoint = _endpoint(text)
        if position == 0:
            fixed = None
            if flags["ip"] or flags["ip6"] or flags["link_local_ip"]:
                fixed = EndpointIPAMConfig(
                    ipv4_address=flags["ip"],
                    ipv6_address=flags["ip6"],
                    link_local_ips=flags["link_local_ip"] or None,
                )
            endpoint = EndpointSettings(
                ipam_config=fixed or endpoint.ipam_config,
                aliases=(*(endpoint.aliases or ()), *flags["network_alias"]) or None,
                links=flags["link"] or None,
                mac_address=endpoint.mac_address,
            )
        chosen.append((name, endpoint))
    if not chosen:
        return "default", {}, []
    name, endpoint = chosen[0]
    if name in ("host", "none", "bridge", "default") or name.startswith("container:"):
        return name, {}, chosen[1:]
    return name, {name: endpoint}, chosen[1:]


def _endpoint(text: str) -> tuple[str, EndpointSettings]:
    """`NAME`, or `name=NAME,alias=A,ip=…`."""
    if "=" not in text:
        return text, EndpointSettings()
    name, aliases, ipv4, ipv6, mac = "", [], "", "", ""
    for part in text.split(","):
        key, _, value = part.partition("=")
        match key:
            case "name":
                name = value
            case "alias":
                aliases.append(value)
            case "ip":
                ipv4 = value
            case "ip6":
                ipv6 = value
            case "mac-address":
                mac = value
            case _:
                raise Failure(f'docker: invalid field key {key} in --network "{text}"', 125)
    fixed = EndpointIPAMConfig(ipv4_address=ipv4, ipv6_address=ipv6) if ipv4 or ipv6 else None
    return name, EndpointSettings(ipam_config=fixed, aliases=tuple(aliases) or None, mac_address=mac)


def _health(flags: Mapping[str, Any]) -> HealthConfig | None:
    if flags["no_healthcheck"]:
        return HealthConfig(test=("NONE",))
    times = {
        name: duration_of(flags[f"health_{name}"], f"health-{name}")
        for name in ("interval", "timeout", "start_period", "start_interval")
    }
    if not flags["health_cmd"] and not any(times.values()) and not flags["health_retries"]:
        return None
    test = ("CMD-SHELL", flags["health_cmd"]) if flags["health_cmd"] else None
    return HealthConfig(test=test, retries=flags["health_retries"], **times)


def _ulimit(text: str) -> Ulimit:
    name, _, limits = text.partition("=")
    soft, _, hard = limits.partition(":")
    try:
        return Ulimit(name=name, soft=int(soft), hard=int(hard or soft))
    except ValueError as error:
        raise Failure(f"docker: invalid ulimit argument: {text}: write NAME=SOFT[:HARD]", 125) from error


def _device(text: str) -> DeviceMapping:
    parts = text.split(":")
    source = parts[0]
    target = parts[1] if len(parts) > 1 and parts[1].startswith("/") else source
    permissions = parts[-1] if len(parts) > 1 and not parts[-1].startswith("/") else "rwm"
    return DeviceMapping(path_on_host=source, path_in_container=target, cgroup_permissions=permissions)
