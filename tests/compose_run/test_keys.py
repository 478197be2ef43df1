"""Every runtime key of the specification takes effect, on our engine and on the real Docker.

The projects in `keys/` say beside each service how its keys are seen: `x-shows` (a command inside → what it prints),
`x-inspect` (a path into `inspect` → its value), `x-wait` (the same, reached in time), `x-logs`, `x-count` (containers).
An expectation that begins with `~` is a regular expression. `x-not-on-docker` says why Docker 20.10 cannot do it.
"""

import copy
import json
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from evidence import Seen
from test_scenarios import Folder

KEYS = Path(__file__).parent / "keys"
PROJECTS = sorted(path.stem for path in KEYS.glob("*.yaml"))


@pytest.fixture(
    params=[pytest.param("dockless", marks=pytest.mark.e2e), pytest.param("docker", marks=pytest.mark.peer)]
)
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Folder]:
    engine: dict[str, str] = request.getfixturevalue(f"on_{request.param}")
    path = tmp_path / "p"
    shutil.copytree(KEYS, path)
    device = next(
        iter(sorted(name for name in os.listdir("/sys/block") if not name.startswith(("loop", "ram")))), "loop0"
    )
    found = Folder(
        path, engine | {"KEYS_VALUE": "out of the environment", "KEYS_DEVICE": f"/dev/{device}", "PWD": str(path)}
    )
    yield found
    found.run("down", "-v", "-t", "0", "--remove-orphans")
    if names := found.ok("container", "ls", "-aq").split():
        found.ok("container", "rm", "-f", "-v", *names)
    if networks := found.ok("network", "ls", "-q", "--filter", "type=custom").split():
        found.ok("network", "rm", *networks)
    if volumes := found.ok("volume", "ls", "-q").split():
        found.ok("volume", "rm", *volumes)


def prepared(folder: Folder, project: str) -> dict[str, Any]:
    """The project as `compose.yaml`, without what the peer cannot do; its services with what they show."""
    text = (KEYS / f"{project}.yaml").read_text()
    content = yaml.safe_load(text)
    if "DOCKER_HOST" in folder.engine:
        content["services"] = {
            name: service for name, service in content["services"].items() if "x-not-on-docker" not in service
        }
    for network in content.get("networks", {}).values():
        if "DOCKER_HOST" in folder.engine and network.get("enable_ipv6"):
            network["enable_ipv6"] = False
            network.pop("ipam")
    written = copy.deepcopy(content)
    for name, service in written["services"].items():
        for key in [key for key in service if key.startswith("x-")]:
            del service[key]
    folder.write(json.dumps(written))
    found: dict[str, Any] = content["services"]
    return found


@pytest.mark.parametrize("project", PROJECTS)
def test_every_key_takes_effect(folder: Folder, project: str) -> None:
    services = prepared(folder, project)
    if project == "networking":
        folder.ok("network", "create", "--subnet", "10.211.9.0/24", "keys-outside")
    folder.ok("up", "-d", "-t", "0")
    seen = Seen(folder.engine)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda item: seen.failures(*item), services.items()))
    failures = [failure for each in found for failure in each]
    assert not failures, "\n".join(failures)
