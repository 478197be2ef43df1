"""What of Docker's `config.json` every request goes by."""

import json
import socket
import threading
from pathlib import Path

import pytest

from dockless.client.config_file import ConfigError, settings_of
from dockless.client.connect import connect

ANSWER = b"HTTP/1.1 200 OK\r\nApi-Version: 1.47\r\nContent-Length: 2\r\n\r\nOK"


def configured(folder: Path, **config: object) -> dict[str, str]:
    (folder / "config.json").write_text(json.dumps(config))
    return {"DOCKER_CONFIG": str(folder)}


def sent(folder: Path, environ: dict[str, str]) -> list[str]:
    """The lines of the first request's head."""
    heads = []

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            heads.append(connection.recv(65536).decode())
            connection.sendall(ANSWER)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "socket"))
        listener.listen()
        thread = threading.Thread(target=serve)
        thread.start()
        connect({**environ, "DOCKER_HOST": f"unix://{folder}/socket"}).close()
        thread.join()
    return heads[0].splitlines()


def test_headers_of_the_file_go_out_with_each_request(tmp_path: Path) -> None:
    lines = sent(tmp_path, configured(tmp_path, HttpHeaders={"X-Team": "blue", "User-Agent": "mine"}))
    assert "X-Team: blue" in lines
    assert next(line for line in lines if line.startswith("User-Agent")).startswith("User-Agent: dockless/")


def test_headers_of_the_environment_take_their_place(tmp_path: Path) -> None:
    environ = configured(tmp_path, HttpHeaders={"X-Team": "blue"})
    lines = sent(tmp_path, {**environ, "DOCKER_CUSTOM_HEADERS": 'X-One=1,"X-Two=a,b"'})
    assert {"X-One: 1", "X-Two: a,b"} < set(lines)
    assert "X-Team: blue" not in lines


def test_proxies_are_those_of_the_engine_or_the_default_ones(tmp_path: Path) -> None:
    proxies = {"default": {"httpProxy": "http://p:1", "noProxy": "x"}, "tcp://far:2375": {"allProxy": "http://q:2"}}
    settings = settings_of(configured(tmp_path, proxies=proxies))
    assert settings.proxies_for("unix:///run/one") == {
        "HTTP_PROXY": "http://p:1",
        "NO_PROXY": "x",
        "http_proxy": "http://p:1",
        "no_proxy": "x",
    }
    assert settings.proxies_for("tcp://far:2375") == {"ALL_PROXY": "http://q:2", "all_proxy": "http://q:2"}
    assert settings_of({"DOCKER_CONFIG": str(tmp_path / "nothing")}).proxies_for("tcp://far:2375") == {}


@pytest.mark.parametrize(
    "config",
    [
        {"HttpHeaders": ["X"]},
        {"HttpHeaders": {"X": "a\r\nY: b"}},
        {"HttpHeaders": {"": "a"}},
        {"HttpHeaders": {"X": 1}},
        {"proxies": []},
        {"proxies": {"default": "http://p:1"}},
    ],
)
def test_what_cannot_be_understood_is_named_with_the_file(tmp_path: Path, config: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"config\.json: "):
        settings_of(configured(tmp_path, **config))
