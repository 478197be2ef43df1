"""The layer cache, and a build that fails."""

from stack import Dockless


def test_a_change_of_source_runs_only_the_last_copy_again(dockless: Dockless) -> None:
    """The marker file shows which steps ran: each RUN writes the time of its run into the image."""
    (dockless.folder / "Dockerfile").write_text(
        "FROM busybox\nWORKDIR /web\nCOPY requirements.txt .\n"
        "RUN cat /proc/uptime > /ran\nCOPY . .\nRUN cat /proc/uptime > /after\n"
    )

    def built() -> tuple[str, str]:
        dockless.ok("build", "-t", "cached", ".")
        first, second = dockless.ok("run", "--rm", "cached", "cat", "/ran", "/after").splitlines()
        return first, second

    first = built()
    assert built() == first
    (dockless.folder / "manage.py").touch()
    assert built() == first
    (dockless.folder / "manage.py").write_text("# changed\n")
    second = built()
    assert second[0] == first[0] and second[1] != first[1]
    requirements = dockless.folder / "requirements.txt"
    requirements.write_text(requirements.read_text() + "# changed\n")
    assert built()[0] != first[0]


def test_env_stays_out_of_the_image(dockless: Dockless) -> None:
    assert ".env.example" in dockless.ok("run", "--rm", "fetch_c1-web", "ls", "-a", "/web")
    assert dockless.run("run", "--rm", "fetch_c1-web", "cat", "/web/.env").returncode == 1


def test_a_failed_step_shows_its_output_its_line_and_its_status(dockless: Dockless) -> None:
    (dockless.folder / "Dockerfile").write_text("FROM busybox\nRUN echo before\nRUN echo why it fails; exit 3\n")
    before = dockless.ok("images", "-aq")
    done = dockless.run("build", "-t", "broken", ".")
    text = done.stdout + done.stderr
    assert done.returncode != 0
    assert "why it fails" in text
    assert "Dockerfile:3" in text
    assert "3" in text
    assert dockless.ok("images", "-aq") == before
    assert dockless.run("up", "-d", "--build").returncode != 0
    assert dockless.rows("ps", "-a") == []
