"""Records as the API shows them: inspect, and the lines of a list."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from dockless.engine.health import HealthState
from dockless.engine.records import ContainerRecord, Endpoint, Published, replace
from dockless.engine.spec import SHM_SIZE
from dockless.engine.wiring import names_on
from dockless.launcher.defaults import MASKED_PATHS, READONLY_PATHS
from dockless.places import Places
from dockless.wire.config import HostConfig, PortBinding
from dockless.wire.containers import (
    ZERO_TIME,
    ContainerInspect,
    ContainerState,
    ContainerSummary,
    GraphDriver,
    NetworkSettings,
    Port,
    SummaryHostConfig,
    SummaryNetworkSettings,
)
from dockless.wire.endpoints import EndpointSettings
from dockless.wire.times import rfc3339

IPV6 = Path("/proc/net/if_inet6").exists()


def inspect_view(
    record: ContainerRecord, places: Places, health: HealthState | None, execs: Sequence[str], layers: Sequence[Path]
) -> ContainerInspect:
    folder = places.containers / record.id
    wired = bool(record.endpoints)
    return ContainerInspect(
        id=record.id,
        created=rfc3339(record.created),
        path=record.path,
        args=record.args,
        state=_state(record, health),
        image=record.image_id,
        resolv_conf_path=str(folder / "resolv.conf"),
        hostname_path=str(folder / "hostname"),
        hosts_path=str(folder / "hosts"),
        log_path=str(folder / record.log_name) if record.host.log_config.type != "none" else "",
        name=f"/{record.name}",
        restart_count=record.state.restart_count,
        exec_ids=tuple(execs) or None,
        host_config=_shown(record),
        graph_driver=GraphDriver(
            name="overlay2",
            data={
                "LowerDir": ":".join(str(layer) for layer in layers),
                "MergedDir": "",
                "UpperDir": str(folder / "upper"),
                "WorkDir": str(folder / "work"),
            },
        ),
        mounts=tuple(mount.point for mount in record.mounts if mount.point.type != "tmpfs" or record.host.mounts),
        config=replace(record.config, image=record.image_name),
        network_settings=_network_settings(record) if wired else _without_endpoints(record),
    )


def _shown(record: ContainerRecord) -> HostConfig:
    """With the defaults that the container has where nothing was asked for."""
    host = record.host
    return replace(
        host,
        runtime=host.runtime or "dockless",
        shm_size=host.shm_size or SHM_SIZE,
        ipc_mode=host.ipc_mode or "private",
        cgroupns_mode=host.cgroupns_mode or "private",
        oom_kill_disable=bool(host.oom_kill_disable),
        log_config=replace(host.log_config, config=host.log_config.config or {}),
        masked_paths=_or_default(host, host.masked_paths, MASKED_PATHS),
        readonly_paths=_or_default(host, host.readonly_paths, READONLY_PATHS),
    )


def _or_default(host: HostConfig, asked: tuple[str, ...] | None, ours: tuple[str, ...]) -> tuple[str, ...] | None:
    if asked is not None or host.privileged:
        return asked
    return () if "systempaths=unconfined" in (host.security_opt or ()) else ours


def summary(record: ContainerRecord, health: HealthState | None, now: int) -> ContainerSummary:
    """`now` in nanoseconds since 1970."""
    return ContainerSummary(
        id=record.id,
        names=(f"/{record.name}",),
        image=record.image_name,
        image_id=record.image_id,
        command=" ".join((record.path, *record.args)),
        created=record.created // 1_000_000_000,
        ports=_ports(record),
        labels=record.config.labels or {},
        state=record.state.status,
        status=status_line(record, health, now),
        host_config=SummaryHostConfig(network_mode=record.host.network_mode),
        network_settings=SummaryNetworkSettings(networks=_listed_endpoints(record) or _mode_endpoint(record)),
        mounts=tuple(mount.point for mount in record.mounts if mount.point.type != "tmpfs"),
    )


def status_line(record: ContainerRecord, health: HealthState | None, now: int) -> str:
    """As `docker ps` shows it: `Up 5 minutes (healthy)`, `Exited (0) 3 seconds ago`."""
    state = record.state
    if state.status == "created":
        return "Created"
    if state.status == "restarting":
        return f"Restarting ({state.exit_code}) {duration(now - state.finished)} ago"
    if record.running:
        up = f"Up {duration(now - state.started)}"
        if state.status == "paused":
            return f"{up} (Paused)"
        if health is None:
            return up
        return f"{up} (health: starting)" if health.status == "starting" else f"{up} ({health.status})"
    return f"Exited ({state.exit_code}) {duration(now - state.finished)} ago"


def duration(nanoseconds: int) -> str:
    """For people, in Docker's words and thresholds."""
    seconds = nanoseconds // 1_000_000_000
    if seconds < 1:
        return "Less than a second"
    if seconds == 1:
        return "1 second"
    if seconds < 60:
        return f"{seconds} seconds"
    minutes = seconds // 60
    if minutes == 1:
        return "About a minute"
    if minutes < 60:
        return f"{minutes} minutes"
    hours = round(seconds / 3600)
    if hours == 1:
        return "About an hour"
    if hours < 48:
        return f"{hours} hours"
    days = seconds // 86400
    if days < 14:
        return f"{days} days"
    if days < 60:
        return f"{days // 7} weeks"
    return f"{days // 30} months" if days < 730 else f"{days // 365} years"


def _state(record: ContainerRecord, health: HealthState | None) -> ContainerState:
    state = record.state
    return ContainerState(
        status=state.status,
        running=record.running or state.status == "restarting",
        paused=state.status == "paused",
        restarting=state.status == "restarting",
        oom_killed=state.oom_killed,
        pid=state.pid,
        exit_code=state.exit_code,
        error=state.error,
        started_at=rfc3339(state.started) if state.started else ZERO_TIME,
        finished_at=rfc3339(state.finished) if state.finished else ZERO_TIME,
        health=health.view if health else None,
    )


def _network_settings(record: ContainerRecord) -> NetworkSettings:
    """The scalar fields are those of the default bridge alone, as in Docker."""
    settings = NetworkSettings(sandbox_key=_sandbox(record), ports=port_map(record), networks=_endpoints(record))
    endpoint = record.endpoints.get("bridge")
    if endpoint is None:
        return settings
    address, prefix = _split(endpoint.address)
    return replace(
        settings,
        endpoint_id=endpoint.endpoint_id,
        gateway=endpoint.gateway,
        ip_address=address,
        ip_prefix_len=prefix,
        mac_address=endpoint.mac,
    )


def _without_endpoints(record: ContainerRecord) -> NetworkSettings:
    return NetworkSettings(sandbox_key=_sandbox(record), networks=_mode_endpoint(record))


def _mode_endpoint(record: ContainerRecord) -> Mapping[str, EndpointSettings]:
    mode = record.host.network_mode
    return {mode: EndpointSettings()} if mode in ("host", "none") else {}


def _sandbox(record: ContainerRecord) -> str:
    return f"/proc/{record.state.pid}/ns/net" if record.state.pid else ""


def _endpoints(record: ContainerRecord) -> Mapping[str, EndpointSettings]:
    return {name: _endpoint(record, endpoint) for name, endpoint in record.endpoints.items()}


def _listed_endpoints(record: ContainerRecord) -> Mapping[str, EndpointSettings]:
    """As Docker has them in lists: without their names."""
    found = _endpoints(record)
    return {name: replace(each, aliases=None, dns_names=None, links=None) for name, each in found.items()}


def _endpoint(record: ContainerRecord, endpoint: Endpoint) -> EndpointSettings:
    address, prefix = _split(endpoint.address)
    address6, prefix6 = _split(endpoint.address6)
    return replace(
        endpoint.settings,
        network_id=endpoint.network_id,
        endpoint_id=endpoint.endpoint_id,
        gateway=endpoint.gateway,
        ip_address=address,
        ip_prefix_len=prefix,
        ipv6_gateway=endpoint.gateway6,
        global_ipv6_address=address6,
        global_ipv6_prefix_len=prefix6,
        mac_address=endpoint.mac or endpoint.settings.mac_address,
        dns_names=names_on(record, endpoint) or None,
    )


def port_map(record: ContainerRecord) -> Mapping[str, tuple[PortBinding, ...] | None]:
    """From `80/tcp` to where it is published, None where it is only exposed."""
    if not record.running:
        return {}
    found: dict[str, tuple[PortBinding, ...] | None] = dict.fromkeys(record.config.exposed_ports or {})
    for port in record.ports:
        key = f"{port.container_port}/{port.protocol}"
        bindings = tuple(PortBinding(host_ip=ip, host_port=str(port.host_port)) for ip in _addresses(port))
        found[key] = (*(found.get(key) or ()), *bindings)
    return found


def _ports(record: ContainerRecord) -> tuple[Port, ...]:
    if not record.running:
        return ()
    published = {f"{port.container_port}/{port.protocol}" for port in record.ports}
    found = [
        Port(ip=ip, private_port=port.container_port, public_port=port.host_port, type=port.protocol)
        for port in record.ports
        for ip in _addresses(port)
    ]
    for exposed in record.config.exposed_ports or {}:
        number, _, protocol = exposed.partition("/")
        if exposed not in published and number.isdecimal():
            found.append(Port(private_port=int(number), type=protocol or "tcp"))
    return tuple(found)


def _addresses(port: Published) -> tuple[str, ...]:
    if port.host_ip:
        return (port.host_ip,)
    return ("0.0.0.0", "::") if IPV6 else ("0.0.0.0",)


def _split(address: str) -> tuple[str, int]:
    if not address:
        return "", 0
    ip, _, prefix = address.partition("/")
    return ip, int(prefix)
