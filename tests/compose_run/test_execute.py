"""Plans are carried out as wide as their edges allow, and no wider."""

import threading
from typing import Any, cast

import pytest

from dockless.client.api import Client
from dockless.compose.run import actions
from dockless.compose.run.execute import Context, execute
from dockless.compose.run.plan import Plan, Report


class Recorder:
    """Notes what is reported, from whatever thread."""

    def __init__(self) -> None:
        self.subjects: list[str] = []

    def report(self, subject: str, text: str, *, done: bool, failed: bool = False) -> None:
        self.subjects.append(subject)

    def line(self, text: str) -> None:
        self.subjects.append(text)


def context(recorder: Any = None) -> Context:
    return Context(cast(Client, None), recorder or Recorder())


def test_edges_are_kept_and_everything_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder()
    plan = Plan()
    plan.add("c", Report("c", "x"), ["b"])
    plan.add("b", Report("b", "x"), ["a", "not in the plan"])
    plan.add("a", Report("a", "x"))
    execute(plan, context(recorder))
    assert recorder.subjects == ["a", "b", "c"]


class Meeting(Recorder):
    """Each report waits until `width` are under way at once; notes whether there were ever more."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.now = self.most = 0
        self._lock = threading.Lock()
        self._all_here = threading.Barrier(width)

    def report(self, subject: str, text: str, *, done: bool, failed: bool = False) -> None:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self._all_here.wait(60)
        with self._lock:
            self.now -= 1


@pytest.mark.parametrize("width", [1, 3])
def test_as_many_as_width_at_once_and_no_more(width: int) -> None:
    plan = Plan()
    for number in range(9):
        plan.add(str(number), Report(str(number), "x"))
    meeting = Meeting(width)
    execute(plan, context(meeting), width=width)
    assert meeting.most == width


def test_after_a_failure_nothing_new_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(Recorder):
        def report(self, subject: str, text: str, *, done: bool, failed: bool = False) -> None:
            super().report(subject, text, done=done, failed=failed)
            if subject == "bad":
                raise OSError("no")

    failing = Failing()
    plan = Plan()
    plan.add("bad", Report("bad", "x"))
    plan.add("later", Report("later", "x"), ["bad"])
    with pytest.raises(OSError, match="no"):
        execute(plan, context(failing))
    assert "later" not in failing.subjects


def test_injected_files_have_absolute_names_and_no_folders() -> None:
    import io
    import tarfile

    from dockless.compose.run.plan import InjectedFile

    data = actions.archive_of((InjectedFile("/run/secrets/s", b"x", 0o440, 1, 2),))
    # The raw header: reading it back through tarfile would drop the slash.
    assert data[:14] == b"/run/secrets/s"
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        (member,) = archive.getmembers()
        assert (member.mode, member.uid, member.gid) == (0o440, 1, 2)
