"""`run` without click: what is understood is understood as click does, and everything else is left to it."""

import shlex
from pathlib import Path

import pytest

from dockless.cli.docker import quick_run
from dockless.cli.docker.run import run
from dockless.cli.docker.run_options import RUN_ALONE, SHARED
from dockless.cli.flags import Flag, read
from dockless.cli.lazy import plain_flags

FLAGS = (*RUN_ALONE, *SHARED)


@pytest.mark.parametrize(
    "line",
    [
        "busybox",
        "--rm busybox true",
        "-it --rm busybox sh -c 'exit 3'",
        "-d --name web -p 80:80 -p 81:81 -e A=1 -eB=2 -v /a:/b nginx",
        "-ditu 1000 -w /x busybox --rm -- -x",
        "--env=A=B=C --env EMPTY= --label=x busybox",
        "--memory 64m --cpus 0.5 --pids-limit 10 --stop-timeout=3 busybox",
        "--no-stand-ins --pull never busybox",
        "--stand-ins --no-sig-proxy --network a --net b busybox",
        "--mount type=tmpfs,dst=/x --entrypoint '' busybox",
        "-- busybox -- true",
        "-h box -P busybox",
    ],
)
def test_parameters_are_those_of_the_command(line: str) -> None:
    words = shlex.split(line)
    found = read(FLAGS, words)
    assert found is not None
    flags, (image, *command) = found
    context = run.make_context("run", plain_flags(run, words))
    assert {**flags, "image": image, "command": tuple(command)} == context.params


@pytest.mark.parametrize("flag", FLAGS, ids=lambda flag: flag.field)
def test_each_option_has_the_name_and_the_default_that_click_gives_it(flag: Flag) -> None:
    assert run.make_context("run", ["image"]).params[flag.field] == flag.default


@pytest.mark.parametrize(
    "line",
    [
        "--help",
        "--rm=false busybox",
        "--nope busybox",
        "-zx busybox",
        "--name",
        "--name --rm busybox",
        "--cpus many busybox",
        "--pull sometimes busybox",
        "-e=A busybox",
    ],
)
def test_what_is_not_understood_is_left_to_the_command(line: str) -> None:
    assert read(FLAGS, shlex.split(line)) is None


@pytest.mark.parametrize(
    "line", ["run", "run --rm", "-D run busybox", "compose run web", "container run --nope x", "ps"]
)
def test_so_are_other_commands_and_a_missing_image(line: str) -> None:
    assert quick_run.attempt(line.split()) is None


def test_so_is_run_in_a_folder_with_a_compose_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "compose.yaml").write_text("services: {}\n")
    monkeypatch.chdir(tmp_path)
    assert quick_run.attempt(["run", "busybox"]) is None
