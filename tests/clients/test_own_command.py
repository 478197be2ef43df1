"""Our own commands for a person who is used to `docker`: serve, context, diff, update, system, login."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import docker
import pytest
from client_commands import COMMAND, Run


def test_serve_prints_the_address_alone_and_returns(dockless: Run, host: str) -> None:
    assert dockless("serve", "--print-host").stdout == host + "\n"


def test_serve_holds_an_engine_with_nothing_to_do(host: str, environ: Mapping[str, str]) -> None:
    """`DOCKLESS_IDLE_SECONDS` is 1 here, and nobody asks for longer than that."""
    subprocess.run(["sleep", "2.5"], check=True)
    client = docker.DockerClient(base_url=host)
    assert client.ping()
    client.close()


def test_a_docker_context_is_set_up(dockless: Run, host: str, environ: Mapping[str, str], tmp_path: Path) -> None:
    if shutil.which("docker") is None:
        pytest.skip("needs the docker command")
    assert dockless("context").stdout == f"dockless: {host}\n"
    assert dockless("context", "--use").stdout == f"dockless: {host}\n"
    run = subprocess.run(["docker", "version", "-f", "json"], env=environ, capture_output=True, text=True, check=True)
    assert json.loads(run.stdout)["Server"]["Platform"]["Name"].startswith("dockless")
    subprocess.run(["docker", "context", "use", "default"], env=environ, check=True, capture_output=True)


def test_without_a_docker_command_the_way_is_printed(host: str, environ: Mapping[str, str]) -> None:
    done = subprocess.run([*COMMAND, "context"], env={**environ, "PATH": "/none"}, capture_output=True, text=True)
    assert done.stdout == f"docker context create dockless --docker host={host}\n"


def test_diff_and_update(dockless: Run, sdk: docker.DockerClient) -> None:
    container = sdk.containers.run("busybox", ["sh", "-c", "echo x > /new; rm /etc/group; sleep 60"], detach=True)
    while "D /etc/group" not in (lines := dockless("diff", container.name).stdout.splitlines()):
        assert container.status != "exited"
    assert "A /new" in lines
    assert "C /etc" in lines
    done = dockless("update", "--memory", "64m", "--memory-swap", "64m", "--restart", "no", container.name)
    assert (done.stdout, done.returncode) == (f"{container.name}\n", 0), done.stderr
    container.reload()
    assert container.attrs["HostConfig"]["Memory"] == 64 << 20
    assert "one or more flags" in dockless("update", container.name).stderr


def test_system_df_info_and_prune(dockless: Run, sdk: docker.DockerClient) -> None:
    container = sdk.containers.run("busybox", ["sh", "-c", "dd if=/dev/zero of=/x bs=1k count=2000"], detach=True)
    container.wait()
    rows = {
        row["Type"]: row
        for row in map(json.loads, dockless("system", "df", "--format", "json").stdout.split("\n")[:-1])
    }
    assert rows["Images"]["Active"] == "1"
    assert rows["Containers"]["Reclaimable"] == f"{rows['Containers']['Size']} (100%)"
    assert rows["Containers"]["Size"].startswith("2.0")
    assert container.name in dockless("system", "df", "-v").stdout
    assert "Containers: 1" in dockless("system", "info").stdout
    sdk.networks.create("unused")
    sdk.volumes.create("kept")
    done = dockless("system", "prune", "-f", "--volumes")
    assert done.returncode == 0, done.stderr
    assert container.id in done.stdout
    assert "unused" in done.stdout
    assert [volume.name for volume in sdk.volumes.list()] == ["kept"]
    sdk.volumes.get("kept").remove()
    assert dockless("builder", "prune", "-f").stdout.startswith("Total:")


def test_login_says_why_it_failed_and_logout_takes_the_credentials_out(
    dockless: Run, environ: Mapping[str, str]
) -> None:
    done = dockless("login", "-u", "me", "--password-stdin", "127.0.0.1:1", input="secret\n")
    assert done.returncode == 1
    assert "127.0.0.1:1" in done.stderr
    config = Path(environ["HOME"]) / ".docker/config.json"
    config.parent.mkdir(exist_ok=True)
    before = json.loads(config.read_text()) if config.exists() else {}
    config.write_text(json.dumps({**before, "auths": {"r.example": {"auth": "bWU6eA=="}}}))
    assert dockless("logout", "https://r.example/v2/").stdout == "Removing login credentials for r.example\n"
    assert json.loads(config.read_text())["auths"] == {}
    assert os.stat(config).st_mode & 0o777 == 0o600
    assert dockless("logout", "r.example").stdout == "Not logged in to r.example\n"
