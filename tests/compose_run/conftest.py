"""Two engines to run on: our own, and, where it is installed, the real Docker as the peer."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import docker_peer
import own_engine

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A state folder with a busybox image in it, and no engine at work on it."""
    if os.geteuid() != 0:
        pytest.skip("containers for tests need root")
    if given := os.environ.get("DOCKLESS_TEST_MADE"):
        yield Path(given)
        return
    root = tmp_path_factory.mktemp("made")
    engine = {"DOCKLESS_ROOT": str(root), "DOCKLESS_IDLE_SECONDS": "0.5"}
    subprocess.run(
        [sys.executable, "-m", "dockless.cli", "pull", "busybox"], env=os.environ | engine, check=True, timeout=300
    )
    own_engine.ended(engine)
    yield root
    shutil.rmtree(root)


@pytest.fixture
def on_dockless(made: Path, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment that leads to an engine of our own, on a copy of the state folder made of hard links."""
    root = tmp_path / "root"
    root.mkdir()
    for part in ("layers", "blobs"):
        subprocess.run(["cp", "-al", str(made / part), str(root / part)], check=True)
    for file in made.glob("state.db*"):
        shutil.copy2(file, root / file.name)
    yield {"DOCKLESS_ROOT": str(root), "DOCKLESS_IDLE_SECONDS": "1"}


@pytest.fixture(scope="session", autouse=True)
def _daemon_before_tests(request: pytest.FixtureRequest) -> None:
    """The daemons are there before the first test that needs them, so that no test seems to have left them behind."""
    engines = {part for item in request.session.items for part in re.findall(r"\[(docker\d*)\b", item.nodeid)}
    for name, engine in (("dockerd", "docker"), ("dockerd26", "docker26")):
        if engine in engines:
            try:
                request.getfixturevalue(name)
            except pytest.skip.Exception:
                continue  # each test that needs it skips by itself, and says why


@pytest.fixture
def on_docker(dockerd: str) -> dict[str, str]:
    return {"DOCKER_HOST": dockerd}


@pytest.fixture(scope="session")
def dockerd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a dockerd of our own, in a network namespace of its own, with a busybox image."""
    base = Path(tmp_path_factory.mktemp("dockerd"))
    with docker_peer.dockerd(base) as daemon:
        _make_busybox(daemon.address)
        yield daemon.address
    shutil.rmtree(base, ignore_errors=True)


@pytest.fixture(scope="session")
def dockerd26(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a dockerd that speaks API 1.45, as Docker Compose 2.40 likes it better; with the same image."""
    program = os.environ.get("DOCKLESS_TEST_DOCKERD_26")
    if program is None:
        pytest.skip("needs dockerd 26 (DOCKLESS_TEST_DOCKERD_26)")
    base = Path(tmp_path_factory.mktemp("dockerd26"))
    with docker_peer.dockerd(base, program) as daemon:
        _make_busybox(daemon.address)
        yield daemon.address
    shutil.rmtree(base, ignore_errors=True)


def _make_busybox(address: str) -> None:
    """An image with nothing in it but a static busybox, imported through our own client."""
    from dockless.client.connect import connect

    with connect({"DOCKER_HOST": address}) as client:
        for _ in client.images.import_(own_engine.busybox_tree(), repo="busybox", tag="latest", changes=['CMD ["sh"]']):
            pass
