"""Services that a program outside of Compose provides, and models, which nothing runs."""

import os
from pathlib import Path

import pytest
from projects import project_of
from test_scenarios import Folder
from test_scenarios import folder as folder

from dockless.compose.run.order import ProjectError
from dockless.compose.run.provider import take_down, with_provided

PROJECT = """
services:
  web: {image: busybox, command: sleep 1000, stop_signal: SIGKILL, depends_on: [my_db]}
  my_db: {provider: {type: maker, options: {kind: pg, size: [1, 2]}}}
"""
SAYS = """
echo "$@" >> calls
echo '{"type":"info","message":"making"}{"type":"debug","message":"x"}'
echo '{"type":"setenv","message":"URL=db://'$COMPOSE_PROJECT_NAME'"}'
"""


class Heard:
    def __init__(self) -> None:
        self.said: list[str] = []

    def report(self, subject: str, text: str, *, done: bool, failed: bool = False) -> None:
        self.said.append(f"{subject} {text}")

    def line(self, text: str) -> None:
        self.said.append(text)


def maker(folder: Path, script: str, metadata: str = "exit 1") -> dict[str, str]:
    """The environment in which `maker` is a program."""
    (folder / "bin").mkdir(exist_ok=True)
    program = folder / "bin/maker"
    program.write_text(f'#!/bin/sh\nif [ "$2" = metadata ]; then {metadata}; fi\n{script}\n')
    program.chmod(0o755)
    return {"PATH": f"{folder}/bin:{os.environ['PATH']}"}


def test_a_provider_is_told_its_options_and_its_variables_reach_its_dependents(tmp_path: Path) -> None:
    environ = maker(tmp_path, SAYS)
    project = project_of(tmp_path, PROJECT)
    heard = Heard()
    provided = with_provided(project, project.services, heard, environ)
    assert provided.services["web"].environment == {"MY_DB_URL": "db://p"}
    assert heard.said == ["my_db Creating", "my_db making", "my_db Created"]
    take_down(project, project.services, heard, environ)
    options = "--kind=pg --size=1 --size=2 my_db"
    assert (tmp_path / "calls").read_text().splitlines() == [
        f"compose --project-name=p {verb} {options}" for verb in ("up", "down")
    ]


def test_only_what_the_provider_says_it_takes_is_passed_on_and_what_it_requires_must_be_given(tmp_path: Path) -> None:
    project = project_of(tmp_path, PROJECT)
    environ = maker(tmp_path, SAYS, """echo '{"up":{"parameters":[{"name":"kind"}]}}'; exit 0""")
    with_provided(project, project.services, Heard(), environ)
    assert (tmp_path / "calls").read_text() == "compose --project-name=p up --kind=pg my_db\n"
    environ = maker(tmp_path, SAYS, """echo '{"up":{"parameters":[{"name":"key","required":true}]}}'; exit 0""")
    with pytest.raises(ProjectError, match='required parameter "key" is missing'):
        with_provided(project, project.services, Heard(), environ)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("""echo '{"type":"error","message":"no room"}'; sleep 5""", "provider maker of service my_db: no room"),
        ("exit 3", "failed to create service my_db: its provider maker ended with status 3"),
        ("echo no json", "invalid response from provider maker"),
        ("""echo '{"type":"odd"}'""", "a message of the type 'odd'"),
        ("""echo '{"type":"setenv","message":"X"}'""", "setenv without a value"),
    ],
)
def test_what_goes_wrong_in_a_provider_is_said(tmp_path: Path, script: str, message: str) -> None:
    project = project_of(tmp_path, PROJECT)
    with pytest.raises(ProjectError, match=message):
        with_provided(project, project.services, Heard(), maker(tmp_path, script))


def test_a_provider_that_is_not_there_is_named(tmp_path: Path) -> None:
    project = project_of(tmp_path, PROJECT)
    with pytest.raises(ProjectError, match="there is no such program"):
        with_provided(project, project.services, Heard(), {"PATH": str(tmp_path)})


def test_a_project_with_a_provider_and_a_model_from_up_to_down(folder: Folder) -> None:
    folder.engine |= maker(folder.path, SAYS)
    folder.write(PROJECT.replace("depends_on:", "models: [llm], depends_on:") + "models: {llm: {model: ai/nothing}}\n")
    done = folder.run("up", "-d")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("models are not run: llm (used by web)") == 1
    assert folder.ok("exec", "-T", "web", "sh", "-c", "echo $MY_DB_URL") == "db://p\n"
    identity = folder.inspect("p-web-1")["Id"]
    folder.ok("up", "-d")
    assert folder.inspect("p-web-1")["Id"] == identity
    assert folder.ok("run", "--rm", "-T", "web", "sh", "-c", "echo $MY_DB_URL") == "db://p\n"
    folder.ok("stop")
    folder.ok("start")
    folder.ok("down")
    calls = [line.split()[2] for line in (folder.path / "calls").read_text().splitlines()]
    assert calls == ["up", "up", "up", "down"]
