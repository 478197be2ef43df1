"""What the sections of the model are made of: the values and the inner structs of a service.

`model` offers all of it together with the services, networks and the project themselves.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

Labels = Mapping[str, str]
Options = Mapping[str, str]


class Bytes(int):
    """A size in bytes (`mem_limit: 512m`)."""

    __slots__ = ()


class Duration(int):
    """A length of time in nanoseconds (`interval: 1m30s`), as the engine's API counts."""

    __slots__ = ()

    @property
    def seconds(self) -> float:
        return self / 1_000_000_000


class FileMode(int):
    """Permission bits (`mode: 0440`)."""

    __slots__ = ()


class Extensible(Struct, frozen=True, kw_only=True):
    """What may carry keys of the user's own, beginning with `x-`."""

    extensions: Mapping[str, Any] = field(name="#extensions", default_factory=dict)


class FileReference(Extensible, frozen=True, kw_only=True):
    """A config or secret granted to a service or to a build: `source` is its key in the project."""

    source: str = ""
    target: str = ""
    uid: str = ""
    gid: str = ""
    mode: FileMode | None = None


class Ulimit(Extensible, frozen=True, kw_only=True):
    """`single` (not 0) sets both limits; -1 is unlimited."""

    single: int = 0
    soft: int = 0
    hard: int = 0


class Hook(Extensible, frozen=True, kw_only=True):
    """A command run in the container after its start or before its stop."""

    command: tuple[str, ...] | None = None
    user: str = ""
    privileged: bool = False
    working_dir: str = ""
    environment: Mapping[str, str | None] = field(default_factory=dict)


class Build(Extensible, frozen=True, kw_only=True):
    context: str = ""
    dockerfile: str = ""
    dockerfile_inline: str = ""
    entitlements: tuple[str, ...] = ()
    args: Mapping[str, str | None] = field(default_factory=dict)
    provenance: str = ""
    sbom: str = ""
    ssh: Mapping[str, str] = field(default_factory=dict)
    labels: Labels = field(default_factory=dict)
    cache_from: tuple[str, ...] = ()
    cache_to: tuple[str, ...] = ()
    no_cache: bool = False
    additional_contexts: Mapping[str, str] = field(default_factory=dict)
    pull: bool = False
    extra_hosts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    isolation: str = ""
    network: str = ""
    target: str = ""
    secrets: tuple[FileReference, ...] = ()
    shm_size: Bytes = Bytes(0)
    tags: tuple[str, ...] = ()
    ulimits: Mapping[str, Ulimit] = field(default_factory=dict)
    platforms: tuple[str, ...] = ()
    privileged: bool = False


class WatchTrigger(Extensible, frozen=True, kw_only=True):
    """A rule of `develop.watch`; `action` is rebuild, sync, restart, sync+restart or sync+exec."""

    path: str = ""
    action: str = ""
    target: str = ""
    exec: Hook = Hook()
    include: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    initial_sync: bool = False


class Develop(Extensible, frozen=True, kw_only=True):
    watch: tuple[WatchTrigger, ...] = ()


class WeightDevice(Extensible, frozen=True, kw_only=True):
    path: str = ""
    weight: int = 0


class ThrottleDevice(Extensible, frozen=True, kw_only=True):
    """`rate` in bytes per second, or in operations per second for the `…_iops` lists."""

    path: str = ""
    rate: Bytes = Bytes(0)


class BlkioConfig(Extensible, frozen=True, kw_only=True):
    weight: int = 0
    weight_device: tuple[WeightDevice, ...] = ()
    device_read_bps: tuple[ThrottleDevice, ...] = ()
    device_read_iops: tuple[ThrottleDevice, ...] = ()
    device_write_bps: tuple[ThrottleDevice, ...] = ()
    device_write_iops: tuple[ThrottleDevice, ...] = ()


class CredentialSpec(Extensible, frozen=True, kw_only=True):
    config: str = ""
    file: str = ""
    registry: str = ""


class Dependency(Extensible, frozen=True, kw_only=True):
    """`condition` is service_started, service_healthy or service_completed_successfully."""

    condition: str = "service_started"
    restart: bool = False
    required: bool = True


class DeviceRequest(Struct, frozen=True, kw_only=True):
    """Accelerators asked for; `count` -1 is all of them."""

    capabilities: tuple[str, ...] = ()
    driver: str = ""
    count: int = 0
    device_ids: tuple[str, ...] = ()
    options: Options = field(default_factory=dict)


class DiscreteResource(Extensible, frozen=True, kw_only=True):
    kind: str = ""
    value: int = 0


class GenericResource(Extensible, frozen=True, kw_only=True):
    discrete_resource_spec: DiscreteResource | None = None


class Resource(Extensible, frozen=True, kw_only=True):
    """Limits or reservations; `cpus` is a number of processors (1.5)."""

    cpus: float = 0.0
    memory: Bytes = Bytes(0)
    pids: int = 0
    devices: tuple[DeviceRequest, ...] = ()
    generic_resources: tuple[GenericResource, ...] = ()


class Resources(Extensible, frozen=True, kw_only=True):
    limits: Resource | None = None
    reservations: Resource | None = None


class UpdateConfig(Extensible, frozen=True, kw_only=True):
    parallelism: int | None = None
    delay: Duration = Duration(0)
    failure_action: str = ""
    monitor: Duration = Duration(0)
    max_failure_ratio: float = 0.0
    order: str = ""


class RestartPolicy(Extensible, frozen=True, kw_only=True):
    condition: str = ""
    delay: Duration | None = None
    max_attempts: int | None = None
    window: Duration | None = None


class PlacementPreference(Extensible, frozen=True, kw_only=True):
    spread: str = ""


class Placement(Extensible, frozen=True, kw_only=True):
    constraints: tuple[str, ...] = ()
    preferences: tuple[PlacementPreference, ...] = ()
    max_replicas_per_node: int = 0


class Deploy(Extensible, frozen=True, kw_only=True):
    mode: str = ""
    replicas: int | None = None
    labels: Labels = field(default_factory=dict)
    update_config: UpdateConfig | None = None
    rollback_config: UpdateConfig | None = None
    resources: Resources = Resources()
    restart_policy: RestartPolicy | None = None
    placement: Placement = Placement()
    endpoint_mode: str = ""


class DeviceMapping(Extensible, frozen=True, kw_only=True):
    source: str = ""
    target: str = ""
    permissions: str = ""


class Provider(Extensible, frozen=True, kw_only=True):
    """A service that a program outside of Compose provides; each option is a list of strings."""

    type: str = ""
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class EnvFile(Struct, frozen=True, kw_only=True):
    path: str = ""
    required: bool = True
    format: str = ""


class Extends(Struct, frozen=True, kw_only=True):
    file: str = ""
    service: str = ""


class Healthcheck(Extensible, frozen=True, kw_only=True):
    """`test` begins with CMD, CMD-SHELL or NONE; empty: the image's own test."""

    test: tuple[str, ...] = ()
    timeout: Duration | None = None
    interval: Duration | None = None
    retries: int | None = None
    start_period: Duration | None = None
    start_interval: Duration | None = None
    disable: bool = False


class Logging(Extensible, frozen=True, kw_only=True):
    driver: str = ""
    options: Options = field(default_factory=dict)


class ServiceModel(Extensible, frozen=True, kw_only=True):
    endpoint_var: str = ""
    model_var: str = ""


class ServiceNetwork(Extensible, frozen=True, kw_only=True):
    """How a service takes part in a network."""

    aliases: tuple[str, ...] = ()
    driver_opts: Options = field(default_factory=dict)
    gw_priority: int = 0
    interface_name: str = ""
    ipv4_address: str = ""
    ipv6_address: str = ""
    link_local_ips: tuple[str, ...] = ()
    mac_address: str = ""
    priority: int = 0


class Port(Extensible, frozen=True, kw_only=True):
    """One container port; `published` is empty (any), a number or a range `8000-8010` to choose from."""

    name: str = ""
    mode: str = ""
    host_ip: str = ""
    target: int = 0
    published: str = ""
    protocol: str = ""
    app_protocol: str = ""


class BindOptions(Extensible, frozen=True, kw_only=True):
    selinux: str = ""
    propagation: str = ""
    create_host_path: bool = False
    recursive: str = ""


class VolumeOptions(Extensible, frozen=True, kw_only=True):
    labels: Labels = field(default_factory=dict)
    nocopy: bool = False
    subpath: str = ""


class TmpfsOptions(Extensible, frozen=True, kw_only=True):
    size: Bytes = Bytes(0)
    mode: int = 0


class ImageOptions(Extensible, frozen=True, kw_only=True):
    subpath: str = ""


class ServiceVolume(Extensible, frozen=True, kw_only=True):
    """A mount; `type` is bind, volume, tmpfs, cluster, npipe or image. A volume without `source` is anonymous."""

    type: str = ""
    source: str = ""
    target: str = ""
    read_only: bool = False
    consistency: str = ""
    bind: BindOptions | None = None
    volume: VolumeOptions | None = None
    tmpfs: TmpfsOptions | None = None
    image: ImageOptions | None = None
