"""A container's own layer and configuration → an image (`docker commit`), and a file system's tar → one (`import`)."""

import asyncio
import errno
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from dockless.build import metadata
from dockless.build.draft import Draft
from dockless.build.metadata import BadValue, Scope
from dockless.dockerfile import DockerfileError, parse_trigger
from dockless.dockerfile.model import Workdir
from dockless.dockerfile.words import WordError
from dockless.engine.changes import is_stub
from dockless.engine.lifecycle import cgroup_path
from dockless.engine.records import ContainerRecord
from dockless.engine.transfers import new_name
from dockless.engine.walking import folders
from dockless.images.config import ContainerConfig as ImageContainerConfig
from dockless.images.config import Healthcheck, History, ImageConfig, RootFs
from dockless.images.scratch import Scratch
from dockless.images.store import Image, ImageStore
from dockless.images.trees import remove_tree
from dockless.linux import cgroups
from dockless.places import Places
from dockless.registry.platform import Platform
from dockless.wire.config import ContainerConfig
from dockless.wire.errors import BadParameter, NotFound
from dockless.wire.times import rfc3339

_BUFFER = 1 << 20
_NO_DIRECT_COPY = (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM)


@dataclass(frozen=True)
class Wish:
    """`repo` may be empty: an image without a name. `config` replaces what it has set of the container's own."""

    repo: str
    tag: str
    comment: str
    author: str
    pause: bool
    changes: Sequence[str]
    config: ContainerConfig


async def commit(places: Places, store: ImageStore, record: ContainerRecord, wish: Wish) -> Image:
    """The new image. A running container stands still meanwhile, if `pause` says so. Raises BadParameter, NotFound."""
    base = store.resolve(record.image_id)
    if base is None:
        raise NotFound(f"No such image: {record.image_id}")
    names = [new_name(wish.repo, wish.tag)] if wish.repo else []
    config = changed(configured(record, wish.config), wish.changes)
    stands = record.running and record.state.status != "paused" and wish.pause
    group = cgroup_path(record)
    with store.layers.use():
        stands = stands and await asyncio.to_thread(_while_it_lives, cgroups.freeze, group)
        try:
            layer = await asyncio.to_thread(_stored, places, store, record)
        finally:
            if stands:
                await asyncio.to_thread(_while_it_lives, cgroups.thaw, group)
        whole = _described(record, base.config, config, layer, wish)
        made = await asyncio.to_thread(store.create, whole, names=names)
        store.note_parent(made.id, base.id)
        return made


def _while_it_lives(act: Callable[[str], None], group: str) -> bool:
    """Answers whether the group was there: a container may end just now, and stands still then, too."""
    try:
        act(group)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENODEV):
            raise
        return False
    return True


def _stored(places: Places, store: ImageStore, record: ContainerRecord) -> str:
    """The container's layer as one of an image: its diff id."""
    copy = Scratch.of(places).folder("commit")
    try:
        copy_layer(places.containers / record.id / "upper", copy)
        return store.layers.adopt(copy).diff_id
    finally:
        if copy.exists():
            remove_tree(copy)


def _described(
    record: ContainerRecord, base: ImageConfig, config: ImageContainerConfig, layer: str, wish: Wish
) -> ImageConfig:
    created = rfc3339(time.time_ns())
    made_by = " ".join((record.path, *record.args))
    line = History(created=created, created_by=made_by, author=wish.author, comment=wish.comment)
    return msgspec.structs.replace(
        base,
        created=created,
        author=wish.author,
        config=config,
        rootfs=RootFs(diff_ids=(*base.rootfs.diff_ids, layer)),
        history=(*base.history, line),
    )


def imported(
    store: ImageStore, chunks: Iterable[bytes], message: str, changes: Sequence[str], platform: Platform
) -> ImageConfig:
    """The configuration of an image of one layer. Blocking. Raises BadParameter, BadLayer, BadTar, BadCompression."""
    config = changed(ImageContainerConfig(), changes)
    layer = store.layers.unpack(chunks)
    created = rfc3339(time.time_ns())
    return ImageConfig(
        architecture=platform.architecture,
        os=platform.os,
        variant=platform.variant,
        created=created,
        config=config,
        rootfs=RootFs(diff_ids=(layer.diff_id,)),
        history=(History(created=created, comment=message or "Imported from -"),),
    )


def changed(config: ImageContainerConfig, changes: Sequence[str]) -> ImageContainerConfig:
    """With Dockerfile instructions that only change the configuration carried out. Raises BadParameter."""
    draft = Draft.of_image(ImageConfig(config=config))
    draft.config = config
    scope = Scope("\\", {}, {})
    lines = "\n".join(changes).replace("\\\n", " ").splitlines()
    for change in (line for line in lines if line.strip()):
        try:
            instruction = parse_trigger(change)
            if isinstance(instruction, Workdir):
                path = os.path.normpath(os.path.join("/", draft.config.working_dir, instruction.path))
                draft.change(working_dir=path)
            elif metadata.is_metadata(instruction):
                metadata.apply(instruction, draft, scope)
            else:
                raise BadParameter(f"{change.split(maxsplit=1)[0].upper()} is not a valid change command")
        except (DockerfileError, BadValue, WordError) as error:
            raise BadParameter(f"{change}: {error}") from error
    return draft.config


def configured(record: ContainerRecord, asked: ContainerConfig) -> ImageContainerConfig:
    """The container's configuration as an image's, with what is asked for in its place."""
    own = {name: _value(asked, name) or _value(record.config, name) for name in _FIELDS}
    check = own["healthcheck"]
    own["healthcheck"] = check and Healthcheck(
        test=check.test or (),
        interval=check.interval,
        timeout=check.timeout,
        start_period=check.start_period,
        start_interval=check.start_interval,
        retries=check.retries,
    )
    for name in ("exposed_ports", "volumes"):
        own[name] = {key: {} for key in own[name] or ()}
    own["labels"] = dict(own["labels"] or {})
    own["env"], own["on_build"] = own["env"] or (), own["on_build"] or ()
    return ImageContainerConfig(**own)


# A host name belongs to one container, not to all of an image.
_FIELDS = tuple(
    name for name in ImageContainerConfig.__struct_fields__ if name not in ("hostname", "domainname", "args_escaped")
)


def _value(config: ContainerConfig, name: str) -> Any:
    return getattr(config, name)


def copy_layer(upper: Path, target: Path) -> None:
    """Copies an upper directory with its whiteouts, without the mount points that every container has.

    A container that runs on may change it meanwhile: what is gone when its turn comes is left out. Raises OSError.
    """
    root = os.open(upper, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    links: dict[tuple[int, int], str] = {}
    times: list[tuple[str, int]] = []
    try:
        for path, folder, names in folders(root):
            made = os.path.join(target, path) if path else str(target)
            status = os.fstat(folder)
            if path and is_stub(f"/{path}", folder, ".", status):
                continue
            if path:
                os.mkdir(made, 0o700)
            for name in names:
                _copy_entry(folder, name, f"/{path}/{name}" if path else f"/{name}", f"{made}/{name}", links)
            _dress(made, status, folder)
            times.append((made, status.st_mtime_ns))
        for made, modified in reversed(times):
            os.utime(made, ns=(modified, modified))
    finally:
        os.close(root)


def _copy_entry(folder: int, name: str, shown: str, target: str, links: dict[tuple[int, int], str]) -> None:
    try:
        found = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        return
    try:
        status = os.fstat(found)
        kind = stat.S_IFMT(status.st_mode)
        if kind in (stat.S_IFDIR, stat.S_IFSOCK) or is_stub(shown, folder, name, status):
            return
        if status.st_nlink > 1 and kind != stat.S_IFCHR:
            first = links.setdefault((status.st_dev, status.st_ino), target)
            if first != target:
                os.link(first, target, follow_symlinks=False)
                return
        if kind == stat.S_IFLNK:
            os.symlink(os.readlink("", dir_fd=found), target)
            os.chown(target, status.st_uid, status.st_gid, follow_symlinks=False)
        elif kind == stat.S_IFREG:
            _copy_file(found, target, status)
        else:
            os.mknod(target, status.st_mode, status.st_rdev)
            os.chown(target, status.st_uid, status.st_gid)
            os.chmod(target, stat.S_IMODE(status.st_mode))
        os.utime(target, ns=(status.st_mtime_ns, status.st_mtime_ns), follow_symlinks=False)
    finally:
        os.close(found)


def _copy_file(found: int, target: str, status: os.stat_result) -> None:
    source = os.open(f"/proc/self/fd/{found}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        made = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            _pour(source, made)
        finally:
            os.close(made)
        _dress(target, status, source)
    finally:
        os.close(source)


def _pour(source: int, target: int) -> None:
    """Shares the blocks where the file system can."""
    try:
        while os.copy_file_range(source, target, 1 << 30):
            continue
        return
    except OSError as error:
        # What was copied so far is in both offsets.
        if error.errno not in _NO_DIRECT_COPY:
            raise
    for piece in _read(source):
        view = memoryview(piece)
        while view:
            view = view[os.write(target, view) :]


def _read(source: int) -> Iterator[bytes]:
    while piece := os.read(source, _BUFFER):
        yield piece


def _dress(target: str, status: os.stat_result, source: int) -> None:
    """Owner, mode, attributes (overlayfs's own included): a change of owner clears set-id bits and capabilities."""
    os.chown(target, status.st_uid, status.st_gid)
    os.chmod(target, stat.S_IMODE(status.st_mode))
    for name in os.listxattr(source):
        os.setxattr(target, name, os.getxattr(source, name))
