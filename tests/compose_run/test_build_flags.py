"""`build`'s flags that build nothing, beside the real Docker Compose's, and what builds lend to one another."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from projects import project_of
from test_scenarios import REAL_COMPOSE, Folder
from test_scenarios import folder as folder

from dockless.compose.load import LoadOptions, load
from dockless.compose.run.builds import build_platform
from dockless.compose.run.context import open_context
from dockless.compose.run.image_options import ImageError
from dockless.compose.run.lending import lent

NOWHERE = {"DOCKER_HOST": "unix:///nowhere/docker.sock"}

BUILDS = r"""
name: bk
services:
  app:
    build:
      context: .
      args: {A: "1", B: "${X:-x}", C: , D: "$${kept}"}
      labels: {l: v}
      tags: ["t1:1"]
      cache_from: ["type=registry,ref=foo", bar]
      cache_to: ["type=local,dest=/tmp/x"]
      network: host
      target: final
      secrets: [tok, {source: env, target: other}]
      ssh: [default]
      pull: true
      no_cache: true
      shm_size: 64m
      ulimits: {nofile: {soft: 100, hard: 200}, nproc: 5}
      platforms: [linux/amd64, linux/arm64]
      privileged: true
      entitlements: [network.host]
      extra_hosts: {h: 1.2.3.4}
      additional_contexts: {lib: ./lib, base: "service:base.x"}
    image: me/app
  base.x:
    build: {dockerfile_inline: "FROM busybox\nRUN echo $${A}\n"}
  other: {build: ./lib, image: me/other, platform: linux/amd64}
  only: {image: busybox}
secrets: {tok: {file: ./tok}, env: {environment: HOME}}
"""


@pytest.mark.peer
@pytest.mark.parametrize("arguments", ["", "app", "--push other", "--push app --build-arg Z=1", "base.x", "nosuch"])
def test_the_bake_file_is_docker_composes(tmp_path: Path, arguments: str) -> None:
    if REAL_COMPOSE is None:
        pytest.skip("needs Docker Compose")
    ours = Folder(tmp_path, NOWHERE)
    ours.write(BUILDS)
    command = ["build", "--print", *arguments.split()]
    found = ours.run("compose", *command)
    said = subprocess.run([REAL_COMPOSE, *command], cwd=tmp_path, env=ours.environment, capture_output=True, text=True)
    assert found.returncode == said.returncode
    if said.returncode == 0:
        assert _sorted(json.loads(found.stdout)) == _sorted(json.loads(said.stdout))


def _sorted(bake: dict[str, dict[str, dict[str, list[str]]]]) -> object:
    """Docker Compose writes targets and ulimits in the order of the moment."""
    bake["group"]["default"]["targets"].sort()
    for target in bake["target"].values():
        target.get("ulimits", []).sort()
    return bake


def test_check_reads_the_dockerfiles_and_builds_nothing(tmp_path: Path) -> None:
    folder = Folder(tmp_path, NOWHERE)
    folder.write("services: {a: {build: ./a}, b: {build: ./b}}")
    for name, text in {"a": "FROM busybox\nMAINTAINER me\n", "b": "FROM busybox\n"}.items():
        (tmp_path / name).mkdir()
        folder.write(text, f"{name}/Dockerfile")
    done = folder.run("compose", "build", "--check")
    assert (done.returncode, "Dockerfile:2\n" in done.stdout and "MaintainerDeprecated" in done.stdout) == (1, True), (
        done.stdout + done.stderr
    )
    assert folder.run("compose", "build", "--check", "b").returncode == 0
    folder.write("FORM busybox\n", "b/Dockerfile")
    assert folder.run("compose", "build", "--check", "b").returncode == 1
    (tmp_path / "b" / "Dockerfile").unlink()
    done = folder.run("compose", "build", "--check", "b")
    assert (done.returncode, "failed to read dockerfile" in done.stderr) == (1, True)


@pytest.mark.parametrize("flag", ["--builder=other", "--provenance=true", "--provenance=mode=max", "--sbom=true"])
def test_what_the_builder_does_not_have_is_refused(tmp_path: Path, flag: str) -> None:
    folder = Folder(tmp_path, NOWHERE)
    folder.write("services: {a: {build: .}}")
    done = folder.run("compose", "build", flag)
    assert (done.returncode, flag.split("=")[0].strip("-") in done.stderr) == (1, True), done.stderr


def test_a_build_of_several_platforms_is_the_engines_own_where_it_is_run_and_all_of_them_where_it_is_built(
    tmp_path: Path,
) -> None:
    text = "services: {{a: {{build: {{context: ., platforms: {platforms}}}{more}}}}}"

    def platform(platforms: str, more: str = "", default: str = "", every: bool = False) -> str:
        environ = {"DOCKER_DEFAULT_PLATFORM": default} if default else {}
        project = project_of(tmp_path, text.format(platforms=platforms, more=more), environ)
        service = project.services["a"]
        assert service.build is not None
        return build_platform(project, service, service.build, every=every)

    assert platform("[linux/arm64, linux/amd64]") == ""
    assert platform("[linux/arm64]") == "linux/arm64"
    assert platform("[linux/arm64, linux/amd64]", ", platform: linux/amd64") == "linux/amd64"
    assert platform("[linux/arm64, linux/amd64]", "", "linux/arm64") == "linux/arm64"
    assert platform("[linux/arm64, linux/amd64]", ", platform: linux/amd64", every=True) == "linux/arm64,linux/amd64"
    assert platform("[]", ", platform: linux/arm64", every=True) == "linux/arm64"
    with pytest.raises(ImageError, match="does not support value set by DOCKER_DEFAULT_PLATFORM: linux/386"):
        platform("[linux/arm64]", "", "linux/386")


def test_a_service_that_is_only_anothers_context_keeps_its_secrets(tmp_path: Path) -> None:
    (tmp_path / "tok").write_text("secret")
    (tmp_path / "Dockerfile").write_text("FROM busybox\n")
    (tmp_path / "compose.yaml").write_text(
        """
services:
  app: {build: {context: ., additional_contexts: {b: "service:base"}}}
  base: {build: {context: ., secrets: [tok]}}
secrets: {tok: {file: ./tok}}
"""
    )
    project = load(LoadOptions(cwd=tmp_path, project_name="p", environ={}, services=("app",)))
    assert "tok" not in project.secrets  # as `config` prints it
    build = project.disabled_services["base"].build
    assert build is not None
    with lent(project, build, open_context(tmp_path), {}) as given:
        assert given.secrets == {"tok": b"secret"}


def test_a_key_named_in_the_file_gets_an_agent(folder: Folder) -> None:
    if folder.stopped_by("the classic builder has no agents"):
        return
    if not shutil.which("ssh-agent") or not shutil.which("ssh-keygen"):
        pytest.skip("needs ssh-agent and ssh-keygen")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder.path / "key"], check=True)
    folder.write("services: {a: {build: {context: ., ssh: [mine=./key]}}}")
    folder.write('FROM busybox\nRUN --mount=type=ssh,id=mine,required=true test -S "$SSH_AUTH_SOCK"\n', "Dockerfile")
    folder.ok("compose", "build")
    folder.ok("rmi", "p-a")
    os.truncate(folder.path / "key", 0)
    done = folder.run("compose", "build", "--no-cache")
    assert (done.returncode, "build ssh mine: " in done.stderr) == (1, True), done.stderr
