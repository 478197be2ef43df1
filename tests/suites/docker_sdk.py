"""The integration tests of Docker's SDK for Python, as its authors wrote them, against an engine of our own.

    .venv/bin/python tests/suites/docker_sdk.py [--keep] [pytest arguments]

Downloads the SDK's source distribution (the last that carries its tests) with pip, installs that version into an
environment of its own, makes the images that the tests name from the busybox stand-in, and runs the tests with
`DOCKER_HOST` at an engine of our own, in a mount namespace whose mounts are shared, as on a machine with systemd. What
is left out stands in `LEFT_OUT`, with the reason. Takes about two minutes; needs root, pip and the package index.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path

VERSION = "7.0.0"
# `requests` 2.32 changed what this version of the SDK builds on.
NEEDED = (
    f"docker=={VERSION}",
    "requests<2.32",
    "websocket-client",
    "paramiko",
    "pytest",
    "pytest-timeout",
    "setuptools",
)
COMMAND = (sys.executable, "-P", "-m", "dockless.cli")
IMAGE = "FROM busybox\nRUN mkdir -p /var/opt && echo postgres:x:70:70::/var:/bin/sh >>/etc/passwd\n"
NAMES = ("alpine:3.10", "alpine:latest", "busybox:latest", "hello-world:latest")
IN_SHARED_MOUNTS = ("unshare", "--mount", "--propagation", "shared")

SWARM = "a swarm: one engine alone here"
SIX = "an IPv6 address on a network without IPv6, which Docker does not give either"
REGISTRY = "pulls from Docker Hub"
LEFT_OUT: Mapping[str, str] = {
    "api_config_test.py": SWARM,
    "api_secret_test.py": SWARM,
    "api_service_test.py": SWARM,
    "api_swarm_test.py": SWARM,
    "models_nodes_test.py": SWARM,
    "models_services_test.py": SWARM,
    "models_swarm_test.py": SWARM,
    "api_plugin_test.py": "plugins",
    "credentials": "not about an engine: the SDK's own reading of credential stores",
    "api_network_test.py::TestNetworks::test_create_inspect_network_with_scope": SWARM,
    "api_network_test.py::TestNetworks::test_create_network_attachable": SWARM,
    "api_network_test.py::TestNetworks::test_create_network_ingress": SWARM,
    "api_container_test.py::LinkTest::test_remove_link": "a link ends with its container",
    "api_build_test.py::BuildTest::test_build_stderr_data": "the classic builder's red for stderr",
    "api_build_test.py::BuildTest::test_build_with_cache_from": "counts `Using cache` for ENV",
    "api_build_test.py::BuildTest::test_build_with_network_mode": "a build's steps on a network of the user's own",
    "models_images_test.py::ImageCollectionTest::test_build_with_error": "words; ours name the line",
    "api_container_test.py::AttachContainerTest::test_run_container_reading_socket_ws": "its WebSocket needs TCP",
    "api_image_test.py::CommitTest::test_commit": "`Container` of an image: not in API 1.45 and later",
    "api_image_test.py::CommitTest::test_commit_with_changes": "`Container` of an image: not in API 1.45 and later",
    "models_containers_test.py::ContainerTest::test_exec_run_failed": "126 for a program that is not there: 127",
    "api_container_test.py::ContainerCPUTest::test_create_with_runtime": "the default runtime is not called runc",
    "api_network_test.py::TestNetworks::test_connect_with_ipv6_address": SIX,
    "api_network_test.py::TestNetworks::test_create_with_ipv6_address": SIX,
    "api_network_test.py::TestNetworks::test_connect_with_links": "a link to a container that is yet to come",
    "api_network_test.py::TestNetworks::test_create_with_links": "a link to a container that is yet to come",
    "models_containers_test.py::ContainerCollectionTest::test_run_with_image_that_does_not_exist": REGISTRY,
    "api_image_test.py::InspectDistributionTest": REGISTRY,
    "api_image_test.py::PruneImagesTest": REGISTRY,
    "api_image_test.py::PullImageTest": REGISTRY,
    "models_images_test.py::ImageCollectionTest::test_pull_multiple": REGISTRY,
    "models_images_test.py::ImageCollectionTest::test_pull_with_sha": REGISTRY,
}


def main() -> int:
    arguments = sys.argv[1:]
    keep = "--keep" in arguments
    base = Path(tempfile.mkdtemp(prefix="dockless-suite-"))
    try:
        return run(base, [argument for argument in arguments if argument != "--keep"])
    finally:
        if keep:
            print(f"kept: {base}")
        else:
            shutil.rmtree(base, ignore_errors=True)


def run(base: Path, arguments: Sequence[str]) -> int:
    sources = fetch(base)
    venv.create(base / "venv", with_pip=True)
    python = base / "venv/bin/python"
    subprocess.run([python, "-m", "pip", "install", "-q", *NEEDED], check=True)
    environ = environment(base)
    make_images(base, environ)
    serving = subprocess.Popen(
        [*IN_SHARED_MOUNTS, *COMMAND, "serve"], env=environ, stdout=subprocess.PIPE, text=True, cwd=base
    )
    assert serving.stdout is not None
    host = serving.stdout.readline().strip().removeprefix("export DOCKER_HOST=")
    try:
        tests = sources / "tests/integration"
        chosen = [f"--deselect=tests/integration/{name}" for name in LEFT_OUT if "::" in name]
        chosen += [f"--ignore={tests / name}" for name in LEFT_OUT if "::" not in name]
        command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout=60", "-rfE", *chosen]
        settings = {**environ, "DOCKER_HOST": host}
        done = subprocess.run([*command, *(arguments or [tests])], cwd=sources, env=settings)
        return done.returncode
    finally:
        clean(environ)
        serving.terminate()
        serving.wait(30)


def fetch(base: Path) -> Path:
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "-d", str(base)]
    subprocess.run([*pip, f"docker=={VERSION}"], check=True)
    (archive,) = base.glob("docker-*.tar.gz")
    shutil.unpack_archive(archive, base, filter="data")
    return base / f"docker-{VERSION}"


def environment(base: Path) -> dict[str, str]:
    (base / "home").mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DOCKER_", "DOCKLESS_"))}
    own = {"DOCKLESS_ROOT": str(base / "root"), "DOCKLESS_IDLE_SECONDS": "2", "HOME": str(base / "home")}
    # From where it was started, this command may read a configuration of pip's that is in the home folder.
    return kept | own


def make_images(base: Path, environ: Mapping[str, str]) -> None:
    """In the same mounts as the engine that the tests use: the first command starts it."""

    def dockless(*arguments: str) -> None:
        subprocess.run(
            [*IN_SHARED_MOUNTS, *COMMAND, *arguments], env=environ, cwd=base, check=True, capture_output=True
        )

    (base / "root").mkdir()
    (base / "image").mkdir()
    (base / "image/Dockerfile").write_text(IMAGE)
    dockless("pull", "-q", "busybox")
    dockless("image", "build", "-q", "-t", "made", "image")
    for name in NAMES:
        dockless("tag", "made", name)
    dockless("rmi", "made")


def clean(environ: Mapping[str, str]) -> None:
    """Tests that fail leave containers."""
    command = [*COMMAND, "container", "ls", "-aq"]
    found = subprocess.run(command, env=environ, capture_output=True, text=True).stdout.split()
    if found:
        subprocess.run([*COMMAND, "container", "rm", "-f", "-v", *found], env=environ, capture_output=True)


if __name__ == "__main__":
    sys.exit(main())
