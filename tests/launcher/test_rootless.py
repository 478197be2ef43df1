"""The same code in a user namespace with one single id, where much is refused. Needs `unshare` and leave to use it."""

import subprocess
import sys
from pathlib import Path

import pytest
from launcher_lab import wait_until_gone

from dockless.places import Places

SCRIPT = """
import asyncio, os, sys
from pathlib import Path
from dockless.launcher.client import Launcher, OverlayRoot
from dockless.launcher.defaults import default_spec
from dockless.places import Places

async def main(base, folder):
    launcher = await Launcher.connect(Places(folder / "root", folder / "run"))
    ended = asyncio.get_running_loop().create_future()
    launcher.on_exit = lambda id, status: ended.set_result(status)
    (folder / "upper").mkdir(); (folder / "work").mkdir()
    script = "id -u; echo x >/dev/null && ls -l /dev/null; tty; touch /new; mount | grep -c ' / '; exit 3"
    spec = default_spec(args=["sh", "-c", script], env=[], cgroup_path="/dockless-test-rootless", terminal=True)
    root = OverlayRoot((str(base),), str(folder / "upper"), str(folder / "work"))
    started = await launcher.run("one", spec, root)
    status = await ended
    print(os.read(started.terminal.read, 4096).decode().replace(chr(13), ""))
    print(status.code)
    await launcher.forget("one")
    await launcher.close()

asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
"""


def test_a_container_runs_with_one_mapped_id(places: Places, base: Path) -> None:
    unshare = ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*unshare, "true"], capture_output=True).returncode != 0:
        pytest.skip("user namespaces are not allowed here")
    folder = places.root.parent
    command = [*unshare, sys.executable, "-c", SCRIPT, str(base), str(folder)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert result.stderr == ""
    lines = result.stdout.split("\n")
    assert lines[0] == "0"
    assert lines[1].startswith("crw-rw-rw-")
    assert lines[2] == "/dev/pts/0"
    assert lines[-2] == "3"
    assert (folder / "upper/new").exists()
    assert wait_until_gone(places) == []
    assert places.engine_log.read_text() == ""
