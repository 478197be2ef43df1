"""A launcher of the test's own, a root of busybox, and the proof afterwards that nothing is left of either."""

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from launcher_lab import Lab, Scenario, launcher_processes, wait_until_gone

from dockless.launcher.client import Launcher
from dockless.linux import cgroups
from dockless.places import Places


@pytest.fixture(scope="session")
def base() -> Iterator[Path]:
    """A root of nothing but busybox, with what the tests want to find."""
    busybox = shutil.which("busybox")
    if busybox is None or b"statically" not in subprocess.run(["file", busybox], capture_output=True).stdout:
        static = Path("/bin/busybox")
        if not static.exists():
            pytest.skip("no static busybox on this machine (Debian: busybox-static)")
        busybox = str(static)
    folder = Path(tempfile.mkdtemp(prefix="dockless-base-"))
    for name in ("bin", "etc", "tmp", "home"):
        (folder / name).mkdir()
    shutil.copy(busybox, folder / "bin/busybox")
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
    for applet in applets:
        if applet != "busybox":
            (folder / "bin" / applet).symlink_to("busybox")
    (folder / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nweb:x:1000:1001::/home:/bin/sh\n")
    (folder / "bin/not-executable").write_text("#!/bin/sh\n")
    (folder / "bin/no-interpreter").write_text("#!/lib/missing\n")
    (folder / "bin/no-interpreter").chmod(0o755)
    (folder / "bin/no-format").write_text("what is this")
    (folder / "bin/no-format").chmod(0o755)
    (folder / "escape").symlink_to("../../../../../../tmp/dockless-escaped")
    (folder / "etc/shared").symlink_to("/srv/made/here")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def places() -> Iterator[Places]:
    if os.getuid() != 0:
        pytest.skip("containers of these tests need root")
    folder = Path(tempfile.mkdtemp(prefix="dl-"))
    yield Places(folder / "root", folder / "run")
    shutil.rmtree(folder)


@pytest.fixture
def lab(places: Places, base: Path) -> Iterator[Callable[[Scenario], None]]:
    """Calls the test's scenario with a Lab, and then looks for what may have been left behind."""
    name = uuid.uuid4().hex[:8]

    async def play(scenario: Scenario) -> None:
        launcher = await Launcher.connect(places)
        try:
            await asyncio.wait_for(scenario(Lab(launcher, places, base, name)), 180)
        finally:
            await launcher.close()

    def run(scenario: Scenario) -> None:
        asyncio.run(play(scenario))

    try:
        yield run
    finally:
        left = launcher_processes(places)
        left = left if not left else wait_until_gone(places)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        # After a test that failed, its containers and their groups.
        if cgroups.folders(f"/dockless-test-{name}"):
            cgroups.kill_all(f"/dockless-test-{name}")
            cgroups.remove(f"/dockless-test-{name}", patience=5)
    assert left == [], "the launcher did not end by itself"
    assert cgroups.folders(f"/dockless-test-{name}") == []
    log = places.engine_log
    assert not log.exists() or log.read_text() == ""
