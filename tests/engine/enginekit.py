"""A whole engine in the test's own event loop, with real containers of a busybox image that is made on the spot."""

import asyncio
import gc
import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from dockless.engine.engine import Engine
from dockless.images.config import ContainerConfig, ImageConfig, RootFs
from dockless.images.scratch import Scratch
from dockless.images.store import ImageStore
from dockless.places import Places
from dockless.state import Database
from dockless.wire.config import HostConfig
from dockless.wire.containers import ContainerCreateRequest, ContainerInspect

T = TypeVar("T")


def make_busybox(places: Places) -> None:
    """The image `busybox`, of the host's static program."""
    places.root.mkdir(parents=True, exist_ok=True)
    database = Database(places.database, ImageStore.SCHEMA)
    store = ImageStore(places, database)
    tree = Scratch.of(places).folder("busybox")
    tree.chmod(0o755)
    (tree / "bin").mkdir()
    shutil.copy(shutil.which("busybox") or "", tree / "bin/busybox")
    for name in subprocess.run(["busybox", "--list"], capture_output=True, text=True, check=True).stdout.split():
        if name != "busybox":
            (tree / "bin" / name).symlink_to("busybox")
    for folder in ("etc", "root", "tmp", "data"):
        (tree / folder).mkdir()
    (tree / "data/from-image").write_text("image\n")
    (tree / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nweb:x:1234:1234::/:/bin/sh\n")
    (tree / "etc/group").write_text("root:x:0:\n")
    layer = store.layers.adopt(tree)
    config = ImageConfig(
        architecture="amd64",
        os="linux",
        config=ContainerConfig(cmd=("sh",), env=("PATH=/bin",)),
        rootfs=RootFs(diff_ids=(layer.diff_id,)),
    )
    store.create(config, names=["busybox:latest"])


class Rig:
    """An engine, and what tests do with its containers."""

    def __init__(self, engine: Engine, places: Places) -> None:
        self.engine = engine
        self.places = places
        self.containers = engine.containers

    async def create(self, name: str, command: str = "sleep 1000", **more: Any) -> str:
        host = HostConfig(network_mode=more.pop("network_mode", "none"), **more.pop("host", {}))
        image = more.pop("image", "busybox")
        body = ContainerCreateRequest(image=image, cmd=("sh", "-c", command), host_config=host, **more)
        return (await self.containers.create(name, body, platform="")).id

    async def run(self, name: str, command: str, **more: Any) -> str:
        identity = await self.create(name, command, **more)
        await self.containers.start(name)
        return identity

    async def finished(self, name: str) -> int:
        return (await (await self.containers.wait(name, condition="not-running", timeout=None))).status_code

    async def stop(self, name: str) -> None:
        await self.containers.stop(name, timeout=0, signal=None)

    async def inspect(self, name: str) -> ContainerInspect:
        return await self.containers.inspect(name, size=False)

    async def read(self, name: str, path: str) -> bytes:
        """A file's content, copied out."""
        _, members = await self.get(name, path)
        (content,) = members.values()
        return content

    async def get(self, name: str, path: str) -> tuple[list[tarfile.TarInfo], dict[str, bytes]]:
        _, chunks = await self.containers.archive_get(name, path=path)
        return opened(b"".join([chunk async for chunk in chunks]))

    async def put(self, name: str, path: str, archive: bytes, **more: bool) -> None:
        rules = {"no_overwrite_dir_non_dir": False, "copy_uid_gid": False, **more}
        await self.containers.archive_put(name, path=path, content=pieces(archive), **rules)


@asynccontextmanager
async def open_rig(places: Places) -> AsyncIterator[Rig]:
    """All containers are removed in the end."""
    engine = await Engine.open(places, {})
    rig = Rig(engine, places)
    try:
        yield rig
    finally:
        from dockless.wire.filters import Filters

        for item in await engine.containers.list(all=True, limit=0, size=False, filters=Filters()):
            await engine.containers.remove(item.id, volumes=True, force=True)
        await engine.close()


def with_rig(places: Places, work: Callable[[Rig], Awaitable[T]]) -> T:
    async def whole() -> T:
        async with open_rig(places) as rig:
            return await asyncio.wait_for(work(rig), 180)

    return asyncio.run(whole())


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.01)


async def pieces(data: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def archive(*members: tuple[str, bytes | str | None], **more: Any) -> bytes:
    """Members by name: bytes are a file, a text is a symbolic link's target, None is a folder."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.mode, info.mtime = 0o640, 1_600_000_000
            for key, value in more.items():
                setattr(info, key, value)
            if content is None:
                info.type, info.mode = tarfile.DIRTYPE, 0o750
            elif isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
            else:
                info.size = len(content)
            tar.addfile(info, io.BytesIO(content) if isinstance(content, bytes) else None)
    return buffer.getvalue()


def opened(data: bytes) -> tuple[list[tarfile.TarInfo], dict[str, bytes]]:
    """An archive's members, and the files' contents by name."""
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        members = tar.getmembers()
        return members, {one.name: file.read() for one in members if (file := tar.extractfile(one)) is not None}


def names(members: Sequence[tarfile.TarInfo]) -> list[str]:
    return [member.name for member in members]


def open_descriptors() -> int:
    gc.collect()  # what an earlier test forgot to close is closed by the collector, whenever that comes
    return len(os.listdir("/proc/self/fd"))


def made(folder: Path) -> Places:
    places = Places.of({"DOCKLESS_ROOT": str(folder)}, os.geteuid())
    make_busybox(places)
    return places
