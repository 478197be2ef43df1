"""`explain --as docker`: the commands, run on a real Docker, make the containers, networks and volumes that `up` makes.

A folder in `stacks/` is a stack. What is compared is what the daemon says of each container: configuration, limits,
mounts, networks, environment; Compose's own labels and the ids of the moment are left out.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
STACKS = sorted(path.name for path in (HERE / "stacks").iterdir())
DOCKER = shutil.which("docker")
PROBES = {
    "granted": [("app", "cat /run/secrets/password /run/secrets/api_token /etc/deep/motd /etc/settings.ini")],
    "words": [("shell", "env"), ("shell", "cat /proc/1/cmdline")],
    "process": [("a-name-of-its-own", "cat /tmp/hook"), ("many-3", "true")],
    "user": [("web", "ls /web /web/fetch_c1"), ("web", "ping -c 1 -w 5 postgres >/dev/null")],
    "sharing": [("beside", "ls /data /read")],
    "health": [("list", "true"), ("literal", "true"), ("words", "true"), ("after", "true")],
    "building": [("inline", "cat /inline"), ("args", "cat /file")],
}
"""Commands whose status and output must be the same in both."""

pytestmark = pytest.mark.skipif(DOCKER is None, reason="needs the docker command")


@pytest.fixture
def project(dockerd: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator["Project"]:
    folder = tmp_path / request.param
    shutil.copytree(HERE / "stacks" / request.param, folder)
    project = Project(folder, dockerd)
    project.docker("tag", "busybox", "postgres:15.1-bullseye")
    yield project
    project.clean()


class Project:
    """A stack's folder and the daemon that it runs on."""

    def __init__(self, folder: Path, host: str) -> None:
        self.folder, self.name = folder, folder.name
        ours = ("COMPOSE_", "DOCKLESS_", "DOCKER_")
        self.environ = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
        self.environ |= {"DOCKER_HOST": host, "FROM_SHELL": "a shell's", "DOCKER_BUILDKIT": "0"}

    def dockless(self, *arguments: str) -> str:
        return self._run([sys.executable, "-m", "dockless.cli", *arguments])

    def docker(self, *arguments: str) -> str:
        assert DOCKER is not None
        return self._run([DOCKER, *arguments])

    def sh(self, script: str) -> str:
        (self.folder.parent / "script").write_text(script)
        # not in the project's folder: the script goes there by itself
        return self._run(["sh", str(self.folder.parent / "script")], cwd=self.folder.parent)

    def _run(self, command: list[str], cwd: Path | None = None) -> str:
        done = subprocess.run(
            command, cwd=cwd or self.folder, env=self.environ, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def containers(self) -> dict[str, Any]:
        names = self.docker("ps", "-aq").split()
        return {each["Name"].lstrip("/"): each for each in json.loads(self.docker("inspect", *names))} if names else {}

    def resources(self, kind: str) -> list[Any]:
        names = [n for n in self.docker(kind, "ls", "-q").split() if not re.fullmatch(r"[0-9a-f]{64}", n)]
        return json.loads(self.docker(kind, "inspect", *names)) if names else []

    def probe(self) -> list[tuple[int, str]]:
        found = []
        for name, command in PROBES.get(self.name, ()):
            container = name if name == "a-name-of-its-own" else f"{self.name}-{name}"
            container += "-1" if not re.search(r"-\d$|its-own$", container) else ""
            done = subprocess.run(
                [str(DOCKER), "exec", container, "sh", "-c", command],
                env=self.environ,
                capture_output=True,
                text=True,
                timeout=60,
            )
            found.append((done.returncode, re.sub(r"HOSTNAME=.*|\d+\.\d+ ?ms|time=.*|round-trip.*", "", done.stdout)))
        return found

    def clean(self) -> None:
        if names := self.docker("ps", "-aq").split():
            self.docker("rm", "-fv", *names)
        self.docker("network", "prune", "-f")
        if volumes := self.docker("volume", "ls", "-q").split():
            self.docker("volume", "rm", *volumes)


@pytest.mark.parametrize("project", STACKS, indirect=True)
def test_the_commands_make_what_up_makes(project: Project) -> None:
    project.dockless("up", "-d", "--build", "--no-wait-for-ports")
    wanted, resources, probed = _seen(project), _made(project), project.probe()
    assert wanted
    project.dockless("down", "-v", "-t", "0")
    project.clean()

    project.sh(project.dockless("explain", "--as", "docker"))

    found = _seen(project)
    assert found.keys() == wanted.keys()
    assert {name: _difference(wanted[name], found[name]) for name in wanted} == {name: {} for name in wanted}
    assert _made(project) == resources
    assert project.probe() == probed


def _difference(wanted: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    return {key: (value, found[key]) for key, value in wanted.items() if found[key] != value}


def _seen(project: Project) -> dict[str, Any]:
    found = project.containers()
    names = {each["Id"]: name for name, each in found.items()}
    return {name: _container(each, names) for name, each in found.items()}


_CONFIG = [
    "User",
    "WorkingDir",
    "StopSignal",
    "StopTimeout",
    "ExposedPorts",
    "Tty",
    "OpenStdin",
    "Healthcheck",
    "Domainname",
    "Image",
]
_HOST = [
    "PortBindings",
    "RestartPolicy",
    "CapAdd",
    "CapDrop",
    "Dns",
    "DnsOptions",
    "DnsSearch",
    "ExtraHosts",
    "GroupAdd",
    "IpcMode",
    "PidMode",
    "UTSMode",
    "UsernsMode",
    "NetworkMode",
    "OomScoreAdj",
    "Privileged",
    "ReadonlyRootfs",
    "SecurityOpt",
    "ShmSize",
    "Sysctls",
    "Memory",
    "MemoryReservation",
    "MemorySwap",
    "NanoCpus",
    "CpuShares",
    "PidsLimit",
    "Ulimits",
    "Devices",
    "LogConfig",
    "Init",
    "Tmpfs",
    "VolumesFrom",
    "Runtime",
]


def _container(each: Any, names: dict[str, str]) -> dict[str, Any]:
    config, host = each["Config"], each["HostConfig"]
    found: dict[str, Any] = {key: config.get(key) or None for key in _CONFIG}
    found |= {key: _named(host.get(key), names) or None for key in _HOST}
    # `docker run` knows a health check for a shell only: what stood as a list of words is there the same words, quoted.
    if (check := found["Healthcheck"]) and check.get("Test", ("",))[0] == "CMD":
        found["Healthcheck"] = {**check, "Test": ["CMD-SHELL", shlex.join(check["Test"][1:])]}
    found["RestartPolicy"]["Name"] = found["RestartPolicy"]["Name"] or "no"
    found["Env"] = sorted(config["Env"] or ())
    found["Words"] = [*(config["Entrypoint"] or ()), *(config["Cmd"] or ())]
    found["Labels"] = _labels(config["Labels"])
    own_id = any(identifier.startswith(config["Hostname"]) for identifier in names)
    found["Hostname"] = None if own_id else config["Hostname"]
    found["Running"] = each["State"]["Running"]
    found["Mounts"] = sorted(
        (m["Type"], "" if _anonymous(m) else m.get("Name") or m["Source"], m["Destination"], m["RW"], m["Propagation"])
        for m in each["Mounts"]
    )
    if found["CapAdd"]:
        found["CapAdd"] = sorted(name.removeprefix("CAP_") for name in found["CapAdd"])
    if found["CapDrop"]:
        found["CapDrop"] = sorted(name.removeprefix("CAP_") for name in found["CapDrop"])
    own = {each["Id"][:12], each["Name"].lstrip("/")}
    found["Networks"] = {
        name: (
            sorted(set(end["Aliases"] or ()) - own),
            {key: value for key, value in (end["IPAMConfig"] or {}).items() if value},
        )
        for name, end in each["NetworkSettings"]["Networks"].items()
    }
    return found


def _anonymous(mount: Any) -> bool:
    return bool(re.fullmatch(r"[0-9a-f]{64}", mount.get("Name") or ""))


def _named(value: Any, names: dict[str, str]) -> Any:
    """Containers by their names, where the one says ids and the other says names."""
    if isinstance(value, str):
        for identifier, name in names.items():
            value = value.replace(identifier, name)
        return value
    return sorted((_named(each, names) for each in value), key=str) if isinstance(value, list) else value


def _labels(labels: Any) -> dict[str, str]:
    return {key: value for key, value in (labels or {}).items() if not key.startswith("com.docker.compose.")}


def _made(project: Project) -> list[Any]:
    found = [
        ("network", each["Name"], each["Driver"], each["Internal"], each["Options"], _labels(each["Labels"]))
        for each in project.resources("network")
        if each["Name"] not in ("bridge", "host", "none")
    ]
    found += [
        ("volume", each["Name"], each["Driver"], each["Options"], _labels(each["Labels"]))
        for each in project.resources("volume")
    ]
    return sorted(found, key=str)
