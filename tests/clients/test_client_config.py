"""What of Docker's `config.json` our own command goes by."""

import json
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
