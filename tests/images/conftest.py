"""A store of its own for each test, and a real registry."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from imagekit import Registry, RegistryStarter, open_store

from dockless.images.store import ImageStore


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    return open_store(tmp_path / "state")


@pytest.fixture
def start_registry(tmp_path: Path) -> Iterator[RegistryStarter]:
    if shutil.which("docker-registry") is None:
        pytest.skip("docker-registry is not installed")
    starter = RegistryStarter(tmp_path, [])
    yield starter
    for process in starter.started:
        process.kill()
        process.wait()


@pytest.fixture
def registry(start_registry: RegistryStarter) -> Registry:
    return start_registry()
