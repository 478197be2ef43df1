"""What a container may do to its host."""

from collections.abc import Iterator

from dockless.explain.doctor.composed import Composed, Part, Spot
from dockless.explain.doctor.findings import Hit
from dockless.explain.doctor.known import reference
from dockless.explain.doctor.table import Table

rules = Table("compose")
_MANAGERS = frozenset(
    [
        "portainer-ce",
        "portainer",
        "portainer-ee",
        "agent",
        "traefik",
        "watchtower",
        "dozzle",
        "docker-socket-proxy",
        "autoheal",
        "nginx-proxy",
        "acme-companion",
        "docker-gen",
        "ctop",
        "dockprom",
        "diun",
        "homepage",
        "dockge",
        "glances",
        "cadvisor",
        "promtail",
        "alloy",
        "vector",
        "telegraf",
        "netdata",
    ]
)
"""Images whose work is with the engine itself."""
_HOST = ("/", "/etc", "/root", "/home", "/var", "/usr", "/boot", "/proc", "/sys", "/dev", "/var/lib/docker", "/run")


@rules.rule(
    "CF030",
    "warning",
    "A privileged container",
    costs="Whoever breaks into it has the host: all devices, all capabilities, no seccomp filter.",
    wrong="""
services:
  web:
    image: example/web:1
    privileged: true
""",
    right="""
services:
  web:
    image: example/web:1
    cap_add: [NET_ADMIN]
""",
)
def privileged(composed: Composed) -> Iterator[Hit]:
    """Name the capability (`cap_add`) or the device (`devices`) that the program needs."""
    for part in composed.parts:
        if part.service.privileged and not reference(part.service.image).tag.endswith("dind"):
            yield part.hit(
                "`privileged` takes away every wall between container and host",
                "name what is needed: `cap_add`, `devices`",
                at=part.find("privileged"),
            )


def _mount(part: Part, source: str) -> Spot | None:
    for _, spot in part.items("volumes"):
        written = spot.value.get("source", "") if isinstance(spot.value, dict) else str(spot.value).split(":")[0]
        if written.rstrip("/") == source.rstrip("/") or (source == "/" and written == "/"):
            return spot
    return part.find("volumes")


@rules.rule(
    "CF031",
    "warning",
    "The engine's socket is in the container",
    costs="Whoever breaks into it can start a privileged container, that is: has the host. `:ro` does not change that.",
    wrong="""
services:
  web:
    image: example/web:1
    volumes:
      - /var/run/docker.sock:/var/run/docker.sock
""",
    right="""
services:
  web:
    image: example/web:1
""",
)
def engine_socket(composed: Composed) -> Iterator[Hit]:
    """Read-only speaks of the file, not of what is said through it. Images whose work it is to manage containers
    are not meant."""
    for part in composed.parts:
        for mount in part.service.volumes:
            name = mount.source.rsplit("/", 1)[-1]
            if name in ("docker.sock", "podman.sock", "containerd.sock") and reference(part.base).last not in _MANAGERS:
                yield part.hit(
                    "the container can do everything on the host through this socket",
                    "do without it, or put a filtering proxy before it",
                    at=_mount(part, mount.source),
                )


@rules.rule(
    "CF032",
    "warning",
    "A folder of the host's system is writable",
    costs="A mistake in the container changes the host.",
    wrong="""
services:
  web:
    image: example/web:1
    volumes:
      - /etc:/host/etc
""",
    right="""
services:
  web:
    image: example/web:1
    volumes:
      - /etc:/host/etc:ro
""",
)
def system_folder(composed: Composed) -> Iterator[Hit]:
    """Mount the one folder or file that is needed, and `:ro` if it is only read."""
    for part in composed.parts:
        for mount in part.service.volumes:
            if mount.type == "bind" and not mount.read_only and (mount.source.rstrip("/") or "/") in _HOST:
                yield part.hit(
                    f"the host's {mount.source} is mounted writable",
                    "mount what is needed, with `:ro`",
                    at=_mount(part, mount.source),
                )


@rules.rule(
    "CF033",
    "warning",
    "A protection is turned off",
    costs="System calls and capabilities that have led out of containers before are open.",
    wrong="""
services:
  web:
    image: example/web:1
    security_opt:
      - seccomp:unconfined
""",
    right="""
services:
  web:
    image: example/web:1
    security_opt:
      - no-new-privileges:true
""",
)
def unprotected(composed: Composed) -> Iterator[Hit]:
    """`seccomp:unconfined`, `apparmor:unconfined`, `cap_add: ALL` and `SYS_ADMIN` are nearly `privileged`."""
    for part in composed.parts:
        for index, option in enumerate(part.service.security_opt):
            if "unconfined" in option or option in ("label:disable", "label=disable"):
                yield part.hit(
                    f"`{option}` turns a protection off",
                    "remove it, or write a profile that allows what is needed",
                    at=part.find("security_opt", index),
                )
        for index, capability in enumerate(part.service.cap_add):
            if capability.upper().removeprefix("CAP_") in ("ALL", "SYS_ADMIN"):
                yield part.hit(
                    f"`{capability}` is nearly `privileged`",
                    "name the capability that is needed",
                    at=part.find("cap_add", index),
                )


@rules.rule(
    "CF034",
    "info",
    "The host's processes are the container's",
    costs="The container sees all processes of the host (or its shared memory), and as root may end them.",
    wrong="""
services:
  web:
    image: example/web:1
    pid: host
""",
    right="""
services:
  web:
    image: example/web:1
""",
)
def host_namespaces(composed: Composed) -> Iterator[Hit]:
    """`pid: host`, `ipc: host` and `userns_mode: host` take a wall away. Monitoring needs the first; nothing else
    should."""
    for part in composed.parts:
        for key in ("pid", "ipc", "userns_mode"):
            if getattr(part.service, key) == "host" and reference(part.base).last not in _MANAGERS:
                yield part.hit(f"`{key}: host` shares the host's with the container", "remove it", at=part.find(key))


@rules.rule(
    "CF035",
    "warning",
    "The service is made root",
    costs="What breaks into the process is root in the container, and over every folder of the host that is mounted.",
    wrong="""
services:
  web:
    image: example/web:1
    user: root
""",
    right="""
services:
  web:
    image: example/web:1
    user: '1000'
""",
)
def made_root(composed: Composed) -> Iterator[Hit]:
    """`user: root` undoes what the image's author did with USER."""
    for part in composed.parts:
        if part.service.user.split(":")[0] in ("root", "0"):
            yield part.hit("`user` makes the process root", "remove it, or name another user", at=part.find("user"))
