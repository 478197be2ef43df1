"""A container's root: the overlay, the mounts on it, the devices, and what is masked or read-only; then `pivot_root`.

Runs in the container's first process, in its new mount namespace, which still shows the host. Everything is attached by
descriptor, and every path of the container is resolved inside its root, because the image is hostile.
"""

import errno
import os
import stat

from dockless.launcher.failure import Failure
from dockless.linux import cgroups, mounts, paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from dockless.launcher.spec import Device, Linux, Mount, Spec

_DEV_LINKS = (
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("core", "/proc/kcore"),
)
_KINDS = {"c": stat.S_IFCHR, "u": stat.S_IFCHR, "b": stat.S_IFBLK, "p": stat.S_IFIFO}
_REFUSED = (errno.EPERM, errno.EACCES)

# Asked for by default, and impossible where only one id is mapped: Docker does not set it there either.
_OPTIONAL_SYSCTL = "net.ipv4.ping_group_range"


def part_from_host() -> None:
    """In the new mount namespace: the host's later mounts arrive here, and none of ours there. Raises Failure."""
    try:
        mounts.set_propagation("/", "rslave")
    except OSError as error:
        raise Failure.of("propagation", error, "/") from None


def mount_root(root: "Mapping[str, Any]", place: str, *, in_user_namespace: bool) -> int:
    """The overlay `root` (lower, upper, work) at the folder `place`; its descriptor. Raises Failure."""
    lower, upper, work = root["lower"], root.get("upper"), root.get("work")
    try:
        tree = mounts.overlay_tree(lower, upper, work, user_xattr=in_user_namespace)
        if tree is None:
            mounts.mount_overlay(place, lower, upper, work, user_xattr=in_user_namespace)
            return os.open(place, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        target = os.open(place, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        mounts.move_mount(tree, target, place)
        os.close(target)
        return tree
    except OSError as error:
        raise Failure.of("overlay", error, upper or lower[0]) from None


def furnish(root: int, spec: "Spec", cgroup_v1: "Sequence[str]", trees: "Mapping[str, int]") -> None:
    """Everything between the bare root and `enter`. `trees`: destination → a detached mount that was made elsewhere.

    Raises Failure.
    """
    linux = spec.get("linux", {})
    for mount in spec.get("mounts", ()):
        _mount(root, mount, cgroup_v1, trees.get(mount["destination"]))
    if _has_own_dev(spec):
        _devices(root, linux.get("devices", ()))
        _dev_links(root)
    _sysctls(root, linux)
    _hide(root, linux)
    _working_folder(root, spec)


def make_read_only(root: int) -> None:
    """The root itself; what is mounted on it stays as it is. Raises Failure."""
    try:
        mounts.mount_setattr(root, set=mounts.MOUNT_ATTR_RDONLY, name="/")
    except OSError as error:
        raise Failure.of("root", error, "/") from None


def enter(root: int) -> None:
    """Makes `root` the root of the mount namespace and lets go of the host's. Raises Failure."""
    try:
        os.fchdir(root)
        mounts.pivot_root(".", ".")
        # The old root is now mounted over the new one, and `.` is it.
        mounts.umount(".", mounts.MNT_DETACH)
        os.chdir("/")
    except OSError as error:
        raise Failure.of("pivot_root", error, None) from None


def place_console(root: int, terminal: int) -> None:
    """The terminal's slave end as /dev/console. Raises Failure."""
    try:
        target = paths.make_file(root, "/dev/console", 0o600)
        _attach(mounts.open_tree("", folder=terminal), target, "/dev/console")
    except OSError as error:
        raise Failure.of("console", error, "/dev/console") from None


def _mount(root: int, mount: "Mount", cgroup_v1: "Sequence[str]", tree: int | None) -> None:
    destination, kind = mount["destination"], mount.get("type") or "none"
    options = mount.get("options", [])
    source = mount.get("source") or kind
    try:
        if kind == "bind" or "bind" in options or "rbind" in options:
            _bind(root, source, destination, options, tree)
        elif kind == "cgroup":
            _mount_cgroups(root, destination, options, cgroup_v1)
        else:
            _new_file_system(root, kind, source, destination, options)
    except OSError as error:
        words = f'error mounting "{source}" to rootfs at "{destination}": {_reason(error)}'
        raise Failure("mount", destination, error.errno or 0, words) from None


def _reason(error: OSError) -> str:
    named = f"{error.filename}: " if error.filename else ""
    return named + (error.strerror or "").lower()


def _bind(root: int, source: str, destination: str, options: "Sequence[str]", tree: int | None) -> None:
    flags, cleared, words = mounts.parse_options(options)
    recursive = "rbind" in words
    propagation = next((word for word in words if word in mounts.PROPAGATION), "rprivate")
    if tree is None:
        tree = mounts.open_tree(source, recursive=recursive)
    is_folder = stat.S_ISDIR(os.fstat(tree).st_mode)
    if flags & mounts.MS_RDONLY:
        mounts.mount_setattr(tree, set=mounts.MOUNT_ATTR_RDONLY, name=source)
    all_the_way = flags & ~mounts.MS_RDONLY | (mounts.MS_RDONLY if "rro" in words else 0)
    mounts.mount_setattr(
        tree,
        set=mounts.attributes(all_the_way),
        clear=mounts.attributes(cleared) | _clears_time(flags),
        propagation=mounts.PROPAGATION[propagation] & ~mounts.MS_REC,
        recursive=recursive or propagation.startswith("r"),
        name=source,
    )
    make = paths.make_folder if is_folder else paths.make_file
    _attach(tree, make(root, destination), destination)


def _clears_time(flags: int) -> int:
    """The kernel wants the whole field cleared before a new way to keep access times is set."""
    return mounts.MOUNT_ATTR_ATIME if flags & (mounts.MS_NOATIME | mounts.MS_STRICTATIME | mounts.MS_RELATIME) else 0


def _attach(tree: int, target: int, name: str) -> None:
    try:
        mounts.move_mount(tree, target, name)
    finally:
        os.close(tree)
        os.close(target)


def _new_file_system(root: int, kind: str, source: str, destination: str, options: "Sequence[str]") -> None:
    flags, _, data = mounts.parse_options(options)
    target = paths.make_folder(root, destination)
    if kind == "tmpfs" and not any(option.startswith("mode=") for option in data):
        data.append(f"mode={stat.S_IMODE(os.fstat(target).st_mode):o}")
    data = [option for option in data if option not in mounts.PROPAGATION]
    try:
        tree = _make(kind, source, flags, data)
    except OSError as error:
        if kind == "devpts" and error.errno == errno.EINVAL:
            # The terminals' group is not mapped here: they belong to the container's root then.
            tree = _make(kind, source, flags, [option for option in data if not option.startswith("gid=")])
        elif kind in ("sysfs", "mqueue") and error.errno in _REFUSED:
            # Not ours to mount where its namespace is shared with the host: the host's own is shown instead.
            tree = mounts.open_tree({"sysfs": "/sys", "mqueue": "/dev/mqueue"}[kind], recursive=True)
            mounts.mount_setattr(tree, set=mounts.attributes(flags), propagation=mounts.MS_PRIVATE, recursive=True)
        else:
            os.close(target)
            raise
    _attach(tree, target, destination)


def _make(kind: str, source: str, flags: int, data: "Sequence[str]") -> int:
    return mounts.made(kind, None if kind in ("cgroup", "cgroup2") else source, flags, data)


def _mount_cgroups(root: int, destination: str, options: "Sequence[str]", joined: "Sequence[str]") -> None:
    """v2 alone as it is; otherwise a folder of the hierarchies that the container is in, seen from its own group."""
    flags, _, _ = mounts.parse_options(options)
    layout = cgroups.layout()
    if not layout.v1:
        if layout.v2 is not None:
            _new_file_system(root, "cgroup2", "cgroup", destination, options)
        return
    target = paths.make_folder(root, destination)
    _attach(_make("tmpfs", "tmpfs", flags & ~mounts.MS_RDONLY, ["mode=755"]), target, destination)
    for controller, mounted in layout.v1.items():
        if any(folder.startswith(mounted + "/") for folder in joined):
            folder = paths.make_folder(root, f"{destination}/{controller}")
            _attach(_make("cgroup", "cgroup", flags, [controller]), folder, controller)
    if layout.v2 is not None:
        folder = paths.make_folder(root, f"{destination}/unified")
        _attach(_make("cgroup2", "cgroup2", flags, []), folder, "unified")
    if flags & mounts.MS_RDONLY:
        top = paths.open_in_root(root, destination)
        mounts.mount_setattr(top, set=mounts.MOUNT_ATTR_RDONLY, name=destination)
        os.close(top)


def _has_own_dev(spec: "Spec") -> bool:
    """Not where the host's folder is bound there: nothing is made in it then."""
    found = [mount for mount in spec.get("mounts", ()) if mount["destination"].rstrip("/") == "/dev"]
    return any(mount.get("type") == "tmpfs" for mount in found)


def _devices(root: int, devices: "Sequence[Device]") -> None:
    folders: dict[str, int] = {}
    for device in devices:
        parent, name = os.path.split(device["path"])
        try:
            if parent not in folders:
                folders[parent] = paths.make_folder(root, parent)
            _device(root, device, folders[parent], name)
        except OSError as error:
            raise Failure.of("device", error, device["path"]) from None
    for folder in folders.values():
        os.close(folder)


def _device(root: int, device: "Device", folder: int, name: str) -> None:
    number = os.makedev(device.get("major", 0), device.get("minor", 0))
    try:
        os.mknod(name, device.get("fileMode", 0o666) | _KINDS[device["type"]], number, dir_fd=folder)
        if device.get("uid") or device.get("gid"):
            os.chown(name, device.get("uid", 0), device.get("gid", 0), dir_fd=folder)
    except FileExistsError:
        return
    except PermissionError:
        # In a user namespace nodes cannot be made: the host's is shown.
        _attach(mounts.open_tree(device["path"]), paths.make_file(root, device["path"]), device["path"])


def _dev_links(root: int) -> None:
    try:
        folder = paths.open_in_root(root, "/dev")
        links = [*_DEV_LINKS, ("ptmx", "pts/ptmx")]
        for name, target in links:
            try:
                os.symlink(target, name, dir_fd=folder)
            except FileExistsError:
                continue
        os.close(folder)
    except OSError as error:
        raise Failure.of("device", error, "/dev") from None


def _sysctls(root: int, linux: "Linux") -> None:
    for name, value in linux.get("sysctl", {}).items():
        path = "/proc/sys/" + name.replace(".", "/")
        try:
            file = paths.open_in_root(root, path, os.O_WRONLY)
            try:
                os.write(file, value.encode())
            finally:
                os.close(file)
        except OSError as error:
            if name == _OPTIONAL_SYSCTL:
                continue
            words = f"write sysctl key {name}: open {path}: {(error.strerror or '').lower()}"
            raise Failure("sysctl", path, error.errno or 0, words) from None


def _hide(root: int, linux: "Linux") -> None:
    for path in linux.get("readonlyPaths", ()):
        try:
            target = paths.open_in_root(root, path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        try:
            tree = mounts.open_tree("", folder=target, recursive=True)
            mounts.mount_setattr(tree, set=mounts.MOUNT_ATTR_RDONLY, recursive=True, name=path)
            _attach(tree, target, path)
        except OSError as error:
            raise Failure.of("readonly path", error, path) from None
    empty: int | None = None
    for path in linux.get("maskedPaths", ()):
        try:
            target = paths.open_in_root(root, path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        try:
            if not stat.S_ISDIR(os.fstat(target).st_mode):
                _attach(mounts.open_tree("/dev/null"), target, path)
            elif empty is None:
                empty = _make("tmpfs", "tmpfs", mounts.MS_RDONLY, [])
                mounts.move_mount(empty, target, path)
                os.close(target)
            else:
                _attach(mounts.open_tree("", folder=empty), target, path)
        except OSError as error:
            raise Failure.of("masked path", error, path) from None
    if empty is not None:
        os.close(empty)


def _working_folder(root: int, spec: "Spec") -> None:
    path = spec["process"].get("cwd") or "/"
    try:
        os.close(paths.make_folder(root, path))
    except OSError as error:
        if error.errno == errno.EROFS:
            return
        raise Failure.of("cwd", error, path, f"mkdir {path}: {(error.strerror or '').lower()}") from None
