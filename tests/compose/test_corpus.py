"""Real projects, side by side with the real Docker Compose: both print the same, or both refuse."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import record_cases

from dockless.compose import printing
from dockless.compose.errors import ComposeError
from dockless.compose.load import LoadOptions, load

SHARED = Path(__file__).resolve().parents[3] / "shared"
NAMES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
FILES = sorted(path for name in NAMES for path in [*SHARED.glob(f"corpus/**/{name}"), *SHARED.glob(f"stack/{name}")])


@pytest.mark.peer
@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="needs the program docker-compose (2.40.3)")
@pytest.mark.skipif(not FILES, reason="the corpus is not beside the repository")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_agrees_with_docker_compose(path: Path) -> None:
    environ = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    done = subprocess.run(
        [record_cases.program("docker-compose"), "-f", path.name, "config", "--format", "json"],
        cwd=path.parent, env={**environ, "PWD": str(path.parent)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    options = LoadOptions(files=(path.name,), cwd=path.parent, environ=environ)
    if done.returncode:
        with pytest.raises(ComposeError):
            load(options)
    else:
        assert json.loads(printing.as_json(load(options))) == json.loads(done.stdout)
