"""Images are made once for all end-to-end tests; each test has a copy of that state folder, made of hard links."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from real_docker import RealDocker, real_docker
from stack import Dockless, project

from waiting import until


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "e2e" in item.path.parts:
            item.add_marker(pytest.mark.e2e)
            if os.geteuid() != 0:
                item.add_marker(pytest.mark.skip(reason="containers for tests need root"))


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A state folder with the example's two images and busybox, and no engine at work on it.

    `DOCKLESS_TEST_MADE` names one that was made before, for whoever runs single tests again and again.
    """
    if given := os.environ.get("DOCKLESS_TEST_MADE"):
        yield Path(given)
        return
    base = tmp_path_factory.mktemp("made")
    dockless = Dockless(base / "root", project(base / "fetch_c1"))
    dockless.root.mkdir()
    dockless.ok("compose", "build", timeout=900)
    dockless.ok("pull", "postgres:15.1-bullseye", timeout=900)
    dockless.ok("pull", "busybox", timeout=900)
    until(lambda: not dockless.engine_pids())
    yield dockless.root
    shutil.rmtree(base)


@pytest.fixture
def dockless(made: Path, tmp_path: Path) -> Iterator[Dockless]:
    """The example project in a folder of its own, its images at hand."""
    found = Dockless(_copy(made, tmp_path / "root"), project(tmp_path / "fetch_c1"))
    yield found
    found.clear()
    until(lambda: not found.engine_pids())
    assert found.state() == []
    shutil.rmtree(tmp_path)


@pytest.fixture(scope="session")
def stocked(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A state folder with the images, too, that `init` writes stacks for."""
    base = tmp_path_factory.mktemp("stocked")
    dockless = Dockless(_copy(made, base / "root"), base)
    for image in ("python:3.10-slim", "postgres:17", "nginx:1.30", "node:20-slim"):
        dockless.ok("pull", image, timeout=900)
    until(lambda: not dockless.engine_pids())
    yield dockless.root
    shutil.rmtree(base)


@pytest.fixture
def app(stocked: Path, tmp_path: Path) -> Iterator[Dockless]:
    """An empty folder for an application, the images for its stack at hand."""
    folder = tmp_path / "app"
    folder.mkdir()
    found = Dockless(_copy(stocked, tmp_path / "root"), folder)
    yield found
    found.clear()
    until(lambda: not found.engine_pids())
    assert found.state() == []
    shutil.rmtree(tmp_path)


@pytest.fixture
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealDocker]:
    # Not in the test's own folder: a socket's path is 107 bytes at most.
    base = tmp_path_factory.mktemp("docker")
    with real_docker(base) as found:
        yield found
    shutil.rmtree(base, ignore_errors=True)


def _copy(made: Path, root: Path) -> Path:
    """Another state folder, made of hard links."""
    root.mkdir()
    for part in ("layers", "blobs"):
        subprocess.run(["cp", "-al", str(made / part), str(root / part)], check=True)
    for file in made.glob("state.db*"):
        shutil.copy2(file, root / file.name)
    return root


@pytest.fixture
def upstream(dockless: Dockless) -> Iterator[str]:
    """The sample feed on the host's loopback, as in the demo."""
    process = subprocess.Popen(
        [sys.executable, str(dockless.folder / "upstream.py")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    yield "http://host.docker.internal:8056/feed.json"
    process.terminate()
    process.wait()
    process.stdout.close()
