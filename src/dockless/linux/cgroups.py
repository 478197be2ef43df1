"""cgroups(7): one group for a container across the hierarchies that there are, v2, v1 or both.

A container is always a v2 cgroup where a v2 hierarchy can be written (it starts in it, and is killed and frozen by it).
v1 controllers are joined only where a limit asks for them, since joining one is slow. A `path` is relative to the
hierarchies' roots, as the OCI specification's `cgroupsPath`.
"""

import errno
import os
import time

from dockless.linux import cgroup_limits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

_UNAVAILABLE = (errno.ENOENT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY, errno.EOPNOTSUPP)


class Layout:
    """Where the hierarchies are: `v2` the unified one's folder or None, `v1` controller → folder."""

    __slots__ = ("controllers", "v1", "v2")

    def __init__(self, v2: str | None, v1: dict[str, str]) -> None:
        self.v2 = v2
        self.v1 = v1
        self.controllers = frozenset(_read(f"{v2}/cgroup.controllers").split()) if v2 else frozenset[str]()

    @classmethod
    def of(cls, mountinfo: str, own: str) -> "Layout":
        """From the text of /proc/self/mountinfo and /proc/self/cgroup. A v2 root that cannot be written is replaced by
        the process's own group (a delegated one), or left out."""
        v2: str | None = None
        v1: dict[str, str] = {}
        for line in mountinfo.splitlines():
            before, _, after = line.partition(" - ")
            kind, _, options = after.split(" ", 2)
            folder = before.split(" ")[4]
            if kind == "cgroup2" and v2 is None:
                v2 = folder
            elif kind == "cgroup":
                for name in options.split(","):
                    if name in cgroup_limits.V1_CONTROLLERS:
                        v1.setdefault(name, folder)
        if v2 is not None and not os.access(v2, os.W_OK):
            delegated = [v2 + line[3:] for line in own.splitlines() if line.startswith("0::")]
            v2 = next((folder for folder in delegated if os.access(folder, os.W_OK)), None)
        return cls(v2, {name: folder for name, folder in v1.items() if os.access(folder, os.W_OK)})


_found: Layout | None = None


def layout() -> Layout:
    """This machine's, looked at once."""
    global _found
    if _found is None:
        _found = Layout.of(_read("/proc/self/mountinfo"), _read("/proc/self/cgroup"))
    return _found


def controllers() -> frozenset[str]:
    """The controllers that limits can be set of, by their names in v1."""
    found = layout()
    unified = {v1 for v1, v2 in cgroup_limits.V2_NAMES.items() if v2 in found.controllers}
    return frozenset(found.v1) | unified


class Created:
    """A new group: `v2` its folder in the unified hierarchy, `v1` the folders to attach to, and the `warnings`."""

    __slots__ = ("v1", "v2", "warnings")

    def __init__(self, v2: str | None, v1: list[str], warnings: list[str]) -> None:
        self.v2 = v2
        self.v1 = v1
        self.warnings = warnings


def create(path: str, resources: "Mapping[str, Any]") -> Created:
    """Makes the group and sets its limits. A limit that this machine cannot set is a warning; a value that the kernel
    refuses raises OSError."""
    found = layout()
    result = Created(None, [], [])
    if found.v2 is not None:
        try:
            result.v2 = found.v2 + path
            _make_folders(found.v2, path)
        except OSError as error:
            if error.errno not in _UNAVAILABLE:
                raise
            result.v2 = None
    _apply(found, path, resources, result)
    return result


def update(path: str, resources: "Mapping[str, Any]") -> list[str]:
    """Sets limits of a living group; processes join the v1 controllers that it was not in. Returns warnings. Raises
    OSError for a value that the kernel refuses."""
    found = layout()
    result = Created(found.v2 + path if found.v2 else None, [], [])
    before = set(_existing_v1(found, path))
    members = pids(path)
    _apply(found, path, resources, result)
    for folder in result.v1:
        if folder not in before:
            for pid in members:
                _write_if_alive(f"{folder}/cgroup.procs", str(pid))
    return result.warnings


def _apply(found: Layout, path: str, resources: "Mapping[str, Any]", result: Created) -> None:
    for controller, values in cgroup_limits.by_controller(resources).items():
        if result.v2 and cgroup_limits.V2_NAMES[controller] in found.controllers:
            assert found.v2 is not None
            settings = cgroup_limits.v2_settings(controller, values)
            folder = result.v2
            available = _enable(found.v2, path, cgroup_limits.V2_NAMES[controller])
        elif controller in found.v1:
            settings = cgroup_limits.v1_settings(controller, values)
            folder = found.v1[controller] + path
            available = _make_v1(found.v1[controller], path, controller)
            if available and folder not in result.v1:
                result.v1.append(folder)
        else:
            available = False
        if not available:
            result.warnings.append(f"limits of {controller} are not set: no writable cgroup controller")
            continue
        for name, value in settings:
            _set(f"{folder}/{name}", value, result.warnings)


def _set(file: str, value: str, warnings: list[str]) -> None:
    try:
        _write(file, value)
    except OSError as error:
        if error.errno not in _UNAVAILABLE:
            raise
        warnings.append(f"{file.rsplit('/', 1)[1]} is not set: {error.strerror}")


def attach(folders: list[str]) -> None:
    """The calling process joins the groups. Raises OSError."""
    for folder in folders:
        _write(f"{folder}/cgroup.procs", "0")


def folders(path: str) -> list[str]:
    """The group's folders in all hierarchies, the unified one first; those that exist."""
    found = layout()
    v2 = [found.v2 + path] if found.v2 and os.path.isdir(found.v2 + path) else []
    return v2 + _existing_v1(found, path)


def _existing_v1(found: Layout, path: str) -> list[str]:
    return [folder for mounted in dict.fromkeys(found.v1.values()) if os.path.isdir(folder := mounted + path)]


def pids(path: str) -> list[int]:
    """The processes of the group and of those below it, as ids in the caller's pid namespace; none that it cannot see,
    which the kernel lists as 0."""
    for folder in folders(path):
        result: list[int] = []
        for below in _bottom_up(folder):
            result += [int(line) for line in _read(f"{below}/cgroup.procs").split()]
        return sorted({*result} - {0})
    return []


def kill_all(path: str) -> None:
    """SIGKILL for every process of the group and of those below it; forks cannot outrun it. Raises OSError."""
    for folder in folders(path):
        if os.path.exists(f"{folder}/cgroup.kill"):
            _write(f"{folder}/cgroup.kill", "1")
            return
        for _ in range(100):
            members = pids(path)
            for pid in members:
                try:
                    os.kill(pid, 9)
                except ProcessLookupError:
                    continue
            if not members:
                return
            time.sleep(0.002)
        return


def freeze(path: str) -> None:
    """Stops every process of the group, and returns when they stand (or after a second). Raises OSError."""
    _set_frozen(path, frozen=True)


def thaw(path: str) -> None:
    """Lets them go on. Raises OSError."""
    _set_frozen(path, frozen=False)


def _set_frozen(path: str, *, frozen: bool) -> None:
    found = layout()
    if found.v2 and os.path.exists(f"{found.v2}{path}/cgroup.freeze"):
        _write(f"{found.v2}{path}/cgroup.freeze", str(int(frozen)))
        wanted, file = f"frozen {int(frozen)}", f"{found.v2}{path}/cgroup.events"
    elif "freezer" in found.v1:
        folder = found.v1["freezer"] + path
        if frozen and not os.path.isdir(folder):
            members = pids(path)
            _make_folders(found.v1["freezer"], path)
            for pid in members:
                _write_if_alive(f"{folder}/cgroup.procs", str(pid))
        wanted, file = "FROZEN" if frozen else "THAWED", f"{folder}/freezer.state"
        _write(file, wanted)
    else:
        raise OSError(errno.EOPNOTSUPP, "no cgroup hierarchy that can freeze", path)
    for _ in range(500):
        if wanted in _read(file):
            return
        time.sleep(0.002)


def oom_kills(path: str) -> int:
    """How many processes of the group the kernel has killed for want of memory."""
    found = layout()
    for folder, name in ((found.v2, "memory.events"), (found.v1.get("memory"), "memory.oom_control")):
        if folder is None:
            continue
        for line in _read_if_there(f"{folder}{path}/{name}").splitlines():
            key, _, value = line.partition(" ")
            if key == "oom_kill" and int(value):
                return int(value)
    return 0


def remove(path: str, patience: float = 0.1) -> None:
    """Takes the group and those below it away, and the parents that are empty then. A busy one is waited for `patience`
    seconds; one that still holds processes raises OSError(EBUSY)."""
    deadline = time.monotonic() + patience
    found = layout()
    for root in dict.fromkeys([*([found.v2] if found.v2 else []), *found.v1.values()]):
        if not os.path.isdir(root + path):
            continue
        for folder in _bottom_up(root + path):
            _remove_folder(folder, deadline)
        parent = os.path.dirname(path)
        while parent not in ("", "/"):
            try:
                os.rmdir(root + parent)
            except OSError as error:
                if error.errno in (errno.EBUSY, errno.ENOTEMPTY, errno.ENOENT, *_UNAVAILABLE):
                    break
                raise
            parent = os.path.dirname(parent)


def _remove_folder(folder: str, deadline: float) -> None:
    while True:
        try:
            os.rmdir(folder)
            return
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() >= deadline:
                raise
            time.sleep(0.002)


def _bottom_up(folder: str) -> "Iterator[str]":
    try:
        with os.scandir(folder) as entries:
            below = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return  # somebody else was quicker
    for path in below:
        yield from _bottom_up(path)
    yield folder


def _make_folders(root: str, path: str) -> None:
    try:
        os.mkdir(root + path)
    except FileExistsError:
        return
    except FileNotFoundError:
        os.makedirs(root + path, exist_ok=True)


def _make_v1(root: str, path: str, controller: str) -> bool:
    try:
        if controller == "cpuset":
            _make_cpuset(root, path)
        else:
            _make_folders(root, path)
    except OSError as error:
        if error.errno not in _UNAVAILABLE:
            raise
        return False
    return True


def _make_cpuset(root: str, path: str) -> None:
    """A new cpuset is empty and takes no process: each one on the way gets its parent's processors and memory."""
    folder = root
    for part in path.strip("/").split("/"):
        parent, folder = folder, f"{folder}/{part}"
        _make_folders(folder, "")
        for name in ("cpuset.cpus", "cpuset.mems"):
            if not _read(f"{folder}/{name}").strip():
                _write(f"{folder}/{name}", _read(f"{parent}/{name}").strip())


def _enable(root: str, path: str, controller: str) -> bool:
    """Hands the controller down from the root to the group; False where that cannot be."""
    folder = root
    for part in path.strip("/").split("/"):
        if controller not in _read(f"{folder}/cgroup.subtree_control").split():
            try:
                _write(f"{folder}/cgroup.subtree_control", f"+{controller}")
            except OSError as error:
                if error.errno not in _UNAVAILABLE:
                    raise
                return False
        folder = f"{folder}/{part}"
    return True


def _write_if_alive(file: str, value: str) -> None:
    try:
        _write(file, value)
    except ProcessLookupError:
        return


def _write(file: str, value: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, value.encode())
    except OSError as error:
        raise OSError(error.errno, error.strerror, file) from None
    finally:
        os.close(descriptor)


def _read(file: str) -> str:
    with open(file, "rb", buffering=0) as opened:  # noqa: PTH123 (pathlib is not imported in this room)
        return opened.read().decode(errors="surrogateescape")


def _read_if_there(file: str) -> str:
    try:
        return _read(file)
    except FileNotFoundError:
        return ""
