"""Execs that cannot be run: Docker's command line and a client of the API see what they see with Docker."""

import os
import shutil
import subprocess
from typing import Any

import pytest
from api_http import PEER_API, Answer, Api, clear
from exchanges import IMAGE

# What is asked for, how the command line says it, and our exit status.
WRONG = {
    "a user": ({"Cmd": ["true"], "User": "nobody-here"}, ("-u", "nobody-here", "box", "true"), 126),
    "a group": ({"Cmd": ["true"], "User": "0:nothing"}, ("-u", "0:nothing", "box", "true"), 126),
    "a folder": ({"Cmd": ["true"], "WorkingDir": "/nothing"}, ("-w", "/nothing", "box", "true"), 127),
    "a relative folder": ({"Cmd": ["true"], "WorkingDir": "tmp"}, ("-w", "tmp", "box", "true"), 126),
    "a command": ({"Cmd": ["nothing"]}, ("box", "nothing"), 127),
    "a path": ({"Cmd": ["/bin/nothing"]}, ("box", "/bin/nothing"), 127),
}


@pytest.fixture(scope="module")
def boxes(ours: str, theirs: str) -> Any:
    """Both engines, each with a container."""
    found = [Api(ours, PEER_API), Api(theirs, PEER_API)]
    for api in found:
        clear(api)
        made = api("POST", "/containers/create?name=box", {"Image": IMAGE, "Cmd": ["sleep", "1000"]})
        assert api("POST", f"/containers/{made.json['Id']}/start").status == 204
    yield found
    for api in found:
        clear(api)


@pytest.mark.parametrize("what", WRONG)
def test_the_message_comes_in_the_stream_and_the_status_by_inspect(boxes: list[Api], what: str) -> None:
    """Docker 26 has 126 for all of them; newer ones tell with 127 what is not there, as for a container."""
    wanted, _, status = WRONG[what]
    (here, exit_here), (there, exit_there) = (_started(api, {**wanted, "AttachStdout": True}) for api in boxes)
    assert here.status == there.status == 200
    assert here.body == there.body
    assert (exit_here, exit_there) == (status, 126)


@pytest.mark.peer
@pytest.mark.parametrize("what", WRONG)
def test_the_command_line_prints_it_and_has_the_exit_status(boxes: list[Api], what: str) -> None:
    docker = shutil.which("docker")
    if docker is None:
        pytest.skip("needs the docker command")
    _, arguments, status = WRONG[what]
    here, there = (
        subprocess.run(
            [docker, "exec", *arguments],
            env={**os.environ, "DOCKER_HOST": f"unix://{api.path}", "DOCKER_CLI_HINTS": "false"},
            capture_output=True,
            text=True,
        )
        for api in boxes
    )
    assert (here.stdout, here.stderr) == (there.stdout, there.stderr)
    assert (here.returncode, there.returncode) == (status, 126)


def _started(api: Api, body: Any) -> tuple[Answer, int]:
    identity = api("POST", "/containers/box/exec", body).json["Id"]
    answer = api("POST", f"/exec/{identity}/start", {})
    return answer, api("GET", f"/exec/{identity}/json").json["ExitCode"]
