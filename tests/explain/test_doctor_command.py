"""The command: exit statuses, files that are replaced in one step, and what it says to mistakes."""

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dockless.cli.app import run

ILL = """\
FROM debian:trixie
RUN apt-get update && apt-get install --no-install-recommends git && rm -rf /var/lib/apt/lists/*
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    yield tmp_path


@pytest.mark.parametrize(
    ("text", "fail_on", "status"),
    [
        (f"{ILL}USER nobody\n", "error", 1),
        ("FROM debian\nUSER nobody\n", "error", 0),
        ("FROM debian\nUSER nobody\n", "warning", 1),
        ("FROM debian\nUSER nobody\n", "never", 0),
        ("FROM debian:trixie\nMAINTAINER me\nUSER nobody\n", "warning", 0),
        ("FROM debian:trixie\nMAINTAINER me\nUSER nobody\n", "info", 1),
    ],
)
def test_the_exit_status_says_whether_there_is_something(text: str, fail_on: str, status: int, folder: Path) -> None:
    (folder / "Dockerfile").write_text(text)
    assert run(["doctor", "--fail-on", fail_on]) == status


def test_a_fix_keeps_mode_and_symbolic_link_and_leaves_nothing_beside(folder: Path) -> None:
    (folder / "real").mkdir()
    (folder / "real" / "Dockerfile").write_text(f"{ILL}USER nobody\n")
    (folder / "real" / "Dockerfile").chmod(0o640)
    (folder / "Dockerfile").symlink_to("real/Dockerfile")
    assert run(["doctor", "--fix"]) == 0
    assert (folder / "Dockerfile").is_symlink()
    assert "install -y" in (folder / "real" / "Dockerfile").read_text()
    assert (folder / "real" / "Dockerfile").stat().st_mode & 0o777 == 0o640
    assert os.listdir(folder / "real") == ["Dockerfile"]


def test_a_dry_run_shows_the_change_and_makes_none(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "Dockerfile").write_text(f"{ILL}USER nobody\n")
    assert run(["--dry-run", "doctor", "--fix"]) == 0
    shown = capsys.readouterr().out
    assert "+RUN apt-get update && apt-get install -y" in shown and "would be mended" in shown
    assert (folder / "Dockerfile").read_text() == f"{ILL}USER nobody\n"


def test_folders_files_and_rules_can_be_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        (folder / name).mkdir()
    (folder / "a" / "compose.yaml").write_text("services:\n  web:\n    image: nginx\n    container_name: web\n")
    (folder / "b" / "Dockerfile.dev").write_text("FROM debian\nUSER nobody\n")
    assert run(["doctor", "--format", "json", "a", "b/Dockerfile.dev"]) == 1
    assert {found["file"] for found in json.loads(capsys.readouterr().out)} == {"a/compose.yaml", "b/Dockerfile.dev"}
    assert run(["doctor", "--format", "json", "--rule", "cf050", "a/compose.yaml"]) == 0
    assert [found["rule"] for found in json.loads(capsys.readouterr().out)] == ["CF050"]
    assert run(["doctor", "--ignore", "DL3006", "b"]) == 0


def test_a_file_that_cannot_be_read_is_a_finding_with_its_place(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "compose.yaml").write_text("services:\n  web:\n    imag: nginx\n")
    assert run(["doctor"]) == 1
    assert "compose.yaml:3:5: error:" in capsys.readouterr().out
    (folder / "compose.yaml").unlink()
    (folder / "Dockerfile").write_text("FROM debian:trixie\nRUNN true\n")
    assert run(["doctor"]) == 1
    assert "Dockerfile:2:1: error: unknown instruction: RUNN (did you mean RUN?) [DF000]" in capsys.readouterr().out


def test_a_project_on_standard_input_is_examined_and_not_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for options in ([], ["--fix"]):
        monkeypatch.setattr("sys.stdin", io.StringIO("version: '3'\nservices:\n  web:\n    image: nginx\n"))
        assert run(["-f", "-", "doctor", *options]) == 0
        assert "standard input:1:1: info: `version` is obsolete" in capsys.readouterr().out
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["doctor"], 1, "there is neither a compose file nor a Dockerfile here"),
        (["doctor", "nowhere"], 1, "nowhere: no such file or directory"),
        (["doctor", "--explain", "XX1"], 1, "there is no rule XX1"),
        (["doctor", "--ignore", "XX1", "."], 2, "there is no rule XX1"),
        (["doctor", "--unsafe", "."], 2, "--unsafe says which changes --fix makes"),
        (["doctor", "--as-of", "soon", "."], 2, "--as-of: 'soon' is no date"),
    ],
)
def test_a_mistake_is_one_message(
    arguments: list[str], status: int, message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if arguments[-1] == ".":
        (folder / "Dockerfile").write_text("FROM debian:trixie\n")
    assert run(arguments) == status
    assert message in capsys.readouterr().err


def test_a_rule_is_explained_by_any_of_its_names(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--explain", "DL3015"]) == 0
    assert capsys.readouterr().out.startswith("# DF004: ")
    assert run(["doctor", "--list", "--format", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) >= 60
