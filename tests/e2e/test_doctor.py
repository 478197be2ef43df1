"""The doctor on the user's own two files: it names every fault, and what it mends runs, here and on a real Docker."""

import json
from pathlib import Path

import pytest
from real_docker import RealDocker
from stack import Dockless, get

from waiting import until

FAULTS = {
    "CF001": "obsolete version",
    "CF002": "obsolete links",
    "CF010": "depends_on without readiness",
    "CF021": "a development server on all interfaces",
    "CF040": "logs without end",
    "CF041": "no memory limit beside a database",
    "CF051": "an end-of-life Debian below PostgreSQL, and a PostgreSQL minor that lacks fixes",
    "CF075": "all secrets in everybody's environment",
    "DF001": "apt-get install of nothing",
    "DF011": "pip install --upgrade of no version",
    "DF031": "an end-of-life Python and Debian",
    "DF032": "root in the container",
    "DF060": ".env in the image",
    "ST001": "a mount that edits do not reach",
}
SECRETS = ("a-password-for-tests", "a-key-for-tests-that-is-long-enough")
"""The beginnings of what the example's .env holds."""


@pytest.fixture
def ill(dockless: Dockless) -> Dockless:
    """The example with the user's two files alone: nothing keeps .env out of the image."""
    (dockless.folder / ".dockerignore").unlink()
    return dockless


def rules(dockless: Dockless, *options: str) -> set[str]:
    report = dockless.ok("doctor", "--format", "json", "--fail-on", "never", "--as-of", "2026-11-25", *options)
    return {finding["rule"] for finding in json.loads(report)}


def edit(folder: Path, word: str) -> None:
    """Another page in the application."""
    urls = folder / "config" / "urls.py"
    urls.write_text(
        urls.read_text() + f"\nfrom django.http import HttpResponse\n"
        f"urlpatterns.append(path('{word}', lambda _: HttpResponse('{word}')))\n"
    )


def answers(path: str, wanted: str) -> bool:
    try:
        return wanted in get(path)[1]
    except OSError:
        return False


def test_every_fault_is_named_and_what_is_mended_stays_mended(ill: Dockless) -> None:
    assert rules(ill) >= set(FAULTS)
    assert ill.run("doctor").returncode == 1
    shown = ill.run("doctor", "--fix").stdout
    assert "-    links:" in shown and "+        condition: service_healthy" in shown
    assert not rules(ill) & {"CF001", "CF002", "CF010", "CF021", "CF040", "DF001", "DF060", "ST001"}
    files = {path: path.read_text() for path in ill.folder.iterdir() if path.is_file()}
    assert "mended:" not in ill.run("doctor", "--fix").stdout
    assert {path: path.read_text() for path in files} == files


@pytest.mark.peer
def test_what_is_mended_serves_reloads_and_holds_no_secret_here_and_on_a_real_docker(
    ill: Dockless, real: RealDocker
) -> None:
    ill.run("doctor", "--fix")
    ill.ok("up", "-d", timeout=600)
    assert get("/")[0] == 200
    assert ill.ok("port", "web", "8055").strip() == "127.0.0.1:8055"
    edit(ill.folder, "edited")
    until(lambda: answers("/edited", "edited"))
    inside = ill.ok("container", "run", "--rm", "fetch_c1-web", "sh", "-c", "ls -A /web; env", folder=ill.root)
    assert "manage.py" in inside
    assert SECRETS[0] not in inside and ".env\n" not in inside
    ill.ok("down", "-v", "-t", "0")

    real.take(ill, "python:3.10-bullseye", "postgres:15.1-bullseye")
    # The first `up` builds the mended Dockerfile by BuildKit, and migrates a database that was not there before.
    real.compose("up", "-d", folder=ill.folder)
    until(lambda: "edited" in real.ask("/edited", 8055))
    edit(ill.folder, "again")
    until(lambda: "again" in real.ask("/again", 8055))
    assert real.holds("fetch_c1-web", *SECRETS, "DJANGO_SETTINGS_MODULE") == ["DJANGO_SETTINGS_MODULE"]
    real.compose("down", "-v", "-t", "0", folder=ill.folder)
