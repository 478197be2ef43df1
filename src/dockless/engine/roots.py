"""A container's files as the container sees them, volumes included: one descriptor of its root, running or not.

A running container's root is /proc/PID/root. For one that does not run the overlay and its mounts are put together in a
mount namespace that lives as long as the thread that makes it; what stays is a detached copy, attached nowhere, that
goes with its descriptor. Paths below the descriptor must be resolved by `linux/paths.py`: the files are hostile.
"""

import asyncio
import os
import signal
import stat
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from dockless.engine.copyup import fill_volume, wants_filling
from dockless.engine.live import Live
from dockless.engine.records import ContainerRecord, Mount
from dockless.images.overlay import in_user_namespace
from dockless.linux import mounts
from dockless.linux.paths import make_file, make_folder, open_in_root
from dockless.places import Places
from dockless.wire.errors import NotFound

_FILES = {"/etc/resolv.conf": "resolv.conf", "/etc/hostname": "hostname", "/etc/hosts": "hosts"}


@dataclass(frozen=True)
class Roots:
    """`record` gives a container's record as it is now, `chain` an image's layer folders, topmost first."""

    places: Places
    record: Callable[[str], ContainerRecord | None]
    live: Callable[[str], Live]
    chain: Callable[[str], Sequence[Path]]

    async def reading(self, identity: str) -> int:
        """The caller closes the descriptor. Raises NotFound, OSError."""
        if (running := self._running(identity)) is not None:
            return running
        async with self.live(identity).lock:
            if (running := self._running(identity)) is not None:
                return running
            record = self._record(identity)
            if not record.state.started:
                os.close(await self._assembled(record, record.mounts, writable=True))
            return await self._assembled(record, record.mounts, writable=False)

    async def layers_alone(self, identity: str, *, bare: bool = False) -> int:
        """The same without anything that is mounted over the image and the container's own layer; `bare`: without the
        places for it either, where the image has none.

        Of a running container it is its root, mounts included: the caller stays on the root's own file system.
        """
        if (running := self._running(identity)) is not None:
            return running
        async with self.live(identity).lock:
            return await self._assembled(self._record(identity), (), writable=False, bare=bare)

    @asynccontextmanager
    async def writing(self, identity: str) -> AsyncIterator[int]:
        """A container that does not run is not started meanwhile. Raises NotFound, OSError."""
        root = self._running(identity)
        if root is not None:
            try:
                yield root
            finally:
                os.close(root)
            return
        async with self.live(identity).lock:
            root = self._running(identity)
            if root is None:
                record = self._record(identity)
                root = await self._assembled(record, record.mounts, writable=True)
            try:
                yield root
            finally:
                os.close(root)

    def _record(self, identity: str) -> ContainerRecord:
        record = self.record(identity)
        if record is None:
            raise NotFound(f"No such container: {identity}")
        return record

    def _running(self, identity: str) -> int | None:
        process = self.live(identity).process
        if process is None or not self._record(identity).running:
            return None
        try:
            root = os.open(f"/proc/{process.pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except (FileNotFoundError, ProcessLookupError):
            return None
        try:
            # Alive after the opening: then it was this process's, not one's that got its number later.
            signal.pidfd_send_signal(process.pidfd, 0)
        except ProcessLookupError:
            os.close(root)
            return None
        return root

    async def _assembled(
        self, record: ContainerRecord, wanted: Sequence[Mount], *, writable: bool, bare: bool = False
    ) -> int:
        layers = self.chain(record.image_id)
        folder = self.places.containers / record.id
        if writable:
            for mount in wanted:
                source = Path(mount.point.source)
                if mount.copy_up and mount.point.type == "volume" and source.is_dir() and wants_filling(source):
                    await asyncio.to_thread(fill_volume, self.places, source, layers, mount.point.destination)
        lower = [str(layer) for layer in (*layers, *(() if bare else (self.places.mount_points,)))]
        upper, work = str(folder / "upper"), str(folder / "work")
        binds = [
            _Bind(_source(mount), mount.point.destination, mount.point.rw, mount.subpath)
            for mount in wanted
            if mount.point.type in ("bind", "volume")
        ]
        if wanted:
            binds += [_Bind(str(folder / name), target, True) for target, name in _FILES.items()]
        tree = _Tree(
            place=str(self.places.empty),
            lower=lower if writable else [upper, *lower],
            upper=upper if writable else None,
            work=work if writable else None,
            binds=sorted(binds, key=lambda bind: bind.target.count("/")),
        )
        return await asyncio.to_thread(tree.make)


@dataclass(frozen=True)
class _Bind:
    source: str
    target: str
    writable: bool
    subpath: str = ""


@dataclass(frozen=True)
class _Tree:
    """An overlay with mounts in it; without `upper` a read-only view. `place` is a folder to make it on."""

    place: str
    lower: Sequence[str]
    upper: str | None
    work: str | None
    binds: Sequence[_Bind]

    def make(self) -> int:
        """Its detached copy. Blocking. Raises OSError."""
        made: list[int] = []
        failed: list[OSError] = []

        def work() -> None:
            try:
                made.append(self._make())
            except OSError as error:
                failed.append(error)

        # A thread of its own, since the mount namespace that it moves to is left only by ending.
        thread = threading.Thread(target=work, name="container-tree")
        thread.start()
        thread.join()
        if failed:
            raise failed[0]
        return made[0]

    def _make(self) -> int:
        mounts.make_private_namespace("rprivate")
        mounts.mount_overlay(self.place, self.lower, self.upper, self.work, user_xattr=in_user_namespace())
        root = os.open(self.place, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for bind in self.binds:
                self._bind(root, bind)
        finally:
            os.close(root)
        return mounts.open_tree(self.place, recursive=True)

    def _bind(self, root: int, bind: _Bind) -> None:
        try:
            tree = _opened(bind)
        except FileNotFoundError:
            return  # made at the start, if at all
        try:
            target = self._target(root, bind, is_folder=stat.S_ISDIR(os.fstat(tree).st_mode))
            if target is None:
                return
            try:
                if not bind.writable:
                    mounts.mount_setattr(tree, set=mounts.MOUNT_ATTR_RDONLY, recursive=True, name=bind.target)
                mounts.move_mount(tree, target, bind.target)
            finally:
                os.close(target)
        finally:
            os.close(tree)

    def _target(self, root: int, bind: _Bind, *, is_folder: bool) -> int | None:
        """Where it is mounted; in a view that cannot be written only where there is such a place."""
        if self.upper is None:
            try:
                return open_in_root(root, bind.target)
            except FileNotFoundError:
                return None
        return make_folder(root, bind.target) if is_folder else make_file(root, bind.target)


def _source(mount: Mount) -> str:
    """Of a part of a volume the volume: its links are containers' own, and are followed inside it alone."""
    source = Path(mount.point.source)
    depth = len(Path(mount.subpath).parts)
    return str(source.parents[depth - 1]) if depth else str(source)


def _opened(bind: _Bind) -> int:
    """A detached copy of what is to be mounted. Raises OSError."""
    if not bind.subpath:
        return mounts.open_tree(bind.source, recursive=True)
    folder = os.open(bind.source, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        found = open_in_root(folder, bind.subpath)
    finally:
        os.close(folder)
    try:
        return mounts.open_tree("", recursive=True, folder=found)
    finally:
        os.close(found)
