"""What the server says to requests as they stand on the wire, good ones and bad ones."""

import json
import socket

import pytest
from served import Served

from dockless.server.body import LARGEST_MESSAGE
from waiting import until


def ask(served: Served, request: bytes, *, eof: bool = False) -> bytes:
    """Everything the server answers to `request` until it closes."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        connection.connect(str(served.socket))
        connection.sendall(request)
        if eof:
            connection.shutdown(socket.SHUT_WR)
        return read_all(connection)


def read_all(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


def get(path: str, method: str = "GET", body: bytes = b"", kind: str = "application/json", extra: str = "") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {kind}\r\n{extra}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def parts(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return int(first.split()[1]), headers, body


def error(answer: bytes) -> tuple[int, str]:
    status, _, body = parts(answer)
    return status, json.loads(body)["message"]


def test_ping_says_who_answers(served: Served) -> None:
    status, headers, body = parts(ask(served, get("/_ping")))
    assert (status, body) == (200, b"OK")
    assert headers["Api-Version"] == "1.47"
    assert headers["Ostype"] == "linux"
    assert headers["Server"].startswith("Dockless/")
    assert headers["Builder-Version"] == "1"


def test_head_of_ping_has_no_body(served: Served) -> None:
    status, headers, body = parts(ask(served, get("/v1.41/_ping", "HEAD")))
    assert (status, body) == (200, b"")
    assert headers["Api-Version"] == "1.47"


@pytest.mark.parametrize("path", ["/version", "/v1.47/version", "/v1.24/version", "http://localhost/v1.41/version"])
def test_paths_are_the_same_with_and_without_a_version(served: Served, path: str) -> None:
    status, _, body = parts(ask(served, get(path)))
    assert status == 200
    assert json.loads(body)["ApiVersion"] == "1.47"


def test_versions_out_of_range_are_refused(served: Served) -> None:
    assert error(ask(served, get("/v1.99/info"))) == (
        400,
        "client version 1.99 is too new. Maximum supported API version is 1.47",
    )
    status, message = error(ask(served, get("/v1.10/info")))
    assert status == 400
    assert "1.10 is too old. Minimum supported API version is 1.24" in message


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nothing"),
        ("GET", "/"),
        ("GET", "/v1.47"),
        ("POST", "/_ping"),
        ("GET", "/containers/a/b/json"),
        ("BREW", "/containers/json"),
        ("GET", "/containers//json"),
        ("DELETE", "/images/"),
    ],
)
def test_unknown_pages_are_404(served: Served, method: str, path: str) -> None:
    assert error(ask(served, get(path, method))) == (404, "page not found")


def test_an_image_name_may_hold_slashes(served: Served) -> None:
    for path in ("/images/registry.example:5000/a/b:1/json", "/images/registry.example%3A5000%2Fa%2Fb%3A1/json"):
        _, _, body = parts(ask(served, get(path)))
        assert json.loads(body)["RepoTags"] == ["registry.example:5000/a/b:1"]


def test_errors_of_the_engine_keep_status_and_words(served: Served) -> None:
    assert error(ask(served, get("/v1.47/containers/none/json"))) == (404, "No such container: none")


def test_already_started_is_304_without_a_body(served: Served) -> None:
    ask(served, get("/containers/create?name=one", "POST", b'{"Image":"fake"}'))
    assert parts(ask(served, get("/containers/one/start", "POST")))[0] == 204
    status, _, body = parts(ask(served, get("/containers/one/start", "POST")))
    assert (status, body) == (304, b"")


@pytest.mark.parametrize(
    ("request_", "status", "words"),
    [
        (get("/containers/create", "POST", b"{"), 400, "invalid JSON"),
        (get("/containers/create", "POST", b""), 400, "invalid JSON: got EOF while reading request body"),
        (get("/containers/create", "POST", b'{"Image": 7}'), 400, "$.Image"),
        (get("/containers/create", "POST", b"{}", "text/plain"), 400, "unsupported Content-Type header (text/plain)"),
        (get("/containers/create", "POST", b"\xff\xfe{}"), 400, "invalid JSON"),
        (get("/containers/json?limit=many"), 400, "limit"),
        (get("/containers/json?filters=%7B%22nope%22%3A%7B%7D%7D"), 400, "invalid filter 'nope'"),
        (get("/containers/json?filters=garbage"), 400, "invalid filter"),
        (get("/containers/json?filters=%ff"), 400, "invalid URL escape"),
        (get("/containers/x/resize?h=a&w=1", "POST"), 400, "h"),
        (get("/containers/x/logs"), 400, "you must choose at least one stream"),
        (get("/containers/x/logs?stdout=1&since=yesterday"), 400, "yesterday"),
        (get("/build", "POST", extra="X-Registry-Config: !!!\r\n"), 400, "X-Registry-Config"),
        (get("/containers/x/archive"), 400, "path"),
    ],
)
def test_what_a_client_does_wrong_is_400(served: Served, request_: bytes, status: int, words: str) -> None:
    found, message = error(ask(served, request_))
    assert found == status
    assert words in message


def test_what_is_not_offered_is_501(served: Served) -> None:
    assert error(ask(served, get("/session", "POST")))[0] == 501


def test_our_own_fault_is_500_and_in_the_log(served: Served) -> None:
    served.run(lambda engine: setattr(engine.containers, "inspect", None))
    status, message = error(ask(served, get("/containers/x/json")))
    assert status == 500
    assert str(served.log) in message
    assert "Traceback" in served.log.read_text()


def test_requests_follow_on_one_connection(served: Served) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(served.socket))
        for _ in range(3):
            connection.sendall(b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(65536).endswith(b"\r\n\r\nOK")


def test_requests_sent_ahead_are_answered_in_turn(served: Served) -> None:
    request = b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = ask(served, request * 2 + get("/version"))
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert answer.index(b"ApiVersion") > answer.rindex(b"\r\n\r\nOK")


def test_a_request_may_come_byte_by_byte(served: Served) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(served.socket))
        for byte in get("/containers/create?name=slow", "POST", b'{"Image":"fake"}'):
            connection.send(bytes((byte,)))
        assert parts(read_all(connection))[0] == 201


def test_a_client_that_ends_its_side_still_gets_its_answer(served: Served) -> None:
    assert parts(ask(served, get("/version"), eof=True))[0] == 200


def test_a_message_that_is_too_large_is_refused_and_not_held(served: Served) -> None:
    length = LARGEST_MESSAGE + (1 << 20)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        connection.connect(str(served.socket))
        connection.sendall(get("/containers/create", "POST", bytes(length)))
        status, _, body = parts(connection.recv(65536))
    assert (status, b"too large" in body) == (400, True)


def test_a_client_may_wait_for_100_continue(served: Served) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        connection.connect(str(served.socket))
        body = b'{"Image":"fake"}'
        connection.sendall(get("/containers/create", "POST", body, extra="Expect: 100-continue\r\n")[: -len(body)])
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert parts(read_all(connection))[0] == 201


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00\x01\x02\x03\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /_ping HTTP/1.1\r\nNo colon\r\n\r\n",
        b"GET /_ping HTTP/1.1\r\n\r\n",
        b"POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /containers/create HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        get("/containers/" + "%2e%2e%2f" * 50 + "/json"),
        get("/containers/create", "POST", b"[" * 100_000),
        get("/containers/create", "POST", b'{"Labels":{"a":1}}'),
        get("/containers/x/attach?stdin=maybe", "POST", extra="Upgrade: h2c\r\n"),
        get("/exec/x/start", "POST", b"null", extra="Upgrade: tcp\r\n"),
    ],
)
def test_no_input_kills_the_server(served: Served, garbage: bytes) -> None:
    answer = ask(served, garbage, eof=True)
    assert not answer or answer.startswith(b"HTTP/1.1 4")
    assert parts(ask(served, get("/_ping")))[0] == 200
    assert not served.log.exists()


def test_connections_that_break_off_leave_nothing(served: Served) -> None:
    for length in (3, 20, 60, 200):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(served.socket))
            connection.sendall(get("/containers/create", "POST", b'{"Image":"' + b"x" * 500)[:length])
    until(lambda: served.application.quiet > 0)
    assert not served.log.exists()


def test_a_stream_ends_when_its_client_goes(served: Served) -> None:
    ask(served, get("/containers/create?name=one", "POST", b'{"Image":"fake"}'))
    ask(served, get("/containers/one/start", "POST"))
    for path, method in (("/events", "GET"), ("/containers/one/logs?follow=1&stdout=1", "GET")):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(served.socket))
            connection.sendall(get(path, method))
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK")
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(served.socket))
        connection.sendall(get("/containers/one/wait", "POST"))
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK")
    until(lambda: served.engine.system.listens_given_up == 1)
    until(lambda: served.engine.containers.logs_given_up == 1)
    until(lambda: served.engine.containers.waits_given_up == 1)


def test_a_refused_upload_still_gets_its_answer(served: Served) -> None:
    body = b"x" * 3_000_000
    status, message = error(ask(served, get("/containers/none/archive?path=/", "PUT", body, "application/x-tar")))
    assert (status, message) == (404, "No such container: none")
