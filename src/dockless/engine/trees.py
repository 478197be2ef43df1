"""Detached mounts that the engine makes for a container: what no path of the launcher's mount namespace leads to.

A folder of an image, a folder inside a volume (whose links are the containers' own, and so hostile), the /dev/shm of
another container, a folder of the host with the propagation that it has there, and a volume's own file system. Each is
a descriptor that the launcher attaches and that the caller closes. Blocking, each in a thread of its own that may
change its namespaces.
"""

import os
import threading
from collections.abc import Callable, Sequence

from dockless.images.overlay import in_user_namespace
from dockless.linux import mounts, namespaces
from dockless.linux.paths import open_in_root
from dockless.wire.errors import BadParameter

_CLONE_FS = 0x200


def of_image(place: str, layers: Sequence[str], subpath: str) -> int:
    """A read-only view of an image's `layers` (topmost first), or of what is at `subpath` in it; `place`: an empty
    folder to make it on. Raises OSError."""

    def make() -> int:
        mounts.make_private_namespace("rprivate")
        mounts.mount_overlay(place, layers, user_xattr=in_user_namespace())
        return _inside(place, subpath)

    return _in_thread(make)


def of_folder(folder: str, subpath: str) -> int:
    """What is at `subpath` in `folder`, whose links lead nowhere else. Raises OSError."""
    return _in_thread(lambda: _inside(folder, subpath))


def of_process(pid: int, path: str) -> int:
    """What a process sees mounted at `path`. Raises OSError."""

    def make() -> int:
        other = namespaces.open_namespace(pid, "mount")
        try:
            namespaces.unshare(_CLONE_FS)  # a thread that shares its root with others cannot move
            namespaces.setns(other, namespaces.FLAGS["mount"])
            return mounts.open_tree(path)
        finally:
            os.close(other)

    return _in_thread(make)


def of_file_system(kind: str, device: str, options: Sequence[str]) -> int:
    """A file system of the kernel, with options as mount(8) has them. Raises OSError."""

    def make() -> int:
        flags, _, data = mounts.parse_options(options)
        return mounts.made(kind, device, flags, data)

    return _in_thread(make)


def of_host(path: str, propagation: str) -> int:
    """A folder of the host that shares, both ways, what is mounted in it later. Raises BadParameter where it is on no
    shared mount, OSError."""
    point, tags = _mount_of(path)
    if not any(tag.startswith("shared:") for tag in tags):
        raise BadParameter(f"path {path} is mounted on {point} but it is not a shared mount")
    return _in_thread(lambda: mounts.open_tree(path, recursive=propagation.startswith("r")))


def _mount_of(path: str) -> tuple[str, list[str]]:
    """The mount point that a path is below, and its optional fields in /proc/self/mountinfo (5)."""
    real, found, tags = os.path.realpath(path), "", list[str]()
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:  # noqa: PTH123
        for line in lines:
            words = line.split(" ")
            point = words[4].encode("utf-8", "surrogateescape").decode("unicode_escape")
            if (real == point or real.startswith(point.rstrip("/") + "/")) and len(point) >= len(found):
                found, tags = point, words[6 : words.index("-")]
    return found, tags


def _inside(folder: str, subpath: str) -> int:
    root = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if not subpath:
            return mounts.open_tree("", folder=root, recursive=True)
        found = open_in_root(root, subpath)
        try:
            return mounts.open_tree("", folder=found, recursive=True)
        finally:
            os.close(found)
    finally:
        os.close(root)


def _in_thread(work: Callable[[], int]) -> int:
    made: list[int] = []
    failed: list[Exception] = []

    def run() -> None:
        try:
            made.append(work())
        except OSError as error:
            failed.append(error)

    # A mount namespace that a thread moves to is left only by the thread's end.
    thread = threading.Thread(target=run, name="tree")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return made[0]
