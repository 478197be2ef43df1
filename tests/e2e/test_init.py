"""What `init` writes for a Django application serves at its first `up`, here and on a real Docker."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from stack import EXAMPLE, Dockless, get

from docker_peer import Daemon, dockerd

PORT = 8000
IMAGES = ("shop-web", "shop-migrate", "postgres:17")


@pytest.fixture
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    base = tmp_path_factory.mktemp("docker")
    with dockerd(base) as daemon:
        yield daemon
    shutil.rmtree(base, ignore_errors=True)


@pytest.fixture
def shop(dockless: Dockless, tmp_path: Path) -> Dockless:
    """The application of the example without its stack."""
    folder = tmp_path / "shop"
    written = shutil.ignore_patterns("__pycache__", ".env*", ".dockerignore", "Dockerfile", "docker-compose.yml")
    shutil.copytree(EXAMPLE, folder, ignore=written)
    (folder / ".python-version").write_text("3.10\n")
    return Dockless(dockless.root, folder)


@pytest.mark.peer
def test_what_is_written_serves_here_and_on_a_real_docker(shop: Dockless, docker: Daemon, tmp_path: Path) -> None:
    shop.ok("init", "--yes")
    shop.ok("up", "-d", "--wait", timeout=900)
    assert get("/healthz", PORT)[0] == 200
    assert shop.ok("exec", "-T", "web", "id", "-u").strip() == "10001"
    states = {row["Service"]: (row["State"], row["Health"]) for row in shop.rows("ps", "-a")}
    assert states["web"] == ("running", "healthy") and states["migrate"][0] == "exited"
    # The development server beside it sees an edit at once.
    shop.ok("--profile", "dev", "up", "-d", "--wait", timeout=300)
    assert get("/healthz", PORT + 1)[0] == 200
    shop.ok("--profile", "dev", "down", "-v", "-t", "0")

    archive = tmp_path / "images.tar"
    shop.ok("save", "-o", str(archive), *IMAGES, folder=shop.root)
    there = Dockless(shop.root, shop.folder, {"DOCKER_HOST": docker.address})
    there.ok("load", "-i", str(archive), timeout=600)
    archive.unlink()
    try:
        there.ok("up", "-d", "--no-build", "--wait", timeout=600)
        assert there.ok("exec", "-T", "web", "id", "-u").strip() == "10001"
    finally:
        there.run("down", "-v", "-t", "0")
