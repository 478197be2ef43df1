"""A service's volumes, tmpfs, configs and secrets as what the API calls binds and mounts.

A host path that may have to be made is a bind (`Binds` creates it, `Mounts` refuses it); everything that has options is
a mount. A config or secret that is a file of the host is mounted read-only; one from a variable or from inline content
is put into the created container.
"""

from collections.abc import Iterable, Mapping

from msgspec import Struct, field

from dockless.compose.model import FileObject, FileReference, Project, Service, ServiceVolume
from dockless.compose.run.plan import InjectedFile
from dockless.wire.config import BindOptions, ImageOptions, Mount, TmpfsOptions, VolumeOptions
from dockless.wire.containers import MountPoint


class MountError(Exception):
    """A volume, config or secret that no engine can provide."""


class Mounted(Struct):
    """What a create request says of mounts, and what is put in afterwards."""

    binds: list[str] = field(default_factory=list)
    mounts: list[Mount] = field(default_factory=list)
    tmpfs: dict[str, str] = field(default_factory=dict)
    files: list[InjectedFile] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def mounted(
    project: Project,
    service: Service,
    inherited: Iterable[MountPoint] = (),
    image_volumes: frozenset[str] = frozenset(),
) -> Mounted:
    """`inherited`: the mounts of the container that is replaced, whose anonymous volumes are kept.

    Raises `MountError`.
    """
    result = Mounted()
    volumes = {volume.target: volume for volume in service.volumes}
    kept = _kept(inherited, volumes, image_volumes)
    for volume in service.volumes:
        if volume.target not in kept:
            _volume(project, volume, result)
    result.mounts += kept.values()
    for entry in service.tmpfs:
        target, _, options = entry.partition(":")
        result.tmpfs[target] = options
    taken = set(volumes) | set(result.tmpfs)
    for reference in service.configs:
        target = reference.target or f"/{reference.source}"
        if not target.startswith("/"):
            target = f"/{target}"
        _file("config", project.configs, reference, target, taken, result)
    for reference in service.secrets:
        target = reference.target or reference.source
        if not target.startswith("/"):
            target = f"/run/secrets/{target}"
        _file("secret", project.secrets, reference, target, taken, result)
    return result


def _kept(
    inherited: Iterable[MountPoint], volumes: Mapping[str, ServiceVolume], image_volumes: frozenset[str]
) -> dict[str, Mount]:
    """Anonymous volumes of the container that is replaced: those of its image, and those that the service declares."""
    kept = {}
    for mount in inherited:
        declared = volumes.get(mount.destination)
        anonymous = declared is not None and declared.type == "volume" and not declared.source
        of_image = declared is None and mount.destination in image_volumes
        if mount.type == "volume" and mount.name and (anonymous or of_image):
            kept[mount.destination] = Mount(
                type="volume", source=mount.name, target=mount.destination, read_only=not mount.rw
            )
    return kept


def _volume(project: Project, volume: ServiceVolume, result: Mounted) -> None:
    match volume.type:
        case "bind":
            _bind(volume, result)
        case "volume":
            _named(project, volume, result)
        case "tmpfs":
            options = None
            if volume.tmpfs and (volume.tmpfs.size or volume.tmpfs.mode):
                options = TmpfsOptions(size_bytes=int(volume.tmpfs.size), mode=volume.tmpfs.mode)
            result.mounts.append(
                Mount(type="tmpfs", target=volume.target, read_only=volume.read_only, tmpfs_options=options)
            )
        case "image":
            subpath = ImageOptions(subpath=volume.image.subpath) if volume.image and volume.image.subpath else None
            result.mounts.append(
                Mount(type="image", source=volume.source, target=volume.target, read_only=True, image_options=subpath)
            )
        case other:
            result.mounts.append(
                Mount(type=other, source=volume.source, target=volume.target, read_only=volume.read_only)
            )


def _bind(volume: ServiceVolume, result: Mounted) -> None:
    options = volume.bind
    recursive = options.recursive if options else ""
    if options is None or (options.create_host_path and not recursive):
        modes = ["ro" if volume.read_only else "rw"]
        modes += [each for each in (options and options.selinux, options and options.propagation) if each]
        result.binds.append(f"{volume.source}:{volume.target}:{','.join(modes)}")
        return
    if options and options.selinux:
        result.warnings.append(f"bind of {volume.source}: selinux needs create_host_path: it has no effect")
    result.mounts.append(
        Mount(
            type="bind",
            source=volume.source,
            target=volume.target,
            read_only=volume.read_only,
            consistency=volume.consistency,
            bind_options=BindOptions(
                propagation=options.propagation if options else "",
                create_mountpoint=bool(options and options.create_host_path),
                non_recursive=recursive == "disabled",
                read_only_non_recursive=recursive == "writable",
                read_only_force_recursive=recursive == "readonly",
            ),
        )
    )


def _named(project: Project, volume: ServiceVolume, result: Mounted) -> None:
    source = project.volumes[volume.source].name if volume.source in project.volumes else volume.source
    options = volume.volume
    if source and not (options and (options.subpath or options.labels)):
        modes = ["ro" if volume.read_only else "rw"]
        if options and options.nocopy:
            modes.append("nocopy")
        result.binds.append(f"{source}:{volume.target}:{','.join(modes)}")
        return
    wire = None
    if options:
        wire = VolumeOptions(no_copy=options.nocopy, subpath=options.subpath, labels=dict(options.labels) or None)
    result.mounts.append(
        Mount(type="volume", source=source, target=volume.target, read_only=volume.read_only, volume_options=wire)
    )


def _file(
    kind: str,
    objects: Mapping[str, FileObject],
    reference: FileReference,
    target: str,
    taken: set[str],
    result: Mounted,
) -> None:
    found = objects.get(reference.source)
    if found is None:
        raise MountError(f"undefined {kind} {reference.source!r}")
    if found.external:
        raise MountError(f"unsupported external {kind} {found.name}: no engine outside of a swarm has any")
    if found.file:
        if reference.uid or reference.gid or reference.mode is not None:
            result.warnings.append(
                f"{kind}s `uid`, `gid` and `mode` are not supported for {kind} {reference.source} from a file, "
                "they will be ignored"
            )
        if target not in taken:
            result.mounts.append(Mount(type="bind", source=found.file, target=target, read_only=True))
        return
    if found.environment:
        if found.value is None:
            raise MountError(f'environment variable "{found.environment}" required by {kind} "{found.name}" is not set')
        content = found.value
    else:
        content = found.content
    result.files.append(
        InjectedFile(
            target=target,
            content=content.encode(),
            mode=0o444 if reference.mode is None else int(reference.mode),
            uid=_number(kind, reference.uid),
            gid=_number(kind, reference.gid),
        )
    )


def _number(kind: str, identifier: str) -> int:
    if not identifier:
        return 0
    if not identifier.isdigit():
        raise MountError(f"{kind}: uid and gid must be numbers, not {identifier!r}")
    return int(identifier)
