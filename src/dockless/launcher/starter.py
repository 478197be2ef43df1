"""Forks: from a request to a child that is on its way, with its pipes, its cgroup and its filter made before.

Nothing here waits for the child; `Pending` is what the loop watches until the program runs or has failed.
"""

import _socket
import errno
import json
import os

from dockless.launcher import child, protocol
from dockless.launcher.annotations import INIT_ANNOTATION
from dockless.launcher.failure import Failure
from dockless.launcher.records import Record
from dockless.linux import cgroups, device_filter, namespaces, seccomp, tiny_init
from dockless.linux.syscalls import MACHINE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from dockless.launcher.spec import Process, Spec

_CACHED = 16
_UNSHARED_LATER = ("mount", "network", "ipc", "uts", "cgroup")


class Pending:
    """A child between fork and `execve`. `asked_by` and `seq`: whom to answer."""

    __slots__ = ("asked_by", "failure", "ready", "record", "seq", "status")

    def __init__(self, record: Record, status: _socket.socket) -> None:
        self.record = record
        self.status = status
        self.failure: dict[str, Any] | None = None
        self.ready = False
        self.asked_by: Any = None
        self.seq = 0

    def read(self) -> bool:
        """Takes what the child has sent. True when its end is closed: the program runs, or will never."""
        while True:
            try:
                payload, descriptors = protocol.receive_packet(self.status, protocol.MAX_PACKET)
            except BlockingIOError:
                return False
            except ConnectionResetError:
                return True
            if payload == child.TERMINAL and descriptors:
                self.record.descriptors["terminal.read"] = descriptors[0]
            elif payload == child.READY:
                self.ready = True
            elif payload:
                self.failure = json.loads(payload)
            else:
                return True


class Starter:
    """`place`: an empty folder that every container's root is mounted on, each in a namespace of its own."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        self._own_pid_namespace = namespaces.open_namespace("self", "pid")
        self._own = {kind: _inode("self", kind) for kind in namespaces.FLAGS}
        self._in_user_namespace = _mapped_ids() != 2**32 - 1
        self._filters: dict[str, tuple[bytes, list[str]]] = {}
        self._device_programs: dict[str, int] = {}
        self._init: int | None = None

    def run(self, message: "Mapping[str, Any]", descriptors: "Sequence[int]") -> Pending:
        """A new container. `descriptors` belong to the caller. Raises Failure."""
        spec: Spec = message["spec"]
        record = Record(message["id"])
        linux = spec.get("linux", {})
        kinds, places = message.get("namespaces", ()), message.get("trees", ())
        joined = dict(zip(kinds, descriptors[: len(kinds)], strict=True))
        trees = dict(zip(places, descriptors[len(kinds) :], strict=True))
        listed = {entry["type"]: entry.get("path") for entry in linux.get("namespaces", ())}
        opened = {kind: os.open(path, os.O_RDONLY | os.O_CLOEXEC) for kind, path in listed.items() if path}
        joined = {**opened, **joined}
        try:
            if "mount" in joined or "mount" not in listed or ("user" in listed and "user" not in joined):
                raise Failure(
                    "namespaces",
                    None,
                    errno.EINVAL,
                    "a container needs a mount namespace, and no user namespace, of its own",
                )
            self._make_cgroup(record, spec)
            record.filter = self._filter(message.get("seccomp"))
            record.oom_score = spec["process"].get("oomScoreAdj")
            new = [kind for kind in listed if kind not in joined]
            record.is_pid_namespace = "pid" in new
            return self._fork(
                record,
                message,
                spec["process"],
                first=namespaces.CLONE_NEWPID if "pid" in new else 0,
                pid_namespace=joined.get("pid"),
                join=[(kind, joined[kind], namespaces.FLAGS[kind]) for kind in _ordered(joined)],
                unshare=sum(namespaces.FLAGS[kind] for kind in _UNSHARED_LATER if kind in new),
                spec=spec,
                root=message["root"],
                trees=trees,
                own_network="network" in new,
                init=self._init_file() if spec.get("annotations", {}).get(INIT_ANNOTATION) == "true" else None,
            )
        except BaseException:
            _undo(record)
            raise
        finally:
            for descriptor in opened.values():
                os.close(descriptor)

    def execute(self, message: "Mapping[str, Any]", target: Record | None, pidfd: int, pid: int) -> Pending:
        """A process in the container of `pid`, whose record is `target` where the launcher has one. Raises Failure."""
        record = Record(message["id"])
        flags = 0
        try:
            for kind, flag in namespaces.FLAGS.items():
                if _inode(pid, kind) != self._own[kind]:
                    flags |= flag
        except OSError as error:
            raise Failure.of("exec", error, str(pid), f"container process {pid} is not running") from None
        record.filter = self._filter(message.get("seccomp"))
        if target is not None:
            record.filter = record.filter or target.filter
            record.cgroup_v2 = target.cgroup_v2
            # As they are now: an update may have brought it into more controllers.
            record.cgroup_v1 = (
                [one for one in cgroups.folders(target.cgroup) if one != target.cgroup_v2] if target.cgroup else []
            )
            record.oom_score = target.oom_score
        process: Process = message["process"]
        if record.oom_score is not None:
            process.setdefault("oomScoreAdj", record.oom_score)
        later = flags & ~namespaces.CLONE_NEWPID
        return self._fork(
            record,
            message,
            process,
            first=0,
            pid_namespace=pidfd if flags & namespaces.CLONE_NEWPID else None,
            join=[("container", pidfd, later)] if later else [],
        )

    def _fork(
        self,
        record: Record,
        message: "Mapping[str, Any]",
        process: "Process",
        *,
        first: int,
        pid_namespace: int | None,
        join: "Sequence[tuple[str, int, int]]",
        unshare: int = 0,
        spec: "Spec | None" = None,
        root: "Mapping[str, Any] | None" = None,
        trees: "Mapping[str, int] | None" = None,
        own_network: bool = False,
        init: int | None = None,
    ) -> Pending:
        terminal = bool(process.get("terminal"))
        stdio = _Stdio(record, terminal, stdin=message["stdin"], split=message["split_output"], null=self._null)
        ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC)
        cgroup: int | None = None
        try:
            if record.cgroup_v2 is not None:
                cgroup = os.open(record.cgroup_v2, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            program, filter_flags = record.filter or (None, [])
            plan = child.Plan(
                process,
                theirs.fileno(),
                None if terminal else stdio.theirs,
                program=program,
                filter_flags=filter_flags,
                join=join,
                cgroup_v1=record.cgroup_v1,
                unshare=unshare,
                spec=spec,
                root=root,
                trees=trees,
                place=self._place,
                init=init,
                own_network=own_network,
                in_user_namespace=self._in_user_namespace,
            )
            pid, pidfd = self._clone(first, cgroup, pid_namespace)
            if pid == 0:
                child.run(plan)
        except OSError as error:
            ours.close()
            record.close()
            raise Failure.of("clone", error, None) from None
        finally:
            theirs.close()
            stdio.close_theirs()
            if cgroup is not None:
                os.close(cgroup)
        record.started(pid, pidfd)
        return Pending(record, ours)

    def _clone(self, flags: int, cgroup: int | None, pid_namespace: int | None) -> tuple[int, int]:
        if pid_namespace is None:
            return namespaces.clone(flags, cgroup)
        # A pid namespace is joined by children only: the launcher itself goes in and out again around the fork.
        namespaces.setns(pid_namespace, namespaces.CLONE_NEWPID)
        pid = -1
        try:
            pid, pidfd = namespaces.clone(flags, cgroup)
            return pid, pidfd
        finally:
            if pid != 0:
                namespaces.setns(self._own_pid_namespace, namespaces.CLONE_NEWPID)

    def _make_cgroup(self, record: Record, spec: "Spec") -> None:
        linux = spec.get("linux", {})
        path = linux.get("cgroupsPath")
        if not path:
            return
        resources = linux.get("resources", {})
        record.cgroup = path
        try:
            created = cgroups.create(path, resources)
        except OSError as error:
            raise Failure.of("cgroup", error, path) from None
        record.cgroup_v1, record.cgroup_v2 = created.v1, created.v2
        record.warnings += created.warnings
        rules = resources.get("devices", [])
        if rules and not device_filter.allows_everything(rules) and not self._in_user_namespace:
            self._restrict_devices(record, rules)

    def _restrict_devices(self, record: Record, rules: "Sequence[Mapping[str, Any]]") -> None:
        if record.cgroup_v2 is None:
            record.warnings.append("access to devices is not restricted: no writable cgroup of version 2")
            return
        key = json.dumps(rules)
        try:
            if key not in self._device_programs:
                if len(self._device_programs) >= _CACHED:
                    os.close(self._device_programs.pop(next(iter(self._device_programs))))
                self._device_programs[key] = device_filter.load(device_filter.assemble(rules))
            device_filter.attach(self._device_programs[key], record.cgroup_v2)
        except (OSError, ValueError) as error:
            number = error.errno if isinstance(error, OSError) and error.errno else errno.EINVAL
            raise Failure("devices", None, number, f"device rules: {error}") from None

    def _filter(self, text: str | None) -> tuple[bytes, list[str]] | None:
        if not text:
            return None
        if text not in self._filters:
            profile = json.loads(text)
            try:
                program = seccomp.assemble(profile)
            except (ValueError, KeyError, TypeError) as error:
                raise Failure("seccomp", None, errno.EINVAL, f"seccomp: {error}") from None
            if len(self._filters) >= _CACHED:
                del self._filters[next(iter(self._filters))]
            self._filters[text] = (program, profile.get("flags") or [])
        return self._filters[text]

    def adopted(self, record: Record, message: "Mapping[str, Any]") -> None:
        """What an exec into an adopted container, and its end, will need."""
        record.filter = self._filter(message.get("seccomp"))
        path = message.get("cgroup")
        if path:
            record.cgroup = path
            layout = cgroups.layout()
            folders = cgroups.folders(path)
            record.cgroup_v2 = next((one for one in folders if layout.v2 and one == layout.v2 + path), None)
            record.cgroup_v1 = [one for one in folders if one != record.cgroup_v2]

    def _init_file(self) -> int:
        if self._init is None:
            try:
                self._init = tiny_init.open_init(MACHINE)
            except KeyError:
                raise Failure("init", None, errno.ENOSYS, f"there is no init for {MACHINE}") from None
        return self._init


def discard(record: Record) -> None:
    """A child that has failed and been reaped leaves nothing."""
    _undo(record)


def _undo(record: Record) -> None:
    record.close()
    if record.cgroup is not None:
        cgroups.remove(record.cgroup)


class _Stdio:
    """Makes the pipes: the container's ends here, ours in the record."""

    def __init__(self, record: Record, terminal: bool, *, stdin: bool, split: bool, null: int) -> None:
        self._close: list[int] = []
        own = record.descriptors
        if terminal:
            self._staging(own, "terminal")
            self.theirs = (null, null, null)
            return
        read = null
        if stdin:
            read, own["stdin"] = os.pipe2(os.O_CLOEXEC)
            self._close.append(read)
        out = self._output(own, "stdout")
        self.theirs = (read, out, self._output(own, "stderr") if split else out)

    def _output(self, own: dict[str, int], name: str) -> int:
        own[f"{name}.read"], write = os.pipe2(os.O_CLOEXEC)
        self._close.append(write)
        self._staging(own, name)
        return write

    def _staging(self, own: dict[str, int], name: str) -> None:
        own[f"{name}.staging_read"], own[f"{name}.staging_write"] = os.pipe2(os.O_CLOEXEC)

    def close_theirs(self) -> None:
        for descriptor in self._close:
            os.close(descriptor)
        self._close = []


def _ordered(joined: "Mapping[str, int]") -> "list[str]":
    """The user namespace first: it gives the right to join the others. The pid namespace is joined by the fork."""
    return sorted((kind for kind in joined if kind != "pid"), key=lambda kind: kind != "user")


def _inode(pid: int | str, kind: str) -> int:
    return os.stat(f"/proc/{pid}/ns/{namespaces.FILES[kind]}").st_ino


def _mapped_ids() -> int:
    """How many ids the first line of the uid map covers: all of them outside any user namespace."""
    file = os.open("/proc/self/uid_map", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return int(os.read(file, 4096).split(b"\n")[0].split()[2])
    finally:
        os.close(file)
