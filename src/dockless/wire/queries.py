"""Requests whose parameters stand in the query: logs, attach, build. Times in nanoseconds since 1970, 0 is none."""

from collections.abc import Mapping

from msgspec import Struct

from dockless.wire.auth import AuthConfig
from dockless.wire.base import Message
from dockless.wire.building import Lending


class LogOptions(Struct, frozen=True, kw_only=True):
    """Which output is wanted; `tail` lines from the end, `None`: all."""

    follow: bool = False
    stdout: bool = False
    stderr: bool = False
    since: int = 0
    until: int = 0
    timestamps: bool = False
    tail: int | None = None


class AttachOptions(Struct, frozen=True, kw_only=True):
    """`logs`: what was written before as well; `stream`: what is written from now on; `raw`: not in frames."""

    logs: bool = False
    stream: bool = False
    stdin: bool = False
    stdout: bool = False
    stderr: bool = False
    detach_keys: str = ""
    raw: bool = False


class Ulimit(Message, frozen=True, kw_only=True):
    name: str
    soft: int = 0
    hard: int = 0


class BuildQuery(Struct, frozen=True, kw_only=True):
    """A build as the classic builder is asked for it. `pull`: fetch newer bases; `quiet`: only the id is answered;
    ours: `stand_ins`, whether one may take the place of a base that cannot be pulled; `no_cache_filter`, the stages
    that are built anew; `allow`, the entitlements that are granted;
    `cache_to`, the names of images that are to hold the cache; `call`, what is done instead of a
    build ("check", "outline", "targets"); `lending`, which the client makes.

    An argument of `build_args` without a value takes the default. Sizes in bytes, CPU times in microseconds.
    """

    tags: tuple[str, ...] = ()
    dockerfile: str = "Dockerfile"
    build_args: Mapping[str, str | None] = {}
    labels: Mapping[str, str] = {}
    target: str = ""
    platform: str = ""
    network_mode: str = ""
    extra_hosts: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    no_cache: bool = False
    no_cache_filter: tuple[str, ...] = ()
    call: str = ""
    pull: bool = False
    quiet: bool = False
    stand_ins: bool = True
    remove: bool = True
    force_remove: bool = False
    squash: bool = False
    cache_from: tuple[str, ...] = ()
    cache_to: tuple[str, ...] = ()
    remote: str = ""
    shm_size: int = 0
    memory: int = 0
    memory_swap: int = 0
    cpu_shares: int = 0
    cpu_period: int = 0
    cpu_quota: int = 0
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    cgroup_parent: str = ""
    ulimits: tuple[Ulimit, ...] = ()
    auths: Mapping[str, AuthConfig] = {}
    lending: Lending | None = None
