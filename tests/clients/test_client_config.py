"""What of Docker's `config.json` our own command goes by."""

import json
import re
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from client_commands import COMMAND, Run, runner

FORMATS = {
    "psFormat": "ps {{.Names}}",
    "imagesFormat": "image {{.Repository}}",
    "networksFormat": "network {{.Name}}",
    "volumesFormat": "volume {{.Name}}",
    "statsFormat": "stats {{.Name}}",
}


@pytest.fixture
def configured(environ: Mapping[str, str], host: str, tmp_path: Path) -> Run:
    (tmp_path / "config.json").write_text(json.dumps(FORMATS))
    return runner(COMMAND, {**environ, "DOCKER_CONFIG": str(tmp_path)}, tmp_path)


def test_lists_have_the_form_that_the_file_names(configured: Run) -> None:
    name = configured("run", "-d", "--name", "configured", "-v", "configured:/v", "busybox", "sleep", "100")
    assert name.returncode == 0, name.stderr
    try:
        assert "ps configured\n" in configured("ps").stdout
        assert "image busybox\n" in configured("images").stdout
        assert "network bridge\n" in configured("network", "ls").stdout
        assert "volume configured\n" in configured("volume", "ls").stdout
        assert configured("stats", "--no-stream", "configured").stdout == "stats configured\n"
        nobody = configured("stats", "nobody")
        assert (nobody.returncode, nobody.stderr) == (1, "Error response from daemon: No such container: nobody\n")
        # What the command line says comes first, and a quiet list stays one of ids.
        assert configured("ps", "--format", "{{.Image}}").stdout == "busybox\n"
        assert configured("ps", "--format", "table").stdout.startswith("CONTAINER ID")
        assert configured("ps", "-q").stdout.strip() == name.stdout.strip()[:12]
        assert json.loads(configured("volume", "ls", "--json", "-f", "name=configured").stdout)["Name"] == "configured"
    finally:
        configured("rm", "-f", "configured")
        configured("volume", "rm", "configured")


def test_keys_to_detach_by_are_read_before_anything_is_made(
    environ: Mapping[str, str], host: str, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text('{"detachKeys": "ctrl-x,nonsense"}')
    run = runner(COMMAND, {**environ, "DOCKER_CONFIG": str(tmp_path)}, tmp_path)
    done = run("run", "busybox", "true")
    assert done.returncode == 1 and 'unknown character "nonsense"' in done.stderr
    assert run("ps", "-aq").stdout == ""
    assert run("run", "--rm", "--detach-keys", "ctrl-a", "busybox", "true").returncode == 0


def test_a_file_that_cannot_be_read_is_named(environ: Mapping[str, str], host: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    done = runner(COMMAND, {**environ, "DOCKER_CONFIG": str(tmp_path)}, tmp_path)("ps")
    assert done.returncode == 1 and f"{tmp_path}/config.json is no JSON" in done.stderr


def test_an_imported_image_is_for_the_platform_that_was_asked_for(dockless: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content")
    with tarfile.open(tmp_path / "root.tar", "w") as archive:
        archive.add(tmp_path / "file", "file")
    imported = dockless("import", "--platform", "linux/arm64", "root.tar", "elsewhere")
    assert imported.returncode == 0, imported.stderr
    shown = dockless("image", "inspect", "--format", "{{.Os}}/{{.Architecture}}", "elsewhere").stdout
    assert shown == "linux/arm64\n"
    wrong = dockless("import", "--platform", "no such/thing at all", "root.tar")
    assert wrong.returncode == 1 and "unknown operating system or architecture" in wrong.stderr
    assert dockless("rmi", "elsewhere").returncode == 0
    assert "write OS/ARCHITECTURE" in dockless("push", "--platform", "arm64", "busybox").stderr
    assert "can't be used with --all-tags" in dockless("pull", "--all-tags", "busybox:1").stderr


def test_proxies_of_the_file_reach_containers_and_builds(environ: Mapping[str, str], host: str, tmp_path: Path) -> None:
    """As Docker's command and Docker Compose do it: what says otherwise of one holds."""
    proxies = {"default": {"httpProxy": "http://p.example:1", "noProxy": "x.example"}}
    (tmp_path / "config.json").write_text(json.dumps({"proxies": proxies}))
    (tmp_path / "Dockerfile").write_text("FROM busybox\nRUN echo $HTTP_PROXY $no_proxy >/seen\nCMD cat /seen\n")
    (tmp_path / "compose.yaml").write_text(
        "name: proxied\nservices:\n  one:\n    environment: [NO_PROXY=own.example]\n    network_mode: none\n"
        "    command: [sh, -c, 'echo $$HTTP_PROXY $$NO_PROXY $$(cat /seen)']\n"
        "    build:\n      dockerfile_inline: |\n        FROM busybox\n        RUN echo Compose $$http_proxy >/seen\n"
    )
    run = runner(COMMAND, {**environ, "DOCKER_CONFIG": str(tmp_path)}, tmp_path)
    shown = run("run", "--rm", "-e", "no_proxy=y", "-e", "NO_PROXY", "busybox", "env").stdout.splitlines()
    assert {"HTTP_PROXY=http://p.example:1", "http_proxy=http://p.example:1", "no_proxy=y"} <= set(shown)
    assert not [line for line in shown if line.startswith("NO_PROXY")]
    built = run("build", "-q", "--build-arg", "no_proxy=z", ".")
    assert built.returncode == 0, built.stderr
    assert run("run", "--rm", "--network", "none", built.stdout.strip()).stdout == "http://p.example:1 z\n"
    done = run("compose", "run", "--rm", "--build", "one")
    assert done.stdout.splitlines()[-1:] == ["http://p.example:1 own.example Compose http://p.example:1"], done.stderr
    for image in (built.stdout.strip(), "proxied-one"):
        run("rmi", "-f", image)


def test_a_container_may_use_the_engine_with_the_credentials_of_its_user(
    environ: Mapping[str, str], host: str, tmp_path: Path
) -> None:
    auths = {"reg.example": {"auth": "bWU6c2VjcmV0"}}
    (tmp_path / "config.json").write_text(json.dumps({"auths": auths, "HttpHeaders": {"X-Own": "1"}}))
    run = runner(COMMAND, {**environ, "DOCKER_CONFIG": str(tmp_path)}, tmp_path)
    look = "test -S /var/run/docker.sock && stat -c %a $DOCKER_CONFIG/config.json && cat $DOCKER_CONFIG/config.json"
    seen = run("run", "--rm", "--use-api-socket", "busybox", "sh", "-c", look)
    assert seen.returncode == 0, seen.stderr
    mode, _, config = seen.stdout.partition("\n")
    assert mode == "600" and json.loads(config) == {"auths": auths}
    asked = "test -S /var/run/docker.sock && echo $DOCKER_CONFIG && ! test -e /run/secrets/docker"
    own = run("run", "--rm", "--use-api-socket", "-e", "DOCKER_CONFIG=/own", "busybox", "sh", "-c", asked)
    assert (own.returncode, own.stdout) == (0, "/own\n")
    far = run("-H", "tcp://127.0.0.1:1", "create", "--use-api-socket", "busybox")
    assert far.returncode != 0


def test_images_are_shown_as_a_tree(dockless: Run, cli: Run) -> None:
    """With the columns of Docker's command, which cannot be without its colours and its legend."""
    theirs = re.sub(r"\x1b\[[0-9;]*m", "", cli("images", "--tree").stdout)
    rows = [" ".join(line.split()) for line in theirs.splitlines()]
    ours = dockless("images", "--tree").stdout.splitlines()
    assert " ".join(ours[0].split()) == "IMAGE ID DISK USAGE CONTENT SIZE EXTRA"
    assert {" ".join(line.split()) for line in ours} <= set(rows)
    assert dockless("images", "--tree", "-q").stderr == "--quiet cannot be used with --tree\n"
