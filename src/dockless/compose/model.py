"""The project as the Compose Specification describes it, typed and frozen: what loading makes and all else reads.

Attributes carry the specification's names. Every value is canonical: short syntax is expanded, paths are absolute,
units are numbers (`Bytes`, `Duration`). A string, number or collection that a file does not set has its empty value;
`None` stands only where the specification tells "absent" from "empty". The order of the fields is the order in which
Docker Compose prints them: the config hash depends on it. `extensions` holds the `x-…` keys.
"""

from collections.abc import Mapping

from msgspec import field

from dockless.compose.parts import (
    BindOptions as BindOptions,
)
from dockless.compose.parts import (
    BlkioConfig as BlkioConfig,
)
from dockless.compose.parts import (
    Build as Build,
)
from dockless.compose.parts import (
    Bytes as Bytes,
)
from dockless.compose.parts import (
    CredentialSpec as CredentialSpec,
)
from dockless.compose.parts import (
    Dependency as Dependency,
)
from dockless.compose.parts import (
    Deploy as Deploy,
)
from dockless.compose.parts import (
    Develop as Develop,
)
from dockless.compose.parts import (
    DeviceMapping as DeviceMapping,
)
from dockless.compose.parts import (
    DeviceRequest as DeviceRequest,
)
from dockless.compose.parts import (
    DiscreteResource as DiscreteResource,
)
from dockless.compose.parts import (
    Duration as Duration,
)
from dockless.compose.parts import (
    EnvFile as EnvFile,
)
from dockless.compose.parts import (
    Extends as Extends,
)
from dockless.compose.parts import (
    Extensible as Extensible,
)
from dockless.compose.parts import (
    FileMode as FileMode,
)
from dockless.compose.parts import (
    FileReference as FileReference,
)
from dockless.compose.parts import (
    GenericResource as GenericResource,
)
from dockless.compose.parts import (
    Healthcheck as Healthcheck,
)
from dockless.compose.parts import (
    Hook as Hook,
)
from dockless.compose.parts import (
    ImageOptions as ImageOptions,
)
from dockless.compose.parts import (
    Labels as Labels,
)
from dockless.compose.parts import (
    Logging as Logging,
)
from dockless.compose.parts import (
    Options as Options,
)
from dockless.compose.parts import (
    Placement as Placement,
)
from dockless.compose.parts import (
    PlacementPreference as PlacementPreference,
)
from dockless.compose.parts import (
    Port as Port,
)
from dockless.compose.parts import (
    Provider as Provider,
)
from dockless.compose.parts import (
    Resource as Resource,
)
from dockless.compose.parts import (
    Resources as Resources,
)
from dockless.compose.parts import (
    RestartPolicy as RestartPolicy,
)
from dockless.compose.parts import (
    ServiceModel as ServiceModel,
)
from dockless.compose.parts import (
    ServiceNetwork as ServiceNetwork,
)
from dockless.compose.parts import (
    ServiceVolume as ServiceVolume,
)
from dockless.compose.parts import (
    ThrottleDevice as ThrottleDevice,
)
from dockless.compose.parts import (
    TmpfsOptions as TmpfsOptions,
)
from dockless.compose.parts import (
    Ulimit as Ulimit,
)
from dockless.compose.parts import (
    UpdateConfig as UpdateConfig,
)
from dockless.compose.parts import (
    VolumeOptions as VolumeOptions,
)
from dockless.compose.parts import (
    WatchTrigger as WatchTrigger,
)
from dockless.compose.parts import (
    WeightDevice as WeightDevice,
)


class Service(Extensible, frozen=True, kw_only=True):
    """`name` is the key under `services`; it is not printed."""

    name: str = ""
    profiles: tuple[str, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)
    attach: bool | None = None
    build: Build | None = None
    develop: Develop | None = None
    blkio_config: BlkioConfig | None = None
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    cgroup_parent: str = ""
    cgroup: str = ""
    cpu_count: int = 0
    cpu_percent: float = 0.0
    cpu_period: int = 0
    cpu_quota: int = 0
    cpu_rt_period: int = 0
    cpu_rt_runtime: int = 0
    cpus: float = 0.0
    cpuset: str = ""
    cpu_shares: int = 0
    command: tuple[str, ...] | None = None
    configs: tuple[FileReference, ...] = ()
    container_name: str = ""
    credential_spec: CredentialSpec | None = None
    depends_on: Mapping[str, Dependency] = field(default_factory=dict)
    deploy: Deploy | None = None
    device_cgroup_rules: tuple[str, ...] = ()
    devices: tuple[DeviceMapping, ...] = ()
    dns: tuple[str, ...] = ()
    dns_opt: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    domainname: str = ""
    entrypoint: tuple[str, ...] | None = None
    provider: Provider | None = None
    environment: Mapping[str, str | None] = field(default_factory=dict)
    env_file: tuple[EnvFile, ...] = ()
    expose: tuple[str, ...] = ()
    extends: Extends | None = None
    external_links: tuple[str, ...] = ()
    extra_hosts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    group_add: tuple[str, ...] = ()
    gpus: tuple[DeviceRequest, ...] = ()
    hostname: str = ""
    healthcheck: Healthcheck | None = None
    image: str = ""
    init: bool | None = None
    ipc: str = ""
    isolation: str = ""
    labels: Labels = field(default_factory=dict)
    label_file: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    logging: Logging | None = None
    mem_limit: Bytes = Bytes(0)
    mem_reservation: Bytes = Bytes(0)
    memswap_limit: Bytes = Bytes(0)
    mem_swappiness: Bytes = Bytes(0)
    mac_address: str = ""
    models: Mapping[str, ServiceModel | None] = field(default_factory=dict)
    network_mode: str = ""
    networks: Mapping[str, ServiceNetwork | None] = field(default_factory=dict)
    oom_kill_disable: bool = False
    oom_score_adj: int = 0
    pid: str = ""
    pids_limit: int = 0
    platform: str = ""
    ports: tuple[Port, ...] = ()
    privileged: bool = False
    pull_policy: str = ""
    pull_refresh_after: str = ""
    read_only: bool = False
    restart: str = ""
    runtime: str = ""
    scale: int | None = None
    secrets: tuple[FileReference, ...] = ()
    security_opt: tuple[str, ...] = ()
    shm_size: Bytes = Bytes(0)
    stdin_open: bool = False
    stop_grace_period: Duration | None = None
    stop_signal: str = ""
    storage_opt: Options = field(default_factory=dict)
    sysctls: Mapping[str, str] = field(default_factory=dict)
    tmpfs: tuple[str, ...] = ()
    tty: bool = False
    ulimits: Mapping[str, Ulimit] = field(default_factory=dict)
    use_api_socket: bool = False
    user: str = ""
    userns_mode: str = ""
    uts: str = ""
    volumes: tuple[ServiceVolume, ...] = ()
    volumes_from: tuple[str, ...] = ()
    working_dir: str = ""
    post_start: tuple[Hook, ...] = ()
    pre_stop: tuple[Hook, ...] = ()

    @property
    def replicas(self) -> int:
        """How many containers: `scale`, else `deploy.replicas`, else 1."""
        if self.scale is not None:
            return self.scale
        if self.deploy is not None and self.deploy.replicas is not None:
            return self.deploy.replicas
        return 1


class IpamPool(Extensible, frozen=True, kw_only=True):
    subnet: str = ""
    gateway: str = ""
    ip_range: str = ""
    aux_addresses: Mapping[str, str] = field(default_factory=dict)


class Ipam(Extensible, frozen=True, kw_only=True):
    driver: str = ""
    config: tuple[IpamPool, ...] = ()
    options: Options = field(default_factory=dict)


class Network(Extensible, frozen=True, kw_only=True):
    """`name` is the engine's name for it (`{project}_{key}` unless the file says otherwise)."""

    name: str = ""
    driver: str = ""
    driver_opts: Options = field(default_factory=dict)
    ipam: Ipam = Ipam()
    external: bool = False
    internal: bool = False
    attachable: bool = False
    labels: Labels = field(default_factory=dict)
    enable_ipv4: bool | None = None
    enable_ipv6: bool | None = None


class Volume(Extensible, frozen=True, kw_only=True):
    """`name` is the engine's name for it (`{project}_{key}` unless the file says otherwise)."""

    name: str = ""
    driver: str = ""
    driver_opts: Options = field(default_factory=dict)
    external: bool = False
    labels: Labels = field(default_factory=dict)


class FileObject(Extensible, frozen=True, kw_only=True):
    """A config or a secret: from `file`, from the variable `environment`, or (configs) the `content` itself.

    `value` is what the variable holds, when it is set; it is never printed.
    """

    name: str = ""
    file: str = ""
    environment: str = ""
    content: str = ""
    external: bool = False
    labels: Labels = field(default_factory=dict)
    driver: str = ""
    driver_opts: Options = field(default_factory=dict)
    template_driver: str = ""
    value: str | None = None


class Model(Extensible, frozen=True, kw_only=True):
    """An AI model a service uses; loaded, not run."""

    name: str = ""
    model: str = ""
    context_size: int = 0
    runtime_flags: tuple[str, ...] = ()


class Project(Extensible, frozen=True, kw_only=True):
    """A loaded project. `services` are those that the active profiles enable, `disabled_services` the others, and
    `disabled_secrets` what these are built with: another build may take their images.

    `working_dir` is the absolute project directory, `compose_files` the absolute paths of the files given (not of the
    included ones; `-` for standard input), `environment` what interpolation saw (the process's environment over that
    of the env files), `profiles` the active ones, `warnings` sentences for the user as Docker Compose words them,
    `separator` what stands between the parts of containers' and images' names.
    """

    name: str = ""
    services: Mapping[str, Service] = field(default_factory=dict)
    networks: Mapping[str, Network] = field(default_factory=dict)
    volumes: Mapping[str, Volume] = field(default_factory=dict)
    secrets: Mapping[str, FileObject] = field(default_factory=dict)
    configs: Mapping[str, FileObject] = field(default_factory=dict)
    models: Mapping[str, Model] = field(default_factory=dict)
    working_dir: str = ""
    compose_files: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    disabled_services: Mapping[str, Service] = field(default_factory=dict)
    disabled_secrets: Mapping[str, FileObject] = field(default_factory=dict)
    profiles: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    separator: str = "-"
