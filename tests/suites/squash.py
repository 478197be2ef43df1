"""The tests of docker-squash (images are built, saved, their layers merged, loaded again), as its author wrote them,
against an engine of our own.

    .venv/bin/python tests/suites/squash.py [--keep] [pytest arguments]

As `docker_sdk.py`, with the busybox stand-in. Takes about two minutes.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from suite import Dockless, Suite, main

LEFT_OUT: Mapping[str, str] = {"test_qa.py": "not about an engine: how its sources are formatted"}


def make_images(dockless: Dockless, folder: Path) -> None:
    dockless("pull", "-q", "busybox")
    dockless("tag", "busybox", "busybox:1.36.1")


SUITE = Suite(
    package="docker-squash",
    version="1.2.2",
    needed=("mock", "parameterized"),
    tests="tests",
    make_images=make_images,
    left_out=LEFT_OUT,
)

if __name__ == "__main__":
    sys.exit(main(SUITE))
