"""Every runtime key of the specification takes effect, on our engine and on the real Docker.

The projects in `keys/` say beside each service how its keys are seen: `x-shows` (a command inside → what it prints),
`x-inspect` (a path into `inspect` → its value), `x-wait` (the same, reached in time), `x-logs`, `x-count` (containers).
An expectation that begins with `~` is a regular expression. `x-not-on-docker` says why Docker 20.10 cannot do it.
"""

import copy
import json
import os
import shutil
import subprocess
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
    found = Folder(path, engine | {"KEYS_VALUE": "out of the environment", "KEYS_DEVICE": a_device(), "PWD": str(path)})
    yield found
    found.run("down", "-v", "-t", "0", "--remove-orphans")
    found.clear()


def a_device() -> str:
    """A disk of this machine, for limits on what is read and written."""
    found = sorted(name for name in os.listdir("/sys/block") if not name.startswith(("loop", "ram")))
    return f"/dev/{next(iter(found), 'loop0')}"


def prepared(folder: Folder, project: str) -> dict[str, Any]:
    """The project as `compose.yaml`, without what the peer cannot do; its services with what they show."""
    text = (KEYS / f"{project}.yaml").read_text()
    content = yaml.safe_load(text)
    content["services"] = {
        name: service
        for name, service in content["services"].items()
        if not folder.stopped_by(service.get("x-not-on-docker", ""))
    }
    for network in content.get("networks", {}).values():
        if "DOCKER_HOST" in folder.engine and network.get("enable_ipv6"):
            network["enable_ipv6"] = False
            network.pop("ipam")
    written = copy.deepcopy(content)
    for service in written["services"].values():
        for key in [key for key in service if key.startswith("x-")]:
            del service[key]
    folder.write(json.dumps(written))
    found: dict[str, Any] = content["services"]
    for service in found.values():
        for kind in ("x-shows", "x-inspect"):
            service[kind] = {key: value for key, value in service.get(kind, {}).items() if key not in folder.unseen}
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


def test_services_end_as_they_ask(folder: Folder) -> None:
    folder.write(
        """
        x-base: &base {image: busybox, volumes: ["./folder:/here"]}
        services:
          signal:
            <<: *base
            command: sh -c 'trap "exit 42" USR1; while true; do sleep 0.05; done'
            stop_signal: SIGUSR1
          grace:
            <<: *base
            command: sh -c 'trap "" TERM; while true; do sleep 0.05; done'
            stop_grace_period: 1s
          hook:
            <<: *base
            command: sh -c 'trap "exit 0" TERM; while true; do sleep 0.05; done'
            pre_stop: [{command: [sh, -c, "echo $$WORD > /here/ended"], environment: {WORD: stopping}, user: "0"}]
        """
    )
    folder.ok("up", "-d")
    folder.ok("stop")
    codes = {row["Service"]: row["ExitCode"] for row in folder.rows("compose", "ps", "-a")}
    assert codes == {"signal": 42, "grace": 137, "hook": 0}
    assert (folder.path / "folder" / "ended").read_text() == "stopping\n"


def test_a_dependent_is_restarted_and_attach_hides(folder: Folder) -> None:
    folder.write(
        """
        x-base: &base {image: busybox, stop_signal: SIGKILL}
        services:
          db: {<<: *base, command: "sh -c 'echo from db; exec sleep 1000'", attach: false}
          web: {<<: *base, command: sleep 1000, depends_on: {db: {condition: service_started, restart: true}}}
          other: {<<: *base, command: sleep 1000, depends_on: [db]}
          test: {<<: *base, command: "sh -c 'sleep 0.5; echo from test'", depends_on: [db]}
        """
    )
    shown = folder.run("up", "--abort-on-container-exit", "-t", "0").stdout
    assert ("from test" in shown, "from db" in shown) == (True, False)
    folder.ok("up", "-d", "db", "web", "other")
    before = {name: folder.inspect(f"p-{name}-1")["State"]["StartedAt"] for name in ("db", "web", "other")}
    folder.ok("restart", "db")
    after = {name: folder.inspect(f"p-{name}-1")["State"]["StartedAt"] for name in before}
    assert {name: before[name] != after[name] for name in before} == {"db": True, "web": True, "other": False}


def test_anonymous_volumes_are_kept_when_recreated(folder: Folder) -> None:
    text = """
        services:
          a: {image: busybox, command: sleep 1000, stop_signal: SIGKILL, volumes: [/anonymous], labels: {n: "1"}}
        """
    folder.write(text)
    folder.ok("up", "-d")
    folder.ok("exec", "-T", "a", "sh", "-c", "echo kept > /anonymous/file")
    folder.write(text.replace('"1"', '"2"'))
    folder.ok("up", "-d")
    assert folder.ok("exec", "-T", "a", "cat", "/anonymous/file") == "kept\n"


REFUSED = [
    ("ipc: foo", "invalid IPC mode: foo"),
    ("isolation: hyperv", 'Invalid isolation: "hyperv"'),
    ("storage_opt: {size: 1G}", "--storage-opt is supported only for overlay over xfs"),
    ("runtime: nope", "nope"),
    ("security_opt: ['foo:bar']", "invalid --security-opt"),
    ("security_opt: ['seccomp:missing.json']", "opening seccomp profile (missing.json) failed"),
    ("cap_add: [NOPE]", "NOPE"),
    ("logging: {driver: nope}", "nope"),
    ("mem_limit: 1m", "Minimum memory limit allowed is 6MB"),
    ("blkio_config: {device_read_bps: [{path: /dev/missing, rate: 1mb}]}", "/dev/missing"),
    ("devices: [/dev/missing]", "/dev/missing"),
    ("gpus: all", 'could not select device driver "" with capabilities: [[gpu]]'),
    ("networks: {default: {link_local_ips: [10.2.3.4]}}", "invalid link local IP address: 10.2.3.4"),
    ("platform: linux/arm64", "platform"),
    ("pull_policy: never\n            image: missing", "missing"),
    ("sysctls: {kernel.nothing: '1'}", "kernel.nothing"),
    ("ulimits: {nothing: 1}", "nothing"),
    ("user: nobody-here", "nobody-here"),
    ("network_mode: container:nobody", "nobody"),
    ("volumes: [{type: bind, source: ./missing, target: /x, bind: {create_host_path: false}}]", "path does not exist"),
    ("volumes: [{type: bind, source: ./folder, target: /x, bind: {propagation: rshared}}]", "not a shared mount"),
    ("volumes: [{type: npipe, source: x, target: /x}]", "npipe"),
    ("volumes: ['vol:/x']\n        volumes:\n          vol: {driver: nope}", "nope"),
    ("networks: [n]\n        networks:\n          n: {driver: nope}", "nope"),
    ("networks: [n]\n        networks:\n          n: {external: true, name: gone}", "gone"),
]

REFUSED_BY_OURS = [
    ("userns_mode: keep-id", "invalid user namespace mode: keep-id"),
    ("blkio_config: {weight: 5}", "Range of blkio weight is from 10 to 1000"),
    ("logging: {driver: syslog}", "syslog"),
    ("security_opt: ['apparmor:mine']", "apparmor profile mine cannot be applied"),
    ("ipc: container:keys-private", "non-shareable IPC"),
    ("volumes: [{type: image, source: missing, target: /x}]", "No such image: missing"),
    ("volumes: ['vol:/x']\n        volumes:\n          vol: {driver_opts: {type: nfs, device: ':/x'}}", "to mount"),
    (
        "networks: [n]\n        networks:\n          n: {driver_opts: {com.docker.network.bridge.enable_icc: 'no'}}",
        "enable_icc=no is neither true nor false",
    ),
    ("networks: [n]\n        networks:\n          n: {enable_ipv4: false}", "IPv4 or IPv6 must be enabled"),
]


def test_what_cannot_be_honoured_is_refused_by_name(folder: Folder) -> None:
    ours = "DOCKER_HOST" not in folder.engine
    folder.ok("run", "-d", "--name", "keys-private", "busybox", "sleep", "1000")

    def outcome(case: tuple[int, tuple[str, str]]) -> str:
        number, (key, words) = case
        image = "" if "image: missing" in key else "image: busybox"
        text = f"""
        services:
          a:
            command: sleep 1000
            stop_signal: SIGKILL
            {image}
            {key}
        """
        folder.write(text, f"{number}.yaml")
        done = folder.run("-f", f"{number}.yaml", "-p", f"refused{number}", "up", "-d", "-t", "0")
        if done.returncode and words.lower() in done.stderr.lower():
            return ""
        return f"{key}: {done.returncode} {done.stderr.strip()[-300:]}"

    with ThreadPoolExecutor(4) as pool:
        wrong = list(filter(None, pool.map(outcome, enumerate([*REFUSED, *(REFUSED_BY_OURS if ours else ())]))))
    folder.ok("rm", "-f", "keys-private")
    assert not wrong, "\n".join(wrong)


# Not on the peer: its daemon is in a mount namespace of its own here, without shared mounts.
@pytest.mark.parametrize("folder", [pytest.param("dockless", marks=pytest.mark.e2e)], indirect=True)
def test_a_bind_that_is_shared_leads_both_ways(folder: Folder) -> None:
    here = folder.path / "folder"
    subprocess.run(["mount", "-t", "tmpfs", "none", str(here)], check=True)
    try:
        subprocess.run(["mount", "--make-shared", str(here)], check=True)
        (here / "in").mkdir()
        (here / "out").mkdir()
        folder.write(
            """
            services:
              a:
                image: busybox
                command: sleep 1000
                stop_signal: SIGKILL
                privileged: true
                volumes: [{type: bind, source: ./folder, target: /shared, bind: {propagation: rshared}}]
            """
        )
        folder.ok("up", "-d")
        folder.ok("exec", "-T", "a", "sh", "-c", "mount -t tmpfs none /shared/out && echo theirs > /shared/out/file")
        subprocess.run(["mount", "-t", "tmpfs", "none", str(here / "in")], check=True)
        (here / "in" / "file").write_text("ours")
        assert folder.ok("exec", "-T", "a", "cat", "/shared/in/file") == "ours"
        assert (here / "out" / "file").read_text() == "theirs\n"
        folder.ok("down", "-t", "0")
    finally:
        subprocess.run(["umount", "-R", str(here)], check=True)
