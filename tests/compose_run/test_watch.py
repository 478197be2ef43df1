"""`develop.watch`: the rules by themselves, the disk by itself, and a person's edits on both engines."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from projects import project_of
from test_scenarios import COMMAND, Folder
from test_scenarios import folder as folder

from dockless.compose.run.order import ProjectError
from dockless.compose.run.watch_files import Changes, roots
from dockless.compose.run.watch_rules import Mapped, watched, work_for
from dockless.compose.run.watch_sync import below, changed_since
from waiting import until

RULES = """
services:
  a:
    build: .
    develop:
      watch:
        - {path: ./src, target: /app, action: sync, ignore: [gen/, "*.tmp"], include: ["**/*.py", "data/**"]}
        - {path: ./conf.ini, target: /etc/conf.ini, action: sync+restart}
        - {path: ./pyproject.toml, action: rebuild}
        - {path: ./hooked, target: /h, action: sync+exec, exec: {command: reload}}
        - {path: ./state, action: restart}
"""


def test_a_change_asks_for_what_its_rule_says(tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").write_text("**/secret*\n")
    (tmp_path / "Dockerfile").write_text("FROM x\n")
    project = project_of(tmp_path, RULES)
    rules = watched(project, ["a"]).rules

    def asked(*names: str) -> tuple[list[str], set[str], set[str], list[int]]:
        work = work_for(rules, [f"{tmp_path}/{name}" for name in names])
        return sorted(work.sync.get("a", {})), work.rebuild, work.restart, work.execs

    nothing: tuple[list[str], set[str], set[str], list[int]] = ([], set(), set(), [])
    assert asked("src/m.py", "src/deep/er/m.py") == (["/app/deep/er/m.py", "/app/m.py"], set(), set(), [])
    assert asked("src/data/x.bin") == (["/app/data/x.bin"], set(), set(), [])
    for name in ("src/read.me", "src/gen/m.py", "src/secret.py", "src/.git/m.py", "src/m.py~", "srcs/m.py", "m.py"):
        assert asked(name) == nothing, name
    assert asked("conf.ini") == (["/etc/conf.ini"], set(), {"a"}, [])
    assert asked("pyproject.toml") == ([], {"a"}, set(), [])
    assert asked("hooked/1", "hooked/2") == (["/h/1", "/h/2"], set(), set(), [3])
    assert asked("state/x") == ([], set(), {"a"}, [])


def test_rules_that_cannot_be_followed_are_refused_by_name(tmp_path: Path) -> None:
    for rule, text in (
        ("{path: ., action: rebuild}", "without a build context"),
        ("{path: ., target: /x, action: sync+exec}", "without a command"),
    ):
        project = project_of(tmp_path, f"services: {{a: {{image: x, develop: {{watch: [{rule}]}}}}}}")
        with pytest.raises(ProjectError, match=text):
            watched(project, ["a"])
    with pytest.raises(ProjectError, match="none of the selected services is configured for watch"):
        watched(project_of(tmp_path, "services: {a: {image: x}}"), ["a"])


def test_what_is_bound_into_the_container_is_not_synced(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    project = project_of(
        tmp_path,
        """
        services:
          a:
            image: x
            volumes: ["./src:/app"]
            develop: {watch: [{path: src/sub, target: /app, action: sync}]}
        """,
    )
    found = watched(project, ["a"])
    assert found.rules == []
    assert "bind mount" in found.warnings[0]


def test_the_initial_sync_takes_what_is_younger_than_the_image(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM x\n")
    project = project_of(tmp_path, RULES)
    for name in ("old.py", "new.py", "gen/new.py", "new.txt"):
        path = tmp_path / "src" / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text("")
    os.utime(tmp_path / "src/old.py", (1, 1))
    rule = watched(project, ["a"]).rules[0]
    source = f"{tmp_path}/src"
    assert changed_since(rule, "2001-01-01T00:00:00Z") == [Mapped(f"{source}/new.py", "/app/new.py")]
    assert f"{source}/gen/new.py" not in set(below([rule], source))


def test_one_file_is_watched_through_its_folder_and_a_missing_one_through_what_exists(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "file").write_text("")
    at = str(tmp_path)
    assert roots([f"{at}/a", f"{at}/a/b", f"{at}/file"]) == ([f"{at}/a"], [at])
    assert roots([f"{at}/a/none/at/all"]) == ([f"{at}/a"], [])


def test_changes_are_told_also_when_a_file_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("1")
    changes = Changes([str(file)])
    try:
        for _ in range(2):
            (tmp_path / "beside").write_text("2")
            (tmp_path / "beside").rename(file)
            seen: set[str] = set()
            while str(file) not in seen:
                batch = changes.batches.get(timeout=60)
                assert isinstance(batch, dict)
                seen |= set(batch)
    finally:
        changes.close()


PROJECT = """
services:
  a:
    build: {context: .}
    command: sh -c 'echo begun; exec sleep 1000'
    stop_signal: SIGKILL
    develop:
      watch:
        - {path: src, target: /src, action: sync, initial_sync: true, ignore: [skipped/]}
        - {path: conf, target: /conf, action: sync+restart}
        - {path: hooked, target: /hooked, action: sync+exec, exec: {command: echo reloaded}}
        - {path: built, action: rebuild}
"""


def _write_project(folder: Folder) -> None:
    folder.write(PROJECT)
    folder.write("FROM busybox\nCOPY built /built\n", "Dockerfile")
    folder.write("src/ignored*\n", ".dockerignore")
    for name in ("src", "conf", "hooked"):
        (folder.path / name).mkdir()
    (folder.path / "built").write_text("one")


@contextmanager
def _watching(folder: Folder, *command: str) -> Iterator[Path]:
    """The command at work; the file has its output."""
    path = folder.path.parent / "output"
    with path.open("wb") as output:
        process = subprocess.Popen(
            [*COMMAND, *command], cwd=folder.path, env=folder.environment, stdout=output, stderr=output
        )
    try:
        until(lambda: process.poll() is not None or "Watch enabled" in path.read_text(), 60)
        assert process.poll() is None, path.read_text()
        yield path
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130, path.read_text()
    finally:
        process.kill()
        process.wait()


def _inside(folder: Folder, *command: str) -> str:
    return folder.run("exec", "-T", "a", *command).stdout


def test_watch_syncs_restarts_executes_and_rebuilds(folder: Folder) -> None:
    _write_project(folder)
    folder.ok("compose", "build")
    time.sleep(1.1)
    (folder.path / "src/younger").write_text("younger than the image")
    with _watching(folder, "compose", "watch", "--quiet") as output:
        until(lambda: "younger" in _inside(folder, "ls", "/src"))
        second = folder.run("compose", "watch", "--no-up")
        assert (second.returncode, "another watch of it is at work" in second.stderr) == (1, True)
        (folder.path / "src/ignored").write_text("")
        (folder.path / "src/skipped").mkdir()
        (folder.path / "src/skipped/file").write_text("")
        (folder.path / "src/deep/er").mkdir(parents=True)
        (folder.path / "src/deep/er/file").write_text("deep")
        until(lambda: _inside(folder, "cat", "/src/deep/er/file") == "deep")
        (folder.path / "src/younger").unlink()
        until(lambda: _inside(folder, "ls", "/src").split() == ["deep"])
        (folder.path / "hooked/x").write_text("")
        until(lambda: "reloaded" in output.read_text())
        identity = folder.inspect("p-a-1")["Id"]
        started = folder.inspect("p-a-1")["State"]["StartedAt"]
        (folder.path / "conf/x").write_text("new")
        until(lambda: 'service(s) ["a"] restarted' in output.read_text())
        assert _inside(folder, "cat", "/conf/x") == "new"
        assert folder.inspect("p-a-1")["State"]["StartedAt"] != started
        assert folder.inspect("p-a-1")["Id"] == identity
        (folder.path / "built").write_text("two")
        until(lambda: _inside(folder, "cat", "/built") == "two", 60)
        assert folder.inspect("p-a-1")["Id"] != identity
        assert 'service(s) ["a"] successfully built' in output.read_text()
    folder.ok("down", "-t", "0")
    folder.ok("rmi", "p-a")


def test_up_with_watch_follows_the_output_across_a_rebuild_and_a_restart(folder: Folder) -> None:
    _write_project(folder)
    with _watching(folder, "up", "--watch", "--quiet-build") as output:
        until(lambda: "a-1  | begun" in output.read_text())
        (folder.path / "built").write_text("two")
        until(lambda: output.read_text().count("a-1  | begun") == 2, 60)
        (folder.path / "conf/x").write_text("new")
        until(lambda: output.read_text().count("a-1  | begun") == 3, 60)
        (folder.path / "src/x").write_text("new")
        until(lambda: _inside(folder, "cat", "/src/x") == "new")
    assert folder.rows("compose", "ps") == []
    assert folder.run("up", "-d", "--watch").returncode == 1
    folder.ok("down")
    folder.ok("rmi", "p-a")
