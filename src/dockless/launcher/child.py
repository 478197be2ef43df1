"""What the launcher's forked child does until it is the container's program: for a new container, and for an exec.

The child is not dumpable (the launcher set that before it forked), so nothing in the container can open the interpreter
through it; it closes every descriptor that it does not need before it joins or makes a namespace. Failures and the
terminal travel back on the status socket, which `execve` closes.
"""

import _socket
import array
import errno
import fcntl
import gc
import json
import os
import struct

from dockless.launcher import identity, rootfs
from dockless.launcher.failure import Failure
from dockless.linux import cgroups, namespaces, prctl, pty

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, NoReturn

    from dockless.launcher.spec import Process, Spec

READY = b"ready"
TERMINAL = b"terminal"

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1
_STATUS_OF_FAILURE = 125


class Plan:
    """Everything the child needs; made before the fork. `stdio`: the three descriptors, or None for a terminal of the
    container's own. `unshare` and `join`: what is made after the fork, and (kind, descriptor, flags) to join. `trees`:
    a mount's destination → the detached mount to put there."""

    __slots__ = (
        "cgroup_v1",
        "filter_flags",
        "in_user_namespace",
        "init",
        "join",
        "own_network",
        "place",
        "process",
        "program",
        "root",
        "spec",
        "status",
        "stdio",
        "trees",
        "unshare",
    )

    def __init__(
        self,
        process: "Process",
        status: int,
        stdio: tuple[int, int, int] | None,
        *,
        program: bytes | None,
        filter_flags: "Sequence[str]",
        join: "Sequence[tuple[str, int, int]]",
        cgroup_v1: "Sequence[str]",
        unshare: int = 0,
        spec: "Spec | None" = None,
        root: "Mapping[str, Any] | None" = None,
        trees: "Mapping[str, int] | None" = None,
        place: str = "",
        init: int | None = None,
        own_network: bool = False,
        in_user_namespace: bool = False,
    ) -> None:
        self.process = process
        self.status = status
        self.stdio = stdio
        self.program = program
        self.filter_flags = filter_flags
        self.join = join
        self.cgroup_v1 = list(cgroup_v1)
        self.unshare = unshare
        self.spec = spec
        self.root = root
        self.trees = trees or {}
        self.place = place
        self.init = init
        self.own_network = own_network
        self.in_user_namespace = in_user_namespace


def run(plan: Plan) -> "NoReturn":
    """The child's whole life on this side of `execve`. Never returns, whatever happens."""
    # A collection would touch, and so copy, every page that holds an object.
    gc.disable()
    status = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET, 0, plan.status)
    try:
        _arrange_descriptors(plan)
        os.setsid()
        os.umask(0)
        if plan.spec is None:
            _enter_container(plan, status)
        else:
            _make_container(plan, plan.spec, status)
        identity.become_and_execute(
            plan.process, plan.program, plan.filter_flags, plan.init, lambda: _tell(status, READY)
        )
    except Failure as failure:
        _tell(status, json.dumps(failure.as_dict()).encode())
    except OSError as error:
        _tell(status, json.dumps(Failure.of("start", error, None).as_dict()).encode())
    except BaseException as error:  # noqa: BLE001 (the last frame of this process: told to the launcher, then the end)
        words = f"{type(error).__name__}: {error}"
        _tell(status, json.dumps(Failure("start", None, errno.EINVAL, words).as_dict()).encode())
    finally:
        os._exit(_STATUS_OF_FAILURE)


def _tell(status: _socket.socket, payload: bytes, descriptor: int | None = None) -> None:
    ancillary = []
    if descriptor is not None:
        ancillary = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, array.array("i", [descriptor]).tobytes())]
    status.sendmsg([payload], ancillary, _socket.MSG_NOSIGNAL)


def _arrange_descriptors(plan: Plan) -> None:
    if plan.stdio is not None:
        # Through copies above them, since a source may itself be a low number.
        sources = [fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3) for descriptor in plan.stdio]
        for target, source in enumerate(sources):
            os.dup2(source, target, inheritable=True)
    kept = {0, 1, 2, plan.status, *(descriptor for _, descriptor, _ in plan.join), *plan.trees.values()}
    if plan.init is not None:
        kept.add(plan.init)
    prctl.close_all_but(kept)


def _enter_container(plan: Plan, status: _socket.socket) -> None:
    identity.set_limits(plan.process)
    _attach_v1(plan)
    _join(plan)
    _new_keyring()
    if plan.stdio is None:
        root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        _take_terminal(plan, root, status, console=False)
        os.close(root)


def _make_container(plan: Plan, spec: "Spec", status: _socket.socket) -> None:
    assert plan.root is not None
    identity.set_limits(plan.process)
    _attach_v1(plan)
    _join(plan)
    try:
        namespaces.unshare(plan.unshare)
        if plan.own_network:
            _loopback_up()
        if "hostname" in spec:
            namespaces.sethostname(spec["hostname"])
        if "domainname" in spec:
            namespaces.setdomainname(spec["domainname"])
    except OSError as error:
        raise Failure.of("namespaces", error, None) from None
    _new_keyring()
    rootfs.part_from_host()
    root = rootfs.mount_root(plan.root, plan.place, in_user_namespace=plan.in_user_namespace)
    rootfs.furnish(root, spec, plan.cgroup_v1, plan.trees)
    if plan.stdio is None:
        _take_terminal(plan, root, status, console=True)
    if spec.get("root", {}).get("readonly"):
        rootfs.make_read_only(root)
    rootfs.enter(root)
    os.close(root)


def _attach_v1(plan: Plan) -> None:
    try:
        cgroups.attach(plan.cgroup_v1)
    except OSError as error:
        raise Failure.of("cgroup", error, None) from None


def _join(plan: Plan) -> None:
    for kind, descriptor, flags in plan.join:
        try:
            namespaces.setns(descriptor, flags)
            os.close(descriptor)
        except OSError as error:
            raise Failure.of("setns", error, kind) from None


def _new_keyring() -> None:
    try:
        prctl.join_new_session_keyring()
    except OSError as error:
        # A kernel without keys, or the user's quota is used up: the program could not use one either.
        if error.errno not in (errno.ENOSYS, errno.EDQUOT, errno.EPERM):
            raise Failure.of("keyring", error, None) from None


def _take_terminal(plan: Plan, root: int, status: _socket.socket, *, console: bool) -> None:
    try:
        master, slave, _ = pty.open_pty(root)
        size = plan.process.get("consoleSize")
        if size:
            pty.set_size(master, size["height"], size["width"])
        _tell(status, TERMINAL, master)
        os.close(master)
        for target in (0, 1, 2):
            os.dup2(slave, target, inheritable=True)
        pty.make_controlling(0)
    except OSError as error:
        raise Failure.of("terminal", error, "/dev/pts/ptmx") from None
    if console:
        rootfs.place_console(root, slave)
    os.close(slave)


def _loopback_up() -> None:
    probe = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
    request = fcntl.ioctl(probe.fileno(), _SIOCGIFFLAGS, struct.pack("16sH14x", b"lo", 0))
    flags = struct.unpack_from("H", request, 16)[0] | _IFF_UP
    fcntl.ioctl(probe.fileno(), _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags))
    probe.close()
