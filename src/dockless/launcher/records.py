"""What the launcher holds for each process it has started: ids, descriptors, and in the end the exit status."""

import os

from dockless.linux import pidfd as pidfds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

STREAMS = ("stdout", "stderr", "terminal")


class Exit:
    """`code` as Docker's: the status, or 128 + signal."""

    __slots__ = ("code", "oom_killed", "signal")

    def __init__(self, code: int, signal: int | None, oom_killed: bool) -> None:
        self.code = code
        self.signal = signal
        self.oom_killed = oom_killed

    @classmethod
    def of(cls, result: int, oom_killed: bool) -> "Exit":
        """`result`: an exit code, or minus a signal."""
        return cls(result, None, oom_killed) if result >= 0 else cls(128 - result, -result, oom_killed)

    def as_dict(self) -> "dict[str, Any]":
        return {"code": self.code, "signal": self.signal, "oom_killed": self.oom_killed}


class Record:
    """`descriptors`: name (`stdin`, `stdout.read`, `stdout.staging_read` …) → descriptor. `cgroup` is None for an exec,
    whose group is its container's. `stranger`: adopted, so not a child of ours."""

    __slots__ = (
        "cgroup",
        "cgroup_v1",
        "cgroup_v2",
        "descriptors",
        "exit",
        "filter",
        "id",
        "is_pid_namespace",
        "oom_score",
        "pid",
        "pidfd",
        "start_time",
        "stranger",
        "warnings",
    )

    def __init__(self, id: str) -> None:
        self.id = id
        self.pid = 0
        self.pidfd = -1
        self.start_time = 0
        self.descriptors: dict[str, int] = {}
        self.cgroup: str | None = None
        self.cgroup_v1: list[str] = []
        self.cgroup_v2: str | None = None
        self.filter: tuple[bytes, list[str]] | None = None
        self.oom_score: int | None = None
        self.is_pid_namespace = False
        self.stranger = False
        self.warnings: list[str] = []
        self.exit: Exit | None = None

    def started(self, pid: int, pidfd: int) -> None:
        self.pid = pid
        self.pidfd = pidfd
        self.start_time = pidfds.start_time(pid)

    def as_message(self) -> "tuple[dict[str, Any], list[int]]":
        """The record for the engine, and the descriptors that go with it in the order of `names`."""
        message = {
            "id": self.id,
            "pid": self.pid,
            "start_time": self.start_time,
            "warnings": self.warnings,
            "exit": self.exit.as_dict() if self.exit else None,
            "names": ["pidfd", *self.descriptors],
        }
        return message, [self.pidfd, *self.descriptors.values()]

    def close(self) -> None:
        """Every descriptor that it holds, once."""
        for descriptor in (self.pidfd, *self.descriptors.values()):
            if descriptor >= 0:
                os.close(descriptor)
        self.pidfd = -1
        self.descriptors = {}
