"""The real Docker Compose on our engine: the scenarios that ours goes through, and every runtime key.

Our Compose goes through them on both engines (`test_scenarios.py`, `test_keys.py`); the real one on the real Docker is
the control, and a few scenarios do for that.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import test_keys as keys
import test_scenarios as scenarios
from test_scenarios import REAL_COMPOSE, Folder

import own_engine

pytestmark = [pytest.mark.skipif(REAL_COMPOSE is None, reason="needs Docker Compose"), pytest.mark.peer]

on_our_engine = pytest.mark.parametrize("folder", ["dockless"], indirect=True)
on_both_engines = pytest.mark.parametrize("folder", ["dockless", "docker"], indirect=True)

test_a_project_from_up_to_down = on_both_engines(scenarios.test_a_project_from_up_to_down)
test_conditions_are_waited_for = on_both_engines(scenarios.test_conditions_are_waited_for)
test_up_in_the_foreground = on_both_engines(scenarios.test_up_in_the_foreground_shows_output_and_ctrl_c_stops)
test_a_second_up = on_our_engine(scenarios.test_a_second_up_does_nothing_and_a_changed_service_alone_is_recreated)
test_scaling_up_and_down = on_our_engine(scenarios.test_scaling_up_and_down)
test_orphans_are_named_and_then_removed = on_our_engine(scenarios.test_orphans_are_named_and_then_removed)
test_a_dependency_that_fails_is_named = on_our_engine(scenarios.test_a_dependency_that_fails_is_named)
test_configs_secrets_and_hosts_arrive = on_our_engine(scenarios.test_configs_secrets_and_hosts_arrive)
test_the_exit_status_of_a_chosen_container = on_our_engine(scenarios.test_the_exit_status_of_a_chosen_container)
test_run_gives_a_one_off_container = on_our_engine(scenarios.test_run_gives_a_one_off_container_with_its_dependencies)


class TheirFolder(Folder):
    """What is about the project goes to Docker Compose; what looks at the engine stays ours."""

    host: str = ""
    # It sends ports to expose as they are written, and forgets the mode of a `volumes_from` (on the real Docker, too).
    unseen = frozenset(("Config.ExposedPorts", "touch /made/y 2>&1"))

    @property
    def environment(self) -> dict[str, str]:
        found = super().environment | {"DOCKER_BUILDKIT": "0", "COMPOSE_BAKE": "false"}
        return found | {"DOCKER_HOST": self.host} if self.host else found

    def stopped_by(self, reason: str) -> bool:
        """It asks an engine for its API's version; ours is 1.47."""
        return reason.endswith(("API 1.48", "API 1.49"))

    def command(self, *arguments: str) -> list[str]:
        if arguments[0] in ("container", "image", "inspect", "network", "rmi", "serve", "volume"):
            return super().command(*arguments)
        return [str(REAL_COMPOSE), *arguments[arguments[0] == "compose" :]]


@pytest.fixture
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[TheirFolder]:
    path = tmp_path / "p"
    path.mkdir()
    found = TheirFolder(path, request.getfixturevalue(f"on_{request.param}"))
    with ExitStack() as engine:
        if request.param == "dockless":
            # Docker's own tool does not start our engine: `serve` does, and keeps it.
            found.host = engine.enter_context(own_engine.serving(found.environment))
        yield found
        found.clear()


@on_our_engine
@pytest.mark.parametrize("project", keys.PROJECTS)
def test_every_key_takes_effect(folder: TheirFolder, project: str) -> None:
    shutil.copytree(keys.KEYS, folder.path, dirs_exist_ok=True)
    folder.engine |= {
        "KEYS_VALUE": "out of the environment",
        "KEYS_DEVICE": keys.a_device(),
        "PWD": os.fspath(folder.path),
    }
    keys.test_every_key_takes_effect(folder, project)


@on_our_engine
def test_build_sends_the_context(folder: TheirFolder) -> None:
    folder.write("services: {a: {build: {context: ., args: {A: given}}, command: cat /in/kept /in/arg}}")
    (folder.path / "kept").write_text("kept\n")
    folder.write("FROM busybox\nARG A=none\nCOPY kept /in/kept\nRUN echo $A > /in/arg\n", "Dockerfile")
    folder.ok("build")
    assert folder.ok("run", "--rm", "-T", "a") == "kept\ngiven\n"
    folder.write("FROM busybox\nRUN echo about to fail; false\n", "Dockerfile")
    assert folder.run("up", "-d", "--build").returncode != 0
    folder.ok("rmi", "p-a")
