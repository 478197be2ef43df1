"""The collection built by us and by BuildKit: the same files, configuration and history, and the same build checks.

What is known to differ, and why, is in docs/builds.md.
"""

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import collected
import pytest
from builders import buildkit, our_engine, run

from own_engine import COMMAND as OURS

pytestmark = pytest.mark.keeps


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, busybox: Path) -> Path:
    folder = tmp_path_factory.mktemp("collection")
    collected.make_context(folder / "context")
    collected.make_base(folder / "base.tar", busybox)
    return folder


@pytest.fixture(scope="session")
def served(shared: Path) -> Iterator[collected.Served]:
    made = collected.make_served(shared / "served", shared / "context")
    yield made
    for one in made.held:
        one.close()


@pytest.fixture(scope="session")
def ours(shared: Path, served: collected.Served) -> Iterator[dict[str, collected.Taken]]:
    with our_engine(shared) as environ:
        run(OURS, environ, "import", str(shared / "base.tar"), "tiny:latest")
        run(OURS, environ, "save", "-o", str(shared / "tiny.tar"), "tiny:latest")
        reports = check_all((*OURS, "build"), environ, shared) | call_all((*OURS, "build"), environ, shared)
        with served.at():
            failed = build_all((*OURS, "build", "-q"), environ, shared, served)
        built = [name for name in collected.NAMES if name not in failed]
        run(OURS, environ, "save", "-o", str(shared / "ours.tar"), *(f"built-{name}" for name in built))
        yield collected.take_apart(shared / "ours.tar") | failed | reports


@pytest.fixture(scope="session")
def buildkits(shared: Path, served: collected.Served, ours: dict[str, Any]) -> Iterator[dict[str, collected.Taken]]:
    with buildkit(shared) as (environ, process):
        run(("docker",), environ, "load", "-i", str(shared / "tiny.tar"))
        build = ("docker", "buildx", "build")
        reports = check_all(build, environ, shared) | call_all(build, environ, shared)
        with served.at("nsenter", "-t", str(process), "-n"):
            failed = build_all(("docker", "buildx", "build", "-q"), environ, shared, served)
        built = [name for name in collected.NAMES if name not in failed]
        run(("docker",), environ, "save", "-o", str(shared / "buildkit.tar"), *(f"built-{name}" for name in built))
        yield collected.take_apart(shared / "buildkit.tar") | failed | reports


def build_all(
    command: tuple[str, ...], environ: dict[str, str], shared: Path, served: collected.Served
) -> dict[str, Any]:
    """Builds everything, four at a time; the answer is what the failed ones said. What fails is tried once more: some
    fetch from servers that a busy machine keeps from answering."""

    def one(name: str) -> tuple[str, str]:
        for _ in range(2):
            done = subprocess.run(
                [*command, "-t", f"built-{name}", "-f", str(collected.COLLECTION / f"{name}.dockerfile"),
                 *collected.options(name, served), "."],
                env=environ, capture_output=True, text=True, timeout=120, cwd=shared / "context",
            )  # fmt: skip
            if done.returncode == 0:
                return name, ""
        return name, done.stderr

    with ThreadPoolExecutor(4) as pool:
        return {name: said for name, said in pool.map(one, collected.NAMES) if said}


def check_all(command: tuple[str, ...], environ: dict[str, str], shared: Path) -> dict[str, Any]:
    """`--check` of everything: the exit status, the report's first line and its findings, as they are written."""

    def one(name: str) -> tuple[str, Any]:
        done = subprocess.run(
            [*command, "--check", "-f", str(collected.CHECKS / f"{name}.dockerfile"),
             *collected.options(name, folder=collected.CHECKS), "."],
            env=environ, capture_output=True, text=True, timeout=120, cwd=shared / "context",
        )  # fmt: skip
        # BuildKit's client says where a file lies that is not in the context.
        first, *findings = done.stdout.replace(f"{collected.CHECKS}/", "").split("\nWARNING: ")
        return f"checked-{name}", (done.returncode, first.strip(), sorted(finding.strip() for finding in findings))

    with ThreadPoolExecutor(4) as pool:
        return dict(pool.map(one, collected.CHECKED))


def call_all(command: tuple[str, ...], environ: dict[str, str], shared: Path) -> dict[str, Any]:
    """What a Dockerfile offers, as it is printed, and the exit status."""
    found = {}
    for called in collected.CALLED:
        done = subprocess.run(
            [*command, *called, "-f", str(collected.CALLS), "."],
            env=environ, capture_output=True, text=True, timeout=120, cwd=shared / "context",
        )  # fmt: skip
        found[" ".join(called)] = (done.returncode, done.stdout)
    return found


def taken(images: dict[str, Any], name: str) -> collected.Taken:
    if name in images:
        pytest.fail(f"does not build: {images[name]}")
    found = images[f"built-{name}"]
    assert isinstance(found, collected.Taken)
    return found


@pytest.mark.parametrize("name", collected.NAMES)
def test_the_files_are_the_same(name: str, ours: dict[str, Any], buildkits: dict[str, Any]) -> None:
    assert taken(ours, name).files == taken(buildkits, name).files


@pytest.mark.parametrize("name", collected.NAMES)
def test_the_configuration_is_the_same(name: str, ours: dict[str, Any], buildkits: dict[str, Any]) -> None:
    assert collected.comparable(taken(ours, name).config) == collected.comparable(taken(buildkits, name).config)


@pytest.mark.parametrize("name", collected.NAMES)
def test_the_history_is_the_same(name: str, ours: dict[str, Any], buildkits: dict[str, Any]) -> None:
    assert collected.history(taken(ours, name).config) == collected.history(taken(buildkits, name).config)


@pytest.mark.parametrize("name", collected.CHECKED)
def test_the_build_checks_find_the_same(name: str, ours: dict[str, Any], buildkits: dict[str, Any]) -> None:
    assert ours[f"checked-{name}"] == buildkits[f"checked-{name}"]


@pytest.mark.parametrize("called", collected.CALLED, ids=" ".join)
def test_what_a_dockerfile_offers_is_the_same(
    called: tuple[str, ...], ours: dict[str, Any], buildkits: dict[str, Any]
) -> None:
    assert ours[" ".join(called)] == buildkits[" ".join(called)]
