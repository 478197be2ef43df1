"""`--mount type=…,source=…,target=…`."""

import os

from dockless.cli.docker.units import bytes_of
from dockless.cli.failure import Failure
from dockless.wire.config import BindOptions, DriverConfig, ImageOptions, Mount, TmpfsOptions, VolumeOptions


def parse_mount(text: str) -> Mount:
    """Raises `Failure` (125) for a key that is not known."""
    fields: dict[str, str] = {}
    options: dict[str, str] = {}
    labels: dict[str, str] = {}
    import csv

    for part in next(csv.reader([text])):
        key, equals, value = part.partition("=")
        key = key.lower()
        if key == "volume-opt":
            name, _, option = value.partition("=")
            options[name] = option
        elif key == "volume-label":
            name, _, label = value.partition("=")
            labels[name] = label
        elif key in _KEYS:
            fields[_KEYS[key]] = value if equals else "true"
        else:
            raise Failure(
                f"docker: invalid argument \"{text}\" for \"--mount\" flag: unexpected key '{key}' in '{part}'", 125
            )
    kind = fields.get("type", "volume")
    source, target = fields.get("source", ""), fields.get("target", "")
    if not target:
        raise Failure(f'docker: invalid argument "{text}" for "--mount" flag: target is required', 125)
    if kind == "bind" and source.startswith("."):
        source = os.path.abspath(source)
    bind = volume = tmpfs = image = None
    if kind == "bind" and (fields.keys() & {"propagation", "recursive"}):
        recursive = fields.get("recursive", "")
        bind = BindOptions(
            propagation=fields.get("propagation", ""),
            non_recursive=recursive == "disabled",
            read_only_non_recursive=recursive == "writable",
            read_only_force_recursive=recursive == "readonly",
        )
    if kind == "volume" and (options or labels or fields.keys() & {"driver", "nocopy", "subpath"}):
        driver = DriverConfig(name=fields.get("driver", ""), options=options or None)
        volume = VolumeOptions(
            no_copy=fields.get("nocopy", "") in ("true", "1"),
            labels=labels or None,
            subpath=fields.get("subpath", ""),
            driver_config=driver if options or driver.name else None,
        )
    if kind == "tmpfs" and fields.keys() & {"size", "mode"}:
        tmpfs = TmpfsOptions(
            size_bytes=bytes_of(fields.get("size", ""), "mount"), mode=int(fields.get("mode") or "0", 8)
        )
    if kind == "image" and fields.get("image_subpath"):
        image = ImageOptions(subpath=fields["image_subpath"])
    return Mount(
        type=kind,
        source=source,
        target=target,
        read_only=fields.get("readonly", "") in ("true", "1"),
        bind_options=bind,
        volume_options=volume,
        tmpfs_options=tmpfs,
        image_options=image,
    )


_KEYS = {
    "type": "type",
    "source": "source",
    "src": "source",
    "target": "target",
    "dst": "target",
    "destination": "target",
    "readonly": "readonly",
    "ro": "readonly",
    "bind-propagation": "propagation",
    "bind-recursive": "recursive",
    "volume-driver": "driver",
    "volume-nocopy": "nocopy",
    "volume-subpath": "subpath",
    "image-subpath": "image_subpath",
    "tmpfs-size": "size",
    "tmpfs-mode": "mode",
    "consistency": "consistency",
}
