"""Our Compose and command line, on our engine and on the real Docker: one set of scenarios, driven as a person does."""

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import ClassVar

import pytest

from dockless.places import Places
from waiting import until

COMMAND = [sys.executable, "-m", "dockless.cli"]
REAL_COMPOSE = os.environ.get("DOCKLESS_TEST_COMPOSE") or shutil.which("docker-compose")

TWO = """
services:
  web:
    image: busybox
    command: sh -c 'echo hello from web; exec sleep 1000'
    stop_signal: SIGKILL
    depends_on: [db]
  db:
    image: busybox
    command: sleep 1000
    stop_signal: SIGKILL
    volumes: ["data:/data", /anon]
volumes: {data: {}}
"""


@dataclass
class Folder:
    """A project named `p` in a folder, driven as a person does."""

    path: Path
    engine: dict[str, str]
    unseen: ClassVar[frozenset[str]] = frozenset()
    """Expectations of `keys/` that this Compose does not meet on any engine."""

    def write(self, text: str, name: str = "compose.yaml") -> None:
        (self.path / name).write_text(dedent(text))

    @property
    def environment(self) -> dict[str, str]:
        ours = ("COMPOSE_", "DOCKLESS_", "DOCKER_")
        return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | self.engine

    def stopped_by(self, reason: str) -> bool:
        """Whether a reason for which Docker 20.10 cannot do something holds here."""
        return bool(reason) and "DOCKER_HOST" in self.engine

    def command(self, *arguments: str) -> list[str]:
        return [*COMMAND, *arguments]

    def run(self, *arguments: str, stdin: str | None = None) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            self.command(*arguments),
            cwd=self.path,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            input=stdin or "",
        )

    def ok(self, *arguments: str, stdin: str | None = None) -> str:
        found = self.run(*arguments, stdin=stdin)
        assert found.returncode == 0, f"{arguments}: {found.returncode}\n{found.stdout}\n{found.stderr}"
        return found.stdout

    def rows(self, *arguments: str) -> list[dict[str, str]]:
        return [json.loads(line) for line in self.ok(*arguments, "--format", "json").splitlines()]

    def inspect(self, name: str) -> dict[str, dict[str, object]]:
        found: dict[str, dict[str, object]] = json.loads(self.ok("inspect", name))[0]
        return found

    def clear(self) -> None:
        """Removes the engine's containers, networks and volumes: whatever a test left of them."""
        if names := self.ok("container", "ls", "-aq").split():
            self.ok("container", "rm", "-f", "-v", *names)
        if networks := self.ok("network", "ls", "-q", "--filter", "type=custom").split():
            self.ok("network", "rm", *networks)
        if volumes := self.ok("volume", "ls", "-q").split():
            self.ok("volume", "rm", *volumes)


@pytest.fixture(
    params=[pytest.param("dockless", marks=pytest.mark.e2e), pytest.param("docker", marks=pytest.mark.peer)]
)
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Folder]:
    engine: dict[str, str] = request.getfixturevalue(f"on_{request.param}")
    path = tmp_path / "p"
    path.mkdir()
    found = Folder(path, engine)
    yield found
    found.clear()


def test_two_ups_at_the_same_time_make_one_project(folder: Folder) -> None:
    folder.write(TWO)
    both = [
        subprocess.Popen(
            folder.command("up", "-d", *flags),
            cwd=folder.path,
            env=folder.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for flags in ((), ("--scale", "web=2"))
    ]
    told = [each.communicate(timeout=120)[0] for each in both]
    assert [each.returncode for each in both] == [0, 0], told
    assert {row["Service"] for row in folder.rows("ps")} == {"web", "db"}


def test_a_project_from_up_to_down(folder: Folder) -> None:
    folder.write(TWO)
    folder.ok("up", "-d")
    assert [(row["Service"], row["State"]) for row in folder.rows("ps")] == [("db", "running"), ("web", "running")]
    until(lambda: "web-1  | hello from web" in folder.ok("logs", "web"))
    assert folder.ok("exec", "-T", "web", "echo", "inside").strip() == "inside"
    assert folder.run("exec", "-T", "web", "sh", "-c", "exit 3").returncode == 3
    folder.ok("stop", "web")
    assert [row["Service"] for row in folder.rows("compose", "ps")] == ["db"]
    folder.ok("start")
    folder.ok("restart", "db")
    assert len(folder.rows("compose", "ps")) == 2
    folder.ok("down")
    assert folder.rows("compose", "ps", "-a") == []
    assert "p_data" in folder.ok("volume", "ls", "-q").split()
    folder.ok("up", "-d")
    folder.ok("down", "-v")
    assert "p_data" not in folder.ok("volume", "ls", "-q").split()
    assert "p_default" not in folder.ok("network", "ls")


def test_a_second_up_does_nothing_and_a_changed_service_alone_is_recreated(folder: Folder) -> None:
    folder.write(TWO)
    folder.ok("up", "-d")
    before = {name: folder.inspect(name)["Id"] for name in ("p-web-1", "p-db-1")}
    folder.ok("exec", "-T", "db", "sh", "-c", "echo kept > /anon/file")
    folder.ok("up", "-d")
    assert {name: folder.inspect(name)["Id"] for name in before} == before
    folder.write(TWO.replace("sleep 1000\n    stop_signal: SIGKILL\n    volumes", "sleep 999\n    volumes"))
    folder.ok("up", "-d", "-t", "0")
    assert folder.inspect("p-web-1")["Id"] == before["p-web-1"]
    assert folder.inspect("p-db-1")["Id"] != before["p-db-1"]
    assert folder.ok("exec", "-T", "db", "cat", "/anon/file") == "kept\n"
    folder.ok("up", "-d", "-t", "0", "-V", "--force-recreate", "db")
    assert folder.run("exec", "-T", "db", "cat", "/anon/file").returncode == 1


@pytest.mark.skipif(REAL_COMPOSE is None, reason="needs Docker Compose")
def test_docker_compose_sees_our_project_as_its_own_and_we_see_its(folder: Folder) -> None:
    environment = folder.environment
    if root := folder.engine.get("DOCKLESS_ROOT"):
        # Docker's own tool cannot start our engine: something that runs keeps it there.
        folder.ok("run", "-d", "busybox", "sleep", "300")
        environment["DOCKER_HOST"] = f"unix://{Places.of({'DOCKLESS_ROOT': root}, os.geteuid()).engine_socket}"

    def real(*arguments: str) -> str:
        done = subprocess.run(
            [str(REAL_COMPOSE), *arguments], cwd=folder.path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    folder.write(TWO + "networks: {default: {labels: {x: y}}}\n")
    folder.ok("up", "-d")
    ours = {name: folder.inspect(name)["Id"] for name in ("p-web-1", "p-db-1")}
    real("up", "-d")
    assert {name: folder.inspect(name)["Id"] for name in ours} == ours
    real("down", "-v")
    assert folder.rows("compose", "ps", "-a") == []
    real("up", "-d")
    theirs = {name: folder.inspect(name)["Id"] for name in ours}
    folder.ok("up", "-d")
    assert {name: folder.inspect(name)["Id"] for name in ours} == theirs
    folder.ok("down", "-v")
    assert real("ps", "-aq") == ""


def test_scaling_up_and_down(folder: Folder) -> None:
    folder.write("services: {a: {image: busybox, command: sleep 1000, stop_signal: SIGKILL}}")
    folder.ok("up", "-d", "--scale", "a=3")
    assert [row["Name"] for row in folder.rows("compose", "ps")] == ["p-a-1", "p-a-2", "p-a-3"]
    folder.ok("scale", "a=1")
    assert [row["Name"] for row in folder.rows("compose", "ps")] == ["p-a-1"]


def test_orphans_are_named_and_then_removed(folder: Folder) -> None:
    folder.write(TWO)
    folder.ok("up", "-d")
    folder.write("services: {db: {image: busybox, command: sleep 1000}}")
    assert "p-web-1" in folder.run("up", "-d", "-t", "0").stderr
    folder.ok("up", "-d", "--remove-orphans", "-t", "0")
    assert [row["Service"] for row in folder.rows("compose", "ps", "-a")] == ["db"]
    folder.ok("down", "-t", "0")


@pytest.mark.parametrize("moment", range(8))
def test_an_up_that_is_killed_is_finished_by_the_next(folder: Folder, moment: int) -> None:
    folder.write(TWO)
    recreate = moment % 2
    if recreate:
        folder.ok("up", "-d")
    arguments = ["up", "-d", "--force-recreate"] if recreate else ["up", "-d"]
    process = subprocess.Popen(
        folder.command(*arguments), cwd=folder.path, env=folder.environment, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    for _ in range(2 + moment * 2):
        process.stderr.readline()
    process.kill()
    process.communicate()
    folder.ok("up", "-d")
    names = [row["Name"] for row in folder.rows("compose", "ps", "-a")]
    assert names == ["p-db-1", "p-web-1"]
    assert {row["State"] for row in folder.rows("compose", "ps")} == {"running"}
    folder.ok("down", "-v")
    assert folder.ok("container", "ls", "-aq") == ""


def test_conditions_are_waited_for(folder: Folder) -> None:
    folder.write(
        """
        services:
          web:
            image: busybox
            command: sleep 1000
            stop_signal: SIGKILL
            depends_on:
              db: {condition: service_healthy}
              job: {condition: service_completed_successfully}
          db:
            image: busybox
            command: sh -c 'sleep 1; echo > /tmp/ready; exec sleep 1000'
            stop_signal: SIGKILL
            healthcheck: {test: [CMD, test, -e, /tmp/ready], interval: 300ms, retries: 20}
          job: {image: busybox, command: "true"}
        """
    )
    folder.ok("up", "-d", "--wait")
    states = {row["Service"]: (row["State"], row["Health"]) for row in folder.rows("compose", "ps", "-a")}
    assert states == {"db": ("running", "healthy"), "web": ("running", ""), "job": ("exited", "")}


def test_a_dependency_that_fails_is_named(folder: Folder) -> None:
    folder.write(
        """
        services:
          web: {image: busybox, depends_on: {job: {condition: service_completed_successfully}}}
          job: {image: busybox, command: sh -c 'exit 4'}
        """
    )
    done = folder.run("up", "-d")
    assert done.returncode == 1
    assert 'service "job" didn\'t complete successfully: exit 4' in done.stderr


def test_configs_secrets_and_hosts_arrive(folder: Folder) -> None:
    (folder.path / "s.txt").write_text("from a file")
    folder.write(
        """
        services:
          a:
            image: busybox
            command: sleep 1000
            stop_signal: SIGKILL
            hostname: here
            configs: [{source: c, target: /etc/c.conf, mode: 0440}]
            secrets: [s]
            environment: {A: "1", B: two words}
            networks: {n: {aliases: [other]}, m: {}}
        configs: {c: {content: inline}}
        secrets: {s: {file: s.txt}}
        networks: {n: {}, m: {}}
        """
    )
    folder.ok("up", "-d")
    shell = 'cat /etc/c.conf /run/secrets/s; echo "-$A-$B-"; hostname'
    assert folder.ok("exec", "-T", "a", "sh", "-c", shell) == "inlinefrom a file-1-two words-\nhere\n"
    networks = folder.inspect("p-a-1")["NetworkSettings"]["Networks"]
    assert isinstance(networks, dict)
    assert set(networks) == {"p_n", "p_m"}


def test_up_in_the_foreground_shows_output_and_ctrl_c_stops(folder: Folder) -> None:
    folder.write(TWO)
    process = subprocess.Popen(
        folder.command("up"),
        cwd=folder.path,
        env=folder.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if "hello from web" in line:
            break
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    text = "".join(lines) + rest
    assert "Attaching to db-1, web-1\n" in text
    assert "web-1  | hello from web\n" in text
    assert "Gracefully Stopping" in text
    assert folder.rows("compose", "ps") == []


def test_the_exit_status_of_a_chosen_container(folder: Folder) -> None:
    folder.write(
        """
        services:
          test: {image: busybox, command: sh -c 'echo tested; exit 7'}
          db: {image: busybox, command: sleep 1000, stop_signal: SIGKILL}
        """
    )
    done = folder.run("up", "--exit-code-from", "test")
    assert "Aborting on container exit..." in done.stderr
    assert (done.returncode, "test-1  | tested" in done.stdout) == (7, True)
    assert folder.run("up", "--abort-on-container-exit").returncode == 7


def test_run_gives_a_one_off_container_with_its_dependencies(folder: Folder) -> None:
    folder.write(TWO)
    done = folder.run("run", "--rm", "-T", "web", "sh", "-c", "cat; exit 5", stdin="typed\n")
    assert (done.returncode, done.stdout) == (5, "typed\n")
    assert [row["Name"] for row in folder.rows("compose", "ps", "-a")] == ["p-db-1"]
    assert folder.ok("run", "--no-deps", "-T", "--rm", "-e", "X=1", "web", "sh", "-c", "echo $X") == "1\n"


def test_build_sends_the_context_and_a_failing_step_is_shown(folder: Folder) -> None:
    folder.write("services: {a: {build: ., command: cat /in/kept /in/arg}}")
    (folder.path / "kept").write_text("kept\n")
    (folder.path / "secret.key").write_text("no")
    folder.write("*.key\n", ".dockerignore")
    folder.write(
        "FROM busybox\nARG A=none\nCOPY . /in\nRUN echo $A > /in/arg && ! test -e /in/secret.key\n", "Dockerfile"
    )
    folder.ok("build", "--build-arg", "A=given")
    assert folder.ok("run", "--rm", "-T", "a") == "kept\ngiven\n"
    folder.write("FROM busybox\nRUN echo about to fail; false\n", "Dockerfile")
    done = folder.run("up", "-d", "--build")
    assert done.returncode == 1
    assert "about to fail" in done.stderr
    assert "non-zero code: 1" in done.stderr or "exit code: 1" in done.stderr
    assert folder.rows("compose", "ps", "-a") == []
    folder.write("FROM busybox\nLABEL made=byhand\n", "Dockerfile")
    folder.ok("build", "-q", "-t", "byhand", ".")
    assert "byhand" in folder.ok("images")
    folder.ok("rmi", "byhand", "p-a")


def test_dockers_verbs_by_hand_in_a_projects_folder(folder: Folder) -> None:
    folder.write(TWO)
    folder.ok("up", "-d")
    folder.write("X=from file\n", "vars")
    volume = f"{folder.path}:/here"
    folder.ok(
        "run", "-d", "--name", "hand", "--env-file", "vars", "-v", volume, "busybox", "sh", "-c", "echo $X; sleep 99"
    )
    assert {row["Names"] for row in folder.rows("ps")} == {"p-web-1", "p-db-1", "hand"}
    until(lambda: folder.ok("logs", "hand") == "from file\n")
    assert folder.ok("exec", "hand", "cat", "/here/vars") == "X=from file\n"
    assert folder.ok("cp", "hand:/here/vars", "copy") == ""
    assert (folder.path / "copy").read_text() == "X=from file\n"
    folder.ok("cp", "copy", "web:/tmp/in")
    assert folder.ok("exec", "-T", "web", "cat", "/tmp/in") == "X=from file\n"
    assert folder.ok("stop", "-t", "0", "hand") == "hand\n"
    assert folder.ok("rm", "hand") == "hand\n"
    assert [row["Names"] for row in folder.rows("ps")] == ["p-db-1", "p-web-1"]


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (("run", "--rm", "busybox", "/not/there"), 127, "/not/there"),
        (("run", "--rm", "busybox", "sh", "-c", "exit 9"), 9, ""),
        (("rm", "nobody"), 1, "No such container: nobody"),
        (("inspect", "nobody"), 1, "No such object: nobody"),
        (("frob",), 125, "unknown command: dockless frob"),
        (("ps", "--frob"), 125, "unknown flag: --frob"),
        (("up",), 1, "no configuration file provided"),
    ],
)
def test_exit_statuses_are_dockers(folder: Folder, arguments: tuple[str, ...], status: int, text: str) -> None:
    done = folder.run(*arguments)
    assert (done.returncode, text in done.stderr) == (status, True), done.stderr


def test_a_terminal_is_given_and_given_back(folder: Folder) -> None:
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "run", "-it", "--rm", "busybox", "sh", "-c", "test -t 0 && echo it is; read line; echo got $line"],
        env=folder.environment,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    import termios

    before = termios.tcgetattr(slave)[:4]
    os.set_blocking(master, False)
    text = b""

    def read() -> bytes:
        nonlocal text
        try:
            text += os.read(master, 4096)
        except BlockingIOError:
            time.sleep(0.01)
        return text

    until(lambda: b"it is" in read())
    os.write(master, b"typed\r")
    until(lambda: b"got typed" in read())
    assert process.wait(20) == 0
    assert termios.tcgetattr(slave)[:4] == before
    os.close(master)
    os.close(slave)


def test_dry_run_prints_the_plan_and_does_nothing(folder: Folder) -> None:
    folder.write(TWO)
    text = folder.ok("--dry-run", "up", "-d")
    assert "Container p-web-1  start" in text
    assert folder.rows("compose", "ps", "-a") == []
