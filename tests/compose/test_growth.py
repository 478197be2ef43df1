"""The work of loading and printing grows with the file's size, and no faster."""

import sys
from pathlib import Path
from types import FrameType

import pytest

from dockless.compose import printing
from dockless.compose.load import LoadOptions, load

_SERVICE = """\
  s{n}:
    image: app:${{TAG:-{n}}}
    build: {{context: ./s{n}, args: [A=1]}}
    environment: {{A: "{n}", B: $B}}
    ports: ["{port}:80"]
    volumes: ["v{n}:/data", "./d{n}:/d:ro"]
    networks: {{n{net}: {{aliases: [a{n}]}}}}
    depends_on: [{before}]
    extends: base
    healthcheck: {{test: curl localhost, interval: 1m30s}}
    deploy: {{resources: {{limits: {{memory: 64m}}}}}}
"""


def _file(services: int) -> str:
    listed = "".join(
        _SERVICE.format(n=n, port=10000 + n, net=n % 20, before=f"s{n - 1}" if n else "base") for n in range(services)
    )
    networks = "".join(f"  n{n}: {{}}\n" for n in range(20))
    volumes = "".join(f"  v{n}: {{}}\n" for n in range(services))
    return f"services:\n  base: {{image: x}}\n{listed}networks:\n{networks}volumes:\n{volumes}"


def _calls(folder: Path, services: int) -> int:
    """How many calls of functions it takes."""
    (folder / "compose.yaml").write_text(_file(services))
    count = 0

    def counted(_frame: FrameType, _event: str, _argument: object) -> None:
        nonlocal count
        count += 1

    sys.setprofile(counted)
    try:
        project = load(LoadOptions(cwd=folder, environ={"B": "b"}))
        printing.as_yaml(project)
        printing.as_json(project)
        printing.hashes(project, ["*"])
    finally:
        sys.setprofile(None)
    assert len(project.services) == services + 1
    return count


def test_twice_the_services_are_twice_the_work(tmp_path: Path) -> None:
    _calls(tmp_path, 10)  # what is made once, at first use
    assert _calls(tmp_path, 500) == pytest.approx(2 * _calls(tmp_path, 250), rel=0.05)
