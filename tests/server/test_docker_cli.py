"""The real `docker` command against our server: it must find everything as it expects it."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from served import Served

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(shutil.which("docker") is None, reason="needs the docker command"),
]

Docker = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def docker(served: Served, tmp_path: Path) -> Docker:
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "DOCKER_HOST": served.host,
        "DOCKER_BUILDKIT": "0",
        "DOCKER_CLI_HINTS": "false",
    }

    def run(*arguments: str, input: str | None = None) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["docker", *arguments], env=environ, capture_output=True, text=True, input=input, timeout=30, check=False
        )

    return run


def test_version_and_info(docker: Docker) -> None:
    version = json.loads(docker("version", "--format", "json").stdout)
    assert version["Server"]["ApiVersion"] == "1.47"
    info = json.loads(docker("info", "--format", "json").stdout)
    assert info["NCPU"] == 2
    assert not info.get("ServerErrors")
    assert "Server Version: 0.0-fake" in docker("info").stdout


def test_run_carries_output_errors_and_status(docker: Docker) -> None:
    done = docker("run", "--rm", "fake", "echo", "hello", "world")
    assert (done.stdout, done.stderr, done.returncode) == ("hello world\n", "to stderr\n", 3)
    assert docker("ps", "-aq").stdout == ""


def test_run_carries_input_and_its_end(docker: Docker) -> None:
    done = docker("run", "-i", "--name", "cat", "fake", "cat", input="one\ntwo\n")
    assert (done.stdout, done.returncode) == ("one\ntwo\n", 0)
    done = docker("run", "-i", "--rm", "fake", "cat", input="exit 5\n")
    assert (done.stdout, done.returncode) == ("", 5)


def test_a_missing_program_is_127_and_a_missing_image_125(docker: Docker) -> None:
    done = docker("run", "--name", "bad", "fake", "/missing")
    assert done.returncode == 127
    assert 'exec: "/missing": no such file or directory' in done.stderr
    done = docker("run", "denied")
    assert done.returncode != 0


def test_lists_and_inspection(docker: Docker) -> None:
    docker("create", "--name", "one", "-e", "A=1", "-p", "8080:80", "-v", "/a:/b", "-m", "64m", "fake", "cat", "x")
    docker("start", "one")
    assert (
        docker("ps", "--format", "{{.Names}} {{.Image}} {{.Command}} {{.State}}").stdout == 'one fake "cat x" running\n'
    )
    (found,) = json.loads(docker("inspect", "one").stdout)
    assert found["Config"]["Env"] == ["A=1"]
    assert found["HostConfig"]["PortBindings"] == {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}
    assert found["HostConfig"]["Memory"] == 64 << 20
    assert docker("ps", "-q", "--filter", "label=none").stdout == ""
    assert "invalid filter 'nope'" in docker("ps", "--filter", "nope=1").stderr
    assert docker("top", "one").stdout.split()[:2] == ["PID", "CMD"]
    assert docker("diff", "one").stdout == "C /etc\nA /etc/new\n"
    assert docker("stop", "-t", "2", "one").stdout == "one\n"
    assert docker("wait", "one").stdout == "2\n"
    assert "No such container: none" in docker("rm", "none").stderr
    assert docker("rm", "one").returncode == 0


def test_logs(docker: Docker) -> None:
    docker("run", "-d", "--name", "one", "fake", "echo", "hi")
    done = docker("logs", "one")
    assert (done.stdout, done.stderr) == ("hi\n", "to stderr\n")
    assert docker("logs", "-f", "--tail", "1", "one").stderr == "to stderr\n"


def test_attach(docker: Docker, served: Served) -> None:
    docker("run", "-d", "-i", "--name", "cat", "fake", "cat")
    attached = subprocess.Popen(
        ["docker", "-H", served.host, "attach", "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert attached.stdin is not None
    attached.stdin.write("to and fro\n")
    attached.stdin.flush()
    assert attached.stdout is not None
    assert attached.stdout.readline() == "to and fro\n"
    attached.stdin.write("exit 6\n")
    attached.stdin.close()
    assert attached.wait(timeout=60) == 6
    attached.stdout.close()


def test_exec(docker: Docker) -> None:
    docker("run", "-d", "--name", "cat", "fake", "cat")
    done = docker("exec", "cat", "echo", "hi")
    assert (done.stdout, done.returncode) == ("echo hi\n", 7)
    assert docker("exec", "-i", "cat", "cat", input="in\n").stdout == "in\n"
    done = docker("exec", "cat", "/missing")
    assert done.returncode == 127
    assert "no such file or directory" in done.stdout
    assert docker("exec", "-d", "cat", "true").returncode == 0


def test_copying_in(docker: Docker, served: Served, tmp_path: Path) -> None:
    docker("create", "--name", "one", "fake")
    (tmp_path / "file").write_text("content")
    assert docker("cp", str(tmp_path / "file"), "one:/x").returncode == 0
    ((path, data, *_),) = served.engine.containers.put
    assert path == "/"
    assert b"content" in data


def test_images(docker: Docker) -> None:
    assert docker("images", "--format", "{{.Repository}}:{{.Tag}} {{.Size}}").stdout == "fake:latest 123kB\n"
    assert json.loads(docker("image", "inspect", "a/b").stdout)[0]["Os"] == "linux"
    assert "CMD cat" in docker("history", "--no-trunc", "fake").stdout
    assert "Pulling from busybox" in docker("pull", "busybox").stdout
    assert docker("pull", "broken").returncode == 1
    assert "layer is gone" in docker("pull", "broken").stderr
    assert docker("tag", "fake", "other:1").returncode == 0
    assert "Deleted: sha256:" in docker("rmi", "fake").stdout
    assert docker("push", "other:1").returncode == 0


def test_build(docker: Docker, served: Served, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    done = docker("build", "-t", "x:1", "--build-arg", "A=1", "--target", "good", str(tmp_path))
    assert done.returncode == 0
    assert "Successfully built" in done.stdout
    (_, query, size) = served.engine.images.asked[0]
    assert (query.tags, query.build_args, query.target) == (("x:1",), {"A": "1"}, "good")
    assert size > 1000
    done = docker("build", "--target", "bad", str(tmp_path))
    assert done.returncode == 9
    assert "it broke" in done.stderr


def test_networks_and_volumes(docker: Docker) -> None:
    assert len(docker("network", "create", "net").stdout.strip()) == 64
    assert docker("network", "ls", "--format", "{{.Name}} {{.Driver}}").stdout == "net bridge\n"
    assert json.loads(docker("network", "inspect", "net").stdout)[0]["Name"] == "net"
    assert docker("network", "rm", "net").returncode == 0
    assert docker("volume", "create", "data").stdout == "data\n"
    assert json.loads(docker("volume", "inspect", "data").stdout)[0]["Mountpoint"] == "/fake/data/_data"
    assert docker("volume", "rm", "data").returncode == 0


def test_events(docker: Docker, served: Served) -> None:
    listening = subprocess.Popen(
        [
            "docker",
            "-H",
            served.host,
            "events",
            "--filter",
            "event=start",
            "--format",
            "{{.Action}} {{.Actor.Attributes.name}}",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    while not served.engine.system.listeners:
        time.sleep(0.01)
    docker("run", "-d", "--name", "one", "fake", "cat")
    assert listening.stdout is not None
    assert listening.stdout.readline() == "start one\n"
    listening.terminate()
    listening.wait()
    listening.stdout.close()


def test_stats_and_prune(docker: Docker) -> None:
    docker("create", "--name", "one", "fake")
    assert "one" in docker("stats", "--no-stream", "one").stdout
    assert "Total reclaimed space" in docker("container", "prune", "-f").stdout
    assert docker("system", "df").returncode == 0
