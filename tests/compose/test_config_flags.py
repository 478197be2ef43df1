"""Each flag of `config` prints what the real Docker Compose prints, and ends with the same status."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import record_cases

from dockless.cli.compose import quick_config
from dockless.cli.compose.config import config

_FILES = {
    "compose.yaml": """\
name: ${PN:-myname}
services:
  web:
    image: web:${TAG:-latest}
    build: {context: ./w, args: [A, "B=$B"]}
    environment: [HOME, "X=${X:?}", "Y=${Y:+alt}", Z]
    env_file: one.env
    networks: [n1]
    volumes: ["v1:/x", "./d:/d"]
    profiles: [p]
    ports: ["80:80"]
    depends_on: [db]
    models: [m1]
  db:
    image: $DB
    configs: [c1]
    secrets: [s1]
    label_file: l.txt
    scale: ${N:-2}
    command: "$$HOME ${Q}"
  other: {image: o, network_mode: host}
networks: {n1: {}, n2: {}}
volumes: {v1: {}, v2: {name: "${V:-vv}"}}
configs: {c1: {content: "x $T"}}
secrets: {s1: {environment: SEC}, s2: {file: ./z}}
models: {m1: {model: ai/x}}
x-a: $XA
""",
    "numbers.yaml": "services: {a: {image: x, mem_limit: 1.5, ports: [80]}, b: {image: $I}}\n",
    "rough.yaml": """\
services:
  web:
    image: web
    env_file: not-there.env
    ports: ["${OUT:-5175}:${IN:-80}", "${SAME:-1}:${SAME:-2}"]
    networks: ["${NET:-n}"]
    volumes: ["$PWD/d:/d"]
networks: {n: {}}
""",
    "unknown.yaml": "web: {image: $I}\n",
    "here.yaml": "services: {a: {image: x, environment: {P: $PWD, C: $LC_CTYPE}}}\n",
    "one.env": "E1=1\n",
    "l.txt": "l=1\n",
    ".env": "X=1\nDB=dbimg\n",
}
_ASKED = [
    "",
    "web",
    "db",
    "other",
    "nope",
    "--format json",
    "--format json db",
    "--quiet",
    "--quiet nope",
    "-o out.txt",
    "-o out.txt --format json",
    "--services",
    "--services web",
    "--services nope",
    "--volumes",
    "--volumes web",
    "--networks",
    "--networks db",
    "--models",
    "--profiles",
    "--profiles other",
    "--images",
    "--images other",
    "--images nope",
    "--variables",
    "--variables --format json",
    "--hash *",
    "--hash db",
    "--hash web",
    "--hash nope",
    "--hash db,other",
    "--no-interpolate",
    "--no-interpolate web",
    "--no-interpolate --format json",
    "--no-interpolate --no-normalize",
    "--no-interpolate --no-path-resolution",
    "--no-interpolate --images",
    "--no-interpolate --hash *",
    "--no-normalize",
    "--no-normalize db",
    "--no-path-resolution",
    "--no-path-resolution --format json",
    "--no-consistency",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("flags")
    for name, text in _FILES.items():
        (place / name).write_text(text)
    return place


@pytest.mark.peer
@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="needs the program docker-compose (2.40.3)")
@pytest.mark.parametrize("asked", _ASKED)
@pytest.mark.parametrize("flags", ["", "--profile p"], ids=["plain", "profile"])
def test_prints_what_docker_compose_prints(asked: str, flags: str, folder: Path) -> None:
    arguments = [*flags.split(), "config", *asked.split()]
    theirs = _run([record_cases.program("docker-compose"), *arguments], folder)
    ours = _run([sys.executable, "-m", "dockless.cli", "compose", *arguments], folder)
    assert ours == theirs


@pytest.mark.peer
@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="needs the program docker-compose (2.40.3)")
@pytest.mark.parametrize("asked", ["", "--no-interpolate", "--no-interpolate --format json", "--hash *", "--variables"])
def test_another_file_too(asked: str, folder: Path) -> None:
    arguments = ["-f", "numbers.yaml", "config", *asked.split()]
    theirs = _run([record_cases.program("docker-compose"), *arguments], folder)
    assert _run([sys.executable, "-m", "dockless.cli", "compose", *arguments], folder) == theirs


@pytest.mark.peer
@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="needs the program docker-compose (2.40.3)")
@pytest.mark.parametrize(
    ("file", "asked"),
    [("rough.yaml", asked) for asked in ("", "--services", "--images", "--networks", "--variables", "--hash *")]
    + [("unknown.yaml", "--variables"), ("here.yaml", ""), ("here.yaml", "--environment")],
)
def test_a_file_with_gaps_too(file: str, asked: str, folder: Path) -> None:
    """An env file that is missing, a key that is unknown, a folder and a locale that nobody has named."""
    arguments = ["-f", file, "config", *asked.split()]
    bare = {"PATH": os.environ["PATH"], "HOME": "/home/user"}
    theirs = _run([record_cases.program("docker-compose"), *arguments], folder, bare)
    assert _run([sys.executable, "-m", "dockless.cli", "compose", *arguments], folder, bare) == theirs


def _run(command: Sequence[str], folder: Path, environ: dict[str, str] | None = None) -> tuple[int, str, str]:
    """The exit status, what was printed (lines in order where Docker Compose has one), and what was written."""
    environ = environ or {"PATH": os.environ["PATH"], "HOME": "/home/user", "LANG": "C.UTF-8"}
    done = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    out = folder / "out.txt"
    written = out.read_text() if out.exists() else ""
    out.unlink(missing_ok=True)
    listed = command[-1].startswith("--") or command[-2].startswith("--")
    printed = done.stdout.strip()
    if listed and "\n  " not in printed:  # a plain list comes in no order of its own
        printed = "\n".join(sorted(printed.splitlines()))
    if "--variables" in command:
        printed = "\n".join(sorted(line.rstrip(" ,") for line in printed.splitlines()))
    return done.returncode, printed if done.returncode == 0 else "", written


def test_the_quick_way_knows_every_flag_of_the_command() -> None:
    options = {option: parameter.name for parameter in config.params for option in parameter.opts if option[0] == "-"}
    options.pop("--dry-run", None)  # which the group adds to each command that it has found
    options["--json"] = "json"  # which the group adds, too, and may have added already
    known = {**quick_config.VALUES, **quick_config.SWITCHES}
    assert {option: name for option, name in options.items() if name not in quick_config.LEFT_OUT} == known


@pytest.mark.parametrize(
    "words",
    ["up", "config --help", "config --nope", "run config", "--dry-run config", "config --format xml", "config --hash"],
)
def test_the_quick_way_leaves_what_it_does_not_know_to_the_command(words: str) -> None:
    assert quick_config.attempt(["compose", *words.split()]) is None
