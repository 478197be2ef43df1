"""One engine for the whole folder, kept up by `dockless serve`, with busybox at hand."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import docker
import pytest
from client_commands import COMMAND, Run, runner

import own_engine


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "clients" in item.path.parts:
            item.add_marker(pytest.mark.keeps)
            if os.geteuid() != 0:
                item.add_marker(pytest.mark.skip(reason="containers for tests need root"))


@pytest.fixture(scope="session")
def environ(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """A state folder with busybox, and a home folder with no configuration in it."""
    base = tmp_path_factory.mktemp("clients")
    (base / "root").mkdir()
    (base / "home").mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DOCKER_", "COMPOSE_"))}
    found = kept | {"DOCKLESS_ROOT": str(base / "root"), "DOCKLESS_IDLE_SECONDS": "1", "HOME": str(base / "home")}
    subprocess.run([*COMMAND, "pull", "-q", "busybox"], env=found, check=True, cwd=base, capture_output=True)
    yield found
    shutil.rmtree(base)


@pytest.fixture(scope="session")
def host(environ: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The engine's address, as `dockless serve` prints it; at the end it must go, and everything with it."""
    with own_engine.serving(environ) as address:
        yield address


@pytest.fixture
def dockless(environ: Mapping[str, str], host: str, tmp_path: Path) -> Run:
    """Our own command, in a folder without a project."""
    return runner(COMMAND, environ, tmp_path)


@pytest.fixture
def cli(environ: Mapping[str, str], host: str, tmp_path: Path) -> Run:
    """Docker's command."""
    found = shutil.which("docker")
    if found is None:
        pytest.skip("needs the docker command")
    settings = {"DOCKER_HOST": host, "DOCKER_BUILDKIT": "0", "DOCKER_CLI_HINTS": "false"}
    return runner((found,), {**environ, **settings}, tmp_path)


@pytest.fixture
def sdk(host: str) -> Iterator[docker.DockerClient]:
    """Docker's SDK for Python; a test's containers are removed after it."""
    client = docker.DockerClient(base_url=host, timeout=30)
    yield client
    for container in client.containers.list(all=True):
        container.remove(force=True, v=True)
    client.close()


@pytest.fixture(autouse=True)
def no_containers_left(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "host" in request.fixturenames:
        client = docker.DockerClient(base_url=request.getfixturevalue("host"), timeout=30)
        left = client.containers.list(all=True)
        for container in left:
            container.remove(force=True, v=True)
        client.close()
        assert not left or "sdk" in request.fixturenames, f"left behind: {left}"
