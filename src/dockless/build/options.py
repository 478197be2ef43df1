"""What a person may ask of a build, as one frozen value, and the host's environment that is handed on to its steps."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from dockless.launcher.spec import Resources


class BuildOptions(msgspec.Struct, frozen=True, kw_only=True):
    """One build. All fields have Docker's defaults.

    `dockerfile` is the file's name inside the context; `dockerfile_text`, where given, is its content, and the name is
    only shown; `ignore_text` then is the .dockerignore that belongs to it, if it has one. `args` are `--build-arg`s
    (None: take the value from `environ` if it is there). `environ` is the environment of whoever asked for the build:
    proxies and the CA bundle for RUN come from it, nothing of it enters the image or a key. `secrets` by id; `ssh` by
    id are agent sockets; `contexts` are named contexts (a folder, or as text "docker-image://REF", or the address of
    one that is fetched). `epoch` is SOURCE_DATE_EPOCH in seconds. `cache_to` are names of images that shall hold the
    steps (cacheimages.py): `NAME` those of the result, `max:NAME` those of all stages. `platforms`, where there are
    any, are built for instead of `platform`. `entitlements` are what steps may have beyond their sandbox
    (entitlements.py). `resources` are the limits of each step, which
    has a cgroup of its own below `cgroup_parent` ("": ours).
    """

    dockerfile: str = "Dockerfile"
    dockerfile_text: str | None = None
    ignore_text: str | None = None
    tags: tuple[str, ...] = ()
    args: Mapping[str, str | None] = msgspec.field(default_factory=dict)
    labels: Mapping[str, str] = msgspec.field(default_factory=dict)
    target: str = ""
    platform: str = ""
    platforms: tuple[str, ...] = ()
    no_cache: bool = False
    no_cache_filter: tuple[str, ...] = ()
    pull: bool = False
    network: Literal["default", "none", "host"] = "default"
    entitlements: frozenset[str] = frozenset()
    extra_hosts: tuple[tuple[str, str], ...] = ()
    shm_size: int = 0
    ulimits: tuple[tuple[str, int, int], ...] = ()
    resources: Resources = msgspec.field(default_factory=Resources)
    cgroup_parent: str = ""
    secrets: Mapping[str, bytes] = msgspec.field(default_factory=dict)
    ssh: Mapping[str, Path] = msgspec.field(default_factory=dict)
    contexts: Mapping[str, str | Path] = msgspec.field(default_factory=dict)
    environ: Mapping[str, str] = msgspec.field(default_factory=dict)
    epoch: int | None = None
    cache_to: tuple[str, ...] = ()
    width: int = 0  # steps side by side; 0: as many as there are processors

    def truth_of(self, arg: str) -> bool:
        """Whether a build argument that is BuildKit's own switch is given, and not as false."""
        return (self.args.get(arg) or "false").lower() not in ("0", "f", "false")
