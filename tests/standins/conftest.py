"""One state folder with stand-ins for all tests: what the first test makes, the others use."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from standins_workshop import Workshop, new_workshop

from dockless.images.scratch import Scratch


@pytest.fixture(scope="session")
def workshop() -> Iterator[Workshop]:
    if os.geteuid() != 0:
        pytest.skip("needs root: namespaces and overlay mounts")
    if shutil.which("apt-get") is None:
        pytest.skip("needs a machine with apt, from which stand-ins are made")
    root = Path(tempfile.mkdtemp(prefix="dockless-standins-"))
    try:
        workshop = new_workshop(root)
        yield workshop
        Scratch.of(workshop.places).close()
    finally:
        shutil.rmtree(root)


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """An empty folder of root's, as a new named volume is one."""
    folder = tmp_path / "volume"
    folder.mkdir()
    return folder
