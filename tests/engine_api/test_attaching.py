"""Terminals and streams of real containers: attached by WebSocket, and left by the detach keys."""

import base64
import os
import socket
from collections.abc import Iterator

import pytest
from api_http import Api, clear
from exchanges import IMAGE


@pytest.fixture
def api(ours: str) -> Iterator[Api]:
    opened = Api(ours, "1.47")
    yield opened
    clear(opened)


def opened(api: Api, request: str, headers: str) -> socket.socket:
    """A connection with the request on it, and the answer's head read."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(30)
    connection.connect(api.path)
    connection.sendall(f"{request} HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += connection.recv(1)
    assert head.startswith(b"HTTP/1.1 101 "), head
    return connection


def made(api: Api, name: str, command: str, *, tty: bool) -> None:
    body = {"Image": IMAGE, "Cmd": ["sh", "-c", command], "OpenStdin": True, "Tty": tty}
    assert api("POST", f"/containers/create?name={name}", {**body, "HostConfig": {"NetworkMode": "none"}}).status == 201


def until(connection: socket.socket, words: bytes) -> bytes:
    seen = b""
    while words not in seen:
        data = connection.recv(4096)
        assert data, seen
        seen += data
    return seen


def masked(opcode: int, data: bytes) -> bytes:
    mask = os.urandom(4)
    return bytes((0x80 | opcode, 0x80 | len(data))) + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data))


def test_a_websocket_carries_input_and_output_and_closes_with_the_container(api: Api) -> None:
    made(api, "ws", "read line; echo got $line", tty=False)
    key = base64.b64encode(os.urandom(16)).decode()
    headers = f"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
    with opened(api, "GET /v1.47/containers/ws/attach/ws?stream=1&stdin=1&stdout=1&stderr=1", headers) as connection:
        assert api("POST", "/containers/ws/start").status == 204
        connection.sendall(masked(9, b"there?"))
        assert connection.recv(8) == b"\x8a\x06there?"
        connection.sendall(masked(2, b"words\n"))
        seen = until(connection, b"\x88")
        assert seen.startswith(b"\x82\x0agot words\n")
        assert seen[seen.index(b"\x88") :] == b"\x88\x02\x03\xe8"


@pytest.mark.parametrize(("keys", "typed"), [("", b"\x10\x11"), ("ctrl-x,d", b"\x18d")])
def test_the_detach_keys_leave_a_terminal_and_the_container_goes_on(api: Api, keys: str, typed: bytes) -> None:
    made(api, "tty", "while read line; do echo got $line; done", tty=True)
    assert api("POST", "/containers/tty/start").status == 204
    request = f"POST /v1.47/containers/tty/attach?stream=1&stdin=1&stdout=1&detachKeys={keys}"
    with opened(api, request, "Connection: Upgrade\r\nUpgrade: tcp\r\n") as connection:
        connection.sendall(b"one\n")
        until(connection, b"got one")
        connection.sendall(typed[:1] + b"two\n")
        until(connection, b"two\r\n")
        connection.sendall(typed)
        while connection.recv(4096):
            pass
    assert api("GET", "/containers/tty/json").json["State"]["Running"]


def test_an_exec_s_terminal_is_left_by_its_own_keys(api: Api) -> None:
    made(api, "host", "while :; do sleep 0.1; done", tty=False)
    assert api("POST", "/containers/host/start").status == 204
    body = {"Cmd": ["sh", "-c", "read x; sleep 1000"], "Tty": True, "AttachStdin": True, "AttachStdout": True}
    identity = api("POST", "/containers/host/exec", {**body, "DetachKeys": "ctrl-a"}).json["Id"]
    start = b'{"Tty": true}'
    headers = (
        f"Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Type: application/json\r\nContent-Length: {len(start)}\r\n"
    )
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(30)
    connection.connect(api.path)
    with connection:
        connection.sendall(f"POST /exec/{identity}/start HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode() + start)
        until(connection, b"\r\n\r\n")
        connection.sendall(b"\x01")
        while connection.recv(4096):
            pass
    assert api("GET", f"/exec/{identity}/json").json["Running"]


def test_an_exec_has_all_that_it_asks_for(api: Api) -> None:
    made(api, "host", "while :; do sleep 0.1; done", tty=False)
    assert api("POST", "/containers/host/start").status == 204
    body = {
        "Cmd": ["sh", "-c", "id -u; id -g; pwd; echo $A"],
        "AttachStdout": True,
        "Tty": True,
        "User": "7:8",
        "WorkingDir": "/tmp",
        "Env": ["A=1"],
    }
    identity = api("POST", "/containers/host/exec", body).json["Id"]
    lines = api("POST", f"/exec/{identity}/start", {"Tty": True}).body.decode().splitlines()
    assert lines == ["7", "8", "/tmp", "1"]
    found = api("GET", f"/exec/{identity}/json").json
    assert (found["ExitCode"], found["Running"], found["ProcessConfig"]["user"]) == (0, False, "7:8")

    def capabilities(privileged: bool) -> int:
        command = {"Cmd": ["grep", "CapEff", "/proc/self/status"], "AttachStdout": True, "Privileged": privileged}
        identity = api("POST", "/containers/host/exec", command).json["Id"]
        return int(api("POST", f"/exec/{identity}/start", {}).body.split()[-1], 16)

    assert capabilities(True) & ~capabilities(False)


def test_an_exec_s_terminal_has_the_size_of_its_start(api: Api) -> None:
    made(api, "host", "while :; do sleep 0.1; done", tty=False)
    assert api("POST", "/containers/host/start").status == 204
    body = {"Cmd": ["stty", "size"], "Tty": True, "AttachStdout": True, "ConsoleSize": [10, 20]}
    for start, size in ({"Tty": True}, b"10 20"), ({"Tty": True, "ConsoleSize": [30, 40]}, b"30 40"):
        identity = api("POST", "/containers/host/exec", body).json["Id"]
        assert api("POST", f"/exec/{identity}/start", start).body == size + b"\r\n"
