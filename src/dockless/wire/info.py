"""What an engine tells of itself and its host: `GET /info`."""

from collections.abc import Mapping

from dockless.wire.base import Message, always, names


class Plugins(Message, frozen=True, kw_only=True):
    volume: tuple[str, ...] | None = always(("local",))
    network: tuple[str, ...] | None = always(("bridge", "host", "null"))
    authorization: tuple[str, ...] | None = always(None)
    log: tuple[str, ...] | None = always(("json-file", "local", "none"))


class Commit(Message, rename=names(id="ID"), frozen=True, kw_only=True):
    id: str = always("")
    expected: str = always("")


class Runtime(Message, rename="camel", frozen=True, kw_only=True):
    path: str = always("")
    runtime_args: tuple[str, ...] | None = None


class Swarm(Message, rename=names(node_id="NodeID"), frozen=True, kw_only=True):
    """There is none; clients want to be told so."""

    node_id: str = always("")
    node_addr: str = always("")
    local_node_state: str = always("inactive")
    control_available: bool = always(False)
    error: str = always("")
    remote_managers: tuple[str, ...] | None = always(None)


class RegistryIndex(Message, frozen=True, kw_only=True):
    name: str = always("")
    mirrors: tuple[str, ...] | None = always(())
    secure: bool = always(True)
    official: bool = always(False)


class RegistryConfig(Message, rename=names(insecure_registry_cidrs="InsecureRegistryCIDRs"), frozen=True, kw_only=True):
    insecure_registry_cidrs: tuple[str, ...] | None = always(())
    index_configs: Mapping[str, RegistryIndex] = always({})
    mirrors: tuple[str, ...] | None = always(())


_INFO_NAMES = names(
    id="ID",
    cpu_shares="CPUShares",
    cpu_set="CPUSet",
    os_type="OSType",
    os_version="OSVersion",
    ncpu="NCPU",
    nfd="NFd",
    ngoroutines="NGoroutines",
    nevents_listener="NEventsListener",
    ipv4_forwarding="IPv4Forwarding",
    cdi_spec_dirs="CDISpecDirs",
)


class Info(Message, rename=_INFO_NAMES, frozen=True, kw_only=True):
    """`GET /info`. `mem_total` in bytes; `driver_status` are pairs; `system_time` in RFC 3339 with nanoseconds."""

    id: str = always("")
    containers: int = always(0)
    containers_running: int = always(0)
    containers_paused: int = always(0)
    containers_stopped: int = always(0)
    images: int = always(0)
    driver: str = always("overlay2")
    driver_status: tuple[tuple[str, str], ...] | None = always(())
    docker_root_dir: str = always("")
    plugins: Plugins = always(Plugins())
    memory_limit: bool = always(True)
    swap_limit: bool = always(True)
    cpu_cfs_period: bool = always(True)
    cpu_cfs_quota: bool = always(True)
    cpu_shares: bool = always(True)
    cpu_set: bool = always(True)
    pids_limit: bool = always(True)
    ipv4_forwarding: bool = always(True)
    bridge_nf_iptables: bool = always(False)
    bridge_nf_ip6tables: bool = always(False)
    debug: bool = always(False)
    nfd: int = always(0)
    oom_kill_disable: bool = always(False)
    ngoroutines: int = always(0)
    system_time: str = always("")
    logging_driver: str = always("json-file")
    cgroup_driver: str = always("cgroupfs")
    cgroup_version: str = always("2")
    nevents_listener: int = always(0)
    kernel_version: str = always("")
    operating_system: str = always("")
    os_version: str = always("")
    os_type: str = always("linux")
    architecture: str = always("")
    index_server_address: str = always("https://index.docker.io/v1/")
    registry_config: RegistryConfig | None = always(RegistryConfig())
    ncpu: int = always(0)
    mem_total: int = always(0)
    generic_resources: tuple[str, ...] | None = always(None)
    http_proxy: str = always("")
    https_proxy: str = always("")
    no_proxy: str = always("")
    name: str = always("")
    labels: tuple[str, ...] | None = always(())
    experimental_build: bool = always(False)
    server_version: str = always("")
    runtimes: Mapping[str, Runtime] = always({})
    default_runtime: str = always("dockless")
    swarm: Swarm = always(Swarm())
    live_restore_enabled: bool = always(True)
    isolation: str = always("")
    init_binary: str = always("")
    containerd_commit: Commit = always(Commit())
    runc_commit: Commit = always(Commit())
    init_commit: Commit = always(Commit())
    security_options: tuple[str, ...] | None = always(())
    cdi_spec_dirs: tuple[str, ...] | None = always(None)
    warnings: tuple[str, ...] | None = always(None)
