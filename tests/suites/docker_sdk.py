"""The integration tests of Docker's SDK for Python, as its authors wrote them, against an engine of our own.

    .venv/bin/python tests/suites/docker_sdk.py [--keep] [pytest arguments]

Downloads the SDK's source distribution (the last that carries its tests) with pip, installs that version into an
environment of its own, makes the images that the tests name from the busybox stand-in, and runs the tests with
`DOCKER_HOST` at an engine of our own (`suite.py`). What is left out stands in `LEFT_OUT`, with the reason. Takes about
two minutes; needs root, pip and the package index.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from suite import Dockless, Suite, main

IMAGE = "FROM busybox\nRUN mkdir -p /var/opt && echo postgres:x:70:70::/var:/bin/sh >>/etc/passwd\n"
NAMES = ("alpine:3.10", "alpine:latest", "busybox:latest", "hello-world:latest")

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


def make_images(dockless: Dockless, folder: Path) -> None:
    (folder / "Dockerfile").write_text(IMAGE)
    dockless("pull", "-q", "busybox")
    dockless("image", "build", "-q", "-t", "made", ".")
    for name in NAMES:
        dockless("tag", "made", name)
    dockless("rmi", "made")


SUITE = Suite(
    package="docker",
    version="7.0.0",
    # `requests` 2.32 changed what this version of the SDK builds on.
    needed=("requests<2.32", "websocket-client", "paramiko", "setuptools"),
    tests="tests/integration",
    make_images=make_images,
    left_out=LEFT_OUT,
)

if __name__ == "__main__":
    sys.exit(main(SUITE))
