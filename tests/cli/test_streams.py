"""A command in odd surroundings: closed streams, output that cannot be written, a folder that is gone, any locale."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "dockless.cli"]
FILE = "services: {web: {image: web, labels: {name: Käse}}}\n"
ENVIRONMENT = {"PATH": os.environ["PATH"], "HOME": "/home/user"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "compose.yaml").write_text(FILE)
    return tmp_path


@pytest.mark.parametrize("words", ["config", "explain", "--help", "--version"])
@pytest.mark.parametrize("closed", [">&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_fault(words: str, closed: str, folder: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", f'"$@" {closed}', "sh", *COMMAND, *words.split()],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("words", ["config", "explain", "doctor", "--help", "--version", "config -o /dev/full"])
def test_output_that_cannot_be_written_is_one_message(words: str, folder: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, *words.split()],
            cwd=folder,
            env=ENVIRONMENT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, "the output cannot be written: No space left on device\n")


@pytest.mark.parametrize("words", ["config", "explain", "up", "run x"])
def test_a_folder_that_is_gone_is_said_to_be(words: str, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    done = subprocess.run(
        ["sh", "-c", 'cd gone && rmdir ../gone && exec "$@"', "sh", *COMMAND, *words.split()],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    told = [line for line in done.stderr.splitlines() if not line.startswith("sh: ")]
    assert (done.returncode, told) == (1, ["the current folder is gone: change to one that is there"])


@pytest.mark.parametrize("locale", [{"LC_ALL": "POSIX", "PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "latin-1"}])
def test_what_is_printed_is_utf_8_in_every_locale(locale: dict[str, str], folder: Path) -> None:
    environ = ENVIRONMENT | locale | {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run([*COMMAND, "config"], cwd=folder, env=environ, capture_output=True, check=True)
    assert "name: Käse\n" in done.stdout.decode()
    assert subprocess.run([*COMMAND, "explain"], cwd=folder, env=environ, capture_output=True, check=True).stderr == b""
