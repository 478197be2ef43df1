"""The OCI runtime specification's `config.json`, as types.

The engine and the builder write it, the launcher carries it out, and another runtime could be handed the same. Names
and shapes are the standard's; only the parts that Linux containers use are here. What the standard has no word for
stands in `annotations`, under the keys of `dockless.launcher.annotations`.
"""

from typing import Literal, TypedDict


class User(TypedDict, total=False):
    uid: int
    gid: int
    umask: int
    additionalGids: list[int]


class Capabilities(TypedDict, total=False):
    """Names as `CAP_CHOWN`."""

    bounding: list[str]
    effective: list[str]
    permitted: list[str]
    inheritable: list[str]
    ambient: list[str]


class Rlimit(TypedDict):
    """`type` as `RLIMIT_NOFILE`; -1 stands for unlimited."""

    type: str
    soft: int
    hard: int


class ConsoleSize(TypedDict):
    height: int
    width: int


class Process(TypedDict, total=False):
    terminal: bool
    consoleSize: ConsoleSize
    user: User
    args: list[str]
    env: list[str]
    cwd: str
    capabilities: Capabilities
    rlimits: list[Rlimit]
    noNewPrivileges: bool
    oomScoreAdj: int


class Root(TypedDict, total=False):
    path: str
    readonly: bool


class Mount(TypedDict, total=False):
    """`options` are those of mount(8): flags, `bind`/`rbind`, propagation, and the file system's own (`size=` …)."""

    destination: str
    type: str
    source: str
    options: list[str]


NamespaceType = Literal["pid", "network", "mount", "ipc", "uts", "user", "cgroup"]


class Namespace(TypedDict, total=False):
    """Without `path` a new one. A kind that is not listed is the launcher's own, which is the host's."""

    type: NamespaceType
    path: str


class IdMapping(TypedDict):
    containerID: int
    hostID: int
    size: int


class Device(TypedDict, total=False):
    """A node in the container's /dev. `type` is `c`, `b`, `u` or `p`."""

    path: str
    type: str
    major: int
    minor: int
    fileMode: int
    uid: int
    gid: int


class DeviceRule(TypedDict, total=False):
    """A rule of the device controller; without `major` or `minor` any. `access` is some of `rwm`."""

    allow: bool
    type: str
    major: int
    minor: int
    access: str


class MemoryResources(TypedDict, total=False):
    """Bytes; `swap` is memory and swap together, as in Docker."""

    limit: int
    reservation: int
    swap: int
    swappiness: int
    disableOOMKiller: bool


class CpuResources(TypedDict, total=False):
    """`quota` and `period` in microseconds; `cpus` and `mems` as `0-1,3`."""

    shares: int
    quota: int
    period: int
    cpus: str
    mems: str
    realtimePeriod: int
    realtimeRuntime: int


class PidsResources(TypedDict):
    limit: int


class WeightDevice(TypedDict, total=False):
    major: int
    minor: int
    weight: int


class ThrottleDevice(TypedDict):
    major: int
    minor: int
    rate: int


class BlockIoResources(TypedDict, total=False):
    weight: int
    weightDevice: list[WeightDevice]
    throttleReadBpsDevice: list[ThrottleDevice]
    throttleWriteBpsDevice: list[ThrottleDevice]
    throttleReadIOPSDevice: list[ThrottleDevice]
    throttleWriteIOPSDevice: list[ThrottleDevice]


class Resources(TypedDict, total=False):
    devices: list[DeviceRule]
    memory: MemoryResources
    cpu: CpuResources
    pids: PidsResources
    blockIO: BlockIoResources


class SeccompArg(TypedDict, total=False):
    index: int
    value: int
    valueTwo: int
    op: str


class SeccompSyscall(TypedDict, total=False):
    names: list[str]
    action: str
    errnoRet: int
    args: list[SeccompArg]


class Seccomp(TypedDict, total=False):
    defaultAction: str
    defaultErrnoRet: int
    architectures: list[str]
    flags: list[str]
    syscalls: list[SeccompSyscall]


class Linux(TypedDict, total=False):
    namespaces: list[Namespace]
    uidMappings: list[IdMapping]
    gidMappings: list[IdMapping]
    devices: list[Device]
    cgroupsPath: str
    resources: Resources
    rootfsPropagation: str
    seccomp: Seccomp
    sysctl: dict[str, str]
    maskedPaths: list[str]
    readonlyPaths: list[str]


class Spec(TypedDict, total=False):
    ociVersion: str
    process: Process
    root: Root
    hostname: str
    domainname: str
    mounts: list[Mount]
    linux: Linux
    annotations: dict[str, str]
