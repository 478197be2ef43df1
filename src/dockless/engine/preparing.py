"""All that a container's start needs before its process: volumes filled, files written, networks wired, the spec.

What is opened here is closed by `Prepared.close`; what is wired is taken back by the caller when the start fails.
"""

import asyncio
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from dockless.engine import trees
from dockless.engine.copyup import fill_volume, wants_filling
from dockless.engine.files import host_settings, write_files
from dockless.engine.records import ContainerRecord, Mount, replace
from dockless.engine.spec import Files, build_spec
from dockless.engine.volumes import Volumes, flags, has_file_system
from dockless.engine.wiring import Wired, Wiring
from dockless.launcher.client import OverlayRoot
from dockless.launcher.spec import NamespaceType, Spec
from dockless.linux import mounts
from dockless.network.fabric import Fabric, FabricError
from dockless.places import Places
from dockless.wire.errors import BadParameter, Conflict, NotFound

_NAMESPACE_FILES = {"network": "net", "pid": "pid", "ipc": "ipc", "uts": "uts"}


@dataclass
class Prepared:
    record: ContainerRecord
    spec: Spec
    root: OverlayRoot
    namespaces: Mapping[str, int]
    trees: Mapping[str, int]
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
        self._file_systems = asyncio.Lock()  # held from the mount of a volume's file system until its user runs

    async def prepare(self, fabric: Fabric, record: ContainerRecord) -> Prepared:
        """Raises ApiError."""
        for request in record.host.device_requests or ():
            # There are no drivers: the toolkits of the makers of such devices are hooks of other runtimes.
            asked = " ".join(f"[{' '.join(each)}]" for each in request.capabilities or ())
            raise BadParameter(f'could not select device driver "{request.driver}" with capabilities: [{asked}]')
        folder = self._places.containers / record.id
        layers = self._chain(record.image_id)
        for mount in record.mounts:
            await self._mount_source(mount, layers)
        namespaces: dict[str, int] = {}
        close: list[Callable[[], None]] = []
        try:
            linked = self._wiring.link_environment(record)
            shared = self._shared_kinds(record)
            for kind, target in self._joined(record).items():
                namespaces[kind] = _open_namespace(target, kind)
                close.append(_closer(namespaces[kind]))
            made: dict[str, int] = {}
            if any(self._has_file_system(mount) for mount in record.mounts):
                await self._file_systems.acquire()
                close.append(self._file_systems.release)
            for mount in record.mounts:
                if (tree := await self._tree(mount)) is not None:
                    made[mount.point.destination] = tree
                    close.append(_closer(tree))
            shm = self._shared_memory(record)
            if shm is not None:
                made["/dev/shm"] = shm
                close.append(_closer(shm))
            # From here on nothing is awaited: the relay does its part while files and specification are written.
            wired: Wired | None = None
            if "network" not in shared and "network" not in namespaces:
                wired = self._wiring.connect(fabric, record)
                record = wired.record
                namespaces["network"] = wired.sandbox.fd
                close.append(wired.sandbox.close)
            spec = build_spec(
                _with_environment(self._named(record), linked),
                [folder / "upper", *layers],
                self._files(fabric, record),
                host_namespaces=shared,
                cgroup_path=self._cgroup_path(record),
            )
            if wired is not None:
                self._wiring.settle(fabric, wired)
        except BaseException:
            with suppress(FabricError):  # what is being told came first
                fabric.settle()
            for undo in close:
                undo()
            raise
        root = OverlayRoot(
            lower=tuple(str(layer) for layer in (*layers, self._places.mount_points)),
            upper=str(folder / "upper"),
            work=str(folder / "work"),
        )
        return Prepared(record, spec, root, namespaces, made, close)

    async def _mount_source(self, mount: Mount, layers: Sequence[Path]) -> None:
        point = mount.point
        source = Path(point.source)
        if point.type == "volume":
            volume = self._volumes.named(point.name)
            if volume is None:
                raise NotFound(f"get {point.name}: no such volume")
            self._volumes.source(volume)
            if mount.copy_up and wants_filling(source):
                await asyncio.to_thread(fill_volume, self._places, source, layers, point.destination)
        elif point.type == "bind" and not source.exists():
            if not mount.create_source:
                raise BadParameter(
                    f'invalid mount config for type "bind": bind source path does not exist: {point.source}'
                )
            source.mkdir(parents=True)

    def _named(self, record: ContainerRecord) -> ContainerRecord:
        """With the names of the container whose network it joins, as Docker does."""
        mode = record.host.network_mode
        target = self._find(mode.removeprefix("container:")) if mode.startswith("container:") else None
        if target is None or record.config.hostname or record.host.uts_mode == "host":
            return record
        names = {"hostname": target.config.hostname, "domainname": target.config.domainname}
        return replace(record, config=msgspec.structs.replace(record.config, **names))

    async def _tree(self, mount: Mount) -> int | None:
        """The mount itself, where the launcher cannot make it of a path."""
        point = mount.point
        try:
            if point.type == "image":
                layers = [str(layer) for layer in self._chain(mount.image_id)]
                return await asyncio.to_thread(trees.of_image, str(self._places.empty), layers, mount.subpath)
            if self._has_file_system(mount):
                return await self._file_system(mount)
            if point.type == "volume" and mount.subpath:
                volume = self._volumes.named(point.name)
                if volume is None:
                    raise NotFound(f"get {point.name}: no such volume")
                folder = str(self._volumes.source(volume))
                return await asyncio.to_thread(trees.of_folder, folder, mount.subpath)
            if point.type == "bind" and point.propagation in ("shared", "rshared"):
                return await asyncio.to_thread(trees.of_host, point.source, point.propagation)
        except OSError as error:
            where = f"{mount.subpath!r} of {point.type} {point.name or point.source}" if mount.subpath else point.source
            raise BadParameter(f"cannot mount {where} at {point.destination}: {error.strerror}") from error
        return None

    def _has_file_system(self, mount: Mount) -> bool:
        volume = self._volumes.named(mount.point.name) if mount.point.type == "volume" else None
        return volume is not None and has_file_system(volume)

    async def _file_system(self, mount: Mount) -> int:
        """A volume's own: what a running container has of it, else mounted anew. Raises BadParameter."""
        volume = self._volumes.named(mount.point.name)
        assert volume is not None
        if mount.subpath:
            raise BadParameter(f"volume {volume.name} has a file system of its own: its Subpath is not supported")
        for identity in self._volumes.users(volume.name):
            other = self._find(identity)
            if other is None or not other.running:
                continue
            for had in other.mounts:
                if had.point.name == volume.name and not had.subpath:
                    tree = await asyncio.to_thread(trees.of_process, other.state.pid, had.point.destination)
                    mounts.mount_setattr(tree, clear=mounts.MOUNT_ATTR_RDONLY)  # that one's mount may be read-only
                    return tree
        kind, device = volume.options["type"], volume.options["device"]
        try:
            options = await asyncio.to_thread(_with_addresses, flags(volume), kind)
            return await asyncio.to_thread(trees.of_file_system, kind, device, options)
        except OSError as error:
            path = self._volumes.path(volume.name)
            raise BadParameter(
                f"error while mounting volume '{path}': failed to mount local volume: "
                f"mount {device}:{path}, data: {volume.options.get('o', '')}: {error.strerror}"
            ) from error

    def _shared_memory(self, record: ContainerRecord) -> int | None:
        """/dev/shm of the container whose IPC namespace is joined."""
        target = self._joined(record).get("ipc")
        return None if target is None else trees.of_process(target.state.pid, "/dev/shm")

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
                if kind == "ipc" and target.host.ipc_mode not in ("shareable", "host"):
                    raise BadParameter(
                        f"can't join IPC of container {target.id}: non-shareable IPC "
                        "(hint: use IpcMode:shareable for the donor container)"
                    )
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
            addresses=record.addresses,
            extra_hosts=[_extra_host(entry, gateway) for entry in host.extra_hosts or ()],
            own_resolver=bool(record.endpoints),
            servers=host.dns or (),
            search=host.dns_search or inherited["search"],
            options=host.dns_options or ("ndots:0", *(o for o in inherited["options"] if not o.startswith("ndots"))),
        )


def _with_addresses(options: Sequence[str], kind: str) -> Sequence[str]:
    """The kernel does not look names up. Blocking. Raises OSError."""
    if not kind.startswith(("nfs", "cifs")):
        return options
    return [
        f"addr={socket.getaddrinfo(option[5:], None)[0][4][0]}" if option.startswith("addr=") else option
        for option in options
    ]


def _with_environment(record: ContainerRecord, linked: Sequence[str]) -> ContainerRecord:
    """The container's own variables win."""
    if not linked:
        return record
    merged = {entry.partition("=")[0]: entry for entry in (*linked, *(record.config.env or ()))}
    return replace(record, config=msgspec.structs.replace(record.config, env=tuple(merged.values())))


def _extra_host(entry: str, gateway: str) -> tuple[str, str]:
    """`name:address`, where the address may have colons of its own, be bracketed, or be `host-gateway`."""
    name, _, address = entry.partition(":") if "=" not in entry else entry.partition("=")
    return name, gateway if address == "host-gateway" else address.strip("[]")


def _open_namespace(record: ContainerRecord, kind: str) -> int:
    return os.open(f"/proc/{record.state.pid}/ns/{_NAMESPACE_FILES[kind]}", os.O_RDONLY | os.O_CLOEXEC)


def _closer(descriptor: int) -> Callable[[], None]:
    return lambda: os.close(descriptor)
