"""All that a container's start needs before its process: volumes filled, files written, networks wired, the spec.

What is opened here is closed by `Prepared.close`; what is wired is taken back by the caller when the start fails.
"""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dockless.engine.copyup import fill_volume
from dockless.engine.files import host_settings, write_files
from dockless.engine.records import ContainerRecord, Mount
from dockless.engine.spec import Files, build_spec
from dockless.engine.volumes import Volumes
from dockless.engine.wiring import Wiring
from dockless.launcher.client import OverlayRoot
from dockless.launcher.spec import NamespaceType, Spec
from dockless.network.fabric import Fabric
from dockless.places import Places
from dockless.wire.errors import BadParameter, Conflict, NotFound

_NAMESPACE_FILES = {"network": "net", "pid": "pid", "ipc": "ipc", "uts": "uts"}


@dataclass
class Prepared:
    record: ContainerRecord
    spec: Spec
    root: OverlayRoot
    namespaces: Mapping[str, int]
    _close: list[Callable[[], None]] = field(default_factory=list)

    def close(self) -> None:
        for close in self._close:
            close()
        self._close = []


class Preparation:
    """`chain` gives an image's layer folders (topmost first), `find` a container by name or id."""

    def __init__(
        self,
        places: Places,
        volumes: Volumes,
        wiring: Wiring,
        chain: Callable[[str], Sequence[Path]],
        find: Callable[[str], ContainerRecord | None],
        cgroup_path: Callable[[ContainerRecord], str],
    ) -> None:
        self._places = places
        self._volumes = volumes
        self._wiring = wiring
        self._chain = chain
        self._find = find
        self._cgroup_path = cgroup_path

    async def prepare(self, fabric: Fabric, record: ContainerRecord) -> Prepared:
        """Raises ApiError."""
        folder = self._places.containers / record.id
        layers = self._chain(record.image_id)
        for mount in record.mounts:
            await self._mount_source(mount, layers)
        namespaces: dict[str, int] = {}
        close: list[Callable[[], None]] = []
        try:
            shared = self._shared_kinds(record)
            for kind, target in self._joined(record).items():
                namespaces[kind] = _open_namespace(target, kind)
                close.append(_closer(namespaces[kind]))
            if "network" not in shared and "network" not in namespaces:
                wired = self._wiring.connect(fabric, record)
                record = wired.record
                namespaces["network"] = wired.sandbox.fd
                close.append(wired.sandbox.close)
            spec = build_spec(
                record,
                [folder / "upper", *layers],
                self._files(fabric, record),
                host_namespaces=shared,
                cgroup_path=self._cgroup_path(record),
            )
        except BaseException:
            for undo in close:
                undo()
            raise
        root = OverlayRoot(
            lower=tuple(str(layer) for layer in layers or (self._places.empty,)),
            upper=str(folder / "upper"),
            work=str(folder / "work"),
        )
        return Prepared(record, spec, root, namespaces, close)

    async def _mount_source(self, mount: Mount, layers: Sequence[Path]) -> None:
        point = mount.point
        source = Path(point.source)
        if point.type == "volume":
            volume = self._volumes.named(point.name)
            if volume is None:
                raise NotFound(f"get {point.name}: no such volume")
            self._volumes.source(volume)
            if mount.copy_up and not any(source.iterdir()):
                await asyncio.to_thread(fill_volume, self._places, source, layers, point.destination)
        elif point.type == "bind" and not source.exists():
            if not mount.create_source:
                raise BadParameter(
                    f'invalid mount config for type "bind": bind source path does not exist: {point.source}'
                )
            source.mkdir(parents=True)

    def _shared_kinds(self, record: ContainerRecord) -> list[NamespaceType]:
        host = record.host
        modes: dict[NamespaceType, str] = {
            "network": host.network_mode,
            "pid": host.pid_mode,
            "ipc": host.ipc_mode,
            "uts": host.uts_mode,
            "cgroup": host.cgroupns_mode,
        }
        return [kind for kind, mode in modes.items() if mode == "host"]

    def _joined(self, record: ContainerRecord) -> dict[NamespaceType, ContainerRecord]:
        host = record.host
        modes: dict[NamespaceType, str] = {
            "network": host.network_mode,
            "pid": host.pid_mode,
            "ipc": host.ipc_mode,
        }
        found: dict[NamespaceType, ContainerRecord] = {}
        for kind, mode in modes.items():
            if mode.startswith("container:"):
                reference = mode.removeprefix("container:")
                target = self._find(reference)
                if target is None:
                    raise NotFound(f"No such container: {reference}")
                if not target.running:
                    raise Conflict(f"cannot join {kind} of a non running container: {target.id}")
                found[kind] = target
        return found

    def _files(self, fabric: Fabric, record: ContainerRecord) -> Files:
        """A container that joins another's network sees the other's files."""
        host, config = record.host, record.config
        mode = host.network_mode
        if mode.startswith("container:"):
            target = self._find(mode.removeprefix("container:"))
            if target is not None:
                folder = self._places.containers / target.id
                return Files(folder / "hosts", folder / "hostname", folder / "resolv.conf")
        gateway = "127.0.0.1" if mode == "host" else str(fabric.host_gateway)
        inherited = host_settings()
        return write_files(
            self._places.containers / record.id,
            hostname=config.hostname or os.uname().nodename,
            domainname=config.domainname,
            addresses=[
                address.split("/")[0]
                for endpoint in record.endpoints.values()
                for address in (endpoint.address, endpoint.address6)
                if address
            ],
            extra_hosts=[_extra_host(entry, gateway) for entry in host.extra_hosts or ()],
            own_resolver=bool(record.endpoints),
            search=host.dns_search or inherited["search"],
            options=host.dns_options or ("ndots:0", *(o for o in inherited["options"] if not o.startswith("ndots"))),
        )


def _extra_host(entry: str, gateway: str) -> tuple[str, str]:
    """`name:address`, where the address may have colons of its own, be bracketed, or be `host-gateway`."""
    name, _, address = entry.partition(":") if "=" not in entry else entry.partition("=")
    return name, gateway if address == "host-gateway" else address.strip("[]")


def _open_namespace(record: ContainerRecord, kind: str) -> int:
    return os.open(f"/proc/{record.state.pid}/ns/{_NAMESPACE_FILES[kind]}", os.O_RDONLY | os.O_CLOEXEC)


def _closer(descriptor: int) -> Callable[[], None]:
    return lambda: os.close(descriptor)
