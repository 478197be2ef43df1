"""What shells are offered, by the script that `dockless completion` prints."""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import docker
import pytest
from client_commands import Run


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "dockless"
    path.write_text(f'#!/bin/sh\nexec {sys.executable} -P -m dockless.cli "$@"\n')
    path.chmod(0o755)
    yield path


def offered(program: Path, environ: Mapping[str, str], *words: str) -> list[str]:
    quoted = " ".join(f"'{word}'" for word in ("dockless", *words))
    script = f"source <({program} completion bash)\nCOMP_WORDS=({quoted})\nCOMP_CWORD={len(words)}\n"
    script += f"_dockless_completion {program}\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"\n"
    done = subprocess.run(["bash", "-c", script], env=environ, cwd=program.parent, capture_output=True, text=True)
    assert done.stderr == ""
    return done.stdout.split()


def test_verbs_flags_and_names(program: Path, sdk: docker.DockerClient, environ: Mapping[str, str]) -> None:
    sdk.containers.create("busybox", "true", name="subject")
    assert offered(program, environ, "st") == ["start", "stats", "stop"]
    assert offered(program, environ, "network", "c") == ["connect", "create"]
    assert {"--cpus", "--cpu-shares"} <= set(offered(program, environ, "run", "--cpu"))
    assert offered(program, environ, "rm", "subj") == ["subject"]
    assert offered(program, environ, "run", "busy") == ["busybox", "busybox:latest"]
    assert offered(program, environ, "network", "rm", "") == ["bridge", "host", "none"]


def test_services_and_no_engine_is_started(program: Path, environ: Mapping[str, str], tmp_path: Path) -> None:
    (program.parent / "compose.yaml").write_text("services: {web: {image: busybox}, db: {image: busybox}}")
    elsewhere = {**environ, "DOCKLESS_ROOT": str(tmp_path / "none")}
    assert offered(program, elsewhere, "up", "") == ["db", "web"]
    assert offered(program, elsewhere, "container", "rm", "") == []
    assert not (tmp_path / "none/state.db").exists()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_are_read_by_their_shells(dockless: Run, shell: str) -> None:
    script = dockless("completion", shell).stdout
    assert "_DOCKLESS_COMPLETE" in script
    if found := shutil.which(shell):
        assert subprocess.run([found, "-n"], input=script, text=True, capture_output=True).returncode == 0
