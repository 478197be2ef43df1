"""A container's configuration, as in a create request and in an inspect answer: `ContainerConfig` and `HostConfig`.

Lists and maps are `None` where the API has `null`, which for `cmd` and `entrypoint` is not the same as empty: `None`
takes the image's.
"""

from collections.abc import Mapping

from dockless.wire.base import Message, always, names


class Empty(Message, frozen=True, kw_only=True):
    """`{}`: the value of a map that is used as a set."""


class HealthConfig(Message, frozen=True, kw_only=True):
    """Times in nanoseconds; 0 takes the image's or the default. `test`: `()` inherits, `("NONE",)` turns it off."""

    test: tuple[str, ...] | None = None
    interval: int = 0
    timeout: int = 0
    start_period: int = 0
    start_interval: int = 0
    retries: int = 0


class ContainerConfig(Message, frozen=True, kw_only=True):
    """What is portable between hosts. `stop_timeout` in seconds."""

    hostname: str = always("")
    domainname: str = always("")
    user: str = always("")
    attach_stdin: bool = always(False)
    attach_stdout: bool = always(False)
    attach_stderr: bool = always(False)
    exposed_ports: Mapping[str, Empty] | None = None
    tty: bool = always(False)
    open_stdin: bool = always(False)
    stdin_once: bool = always(False)
    env: tuple[str, ...] | None = always(None)
    cmd: tuple[str, ...] | None = always(None)
    healthcheck: HealthConfig | None = None
    args_escaped: bool = False
    image: str = always("")
    volumes: Mapping[str, Empty] | None = always(None)
    working_dir: str = always("")
    entrypoint: tuple[str, ...] | None = always(None)
    network_disabled: bool = False
    mac_address: str = ""
    on_build: tuple[str, ...] | None = always(None)
    labels: Mapping[str, str] | None = always(None)
    stop_signal: str = ""
    stop_timeout: int | None = None
    shell: tuple[str, ...] | None = None


class PortBinding(Message, rename=names(host_ip="HostIp"), frozen=True, kw_only=True):
    """`host_ip` empty: all addresses of both families. `host_port` empty: a free one; may be a range `8000-8010`."""

    host_ip: str = always("")
    host_port: str = always("")


class RestartPolicy(Message, frozen=True, kw_only=True):
    """`no` (or empty), `always`, `unless-stopped`, `on-failure`."""

    name: str = always("")
    maximum_retry_count: int = always(0)


class LogConfig(Message, frozen=True, kw_only=True):
    type: str = always("")
    config: Mapping[str, str] | None = always(None)


class BindOptions(Message, frozen=True, kw_only=True):
    propagation: str = ""
    non_recursive: bool = False
    create_mountpoint: bool = False
    read_only_non_recursive: bool = False
    read_only_force_recursive: bool = False


class DriverConfig(Message, frozen=True, kw_only=True):
    name: str = ""
    options: Mapping[str, str] | None = None


class VolumeOptions(Message, frozen=True, kw_only=True):
    no_copy: bool = False
    labels: Mapping[str, str] | None = None
    subpath: str = ""
    driver_config: DriverConfig | None = None


class TmpfsOptions(Message, frozen=True, kw_only=True):
    """`size_bytes` 0: no limit. `mode`: permission bits, 0 takes 1777."""

    size_bytes: int = 0
    mode: int = 0
    options: tuple[tuple[str, ...], ...] | None = None


class ImageOptions(Message, frozen=True, kw_only=True):
    subpath: str = ""


class Mount(Message, frozen=True, kw_only=True):
    """`type`: `bind`, `volume`, `tmpfs`, `image` …; `source` of a volume empty: an anonymous one."""

    type: str = ""
    source: str = ""
    target: str = ""
    read_only: bool = False
    consistency: str = ""
    bind_options: BindOptions | None = None
    volume_options: VolumeOptions | None = None
    image_options: ImageOptions | None = None
    tmpfs_options: TmpfsOptions | None = None


class WeightDevice(Message, frozen=True, kw_only=True):
    path: str = always("")
    weight: int = always(0)


class ThrottleDevice(Message, frozen=True, kw_only=True):
    """`rate` in bytes or operations a second."""

    path: str = always("")
    rate: int = always(0)


class DeviceMapping(Message, frozen=True, kw_only=True):
    path_on_host: str = always("")
    path_in_container: str = always("")
    cgroup_permissions: str = always("")


class DeviceRequest(Message, frozen=True, kw_only=True):
    """`capabilities`: any of these sets. `count` -1: all."""

    driver: str = always("")
    count: int = always(0)
    device_ids: tuple[str, ...] | None = always(None)
    capabilities: tuple[tuple[str, ...], ...] | None = always(None)
    options: Mapping[str, str] | None = always(None)


class Ulimit(Message, frozen=True, kw_only=True):
    """-1: no limit."""

    name: str = always("")
    soft: int = always(0)
    hard: int = always(0)


_RESOURCE_NAMES = {
    "blkio_device_read_iops": "BlkioDeviceReadIOps",
    "blkio_device_write_iops": "BlkioDeviceWriteIOps",
    "kernel_memory_tcp": "KernelMemoryTCP",
    "io_maximum_iops": "IOMaximumIOps",
}


class Resources(Message, rename=names(**_RESOURCE_NAMES), frozen=True, kw_only=True):
    """A container's limits; 0 is none. Sizes in bytes, `cpu_period` and `cpu_quota` in µs, `nano_cpus` in 1e-9."""

    cpu_shares: int = always(0)
    memory: int = always(0)
    nano_cpus: int = always(0)
    cgroup_parent: str = always("")
    blkio_weight: int = always(0)
    blkio_weight_device: tuple[WeightDevice, ...] | None = always(None)
    blkio_device_read_bps: tuple[ThrottleDevice, ...] | None = always(None)
    blkio_device_write_bps: tuple[ThrottleDevice, ...] | None = always(None)
    blkio_device_read_iops: tuple[ThrottleDevice, ...] | None = always(None)
    blkio_device_write_iops: tuple[ThrottleDevice, ...] | None = always(None)
    cpu_period: int = always(0)
    cpu_quota: int = always(0)
    cpu_realtime_period: int = always(0)
    cpu_realtime_runtime: int = always(0)
    cpuset_cpus: str = always("")
    cpuset_mems: str = always("")
    devices: tuple[DeviceMapping, ...] | None = always(None)
    device_cgroup_rules: tuple[str, ...] | None = always(None)
    device_requests: tuple[DeviceRequest, ...] | None = always(None)
    kernel_memory: int = 0
    kernel_memory_tcp: int = 0
    memory_reservation: int = always(0)
    memory_swap: int = always(0)
    memory_swappiness: int | None = always(None)
    oom_kill_disable: bool | None = always(None)
    pids_limit: int | None = always(None)
    ulimits: tuple[Ulimit, ...] | None = always(None)
    cpu_count: int = always(0)
    cpu_percent: int = always(0)
    io_maximum_iops: int = always(0)
    io_maximum_bandwidth: int = always(0)


class HostConfig(
    Resources, rename=names(container_id_file="ContainerIDFile", **_RESOURCE_NAMES), frozen=True, kw_only=True
):
    """What depends on the host. `shm_size` in bytes, 0 takes 64 MiB; `console_size` is (height, width)."""

    binds: tuple[str, ...] | None = always(None)
    container_id_file: str = always("")
    log_config: LogConfig = always(LogConfig())
    network_mode: str = always("")
    port_bindings: Mapping[str, tuple[PortBinding, ...] | None] | None = always(None)
    restart_policy: RestartPolicy = always(RestartPolicy())
    auto_remove: bool = always(False)
    volume_driver: str = always("")
    volumes_from: tuple[str, ...] | None = always(None)
    console_size: tuple[int, int] | None = always((0, 0))
    annotations: Mapping[str, str] | None = None
    mounts: tuple[Mount, ...] | None = None
    cap_add: tuple[str, ...] | None = always(None)
    cap_drop: tuple[str, ...] | None = always(None)
    cgroupns_mode: str = always("")
    dns: tuple[str, ...] | None = always(None)
    dns_options: tuple[str, ...] | None = always(None)
    dns_search: tuple[str, ...] | None = always(None)
    extra_hosts: tuple[str, ...] | None = always(None)
    group_add: tuple[str, ...] | None = always(None)
    ipc_mode: str = always("")
    cgroup: str = always("")
    links: tuple[str, ...] | None = always(None)
    oom_score_adj: int = always(0)
    pid_mode: str = always("")
    privileged: bool = always(False)
    publish_all_ports: bool = always(False)
    readonly_rootfs: bool = always(False)
    security_opt: tuple[str, ...] | None = always(None)
    storage_opt: Mapping[str, str] | None = None
    tmpfs: Mapping[str, str] | None = None
    uts_mode: str = always("")
    userns_mode: str = always("")
    shm_size: int = always(0)
    sysctls: Mapping[str, str] | None = None
    runtime: str = ""
    isolation: str = always("")
    masked_paths: tuple[str, ...] | None = always(None)
    readonly_paths: tuple[str, ...] | None = always(None)
    init: bool | None = None
