"""From a container's record to the OCI runtime spec that the launcher carries out.

What the record means is translated here and nowhere else; the defaults are `launcher/defaults.py`'s.
"""

import json
import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, cast

from dockless.engine.records import ContainerRecord, Mount
from dockless.launcher import defaults
from dockless.launcher.spec import (
    BlockIoResources,
    CpuResources,
    Device,
    DeviceRule,
    MemoryResources,
    NamespaceType,
    Process,
    Resources,
    Rlimit,
    Spec,
    ThrottleDevice,
    WeightDevice,
)
from dockless.launcher.spec import Mount as SpecMount
from dockless.launcher.users import UnknownUser, User, resolve_user
from dockless.wire.config import ContainerConfig, HostConfig
from dockless.wire.config import Resources as WireResources
from dockless.wire.config import ThrottleDevice as WireThrottleDevice
from dockless.wire.errors import BadParameter
from dockless.wire.execs import ExecCreateRequest

SHM_SIZE = 64 * 1024 * 1024  # bytes
CPU_PERIOD = 100_000  # microseconds, the kernel's default


@dataclass(frozen=True)
class Files:
    """The three files of /etc that the engine writes for a container, on the host."""

    hosts: Path
    hostname: Path
    resolv_conf: Path


def build_spec(
    record: ContainerRecord,
    layers: Sequence[Path],
    files: Files | None,
    *,
    host_namespaces: Sequence[NamespaceType],
    cgroup_path: str,
) -> Spec:
    """`layers`: the root's folders, topmost first, the container's own upper directory among them (users are looked
    up there). `joined`: the kinds of namespace whose descriptors are handed to the launcher. Raises BadParameter.
    """
    config, host = record.config, record.host
    devices, access = _devices(host)
    try:
        user = _user(layers, config.user, host.group_add or ())
        spec = defaults.default_spec(
            args=[record.path, *record.args],
            env=list(config.env or ()),
            cgroup_path=cgroup_path,
            cwd=config.working_dir or "/",
            user=user,
            hostname=config.hostname or None,
            domainname=config.domainname or None,
            privileged=host.privileged,
            cap_add=host.cap_add or (),
            cap_drop=host.cap_drop or (),
            readonly_root=host.readonly_rootfs,
            seccomp=_seccomp(host),
            network="network" not in host_namespaces,
            host_namespaces=host_namespaces,
            terminal=config.tty,
            console_size=host.console_size if host.console_size and any(host.console_size) else None,
            init=bool(host.init),
            resources=resources(host),
            mounts=[*_shared_memory(host), *_file_mounts(files, record), *(_mount(mount) for mount in record.mounts)],
            devices=devices,
            device_access=access,
            device_rules=[_device_rule(rule) for rule in host.device_cgroup_rules or ()],
            rlimits=_rlimits(host),
            sysctls=host.sysctls,
            oom_score_adj=host.oom_score_adj or None,
            no_new_privileges=_no_new_privileges(host),
            shm_size=host.shm_size or SHM_SIZE,
            masked_paths=_paths(host, host.masked_paths),
            readonly_paths=_paths(host, host.readonly_paths),
        )
    except UnknownUser as error:
        raise BadParameter(str(error)) from error
    except ValueError as error:
        raise BadParameter(str(error)) from error
    if host.ipc_mode == "none":
        spec["mounts"] = [mount for mount in spec["mounts"] if mount["destination"] != "/dev/shm"]
    spec["annotations"] = {**(host.annotations or {}), **spec["annotations"]}
    return spec


def exec_process(record: ContainerRecord, layers: Sequence[Path], body: ExecCreateRequest) -> Process:
    """A further process in the container: its own user, environment and terminal, the container's limits.

    Raises BadParameter.
    """
    config, host = record.config, record.host
    try:
        user = resolve_user(layers, body.user or config.user, host.group_add or ())
    except UnknownUser as error:
        raise BadParameter(str(error)) from error
    capabilities = defaults.capability_set(
        host.cap_add or (), host.cap_drop or (), privileged=host.privileged or body.privileged
    )
    environment = [*(config.env or ()), *(body.env or ())]
    merged = list({entry.partition("=")[0]: entry for entry in environment}.values())
    process = Process(
        terminal=body.tty,
        user={"uid": user.uid, "gid": user.gid, "additionalGids": list(user.additional)},
        args=list(body.cmd or ()),
        env=defaults.environment(merged, hostname=config.hostname, home=user.home, terminal=body.tty),
        cwd=body.working_dir or config.working_dir or "/",
        capabilities=defaults.process_capabilities(capabilities),
        rlimits=_rlimits(host),
        noNewPrivileges=_no_new_privileges(host),
    )
    if body.console_size and any(body.console_size):
        process["consoleSize"] = {"height": body.console_size[0], "width": body.console_size[1]}
    return process


def _user(layers: Sequence[Path], name: str, groups: Sequence[str]) -> User:
    """Where the container has written nothing yet the image alone says who is who, and that never changes."""
    own, *image = layers
    with os.scandir(own) as entries:
        if next(entries, None) is not None:
            return resolve_user(layers, name, groups)
    return _user_of_image(tuple(image), name, tuple(groups))


@lru_cache(maxsize=128)
def _user_of_image(layers: Sequence[Path], name: str, groups: Sequence[str]) -> User:
    return resolve_user(layers, name, groups)


def user_of(config: ContainerConfig, layers: Sequence[Path]) -> User:
    """Raises UnknownUser."""
    return resolve_user(layers, config.user)


def resources(host: WireResources) -> Resources:
    """The limits that were asked for; an empty one costs no cgroup controller."""
    found = Resources()
    if memory := _memory(host):
        found["memory"] = memory
    if cpu := _cpu(host):
        found["cpu"] = cpu
    if host.pids_limit and host.pids_limit > 0:
        found["pids"] = {"limit": host.pids_limit}
    if block := _block_io(host):
        found["blockIO"] = block
    return found


def _block_io(host: WireResources) -> BlockIoResources:
    """Raises BadParameter for a path that is no device."""
    block = BlockIoResources()
    if host.blkio_weight:
        block["weight"] = host.blkio_weight
    if host.blkio_weight_device:
        block["weightDevice"] = [
            WeightDevice(major=major, minor=minor, weight=entry.weight)
            for entry in host.blkio_weight_device
            for major, minor in [_number_of(entry.path)]
        ]
    if host.blkio_device_read_bps:
        block["throttleReadBpsDevice"] = _throttles(host.blkio_device_read_bps)
    if host.blkio_device_write_bps:
        block["throttleWriteBpsDevice"] = _throttles(host.blkio_device_write_bps)
    if host.blkio_device_read_iops:
        block["throttleReadIOPSDevice"] = _throttles(host.blkio_device_read_iops)
    if host.blkio_device_write_iops:
        block["throttleWriteIOPSDevice"] = _throttles(host.blkio_device_write_iops)
    return block


def _throttles(entries: Iterable[WireThrottleDevice]) -> list[ThrottleDevice]:
    return [
        ThrottleDevice(major=major, minor=minor, rate=entry.rate)
        for entry in entries
        for major, minor in [_number_of(entry.path)]
    ]


def _number_of(path: str) -> tuple[int, int]:
    try:
        status = os.stat(path)
    except OSError as error:
        raise BadParameter(f"blkio: {path}: {error.strerror}") from error
    if not stat.S_ISBLK(status.st_mode):
        raise BadParameter(f"blkio: {path} is not a block device")
    return os.major(status.st_rdev), os.minor(status.st_rdev)


def _memory(host: WireResources) -> MemoryResources:
    memory = MemoryResources()
    if host.memory:
        memory["limit"] = host.memory
        # Docker's default: as much swap again as memory.
        memory["swap"] = host.memory_swap or 2 * host.memory
    if host.memory_reservation:
        memory["reservation"] = host.memory_reservation
    if host.memory_swappiness is not None and host.memory_swappiness >= 0:
        memory["swappiness"] = host.memory_swappiness
    if host.oom_kill_disable:
        memory["disableOOMKiller"] = True
    return memory


def _cpu(host: WireResources) -> CpuResources:
    cpu = CpuResources()
    if host.cpu_shares:
        cpu["shares"] = host.cpu_shares
    if host.nano_cpus:
        cpu["period"] = CPU_PERIOD
        cpu["quota"] = host.nano_cpus * CPU_PERIOD // 1_000_000_000
    if host.cpu_period:
        cpu["period"] = host.cpu_period
    if host.cpu_quota:
        cpu["quota"] = host.cpu_quota
    if host.cpu_realtime_period:
        cpu["realtimePeriod"] = host.cpu_realtime_period
    if host.cpu_realtime_runtime:
        cpu["realtimeRuntime"] = host.cpu_realtime_runtime
    if host.cpuset_cpus:
        cpu["cpus"] = host.cpuset_cpus
    if host.cpuset_mems:
        cpu["mems"] = host.cpuset_mems
    return cpu


def _seccomp(host: HostConfig) -> Mapping[str, Any] | Literal["default", "unconfined"]:
    """Clients send a profile's content, not its path."""
    for option in host.security_opt or ():
        name, _, value = option.replace(":", "=", 1).partition("=") if "=" not in option else option.partition("=")
        if name == "seccomp":
            if value in ("unconfined", "default", "builtin"):
                return "unconfined" if value == "unconfined" else "default"
            try:
                return cast(Mapping[str, Any], json.loads(value))
            except ValueError as error:
                raise BadParameter(f"Decoding seccomp profile failed: {error}") from error
    return "default"


def _no_new_privileges(host: HostConfig) -> bool:
    return any(
        option in ("no-new-privileges", "no-new-privileges:true", "no-new-privileges=true")
        for option in host.security_opt or ()
    )


def _paths(host: HostConfig, asked: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if asked is None and any(option == "systempaths=unconfined" for option in host.security_opt or ()):
        return ()
    return asked


def _rlimits(host: HostConfig) -> list[Rlimit]:
    return [
        Rlimit(type=f"RLIMIT_{limit.name.upper()}", soft=limit.soft, hard=limit.hard) for limit in host.ulimits or ()
    ]


def _devices(host: HostConfig) -> tuple[list[Device], dict[str, str]]:
    """The nodes, and by a node's path what may be done with it."""
    found: list[Device] = []
    access: dict[str, str] = {}
    for mapping in host.devices or ():
        try:
            nodes = defaults.device(mapping.path_on_host, mapping.path_in_container or None)
            found += nodes
            access |= {node["path"]: mapping.cgroup_permissions or "rwm" for node in nodes}
        except (OSError, ValueError) as error:
            raise BadParameter(
                f'error gathering device information while adding custom device "{mapping.path_on_host}": {error}'
            ) from error
    return found, access


def _shared_memory(host: HostConfig) -> list[SpecMount]:
    """That of the container whose IPC namespace is joined; the launcher is given it as a tree."""
    if not host.ipc_mode.startswith("container:"):
        return []
    options = ["bind", "rprivate", "rw", "nosuid", "noexec", "nodev"]
    return [SpecMount(destination="/dev/shm", type="bind", source="/dev/shm", options=options)]


def _device_rule(text: str) -> DeviceRule:
    """`c 1:3 rwm`, with `a` for both kinds and `*` for any number."""
    kind, numbers, access = text.split()
    major, _, minor = numbers.partition(":")
    rule = DeviceRule(allow=True, type=kind, access=access)
    if major != "*":
        rule["major"] = int(major)
    if minor != "*":
        rule["minor"] = int(minor)
    return rule


def _file_mounts(files: Files | None, record: ContainerRecord) -> list[SpecMount]:
    """The files of /etc, but where the user mounts one of their own there."""
    if files is None:
        return []
    taken = {mount.point.destination for mount in record.mounts}
    wanted = {"/etc/resolv.conf": files.resolv_conf, "/etc/hostname": files.hostname, "/etc/hosts": files.hosts}
    return [
        SpecMount(destination=target, type="bind", source=str(source), options=["rbind", "rprivate", "rw"])
        for target, source in wanted.items()
        if target not in taken
    ]


def _mount(mount: Mount) -> SpecMount:
    point = mount.point
    access = "rw" if point.rw else "ro"
    if point.type == "tmpfs":
        options = ["nosuid", "nodev", "noexec", *mount.options]
        return SpecMount(destination=point.destination, type="tmpfs", source="tmpfs", options=options)
    propagation = point.propagation or "rprivate"
    if access == "ro" and "top" not in mount.options:
        access = "rro"
    # As Docker: a recursive bind goes with a recursive propagation.
    bind = "rbind" if propagation.startswith("r") else "bind"
    return SpecMount(
        destination=point.destination, type="bind", source=point.source, options=[bind, propagation, access]
    )
