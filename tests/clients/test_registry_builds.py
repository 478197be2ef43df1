"""Builds and a registry, a real one: results that are sent there, known steps that travel through it, platforms."""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from client_commands import Run

_MANIFESTS = "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json"
_TWO_STAGES = (
    "FROM busybox AS tool\nRUN echo tool > /made\nFROM busybox\nCOPY --from=tool /made /tool\nRUN echo end > /end\n"
)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`127.0.0.1:port`."""
    if shutil.which("docker-registry") is None:
        pytest.skip("docker-registry is not installed")
    base = tmp_path_factory.mktemp("registry")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (base / "config.yml").write_text(
        "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
        f"storage: {{filesystem: {{rootdirectory: {base}/data}}}}\nhttp: {{addr: '127.0.0.1:{port}'}}\n"
    )
    process = subprocess.Popen(
        ["docker-registry", "serve", str(base / "config.yml")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        assert process.poll() is None
        time.sleep(0.05)
    yield f"127.0.0.1:{port}"
    process.kill()
    process.wait()


@pytest.fixture
def context(tmp_path: Path) -> Path:
    folder = tmp_path / "ctx"
    folder.mkdir()
    return folder


def manifest(name: str) -> dict[str, Any]:
    """What the registry has under `HOST/REPOSITORY:TAG`."""
    found: dict[str, Any] = json.loads(fetched(name))
    return found


def fetched(name: str) -> bytes:
    host, _, rest = name.partition("/")
    repository, _, tag = rest.rpartition(":")
    request = urllib.request.Request(f"http://{host}/v2/{repository}/manifests/{tag}", headers={"Accept": _MANIFESTS})
    with urllib.request.urlopen(request, timeout=10) as answer:
        raw: bytes = answer.read()
    return raw


def image_id(dockless: Run, name: str) -> str:
    return dockless("image", "inspect", "-f", "{{.Id}}", name).stdout.strip()


def built(dockless: Run, *arguments: str) -> str:
    done = dockless("build", "--progress", "plain", "ctx", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stderr


def forget(dockless: Run, *names: str) -> None:
    """As on another machine: neither the image nor a known step is left."""
    for arguments in (("rmi", "-f", *names), ("builder", "prune", "-af")):
        done = dockless(*arguments)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("number", "options"), [(1, ["--push"]), (2, ["--output", "type=registry"]), (3, ["-o", "type=image,push=true"])]
)
def test_a_result_that_is_sent_can_be_pulled_and_runs(
    dockless: Run, context: Path, registry: str, number: int, options: list[str]
) -> None:
    name = f"{registry}/sent/app{number}:one"
    (context / "Dockerfile").write_text(f"FROM busybox\nRUN echo {number} > /number\n")
    built(dockless, "-t", name, *options)
    identity = image_id(dockless, name)
    assert manifest(name)["config"]["digest"] == identity
    forget(dockless, name)
    assert dockless("pull", "-q", name).returncode == 0
    assert image_id(dockless, name) == identity
    assert dockless("run", "--rm", name, "cat", "/number").stdout == f"{number}\n"
    forget(dockless, name)


def test_a_name_in_the_output_is_where_the_result_goes(dockless: Run, context: Path, registry: str) -> None:
    name = f"{registry}/sent/named:two"
    (context / "Dockerfile").write_text("FROM busybox\nRUN echo named > /named\n")
    built(dockless, "--output", f"type=registry,name={name}")
    assert len(manifest(name)["layers"]) == 2


def test_what_cannot_be_sent_is_a_failure_that_names_the_registry(dockless: Run, context: Path) -> None:
    (context / "Dockerfile").write_text("FROM busybox\n")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
        done = dockless("build", "ctx", "-t", f"{address}/x:1", "--push")
    assert done.returncode != 0
    assert address in done.stderr
    dockless("rmi", f"{address}/x:1")


@pytest.mark.parametrize(("mode", "known"), [("max", 3), ("min", 2)])
def test_known_steps_travel_through_a_registry(
    dockless: Run, context: Path, registry: str, mode: str, known: int
) -> None:
    """`max`: those of all stages, `min`: those of the result alone, as in BuildKit."""
    (context / "Dockerfile").write_text(_TWO_STAGES)
    place = f"type=registry,ref={registry}/cache/{mode}:steps"
    built(dockless, "-t", "first", "--cache-to", f"{place},mode={mode}")
    before = image_id(dockless, "first")
    forget(dockless, "first")
    # With the last step changed, what went before is taken from the registry.
    (context / "Dockerfile").write_text(_TWO_STAGES + "RUN echo more > /more\n")
    shown = built(dockless, "-t", "second", "--cache-from", place)
    assert shown.count("CACHED") == known, shown
    assert dockless("run", "--rm", "second", "cat", "/tool", "/end", "/more").stdout == "tool\nend\nmore\n"
    (context / "Dockerfile").write_text(_TWO_STAGES)
    built(dockless, "-t", "third")
    layers = dockless("image", "inspect", "-f", "{{len .RootFS.Layers}}", "third").stdout.strip()
    assert (before != "", layers) == (True, "3")
    forget(dockless, "second", "third")


@pytest.mark.parametrize("options", [["--cache-to", "type=inline"], ["--build-arg", "BUILDKIT_INLINE_CACHE=1"]])
def test_a_result_can_be_its_own_cache(dockless: Run, context: Path, registry: str, options: list[str]) -> None:
    """Of the stages that went into it nothing but the result travels: the first of three steps is not known."""
    name = f"{registry}/cache/inline:{len(options[0])}"
    (context / "Dockerfile").write_text(_TWO_STAGES)
    built(dockless, "-t", name, "--push", *options)
    made = image_id(dockless, name)
    forget(dockless, name)
    shown = built(dockless, "-t", "again", "--cache-from", name)
    assert shown.count("CACHED") == 2, shown
    assert "not consumed" not in shown
    layers = ("image", "inspect", "-f", "{{.RootFS.Layers}}")
    assert dockless("pull", "-q", name).returncode == 0
    assert dockless(*layers, name).stdout == dockless(*layers, "again").stdout
    assert image_id(dockless, name) == made
    forget(dockless, "again", name)


def put_index(registry: str, repository: str, tag: str, entries: list[tuple[str, str]]) -> None:
    """An index of what is there already: pairs of a tag and a platform's architecture."""
    manifests = []
    for of, architecture in entries:
        raw = fetched(f"{registry}/{repository}:{of}")
        digest = f"sha256:{hashlib.sha256(raw).hexdigest()}"
        media_type = json.loads(raw).get("mediaType", "application/vnd.oci.image.manifest.v1+json")
        platform = {"os": "linux", "architecture": architecture}
        manifests.append({"mediaType": media_type, "digest": digest, "size": len(raw), "platform": platform})
    kind = "application/vnd.docker.distribution.manifest.list.v2+json"
    body = json.dumps({"schemaVersion": 2, "mediaType": kind, "manifests": manifests}).encode()
    url = f"http://{registry}/v2/{repository}/manifests/{tag}"
    request = urllib.request.Request(url, body, {"Content-Type": kind}, method="PUT")
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 201


def test_of_several_platforms_the_one_that_is_asked_for_is_pulled(
    dockless: Run, context: Path, registry: str, tmp_path: Path
) -> None:
    """Images for another platform can be had and looked at, saved and sent on, and whose they are is said."""
    ours = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
    other = "s390x"
    name = f"{registry}/many/app"
    for architecture in (ours, other):
        (context / "Dockerfile").write_text(f'FROM scratch\nCOPY {architecture} /which\nCMD ["/which"]\n')
        (context / architecture).write_text(architecture)
        built(dockless, "-t", f"{name}:{architecture}", "--platform", f"linux/{architecture}", "--push")
    put_index(registry, "many/app", "all", [(ours, ours), (other, other)])
    forget(dockless, f"{name}:{ours}", f"{name}:{other}")

    for options, architecture in (([], ours), (["--platform", f"linux/{other}"], other)):
        assert dockless("pull", "-q", *options, f"{name}:all").returncode == 0
        shown = dockless("image", "inspect", "-f", "{{.Os}}/{{.Architecture}}", f"{name}:all").stdout.strip()
        assert shown == f"linux/{architecture}"
    missing = dockless("pull", "-q", "--platform", "linux/riscv64", f"{name}:all")
    assert missing.returncode != 0
    assert "no matching manifest for linux/riscv64" in missing.stderr
    assert f"it has linux/{ours}, linux/{other}" in missing.stderr

    identity = image_id(dockless, f"{name}:all")
    assert dockless("save", "-o", str(tmp_path / "other.tar"), f"{name}:all").returncode == 0
    assert dockless("push", "-q", f"{name}:all").returncode == 0  # the one that is here, no longer the index
    assert manifest(f"{name}:all")["config"]["digest"] == identity
    forget(dockless, f"{name}:all")
    assert dockless("load", "-i", str(tmp_path / "other.tar")).returncode == 0
    assert dockless("image", "inspect", "-f", "{{.Architecture}}", f"{name}:all").stdout.strip() == other
    forget(dockless, f"{name}:all")


def test_several_platforms_at_once_are_refused_by_name(dockless: Run, context: Path) -> None:
    (context / "Dockerfile").write_text("FROM busybox\n")
    done = dockless("build", "ctx", "-t", "many", "--platform", "linux/amd64,linux/arm64")
    assert done.returncode != 0
    assert "linux/amd64,linux/arm64" in done.stderr and "one platform" in done.stderr
    assert dockless("image", "inspect", "many").returncode != 0


def test_a_cache_that_is_not_there_yet_is_no_failure(dockless: Run, context: Path, registry: str) -> None:
    (context / "Dockerfile").write_text("FROM busybox\nRUN true\n")
    built(dockless, "-t", "alone", "--cache-from", f"type=registry,ref={registry}/cache/none:yet")
    forget(dockless, "alone")


def test_a_cache_that_cannot_be_written_is_a_failure_unless_that_may_be(dockless: Run, context: Path) -> None:
    (context / "Dockerfile").write_text("FROM busybox\nRUN true\n")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        place = f"type=registry,ref=127.0.0.1:{nobody.getsockname()[1]}/cache/x:1"
        refused = dockless("build", "ctx", "-t", "strict", "--cache-to", place)
        assert refused.returncode != 0 and "--cache-to" in refused.stderr
        done = dockless("build", "ctx", "-t", "lenient", "--cache-to", f"{place},ignore-error=true")
    assert done.returncode == 0, done.stderr
    assert "WARNING: --cache-to" in done.stderr
    dockless("rmi", "-f", "strict", "lenient")
