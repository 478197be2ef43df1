"""A real fabric for each test: its own relay process, its own namespaces, gone at the end."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from network_lab import Lab

from dockless.places import Places


@pytest.fixture
def places() -> Iterator[Places]:
    if os.geteuid():
        pytest.skip("makes network namespaces: root only")
    root = Path(tempfile.mkdtemp(prefix="dockless-network-"))
    yield Places(root / "root", root / "run")
    log = root / "root" / "engine.log"
    faults = log.read_text() if log.exists() else ""
    shutil.rmtree(root)
    assert faults == "", f"the relay has logged faults:\n{faults}"


@pytest.fixture
def lab(places: Places) -> Iterator[Lab]:
    made = Lab(places)
    try:
        yield made
    finally:
        made.close()
