"""Docker's own command, with `DOCKER_HOST` at our socket."""

import json
from pathlib import Path

import pytest
from client_commands import Run

pytestmark = pytest.mark.peer


def test_run_exec_logs_stop_and_rm(cli: Run) -> None:
    assert cli("run", "--rm", "busybox", "echo", "hi").stdout == "hi\n"
    assert cli("run", "--rm", "-i", "busybox", "cat", input="in\n").stdout == "in\n"
    assert cli("run", "--rm", "busybox", "sh", "-c", "exit 9").returncode == 9
    assert cli("run", "--rm", "busybox", "/missing").returncode == 127
    assert len(cli("run", "-d", "--init", "--name", "one", "busybox", "sh", "-c", "echo up; sleep 60").stdout) == 65
    done = cli("exec", "-e", "A=b", "one", "sh", "-c", "echo $A; exit 3")
    assert (done.stdout, done.returncode) == ("b\n", 3)
    assert cli("logs", "one").stdout == "up\n"
    assert cli("ps", "--format", "{{.Names}} {{.State}}").stdout == "one running\n"
    assert json.loads(cli("inspect", "one").stdout)[0]["State"]["Running"] is True
    assert "one" in cli("stats", "--no-stream").stdout
    assert "sleep 60" in cli("top", "one").stdout
    assert cli("stop", "-t", "1", "one").stdout == "one\n"
    assert cli("rm", "one").stdout == "one\n"


def test_cp_both_ways(cli: Run, tmp_path: Path) -> None:
    cli("create", "--name", "box", "busybox")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/file").write_text("text")
    assert cli("cp", "folder", "box:/in").returncode == 0
    assert cli("cp", "box:/in/file", "out").returncode == 0
    assert (tmp_path / "out").read_text() == "text"
    assert "A /in/file" in cli("diff", "box").stdout
    cli("rm", "box")


def test_build_save_and_load(cli: Run, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        "FROM busybox\nCOPY Dockerfile /copied\nRUN test -s /copied\nCMD cat /copied\n"
    )
    done = cli("build", "-t", "cli-built:1", ".")
    assert done.returncode == 0, done.stderr
    assert "Successfully tagged cli-built:1" in done.stdout
    assert cli("save", "-o", "image.tar", "cli-built:1").returncode == 0
    assert cli("rmi", "cli-built:1").returncode == 0
    assert cli("load", "-i", "image.tar").stdout == "Loaded image: cli-built:1\n"
    assert cli("run", "--rm", "cli-built:1").stdout.startswith("FROM busybox")
    assert cli("rmi", "cli-built:1").returncode == 0


def test_networks_and_volumes(cli: Run) -> None:
    assert cli("network", "create", "--subnet", "10.77.0.0/24", "net").returncode == 0
    shown = cli("run", "--rm", "--network", "net", "--ip", "10.77.0.9", "busybox", "hostname", "-i").stdout
    assert shown == "10.77.0.9\n"
    assert "net" in cli("network", "ls", "--format", "{{.Name}}").stdout.split()
    assert cli("network", "rm", "net").stdout == "net\n"
    assert cli("volume", "create", "vol").stdout == "vol\n"
    assert cli("run", "--rm", "-v", "vol:/v", "busybox", "touch", "/v/x").returncode == 0
    assert cli("volume", "inspect", "-f", "{{.Name}}", "vol").stdout == "vol\n"
    assert cli("volume", "rm", "vol").stdout == "vol\n"


def test_system(cli: Run) -> None:
    rows = cli("system", "df", "--format", "{{.Type}} {{.TotalCount}}").stdout.splitlines()
    assert [row.rpartition(" ")[0] for row in rows] == ["Images", "Containers", "Local Volumes", "Build Cache"]
    assert cli("info", "-f", "{{.ServerVersion}}").stdout.strip()
    assert cli("system", "prune", "-f").returncode == 0
