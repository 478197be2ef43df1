"""A container's mounts: from the four ways in which a request can ask for them to one list.

`Binds` (`source:target:options`), `Mounts`, `VolumesFrom`, `Tmpfs` and the volumes that the image declares; a target
that an earlier one has is not mounted twice. Volumes that do not exist are made here, as Docker does at create.
"""

import posixpath
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from dockless.engine.records import ContainerRecord, Mount, replace
from dockless.engine.volumes import Volumes, flags
from dockless.wire import config as wire
from dockless.wire.containers import MountPoint
from dockless.wire.errors import BadParameter

_PROPAGATIONS = ("private", "rprivate", "shared", "rshared", "slave", "rslave")
_IGNORED = ("z", "Z", "cached", "delegated", "consistent")  # SELinux labels and Docker Desktop's hints


class Mounting:
    """`container` finds the record that `volumes_from` names, `image` the id of an image by its name."""

    def __init__(
        self, volumes: Volumes, container: Callable[[str], ContainerRecord], image: Callable[[str], str]
    ) -> None:
        self._volumes = volumes
        self._container = container
        self._image = image

    def resolve(self, host: wire.HostConfig, declared: Iterable[str]) -> tuple[Mount, ...]:
        """`declared` are the configuration's volumes. Raises BadParameter for what cannot be mounted."""
        found: dict[str, Mount] = {}
        for reference in host.volumes_from or ():
            for mount in self._from(reference):
                found[mount.point.destination] = mount
        asked: set[str] = set()
        for mount in (
            *(self._bind(text, host.volume_driver) for text in host.binds or ()),
            *(self._mount(item) for item in host.mounts or ()),
            *(_tmpfs(target, options) for target, options in (host.tmpfs or {}).items()),
        ):
            target = mount.point.destination
            if target in asked:
                raise BadParameter(f"Duplicate mount point: {target}")
            asked.add(target)
            found[target] = mount
        for target in declared:
            target = _target(target)
            if target not in found:
                found[target] = self._volume("", target, driver=host.volume_driver)
        return tuple(found.values())

    def _bind(self, text: str, driver: str) -> Mount:
        source, target, flags = _split_bind(text)
        readonly = "ro" in flags
        if not source.startswith("/"):
            return self._volume(
                source, target, readonly=readonly, copy="nocopy" not in flags, driver=driver, mode=",".join(flags)
            )
        propagation = next((flag for flag in flags if flag in _PROPAGATIONS), "rprivate")
        return _bound(source, target, readonly, propagation, create=True, mode=",".join(flags))

    def _mount(self, item: wire.Mount) -> Mount:
        _check_options(item)
        target = _target(item.target)
        if item.type == "bind":
            options = item.bind_options or wire.BindOptions()
            if not item.source.startswith("/"):
                raise BadParameter(
                    f"invalid mount config for type \"bind\": invalid mount path: '{item.source}' "
                    "mount path must be absolute"
                )
            if not options.create_mountpoint and not Path(item.source).exists():
                raise BadParameter(
                    f'invalid mount config for type "bind": bind source path does not exist: {item.source}'
                )
            propagation = options.propagation or "rprivate"
            if propagation not in _PROPAGATIONS:
                raise BadParameter(f'invalid mount config for type "bind": invalid propagation mode: "{propagation}"')
            if options.non_recursive:
                propagation = propagation.removeprefix("r")
            bound = _bound(item.source, target, item.read_only, propagation, create=options.create_mountpoint)
            return replace(bound, options=("top",)) if options.read_only_non_recursive else bound
        if item.type == "volume":
            asked = item.volume_options or wire.VolumeOptions()
            settings = asked.driver_config or wire.DriverConfig()
            return self._volume(
                item.source,
                target,
                readonly=item.read_only,
                copy=not asked.no_copy,
                driver=settings.name,
                options=settings.options,
                labels=asked.labels,
                subpath=asked.subpath,
            )
        if item.type == "tmpfs":
            size = item.tmpfs_options or wire.TmpfsOptions()
            parts = [f"size={size.size_bytes}"] if size.size_bytes else []
            parts += [f"mode={size.mode:o}"] if size.mode else []
            parts += ["=".join(option) for option in size.options or ()]
            parts += ["ro"] if item.read_only else []
            return _tmpfs(target, ",".join(parts))
        if item.type == "image":
            if not item.source:
                raise BadParameter('invalid mount config for type "image": field Source must not be empty')
            subpath = _relative(item.image_options.subpath if item.image_options else "", "image")
            point = MountPoint(type="image", source=item.source, destination=target, rw=False)
            return Mount(point, image_id=self._image(item.source), subpath=subpath)
        raise BadParameter(f'mount type unknown: "{item.type}"')

    def _volume(
        self,
        name: str,
        target: str,
        *,
        readonly: bool = False,
        copy: bool = True,
        driver: str = "",
        mode: str = "",
        options: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        subpath: str = "",
    ) -> Mount:
        record = self._volumes.ensure(name, driver, options, labels)
        source = self._volumes.source(record)
        if subpath:
            source /= _relative(subpath, "volume")
        point = MountPoint(
            type="volume",
            name=record.name,
            source=str(source),
            destination=target,
            driver="local",
            mode=mode or "z",
            rw=not readonly and "ro" not in flags(record),
        )
        copy_up = copy and not record.options and not subpath
        return Mount(point, anonymous=record.anonymous, copy_up=copy_up, subpath=subpath)

    def _from(self, reference: str) -> list[Mount]:
        name, _, mode = reference.partition(":")
        mounts = [mount for mount in self._container(name).mounts if mount.point.type != "tmpfs"]
        if mode == "ro":
            mounts = [replace(mount, point=replace(mount.point, rw=False)) for mount in mounts]
        return [replace(mount, copy_up=False) for mount in mounts]


def _check_options(item: wire.Mount) -> None:
    """A mount has the options of its own type alone, and those that can be had."""
    for kind, name, options in (
        ("bind", "BindOptions", item.bind_options),
        ("volume", "VolumeOptions", item.volume_options),
        ("image", "ImageOptions", item.image_options),
        ("tmpfs", "TmpfsOptions", item.tmpfs_options),
    ):
        if options is not None and item.type != kind:
            raise BadParameter(f'{name} must not be specified on mount type "{item.type}"')
    if item.type == "tmpfs" and item.source:
        raise BadParameter('invalid mount config for type "tmpfs": field Source must not be specified')
    bind = item.bind_options or wire.BindOptions()
    if bind.read_only_force_recursive and (not item.read_only or bind.propagation not in ("", "rprivate")):
        raise BadParameter("ReadOnlyForceRecursive needs ReadOnly and the propagation rprivate")
    if bind.read_only_non_recursive and not item.read_only:
        raise BadParameter("ReadOnlyNonRecursive needs ReadOnly")


def _split_bind(text: str) -> tuple[str, str, list[str]]:
    parts = text.split(":")
    if len(parts) == 1:
        return "", _target(parts[0]), []
    if len(parts) > 3 or not all(parts[:2]):
        raise BadParameter(f"invalid volume specification: '{text}'")
    flags = [flag for flag in parts[2].split(",") if flag] if len(parts) == 3 else []
    for flag in flags:
        if flag not in ("ro", "rw", "nocopy", *_PROPAGATIONS, *_IGNORED):
            raise BadParameter(f"invalid mode: {parts[2]}")
    return parts[0], _target(parts[1]), flags


def _bound(source: str, target: str, readonly: bool, propagation: str, *, create: bool, mode: str = "") -> Mount:
    point = MountPoint(
        type="bind",
        source=posixpath.normpath(source),
        destination=target,
        mode=mode,
        rw=not readonly,
        propagation=propagation,
    )
    return Mount(point, create_source=create)


def _tmpfs(target: str, options: str) -> Mount:
    flags = tuple(option for option in options.split(",") if option)
    point = MountPoint(type="tmpfs", destination=_target(target), mode=options, rw="ro" not in flags)
    return Mount(point, options=flags)


def _target(path: str) -> str:
    if not path.startswith("/"):
        raise BadParameter(f"invalid mount path: '{path}' mount path must be absolute")
    target = posixpath.normpath(path)
    if target in ("/", "//"):
        raise BadParameter("invalid specification: destination can't be '/'")
    return target


def _relative(subpath: str, kind: str) -> str:
    """Where it leads is looked at when it is mounted: links may change until then."""
    if Path(subpath).is_absolute() or ".." in Path(subpath).parts:
        raise BadParameter(f"{kind} subpath {subpath!r}: must be a relative path within the {kind}")
    return subpath
