"""`explain --as systemd`: units that systemd accepts, in the order that the stack needs."""

import shutil
import subprocess
from pathlib import Path

import pytest
from reading import FETCH, stack_in, stack_of

from dockless.explain.export.systemd import Unit, units

STACKS = Path(__file__).parent.parent / "compose_run" / "stacks"


def unit(found: list[Unit], name: str) -> list[str]:
    return next(each.text for each in found if each.name == name).split("\n")


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
@pytest.mark.parametrize("name", sorted(path.name for path in STACKS.iterdir()))
def test_systemd_accepts_the_units(name: str, tmp_path: Path) -> None:
    found = units(stack_in(STACKS / name))
    for each in found:
        (tmp_path / each.name).write_text(each.text)
    done = subprocess.run(
        ["systemd-analyze", "verify", *(str(tmp_path / each.name) for each in found)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_unit_needs_what_its_service_needs(tmp_path: Path) -> None:
    shutil.copytree(FETCH, tmp_path / "fetch", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "fetch" / ".env").write_text("A=1\n")
    found = units(stack_in(tmp_path / "fetch"))
    web, postgres = unit(found, "fetch-web.service"), unit(found, "fetch-postgres.service")
    assert "After=fetch-postgres.service" in web and "Requires=fetch-network-default.service" in web
    assert "Requires=fetch-volume-pgdata.service" in postgres
    assert "Restart=always" in postgres and "Restart=no" in web
    assert "Wants=fetch-network-default.service fetch-volume-pgdata.service" in unit(found, "fetch.target")[2]


def test_what_systemd_would_expand_is_taken_literally(tmp_path: Path) -> None:
    stack = stack_of(tmp_path, 'services: {a: {image: b, command: [sh, -c, "echo 100% $$HOME \\"x y\\""]}}')
    start = next(
        line for line in unit(units(stack), f"{tmp_path.name.replace('_', '_')}-a.service") if "ExecStart=" in line
    )
    assert start.endswith('sh -c "echo 100%% $$HOME \\"x y\\""')
