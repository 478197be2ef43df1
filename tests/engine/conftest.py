"""An engine's state folder with one image in it, for tests with real containers."""

import os
import shutil
from pathlib import Path

import pytest
from enginekit import made

from dockless.places import Places


@pytest.fixture
def places(tmp_path: Path) -> Places:
    if os.geteuid() != 0:
        pytest.skip("containers for tests need root")
    if shutil.which("busybox") is None:
        pytest.skip("busybox is not installed")
    return made(tmp_path / "root")
