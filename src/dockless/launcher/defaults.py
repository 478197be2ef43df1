"""Docker's defaults as parts of an OCI spec: capabilities, mounts, devices, masked paths, seccomp.

Pure: values in, a spec out. The engine makes containers of it and the builder its steps.
"""

import os
import platform
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal, cast

from dockless.launcher.annotations import INIT_ANNOTATION
from dockless.launcher.spec import (
    Capabilities,
    ConsoleSize,
    Device,
    DeviceRule,
    Linux,
    Mount,
    NamespaceType,
    Process,
    Resources,
    Rlimit,
    Seccomp,
    Spec,
)
from dockless.launcher.spec import User as SpecUser
from dockless.launcher.users import User
from dockless.linux.capabilities import NAMES as ALL_CAPABILITIES
from dockless.linux.capabilities import last_capability
from dockless.linux.seccomp_profile import default_profile, expand

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

DEFAULT_CAPABILITIES = (
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FSETID",
    "CAP_FOWNER",
    "CAP_MKNOD",
    "CAP_NET_RAW",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETFCAP",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_KILL",
    "CAP_AUDIT_WRITE",
)

MASKED_PATHS = (
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
)
READONLY_PATHS = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")

DEFAULT_DEVICES: tuple[Device, ...] = tuple(
    Device(path=path, type="c", major=major, minor=minor, fileMode=0o666, uid=0, gid=0)
    for path, major, minor in (
        ("/dev/null", 1, 3),
        ("/dev/zero", 1, 5),
        ("/dev/full", 1, 7),
        ("/dev/random", 1, 8),
        ("/dev/urandom", 1, 9),
        ("/dev/tty", 5, 0),
    )
)

# Nodes may be made of any device (m), and only these be opened; 5:1 is the console, 5:2 and 136 are terminals.
DEFAULT_DEVICE_RULES: tuple[DeviceRule, ...] = (
    DeviceRule(allow=False, access="rwm"),
    DeviceRule(allow=True, type="c", access="m"),
    DeviceRule(allow=True, type="b", access="m"),
    *(
        DeviceRule(allow=True, type="c", major=major, minor=minor, access="rwm")
        for major, minor in ((1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 1), (5, 2))
    ),
    DeviceRule(allow=True, type="c", major=136, access="rwm"),
)


def default_spec(
    *,
    args: list[str],
    env: list[str],
    cgroup_path: str,
    cwd: str = "/",
    user: User | None = None,
    hostname: str | None = None,
    domainname: str | None = None,
    privileged: bool = False,
    cap_add: Sequence[str] = (),
    cap_drop: Sequence[str] = (),
    readonly_root: bool = False,
    seccomp: Mapping[str, Any] | Literal["default", "unconfined"] = "default",
    network: bool = True,
    host_namespaces: Collection[NamespaceType] = (),
    terminal: bool = False,
    console_size: tuple[int, int] | None = None,
    init: bool = False,
    resources: Resources | None = None,
    mounts: Sequence[Mount] = (),
    devices: Sequence[Device] = (),
    device_rules: Sequence[DeviceRule] = (),
    device_access: Mapping[str, str] | None = None,
    rlimits: Sequence[Rlimit] = (),
    sysctls: Mapping[str, str] | None = None,
    oom_score_adj: int | None = None,
    no_new_privileges: bool = False,
    shm_size: int = 64 * 1024 * 1024,
    umask: int | None = None,
    masked_paths: Sequence[str] | None = None,
    readonly_paths: Sequence[str] | None = None,
) -> Spec:
    """A container as Docker would make it.

    `cgroup_path` is relative to each cgroup hierarchy's root (`/dockless/<id>`). `host_namespaces` are the kinds
    that are shared with the host; `network=False` is the same as naming `network` there. A namespace that is joined
    stays listed, and its descriptor is given to `Launcher.run`. `mounts` replace a default one of the same
    destination and are mounted parents first. `cap_add` and `cap_drop` take Docker's forms (`NET_ADMIN`,
    `CAP_NET_ADMIN`, `ALL`). `console_size` is (rows, columns). `device_access` says for the path of one of
    `devices` what is allowed (`rwm`). `masked_paths` and `readonly_paths` are Docker's where None, and none where
    `privileged`. Raises ValueError for an unknown capability or a seccomp profile that is not one.
    """
    user = user or User()
    shared = set(host_namespaces) | (set() if network else {"network"})
    capabilities = capability_set(cap_add, cap_drop, privileged=privileged)
    process = Process(
        terminal=terminal,
        user=SpecUser(uid=user.uid, gid=user.gid, additionalGids=list(user.additional)),
        args=args,
        env=environment(env, hostname=hostname, home=user.home, terminal=terminal),
        cwd=cwd,
        capabilities=process_capabilities(capabilities),
        rlimits=list(rlimits),
        noNewPrivileges=no_new_privileges,
    )
    if umask is not None:
        process["user"]["umask"] = umask
    if console_size is not None:
        process["consoleSize"] = ConsoleSize(height=console_size[0], width=console_size[1])
    if oom_score_adj is not None:
        process["oomScoreAdj"] = oom_score_adj
    linux = Linux(
        namespaces=[{"type": kind} for kind in _OWN_NAMESPACES if kind not in shared],
        devices=_merged_devices([*(host_devices() if privileged else DEFAULT_DEVICES), *devices]),
        cgroupsPath=cgroup_path,
        resources=_with_device_rules(resources, device_rules, devices, device_access or {}, privileged=privileged),
        sysctl=_sysctls(sysctls or {}, own_network="network" not in shared),
        maskedPaths=list(_unless(privileged, masked_paths, MASKED_PATHS)),
        readonlyPaths=list(_unless(privileged, readonly_paths, READONLY_PATHS)),
    )
    if not (privileged and seccomp == "default"):
        filtered = seccomp_for(seccomp, capabilities)
        if filtered is not None:
            linux["seccomp"] = filtered
    spec = Spec(
        ociVersion="1.2.0",
        process=process,
        root={"path": "rootfs", "readonly": readonly_root},
        mounts=merged_mounts(default_mounts(shm_size=shm_size, shared=shared, privileged=privileged), mounts),
        linux=linux,
        annotations={INIT_ANNOTATION: "true"} if init else {},
    )
    if hostname is not None and "uts" not in shared:
        spec["hostname"] = hostname
    if domainname and "uts" not in shared:
        spec["domainname"] = domainname
    return spec


_OWN_NAMESPACES: tuple[NamespaceType, ...] = ("mount", "network", "uts", "pid", "ipc", "cgroup")


def environment(env: Sequence[str], *, hostname: str | None, home: str, terminal: bool) -> list[str]:
    """`env` with what Docker adds where it is not set: PATH, HOSTNAME, TERM on a terminal, HOME."""
    named = {entry.partition("=")[0] for entry in env}
    before = [("PATH", DEFAULT_PATH), ("HOSTNAME", hostname or ""), ("TERM", "xterm" if terminal else "")]
    result = [f"{name}={value}" for name, value in before if value and name not in named]
    result += [entry for entry in env if "=" in entry]
    return result if "HOME" in named else [*result, f"HOME={home}"]


def capability_set(add: Sequence[str], drop: Sequence[str], *, privileged: bool = False) -> tuple[str, ...]:
    """Docker's rules for `--cap-add` and `--cap-drop`: `ALL` first, then single names. Raises ValueError."""
    known = ALL_CAPABILITIES[: last_capability() + 1]
    added = {_capability(name) for name in add}
    dropped = {_capability(name) for name in drop}
    if privileged or "ALL" in added:
        chosen = set(known)
    elif "ALL" in dropped:
        chosen = set()
    else:
        chosen = set(DEFAULT_CAPABILITIES)
    if not privileged:
        chosen = (chosen - dropped) | (added & set(known) if "ALL" not in added else set())
    return tuple(name for name in known if name in chosen)


def _capability(name: str) -> str:
    upper = name.upper()
    if upper in ("ALL", "CAP_ALL"):
        return "ALL"
    full = upper if upper.startswith("CAP_") else f"CAP_{upper}"
    if full not in ALL_CAPABILITIES:
        raise ValueError(f'invalid capability: "{name}"')
    return full


def process_capabilities(names: Sequence[str]) -> Capabilities:
    """The sets that Docker gives a process: none inheritable, none ambient."""
    return Capabilities(bounding=list(names), effective=list(names), permitted=list(names))


def default_mounts(
    *, shm_size: int = 64 * 1024 * 1024, shared: Collection[str] = (), privileged: bool = False
) -> list[Mount]:
    """/proc, /dev, /dev/pts, /sys, /sys/fs/cgroup, /dev/mqueue and /dev/shm; the host's own where IPC is shared."""
    access = "rw" if privileged else "ro"
    return [
        _mount("/proc", "proc", "proc", "nosuid noexec nodev"),
        _mount("/dev", "tmpfs", "tmpfs", "nosuid strictatime mode=755 size=65536k"),
        _mount("/dev/pts", "devpts", "devpts", "nosuid noexec newinstance ptmxmode=0666 mode=0620 gid=5"),
        _mount("/sys", "sysfs", "sysfs", f"nosuid noexec nodev {access}"),
        _mount("/sys/fs/cgroup", "cgroup", "cgroup", f"nosuid noexec nodev {access}"),
        _mount("/dev/mqueue", "mqueue", "mqueue", "nosuid noexec nodev"),
        _mount("/dev/shm", "bind", "/dev/shm", "rbind nosuid noexec nodev")
        if "ipc" in shared
        else _mount("/dev/shm", "tmpfs", "shm", f"nosuid noexec nodev mode=1777 size={shm_size}"),
    ]


def _mount(destination: str, kind: str, source: str, options: str) -> Mount:
    return Mount(destination=destination, type=kind, source=source, options=options.split())


def merged_mounts(defaults: Sequence[Mount], extra: Sequence[Mount]) -> list[Mount]:
    """A later mount of the same destination replaces an earlier one; the extra ones go parents first."""
    chosen = {_normal(mount["destination"]): mount for mount in extra}
    kept = [mount for mount in defaults if mount["destination"] not in chosen]
    return kept + sorted(chosen.values(), key=lambda mount: _normal(mount["destination"]).count("/"))


def _normal(path: str) -> str:
    return os.path.normpath("/" + path.lstrip("/"))


def host_devices() -> list[Device]:
    """Every device node under the host's /dev, as a privileged container gets them; terminals and shm left out."""
    return list(_devices_below("/dev"))


def device(path: str, path_in_container: str | None = None) -> list[Device]:
    """What `--device path` adds: the node, or every node of a folder. Raises OSError, ValueError if it is neither."""
    target = path_in_container or path
    status = os.stat(path)
    if stat.S_ISDIR(status.st_mode):
        found = [(entry, entry["path"].removeprefix(path)) for entry in _devices_below(path)]
        return [Device(**{**entry, "path": target + rest}) for entry, rest in found]
    one = _device_of(target, status)
    if one is None:
        raise ValueError(f"not a device node: {path}")
    return [one]


_NOT_DEVICES = frozenset({"pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev", "console"})


def _devices_below(folder: str) -> Iterator[Device]:
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda found: found.name):
            if entry.is_symlink() or entry.name in _NOT_DEVICES:
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _devices_below(entry.path)
            elif one := _device_of(entry.path, entry.stat(follow_symlinks=False)):
                yield one


def _device_of(path: str, status: os.stat_result) -> Device | None:
    if not (stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode)):
        return None
    return Device(
        path=path,
        type="c" if stat.S_ISCHR(status.st_mode) else "b",
        major=os.major(status.st_rdev),
        minor=os.minor(status.st_rdev),
        fileMode=stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
    )


def _merged_devices(devices: Sequence[Device]) -> list[Device]:
    return list({entry["path"]: entry for entry in devices}.values())


def _with_device_rules(
    resources: Resources | None,
    extra: Sequence[DeviceRule],
    devices: Sequence[Device],
    device_access: Mapping[str, str],
    *,
    privileged: bool,
) -> Resources:
    result = cast(Resources, dict(resources or {}))
    if privileged:
        result["devices"] = [DeviceRule(allow=True, access="rwm")]
    else:
        added = (
            DeviceRule(
                allow=True,
                type=entry["type"],
                major=entry["major"],
                minor=entry["minor"],
                access=device_access.get(entry["path"], "rwm"),
            )
            for entry in devices
        )
        result["devices"] = [*DEFAULT_DEVICE_RULES, *added, *extra]
    return result


def _sysctls(asked: Mapping[str, str], *, own_network: bool) -> dict[str, str]:
    """Docker's own: unprivileged ping and low ports in a network namespace of the container's own."""
    ours = {"net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647"}
    return {**(ours if own_network else {}), **asked}


def _unless(privileged: bool, asked: Sequence[str] | None, ours: Sequence[str]) -> Sequence[str]:
    if asked is not None:
        return asked
    return () if privileged else ours


def seccomp_for(
    profile: Mapping[str, Any] | Literal["default", "unconfined"], capabilities: Sequence[str]
) -> Seccomp | None:
    """Docker's profile form (or its default one) → the OCI's, for these capabilities and this machine.

    An OCI one passes as it stands. The default is made once for each set of capabilities: treat it as frozen.
    """
    if profile == "unconfined":
        return None
    if profile == "default":
        return _default_seccomp(tuple(capabilities))
    assert not isinstance(profile, str)
    return cast(Seccomp, expand(profile, capabilities, platform.machine(), _kernel()))


@lru_cache(maxsize=16)
def _default_seccomp(capabilities: tuple[str, ...]) -> Seccomp:
    return cast(Seccomp, expand(default_profile(), capabilities, platform.machine(), _kernel()))


def _kernel() -> tuple[int, int]:
    major, minor = platform.release().split(".")[:2]
    return int(major), int("".join(character for character in minor if character.isdigit()) or 0)
