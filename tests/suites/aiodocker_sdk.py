"""The tests of aiodocker (a client for asyncio), as its authors wrote them, against an engine of our own.

    .venv/bin/python tests/suites/aiodocker_sdk.py [--keep] [pytest arguments]

As `docker_sdk.py`, with the Python stand-in for the images that the tests name and, where there is a `docker-registry`
on PATH, with that for the registry that they start. Takes about four minutes.
"""

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from suite import Dockless, Suite, main

PYTHON = "python:3.13-alpine"
NAMES = ("python:3.14-alpine", "python:latest")
REGISTRY = """\
FROM python:3.13-alpine
COPY docker-registry /bin/docker-registry
COPY config.yml /etc/docker/registry/config.yml
ENTRYPOINT ["/bin/docker-registry", "serve", "/etc/docker/registry/config.yml"]
"""
CONFIG = "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: /var/lib/registry\nhttp:\n  addr: :5000\n"

SWARM = "a swarm: one engine alone here"
ELSEWHERE = "fetches from the network"
ROOT = "is not for root, who may read everything"
LEFT_OUT: Mapping[str, str] = {
    "test_configs.py": SWARM,
    "test_nodes.py": SWARM,
    "test_secrets.py": SWARM,
    "test_services.py": SWARM,
    "test_swarm.py": SWARM,
    "test_context.py::TestLoadContextTLS::test_raises_error_on_unreadable_ca_file": ROOT,
    "test_context.py::TestLoadContextTLS::test_raises_error_on_unreadable_cert_file": ROOT,
    "test_context.py::TestLoadContextTLS::test_raises_error_on_unreadable_key_file": ROOT,
    "test_images.py::test_build_from_remote_file": ELSEWHERE,
    "test_images.py::test_build_from_remote_tar": ELSEWHERE,
    "test_images.py::test_prune_images": "has the classic builder's intermediate images to prune",
}


def make_images(dockless: Dockless, folder: Path) -> None:
    dockless("pull", "-q", PYTHON)
    for name in NAMES:
        dockless("tag", PYTHON, name)
    if program := shutil.which("docker-registry"):
        shutil.copy(program, folder)
        (folder / "config.yml").write_text(CONFIG)
        (folder / "Dockerfile").write_text(REGISTRY)
        dockless("image", "build", "-q", "-t", "registry:2", ".")


SUITE = Suite(
    package="aiodocker",
    version="0.27.0",
    needed=("async-timeout", "packaging", "pytest-asyncio", "testcontainers", "asyncssh", "paramiko"),
    tests="tests",
    make_images=make_images,
    left_out=LEFT_OUT,
    settings={"TESTCONTAINERS_RYUK_DISABLED": "true", "TESTCONTAINERS_CONNECTION_MODE": "docker_host"},
    options=("-o", "addopts=", "-o", "filterwarnings="),
)

if __name__ == "__main__":
    sys.exit(main(SUITE))
