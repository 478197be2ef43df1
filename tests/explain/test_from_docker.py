"""`compose from`: a compose file of `docker run` says the same as the command."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from reading import FETCH, stack_in

from dockless.compose.yaml_text import dump
from dockless.explain.export import docker
from dockless.explain.export.from_docker import from_text, from_words
from dockless.explain.export.service import SWITCHES, VALUES, FlagError
from dockless.explain.story.stack import Stack

STACKS = Path(__file__).parent.parent / "compose_run" / "stacks"
HELP = Path(__file__).parent / "docker_run_flags.txt"


def service(command: str) -> Any:
    (found,) = from_text(command).tree["services"].values()
    return found


def test_every_flag_of_docker_run_is_known() -> None:
    flags = set(HELP.read_text().split())
    assert len(flags) > 90
    assert flags - SWITCHES.keys() - VALUES.keys() == set()


def test_the_manual_commands_of_the_example_become_its_services() -> None:
    made = from_text(
        """
        docker network create app
        docker run -d \\
          --name mypostgres \\
          -e POSTGRES_USER=me -e POSTGRES_PASSWORD='pa$$' \\
          -v pgdata:/var/lib/postgresql/data \\
          postgres:15.1-bullseye
        docker run -d --name myweb -p 8055:8055 --env-file .env --link mypostgres \\
          -v "$(pwd)":/web/fetch_c1 mywebimage \\
          bash -c "python manage.py migrate && python manage.py runserver 0.0.0.0:8055"
        """
    )
    assert made.tree["services"]["mypostgres"] == {
        "container_name": "mypostgres",
        "image": "postgres:15.1-bullseye",
        "environment": {"POSTGRES_USER": "me", "POSTGRES_PASSWORD": "pa$$$$"},
        "volumes": ["pgdata:/var/lib/postgresql/data"],
    }
    assert made.tree["services"]["myweb"] == {
        "container_name": "myweb",
        "image": "mywebimage",
        "ports": ["8055:8055"],
        "env_file": [{"path": ".env", "format": "raw"}],
        "volumes": [".:/web/fetch_c1"],
        "command": ["bash", "-c", "python manage.py migrate && python manage.py runserver 0.0.0.0:8055"],
        "links": ["mypostgres"],
    }
    assert made.tree["volumes"] == {"pgdata": {"name": "pgdata"}}


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        ("docker run -itp8080:80 nginx", {"stdin_open": True, "tty": True, "ports": ["8080:80"]}),
        ("docker container run --memory=64m -c 5 nginx", {"mem_limit": "64m", "cpu_shares": 5}),
        ("sudo docker -H tcp://x run --network host nginx", {"network_mode": "host"}),
        ("docker run --entrypoint '' nginx sh", {"entrypoint": [], "command": ["sh"]}),
        ("docker run -e A -e B= nginx", {"environment": {"A": None, "B": ""}}),
        ("docker run -e A=\"$HOME\" -e B='$HOME' nginx", {"environment": {"A": "$HOME", "B": "$$HOME"}}),
        (
            "docker run --ulimit nofile=1:2 --gpus all nginx",
            {"ulimits": {"nofile": {"soft": 1, "hard": 2}}, "gpus": "all"},
        ),
        ("docker run --init=false --restart=always nginx", {"restart": "always"}),
        (
            "docker run --stop-timeout 3 --no-healthcheck nginx",
            {"stop_grace_period": "3s", "healthcheck": {"disable": True}},
        ),
        ("docker run --pid container:other nginx", {"pid": "container:other"}),
        ("docker run -v /a:/b:ro -v /c nginx", {"volumes": ["/a:/b:ro", "/c"]}),
    ],
)
def test_flags_become_keys(command: str, wanted: dict[str, Any]) -> None:
    assert service(command) == {"image": "nginx", **wanted}


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("docker run -p", "flag needs an argument: -p"),
        ("docker run --nmae x nginx", "did you mean --name?"),
        ("docker run -d", "needs an image"),
        ("docker run --cpus many nginx", "'many' is no value for cpus"),
        ("ls -l", "no `docker run` here"),
    ],
)
def test_what_docker_would_refuse_is_refused(command: str, message: str) -> None:
    with pytest.raises(FlagError, match=re.escape(message)):
        from_text(command)


def test_what_no_key_can_say_is_noted() -> None:
    made = from_words(["docker", "run", "--rm", "-P", "nginx"])
    assert len(made.notes) == 2 and made.notes[0].startswith("nginx: --rm")


def _commands(stack: Stack) -> list[list[str]]:
    found = []
    for each in stack.project.services.values():
        for container in docker.containers(stack, each):
            command = container.run()
            words = [" ".join(group) for group in command.groups]
            further = [" ".join(word for flag in flags for word in flag) for flags in container.further]
            found.append(sorted([*words, *further]))
    return sorted(found)


@pytest.mark.parametrize("name", sorted(path.name for path in STACKS.iterdir()))
def test_there_and_back_is_the_same(name: str, tmp_path: Path) -> None:
    """The commands of a stack, made a compose file and told as commands again, are the same commands."""
    there = stack_in(STACKS / name, {"FROM_SHELL": "a shell's"}, reveal=True)
    made = from_text(docker.script(there))
    folder = tmp_path / name
    subprocess.run(["cp", "-r", str(STACKS / name), str(folder)], check=True)
    for file in folder.glob("compose*.yaml"):
        file.unlink()
    (folder / "compose.yaml").write_text(dump(made.tree))
    back = stack_in(folder, {"FROM_SHELL": "a shell's"}, reveal=True)
    # Sorted once more: where the checkout lies decides where its paths stand among the words.
    wanted = [sorted(word.replace(str(STACKS), str(tmp_path)) for word in words) for words in _commands(there)]
    assert _commands(back) == sorted(wanted)


def test_the_command_prints_a_file_that_loads(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dockless.cli", "compose", "from", "docker", "run", "-d", "-p", "80:80", "nginx:1"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    (tmp_path / "compose.yaml").write_text(done.stdout)
    loaded = stack_in(tmp_path).project.services["nginx"]
    assert (loaded.image, loaded.ports[0].published) == ("nginx:1", "80")


def test_a_mistake_is_one_message() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dockless.cli", "compose", "from", "docker run --portt 80 nginx"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        done.stderr.strip() == "docker run has no flag --portt; did you mean --port?"
        or "no flag --portt" in done.stderr
    )


def test_the_example_survives_the_way_there_and_back(tmp_path: Path) -> None:
    folder = tmp_path / "fetch_c1"
    subprocess.run(["cp", "-r", str(FETCH), str(folder)], check=True)
    (folder / ".env").write_text("POSTGRES_PASSWORD=x\n")
    there = stack_in(folder, reveal=True)
    wanted = _commands(there)
    (folder / "docker-compose.yml").write_text(dump(from_text(docker.script(there)).tree))
    assert _commands(stack_in(folder, reveal=True)) == wanted
    assert stack_in(folder).project.services["web"].build is not None
