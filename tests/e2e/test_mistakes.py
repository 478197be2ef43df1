"""Bad input: one message that says what, where and what to do; a non-zero status; nothing half-made left."""

import socket
from collections.abc import Iterator

import pytest
from stack import Dockless


def refused(dockless: Dockless, *arguments: str) -> str:
    done = dockless.run(*arguments)
    assert done.returncode != 0, done.stdout
    assert "Traceback" not in done.stderr
    assert dockless.rows("ps", "-a") == []
    return done.stdout + done.stderr


def compose(dockless: Dockless, text: str) -> None:
    (dockless.folder / "docker-compose.yml").write_text(text)


def test_no_compose_file(dockless: Dockless) -> None:
    (dockless.folder / "docker-compose.yml").unlink()
    assert "no configuration file" in refused(dockless, "up", "-d")


def test_broken_yaml(dockless: Dockless) -> None:
    compose(dockless, "services:\n  web:\n    image: [busybox\n")
    assert "docker-compose.yml:" in refused(dockless, "up", "-d")


def test_an_unknown_key(dockless: Dockless) -> None:
    compose(dockless, "services:\n  web:\n    image: busybox\n    comand: sleep 1\n")
    text = refused(dockless, "up", "-d")
    assert "comand" in text and "command" in text
    assert "docker-compose.yml:4" in text


def test_a_missing_env_file(dockless: Dockless) -> None:
    (dockless.folder / ".env").unlink()
    assert "copy .env.example to .env" in refused(dockless, "up", "-d")


def test_an_image_that_cannot_be_had(dockless: Dockless) -> None:
    compose(dockless, "services:\n  web:\n    image: nobody/has-this:1\n")
    assert "nobody/has-this:1" in refused(dockless, "up", "-d")


def test_stand_ins_refused(dockless: Dockless) -> None:
    compose(dockless, "services:\n  web:\n    image: debian:trixie\n")
    assert "debian:trixie" in refused(dockless, "up", "-d", "--no-stand-ins")


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_port_in_use(dockless: Dockless, taken: int) -> None:
    compose(
        dockless,
        f"services:\n  web:\n    image: busybox\n    command: sleep 100\n    ports: ['127.0.0.1:{taken}:80']\n",
    )
    done = dockless.run("up", "-d")
    assert done.returncode != 0
    assert str(taken) in done.stderr and "in use" in done.stderr
    assert dockless.rows("ps") == []
