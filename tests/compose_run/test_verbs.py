"""Verbs of Docker Compose beside the daily ones: `commit`, `export`, and `--dry-run` after a verb."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from threading import Timer

import pytest
from projects import NOTHING, facts, project_of
from test_scenarios import Folder
from test_scenarios import folder as folder

from dockless.compose.run.converge import UpOptions, up_plan
from dockless.compose.run.convert import Converter
from dockless.compose.run.digests import canonical
from dockless.compose.run.order import with_dependencies
from waiting import until

ONE = "services: {a: {image: busybox, command: sleep 1000, stop_signal: SIGKILL}}"


def test_a_services_container_is_committed_and_exported(folder: Folder) -> None:
    folder.write(ONE)
    folder.ok("up", "-d")
    folder.ok("exec", "-T", "a", "sh", "-c", "echo changed > /tmp/file")
    folder.ok("compose", "export", "-o", "a.tar", "a")
    listed = subprocess.run(["tar", "-tf", folder.path / "a.tar"], capture_output=True, text=True, check=True).stdout
    assert "tmp/file" in listed.split()
    committed = folder.run("compose", "commit", "-m", "why", "a", "changed:1")
    assert committed.returncode == 0 and "p-a-1  Commit p-a-1 Committed as sha256:" in committed.stderr
    assert folder.ok("run", "--rm", "changed:1", "cat", "/tmp/file") == "changed\n"
    folder.ok("rmi", "changed:1")
    done = folder.run("compose", "export", "nobody")
    assert (done.returncode, "no such service: nobody" in done.stderr) == (1, True)


READER = """
services:
  a:
    image: busybox
    command: sh -c 'while read x; do echo got $$x; echo wrong >&2; [ $$x = end ] && exit 4; done; exit 5'
    stdin_open: true
"""


def test_attach_carries_what_is_typed_and_brings_all_output(folder: Folder) -> None:
    folder.write(READER)
    folder.ok("up", "-d")
    attached = subprocess.Popen(
        folder.command("compose", "attach", "a"),
        cwd=folder.path,
        env=folder.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    given_up = Timer(120, attached.kill)
    given_up.start()
    assert attached.stdin and attached.stdout and attached.stderr
    # The input stays open: dockerd closes the output with it.
    attached.stdin.write("one\nend\n")
    attached.stdin.flush()
    assert (attached.stdout.read(), attached.stderr.read()) == ("got one\ngot end\n", "wrong\nwrong\n")
    assert attached.wait() == 4
    given_up.cancel()
    for stream in (attached.stdin, attached.stdout, attached.stderr):
        stream.close()


def test_a_wait_that_takes_longer_than_it_may_fails_and_says_for_whom(folder: Folder) -> None:
    """Docker Compose ends with 0 or 1 here, by chance."""
    healthcheck = "healthcheck: {test: 'false', interval: 1s, retries: 100}"
    folder.write(f"services: {{a: {{image: busybox, command: sleep 1000, stop_signal: SIGKILL, {healthcheck}}}}}")
    done = folder.run("up", "-d", "--wait", "--wait-timeout", "1")
    assert (done.returncode, "timed out waiting for container p-a-1" in done.stderr) == (1, True), done.stderr
    assert folder.inspect("p-a-1")["State"]["Running"] is True


def test_dry_run_may_stand_after_the_verb_and_does_nothing(folder: Folder) -> None:
    folder.write(ONE)
    assert "Container p-a-1  create" in folder.ok("up", "--dry-run", "-d")
    assert folder.rows("compose", "ps", "-a") == []
    folder.ok("up", "-d")
    assert "remove" in folder.ok("down", "--dry-run")
    for verb in (["exec", "--dry-run", "a", "true"], ["--dry-run", "compose", "run", "a", "true"]):
        done = folder.run(*verb)
        assert (done.returncode, "not supported in dry-run mode" in done.stderr) == (1, True), verb
    assert len(folder.rows("compose", "ps", "-a")) == 1


@pytest.mark.parametrize(
    ("key", "named"),
    [
        ("credential_spec: {file: x.json}", "credential_spec"),
        ("deploy: {labels: {a: b}}", "deploy.labels"),
        ("deploy: {update_config: {parallelism: 2}}", "deploy.update_config"),
        ("deploy: {rollback_config: {parallelism: 2}}", "deploy.rollback_config"),
        ("deploy: {mode: global}", "deploy.mode: global"),
        ("deploy: {endpoint_mode: vip}", "deploy.endpoint_mode"),
        ("deploy: {placement: {constraints: [node.role==manager]}}", "deploy.placement"),
        ("deploy: {restart_policy: {condition: any, delay: 5s}}", "deploy.restart_policy.delay"),
        ("deploy: {resources: {reservations: {cpus: '1'}}}", "deploy.resources.reservations.cpus"),
    ],
)
def test_a_key_that_has_no_effect_is_named(tmp_path: Path, key: str, named: str) -> None:
    project = project_of(tmp_path, f"services: {{a: {{image: x, {key}}}}}")
    converter = Converter(project)
    up_plan(project, NOTHING, facts(project), with_dependencies(project, ()), UpOptions(), converter)
    assert any(f"{named}` has no effect" in warning for warning in converter.warnings), converter.warnings


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("busybox", "docker.io/library/busybox"),
        ("me/app:1", "docker.io/me/app:1"),
        ("localhost/app", "localhost/app"),
        ("host:5000/a/b", "host:5000/a/b"),
        ("quay.io/a", "quay.io/a"),
    ],
)
def test_canonical_references(short: str, full: str) -> None:
    assert canonical(short) == full


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("needs docker-registry")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    configuration = tmp_path / "registry.yml"
    configuration.write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {tmp_path}/registry}}}}\nhttp: {{addr: '{address}'}}\n"
    )
    with (tmp_path / "registry.log").open("wb") as log:
        process = subprocess.Popen([program, "serve", configuration], stdout=log, stderr=log)
    try:
        yield address
    finally:
        process.kill()
        process.wait()


@pytest.mark.e2e
@pytest.mark.peer
def test_images_are_pinned_to_what_their_registry_gives(
    on_dockless: dict[str, str], registry: str, tmp_path: Path
) -> None:
    folder = Folder(tmp_path, on_dockless)
    folder.ok("tag", "busybox", f"{registry}/app:1")
    until(lambda: folder.run("push", f"{registry}/app:1").returncode == 0)
    folder.write(f"services: {{a: {{image: '{registry}/app:1'}}, b: {{build: .}}}}")
    locked = folder.ok("config", "--lock-image-digests")
    assert locked.startswith(f"services:\n  a:\n    image: {registry}/app:1@sha256:")
    assert locked.endswith("  b: {}\n")
    assert f"image: {registry}/app:1@sha256:" in folder.ok("config", "--resolve-image-digests")
    folder.write(f"services: {{a: {{image: '{registry}/none:1'}}}}")
    done = folder.run("config", "--resolve-image-digests")
    assert (done.returncode, f"failed to resolve digest for {registry}/none:1" in done.stderr) == (1, True)
    folder.ok("rmi", f"{registry}/app:1")
