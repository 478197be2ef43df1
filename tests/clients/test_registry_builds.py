"""Builds and a registry, a real one: results that are sent there, known steps that travel through it, platforms."""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import tarfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from client_commands import Run

_MANIFESTS = (
    "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.index.v1+json"
)
OURS = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
OTHER = "s390x"
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
    with urllib.request.urlopen(request, timeout=60) as answer:
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


@pytest.fixture
def several(dockless: Run, context: Path, registry: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A name that is built for two platforms, ours and `OTHER`, and sent to the registry."""
    (context / "Dockerfile").write_text(
        "FROM --platform=$BUILDPLATFORM busybox AS tool\nARG TARGETARCH\nRUN echo $TARGETARCH > /which\n"
        'FROM scratch\nCOPY --from=tool /which /\nCMD ["/which"]\n'
    )
    name = f"{registry}/many/{hashlib.sha256(request.node.name.encode()).hexdigest()[:12]}:all"
    built(dockless, "-t", name, "--platform", f"linux/{OURS},linux/{OTHER}", "--push", "--label", "several=yes")
    yield name
    dockless("rmi", "-f", name)


def architectures(name: str) -> list[str]:
    return [entry["platform"]["architecture"] for entry in manifest(name)["manifests"]]


def of_platform(dockless: Run, name: str, architecture: str) -> "subprocess.CompletedProcess[str]":
    """Its architecture and id."""
    option = ("--platform", f"linux/{architecture}")
    return dockless("image", "inspect", *option, "-f", "{{.Architecture}} {{.Id}}", name)


def test_a_build_for_several_platforms_is_an_index_here_and_at_the_registry(dockless: Run, several: str) -> None:
    assert architectures(several) == [OURS, OTHER]
    ids = {each: of_platform(dockless, several, each).stdout.split()[1] for each in (OURS, OTHER)}
    assert image_id(dockless, several) == ids[OURS]
    assert several in dockless("images", "--format", "{{.Repository}}:{{.Tag}}").stdout
    assert ids[OTHER][7:19] not in dockless("images", "-a").stdout
    forget(dockless, several)
    for architecture in (OTHER, OURS):
        assert dockless("pull", "-q", "--platform", f"linux/{architecture}", several).returncode == 0
    assert {each: of_platform(dockless, several, each).stdout.split() for each in ids} == {
        each: [each, identity] for each, identity in ids.items()
    }
    missing = dockless("pull", "-q", "--platform", "linux/riscv64", several)
    assert missing.returncode != 0
    assert "no matching manifest for linux/riscv64" in missing.stderr
    assert f"it has linux/{OURS}, linux/{OTHER}" in missing.stderr
    nowhere = of_platform(dockless, several, "riscv64")
    assert nowhere.returncode != 0 and f"it is for linux/{OTHER}, linux/{OURS}" in nowhere.stderr


def test_of_several_platforms_the_one_that_is_asked_for_is_saved_and_sent(
    dockless: Run, several: str, tmp_path: Path
) -> None:
    other = ("--platform", f"linux/{OTHER}")
    identity = of_platform(dockless, several, OTHER).stdout.split()[1]
    for file, options in (("all.tar", ()), ("other.tar", other)):
        assert dockless("save", "-o", str(tmp_path / file), *options, several).returncode == 0
    assert dockless("push", "-q", *other, several).returncode == 0
    assert manifest(several)["config"]["digest"] == identity
    assert dockless("push", "-q", several).returncode == 0
    assert architectures(several) == [OURS, OTHER]
    forget(dockless, several)
    assert dockless("load", "-i", str(tmp_path / "other.tar")).returncode == 0
    assert image_id(dockless, several) == identity
    assert dockless("load", "-i", str(tmp_path / "all.tar")).returncode == 0
    assert of_platform(dockless, several, OTHER).stdout.split()[1] == identity != image_id(dockless, several)


def test_a_container_is_made_of_the_platform_that_is_asked_for(dockless: Run, several: str) -> None:
    made = dockless("create", "--platform", f"linux/{OTHER}", several)
    assert made.returncode == 0, made.stderr
    identity = made.stdout.strip()
    wanted = of_platform(dockless, several, OTHER).stdout.split()[1]
    assert dockless("inspect", "-f", "{{.Image}}", identity).stdout.strip() == wanted
    for name in (several, image_id(dockless, several)):
        assert "must force" in dockless("rmi", name).stderr
    assert several not in dockless("image", "prune", "-af", "--filter", "label=several").stdout
    assert dockless("rm", identity).returncode == 0


def test_outputs_of_several_platforms(dockless: Run, context: Path, tmp_path: Path) -> None:
    (context / "Dockerfile").write_text("FROM scratch\nARG TARGETARCH\nCOPY $TARGETARCH /d/which\n")
    for architecture in (OURS, OTHER):
        (context / architecture).write_text(architecture)
    both = ("--platform", f"linux/{OURS}", "--platform", f"linux/{OTHER}")
    before = dockless("images", "-aq").stdout
    built(dockless, *both, "-o", "out")
    assert sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*")) == sorted(
        f"linux_{each}{rest}" for each in (OURS, OTHER) for rest in ("", "/d", "/d/which")
    )
    assert (tmp_path / f"out/linux_{OTHER}/d/which").read_text() == OTHER
    built(dockless, *both, "-o", "type=tar,dest=files.tar")
    with tarfile.open(tmp_path / "files.tar") as archive:
        which = archive.extractfile(f"linux_{OTHER}/d/which")
        assert which is not None and which.read() == OTHER.encode()
    built(dockless, *both, "-o", "type=oci,dest=layout,tar=false")
    (top,) = json.loads((tmp_path / "layout/index.json").read_text())["manifests"]
    index = json.loads((tmp_path / "layout/blobs/sha256" / top["digest"].removeprefix("sha256:")).read_text())
    assert [entry["platform"]["architecture"] for entry in index["manifests"]] == [OURS, OTHER]
    refused = dockless("build", "ctx", *both, "-o", "type=docker,dest=x.tar")
    assert refused.returncode != 0 and "holds one platform; write type=oci" in refused.stderr
    assert dockless("images", "-aq").stdout == before


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
