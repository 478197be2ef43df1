"""`dockless explain` as a person meets it."""

import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from reading import FETCH


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explain") / "fetch_c1"
    shutil.copytree(FETCH, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / ".env").write_text("POSTGRES_PASSWORD=sekrit\nPOSTGRES_USER=me\n")
    return folder


def explain(folder: Path, *arguments: str, status: int = 0, **environ: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "dockless.cli", "explain", *arguments],
        cwd=folder,
        env={**os.environ, "COLUMNS": "120", **environ},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == status, done.stderr
    return done.stdout if status == 0 else done.stderr


def test_explanations_stand_beside_the_lines(folder: Path) -> None:
    lines = explain(folder).split("\n")
    assert any(line.startswith(" 6  WORKDIR /web") and "│ Working directory" in line for line in lines)
    assert any(line.startswith("11      ports:") and "│ Port 8055 of the host" in line for line in lines)


def test_a_narrow_terminal_has_them_below(folder: Path) -> None:
    lines = explain(folder, "WORKDIR", COLUMNS="60").split("\n")
    at = next(n for n, line in enumerate(lines) if "WORKDIR /web" in line)
    assert lines[at + 1].startswith("    Working directory")
    assert max(map(len, lines)) <= 60


def test_a_service_brings_its_dockerfile(folder: Path) -> None:
    text = explain(folder, "web")
    assert "COPY . ." in text and "'8055:8055'" in text
    assert "postgres:15.1-bullseye" not in text


@pytest.mark.parametrize("key", ["web.volumes", "services.web.volumes", "web.volumes.0"])
def test_a_key_of_a_service_is_told_alone(folder: Path, key: str) -> None:
    text = explain(folder, key)
    assert ".:/web/fetch_c1" in text and "pgdata" not in text and "FROM" not in text


def test_a_key_without_a_service_is_told_wherever_it_stands(folder: Path) -> None:
    text = explain(folder, "env_file")
    assert text.count("env_file: .env") == 2


def test_a_key_that_is_not_used_is_told_by_its_meaning(folder: Path) -> None:
    assert "says whether the service works" in explain(folder, "healthcheck")


def test_a_dockerfile_is_enough(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM alpine\nRUN apk add curl\n")
    assert "installs Alpine packages: `curl`" in explain(tmp_path)
    assert "installs Alpine packages: `curl`" in explain(tmp_path, "Dockerfile")


def test_a_folder_or_a_file_elsewhere_can_be_named(folder: Path, tmp_path: Path) -> None:
    for name in (str(folder), str(folder / "docker-compose.yml")):
        assert "'8055:8055'" in explain(tmp_path, name)


def test_an_unknown_name_is_one_message_with_a_suggestion(folder: Path) -> None:
    assert explain(folder, "postgers", status=1).strip().endswith("did you mean 'postgres'?")


def test_nothing_to_explain_is_one_message(tmp_path: Path) -> None:
    assert "no configuration file provided" in explain(tmp_path, status=1)


def test_a_broken_dockerfile_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM alpine\nRUM true\n")
    assert "Dockerfile:2:1" in explain(tmp_path, status=1)


def test_programs_get_json(folder: Path) -> None:
    story = json.loads(explain(folder, "--json"))
    assert story["project"] == "fetch_c1"
    keys = {entry["key"]: entry for file in story["files"] for entry in file["entries"]}
    assert keys["services.web.env_file"]["values"][0] == {
        "name": "POSTGRES_PASSWORD",
        "text": "••••••",
        "origin": ".env:1",
    }
    assert {chapter["key"] for chapter in story["chapters"]} >= {
        "together",
        "times",
        "cached",
        "reach",
        "survives",
        "host",
    }


def test_values_come_with_where_they_are_set(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(
        "services:\n  a:\n    image: busybox:${TAG:-1}\n"
        "    environment:\n      A: ${FROM_SHELL}\n      B: ${FROM_ENV}\n"
    )
    (tmp_path / "compose.override.yaml").write_text("services:\n  a:\n    image: busybox:2\n")
    (tmp_path / ".env").write_text("# first\nFROM_ENV=file\n")
    text = explain(tmp_path, "a", FROM_SHELL="shell")
    assert "(the shell)" in text and "(.env:2)" in text
    assert "What holds in the end is set in compose.override.yaml:3" in text


def test_colour_is_for_terminals_that_want_it(folder: Path) -> None:
    assert "\x1b" not in explain(folder, "web.ports")
    assert "\x1b" in _on_a_terminal(folder, {})
    assert "\x1b" not in _on_a_terminal(folder, {"NO_COLOR": "1"})


def _on_a_terminal(folder: Path, environ: dict[str, str]) -> str:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "dockless.cli", "explain", "web.ports"],
        cwd=folder,
        env={**{k: v for k, v in os.environ.items() if k != "NO_COLOR"}, **environ},
        stdout=theirs,
    ) as process:
        os.close(theirs)
        text = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:
                break
            if not piece:
                break
            text += piece
        os.close(ours)
        assert process.wait(60) == 0
    return text.decode()


def test_a_page_is_written_where_it_is_asked_for(folder: Path) -> None:
    explain(folder, "--format", "html", "-o", "stack.html")
    page = (folder / "stack.html").read_text()
    assert page.startswith("<!doctype html>") and "<svg" in page and "sekrit" not in page
    (folder / "stack.html").unlink()
