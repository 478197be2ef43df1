"""Containers: create, inspect, list, wait, top, update, prune, changes."""

from collections.abc import Mapping

from dockless.wire.base import Message, always, names
from dockless.wire.config import ContainerConfig, HostConfig, PortBinding, Resources, RestartPolicy
from dockless.wire.endpoints import EndpointSettings, NetworkingConfig

ZERO_TIME = "0001-01-01T00:00:00Z"
"""What a time that never was looks like in an answer."""


class ContainerCreateRequest(ContainerConfig, frozen=True, kw_only=True):
    """The configuration's fields stand beside `HostConfig` and `NetworkingConfig`."""

    host_config: HostConfig = always(HostConfig())
    networking_config: NetworkingConfig = always(NetworkingConfig())

    @staticmethod
    def of(config: ContainerConfig, host: HostConfig, networking: NetworkingConfig) -> "ContainerCreateRequest":
        fields = {name: getattr(config, name) for name in ContainerConfig.__struct_fields__}
        return ContainerCreateRequest(**fields, host_config=host, networking_config=networking)

    @property
    def config(self) -> ContainerConfig:
        """The container's configuration alone, as inspect shows it."""
        return ContainerConfig(**{name: getattr(self, name) for name in ContainerConfig.__struct_fields__})


class ContainerCreateResponse(Message, frozen=True, kw_only=True):
    id: str
    warnings: tuple[str, ...] = always(())


class HealthcheckResult(Message, frozen=True, kw_only=True):
    """`start` and `end` in RFC 3339 with nanoseconds; `exit_code` 0: healthy, -1: could not be run or took too long."""

    start: str = always(ZERO_TIME)
    end: str = always(ZERO_TIME)
    exit_code: int = always(0)
    output: str = always("")


class Health(Message, frozen=True, kw_only=True):
    """`status`: `none`, `starting`, `healthy`, `unhealthy`; `log`: the last five, oldest first."""

    status: str = always("")
    failing_streak: int = always(0)
    log: tuple[HealthcheckResult, ...] = always(())


class ContainerState(Message, rename=names(oom_killed="OOMKilled"), frozen=True, kw_only=True):
    """`status`: `created`, `running`, `paused`, `restarting`, `removing`, `exited`, `dead`."""

    status: str = always("created")
    running: bool = always(False)
    paused: bool = always(False)
    restarting: bool = always(False)
    oom_killed: bool = always(False)
    dead: bool = always(False)
    pid: int = always(0)
    exit_code: int = always(0)
    error: str = always("")
    started_at: str = always(ZERO_TIME)
    finished_at: str = always(ZERO_TIME)
    health: Health | None = None


class MountPoint(Message, rename=names(rw="RW"), frozen=True, kw_only=True):
    """A mount that a container has; `name` is the volume's."""

    type: str = ""
    name: str = ""
    source: str = always("")
    destination: str = always("")
    driver: str = ""
    mode: str = always("")
    rw: bool = always(True)
    propagation: str = always("")


class GraphDriver(Message, frozen=True, kw_only=True):
    data: Mapping[str, str] | None = always(None)
    name: str = always("overlay2")


class Address(Message, frozen=True, kw_only=True):
    addr: str = always("")
    prefix_len: int = always(0)


class NetworkSettings(
    Message,
    frozen=True,
    kw_only=True,
    rename=names(secondary_ip_addresses="SecondaryIPAddresses", secondary_ipv6_addresses="SecondaryIPv6Addresses"),
):
    """`ports`: from `80/tcp` to its bindings, `None` for an exposed one. The scalars are the default bridge's."""

    bridge: str = always("")
    sandbox_id: str = always("")
    sandbox_key: str = always("")
    ports: Mapping[str, tuple[PortBinding, ...] | None] = always({})
    hairpin_mode: bool = always(False)
    link_local_ipv6_address: str = always("")
    link_local_ipv6_prefix_len: int = always(0)
    secondary_ip_addresses: tuple[Address, ...] | None = always(None)
    secondary_ipv6_addresses: tuple[Address, ...] | None = always(None)
    endpoint_id: str = always("")
    gateway: str = always("")
    global_ipv6_address: str = always("")
    global_ipv6_prefix_len: int = always(0)
    ip_address: str = always("")
    ip_prefix_len: int = always(0)
    ipv6_gateway: str = always("")
    mac_address: str = always("")
    networks: Mapping[str, EndpointSettings] = always({})


class ContainerInspect(
    Message,
    frozen=True,
    kw_only=True,
    rename=names(app_armor_profile="AppArmorProfile", exec_ids="ExecIDs", size_root_fs="SizeRootFs"),
):
    """`name` begins with `/`; `image` is the image's id (`sha256:…`); `created` in RFC 3339 with nanoseconds."""

    id: str
    created: str = always(ZERO_TIME)
    path: str = always("")
    args: tuple[str, ...] = always(())
    state: ContainerState = always(ContainerState())
    image: str = always("")
    resolv_conf_path: str = always("")
    hostname_path: str = always("")
    hosts_path: str = always("")
    log_path: str = always("")
    name: str = always("")
    restart_count: int = always(0)
    driver: str = always("overlay2")
    platform: str = always("linux")
    mount_label: str = always("")
    process_label: str = always("")
    app_armor_profile: str = always("")
    exec_ids: tuple[str, ...] | None = always(None)
    host_config: HostConfig = always(HostConfig())
    graph_driver: GraphDriver = always(GraphDriver())
    size_rw: int | None = None
    size_root_fs: int | None = None
    mounts: tuple[MountPoint, ...] = always(())
    config: ContainerConfig = always(ContainerConfig())
    network_settings: NetworkSettings = always(NetworkSettings())


class Port(Message, frozen=True, kw_only=True):
    """A port in a list: `public_port` 0 where it is only exposed."""

    ip: str = ""
    private_port: int = always(0)
    public_port: int = 0
    type: str = always("tcp")


class SummaryHostConfig(Message, frozen=True, kw_only=True):
    network_mode: str = ""
    annotations: Mapping[str, str] | None = None


class SummaryNetworkSettings(Message, frozen=True, kw_only=True):
    networks: Mapping[str, EndpointSettings] = always({})


class ContainerSummary(Message, rename=names(size_root_fs="SizeRootFs"), frozen=True, kw_only=True):
    """A line of the list. `created` in Unix seconds; `state` as in inspect; `status` for people: `Up 2 hours`."""

    id: str
    names: tuple[str, ...] = always(())
    image: str = always("")
    image_id: str = always("")
    command: str = always("")
    created: int = always(0)
    ports: tuple[Port, ...] = always(())
    size_rw: int | None = None
    size_root_fs: int | None = None
    labels: Mapping[str, str] = always({})
    state: str = always("")
    status: str = always("")
    host_config: SummaryHostConfig = always(SummaryHostConfig())
    network_settings: SummaryNetworkSettings = always(SummaryNetworkSettings())
    mounts: tuple[MountPoint, ...] = always(())


class WaitError(Message, frozen=True, kw_only=True):
    message: str = always("")


class ContainerWaitResponse(Message, frozen=True, kw_only=True):
    status_code: int
    error: WaitError | None = None


class TopResponse(Message, frozen=True, kw_only=True):
    titles: tuple[str, ...] = always(())
    processes: tuple[tuple[str, ...], ...] = always(())


class UpdateRequest(Resources, frozen=True, kw_only=True):
    """Limits to change; 0 and `None` leave them as they are."""

    restart_policy: RestartPolicy | None = None


class UpdateResponse(Message, frozen=True, kw_only=True):
    warnings: tuple[str, ...] | None = always(None)


class ContainerPruneResponse(Message, frozen=True, kw_only=True):
    """`space_reclaimed` in bytes."""

    containers_deleted: tuple[str, ...] | None = always(None)
    space_reclaimed: int = always(0)


class FilesystemChange(Message, frozen=True, kw_only=True):
    """`kind` 0: changed, 1: added, 2: deleted."""

    path: str
    kind: int
