"""Our engine, served as a user serves it, and a real dockerd as its peer; both with the same image."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

import own_engine

sys.path.insert(0, str(Path(__file__).parent))

from api_http import Api, clear
from exchanges import IMAGE


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "engine_api" in item.path.parts:
            item.add_marker(pytest.mark.keeps)
            if os.geteuid() != 0:
                item.add_marker(pytest.mark.skip(reason="containers for tests need root"))


@pytest.fixture(scope="session")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an engine of ours, for all that leave it with its image."""
    with _served(tmp_path_factory.mktemp("ours")) as address:
        yield address


@pytest.fixture(scope="module")
def to_be_ruined(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of another one, to which anything may be done."""
    with _served(tmp_path_factory.mktemp("ruined")) as address:
        yield address


@contextmanager
def _served(base: Path) -> Iterator[str]:
    """Kept up by `dockless serve`; at the end it must go by itself."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DOCKER_", "COMPOSE_"))}
    environ = kept | {"DOCKLESS_ROOT": str(base / "root"), "DOCKLESS_IDLE_SECONDS": "1", "HOME": str(base)}
    with own_engine.serving(environ) as address:
        _import_image(Api(address))
        yield address
        clear(Api(address))
    shutil.rmtree(base)


@pytest.fixture(scope="session")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a dockerd that speaks API 1.45, in a network namespace of its own."""
    daemon = os.environ.get("DOCKLESS_TEST_DOCKERD_26")
    if daemon is None or not shutil.which("iptables"):
        if os.environ.get("DOCKLESS_TEST_PEERS") == "required":
            pytest.fail("DOCKLESS_TEST_DOCKERD_26 names no dockerd, or iptables is missing")
        pytest.skip("needs dockerd 26 (DOCKLESS_TEST_DOCKERD_26) and iptables")
    base = tmp_path_factory.mktemp("theirs")
    address = f"unix://{base}/docker.sock"
    folders = f"{Path(daemon).parent}:{Path(daemon).parents[1] / 'bin'}"
    command = (
        f"ip link set lo up; exec {daemon} --data-root {base}/data --exec-root {base}/exec -p {base}/pid -H {address}"
        " --userland-proxy=false --ip6tables=false"
    )
    with (base / "log").open("wb") as log:
        process = subprocess.Popen(
            ["unshare", "--net", "--mount", "sh", "-c", command],
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, "PATH": f"{folders}:{os.environ['PATH']}"},
        )
        try:
            _until_up(Api(address), process, base / "log")
            _import_image(Api(address))
            yield address
        finally:
            clear(Api(address))
            process.terminate()
            process.wait(90)
    shutil.rmtree(base, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def _both_before_tests(request: pytest.FixtureRequest) -> None:
    """They are there before the first test that needs them, so that none seems to have left them behind."""
    wanted = {name for item in request.session.items for name in getattr(item, "fixturenames", ())}
    for name in ("ours", "theirs"):
        if name in wanted:
            try:
                request.getfixturevalue(name)
            except pytest.skip.Exception:
                continue  # each test that needs it skips by itself, and says why


def _until_up(api: Api, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 90
    while True:
        try:
            if api("GET", "/_ping").status == 200:
                return
        except OSError:
            pass  # not yet
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            pytest.fail(f"dockerd does not run here: {log.read_text()[-600:]}")
        time.sleep(0.1)


def _import_image(api: Api) -> None:
    """A static busybox and nothing else."""
    repository, _, tag = IMAGE.partition(":")
    change = quote('CMD ["sh"]')
    made = api(
        "POST", f"/images/create?fromSrc=-&repo={repository}&tag={tag}&changes={change}", own_engine.busybox_tree()
    )
    assert made.status == 200, made.body
