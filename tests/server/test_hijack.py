"""Connections that become streams: attach and exec as clients do it on the wire."""

import socket
from collections.abc import Iterator

import pytest
from served import Served

from dockless.client.api import Client
from dockless.client.endpoint import Endpoint
from dockless.wire.containers import ContainerCreateRequest
from dockless.wire.execs import ExecCreateRequest
from dockless.wire.multiplex import STDOUT, frame

UPGRADE = "Connection: Upgrade\r\nUpgrade: tcp\r\n"


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    with Client(Endpoint(path=str(served.socket))) as client:
        client.containers.create("cat", ContainerCreateRequest(image="fake", cmd=("cat",)))
        yield client


def open_stream(
    served: Served, path: str, headers: str = UPGRADE, body: bytes = b"", tail: bytes = b""
) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(60)
    connection.connect(str(served.socket))
    kind = "Content-Type: application/json\r\n" if body else ""
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\n{headers}{kind}Content-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body + tail)
    return connection


def read(connection: socket.socket, until: bytes = b"") -> bytes:
    """To the end, or to `until`."""
    data = b""
    while not (until and until in data) and (part := connection.recv(65536)):
        data += part
    return data


def test_attach_answers_101_before_anything_is_written(served: Served, client: Client) -> None:
    with open_stream(served, "/v1.47/containers/cat/attach?stream=1&stdout=1") as stream:
        head = read(stream, b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 UPGRADED\r\n")
        assert b"Upgrade: tcp" in head
        assert head.endswith(b"\r\n\r\n")


def test_without_an_upgrade_the_stream_follows_a_200(served: Served, client: Client) -> None:
    with open_stream(served, "/containers/cat/attach?stream=1&stdin=1&stdout=1", headers="") as stream:
        assert read(stream, b"\r\n\r\n").startswith(b"HTTP/1.1 200 OK\r\n")
        client.containers.start("cat")
        stream.sendall(b"hello")
        assert read(stream, b"hello") == frame(STDOUT, b"hello")
        stream.sendall(b"exit 3")
        assert read(stream) == b""
    assert client.containers.inspect("cat").state.exit_code == 3


def test_input_sent_ahead_of_the_answer_is_kept(served: Served, client: Client) -> None:
    path = "/containers/cat/attach?stream=1&stdin=1&stdout=1"
    with open_stream(served, path, tail=b"early ") as stream:
        stream.sendall(b"birds")
        stream.shutdown(socket.SHUT_WR)
        read(stream, b"\r\n\r\n")
        client.containers.start("cat")
        output = read(stream)
    assert output.replace(frame(STDOUT, b"early birds"), b"") == b"" or output == frame(STDOUT, b"early ") + frame(
        STDOUT, b"birds"
    )


def test_output_goes_on_after_the_client_has_ended_its_input(served: Served, client: Client) -> None:
    with open_stream(served, "/containers/cat/attach?stream=1&stdout=1&stderr=1") as stream:
        stream.shutdown(socket.SHUT_WR)
        read(stream, b"\r\n\r\n")
        client.containers.start("cat")
        served.run(lambda engine: engine.containers.get("cat").say(STDOUT, b"still here"))
        assert read(stream, b"still here") == frame(STDOUT, b"still here")
        client.containers.kill("cat")
        assert read(stream) == b""


def test_unread_input_does_not_cost_the_last_output(served: Served, client: Client) -> None:
    with open_stream(served, "/containers/cat/attach?stream=1&stdin=1&stdout=1") as stream:
        read(stream, b"\r\n\r\n")
        client.containers.start("cat")
        stream.sendall(b"exit 0")
        client.containers.wait("cat", condition="not-running")
        stream.sendall(b"x" * 100_000)
        assert read(stream) == b""


def test_attach_to_nothing_is_a_plain_error(served: Served) -> None:
    with open_stream(served, "/containers/none/attach?stream=1") as stream:
        answer = read(stream, b"}")
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"No such container: none" in answer


def test_much_output_waits_for_a_slow_client(served: Served, client: Client) -> None:
    client.containers.start("cat")
    with open_stream(served, "/containers/cat/attach?stream=1&stdout=1") as stream:
        read(stream, b"\r\n\r\n")
        chunk = b"y" * 65536

        def flood(engine: object) -> None:
            found = served.engine.containers.get("cat")
            for _ in range(200):
                found.say(STDOUT, chunk)
            found.end(0)

        served.run(flood)
        assert len(read(stream)) == 200 * (len(chunk) + 8)


def test_exec_echoes_and_then_tells_its_status(served: Served, client: Client) -> None:
    id = client.execs.create("cat", ExecCreateRequest(cmd=("cat",), attach_stdin=True, attach_stdout=True))
    with open_stream(served, f"/exec/{id}/start", body=b'{"Detach":false,"Tty":false}', tail=b"ahead") as stream:
        stream.shutdown(socket.SHUT_WR)
        assert read(stream).partition(b"\r\n\r\n")[2] == frame(STDOUT, b"ahead")
    assert client.execs.inspect(id).exit_code == 7


def test_an_exec_that_cannot_start_says_so_in_its_stream(served: Served, client: Client) -> None:
    id = client.execs.create("cat", ExecCreateRequest(cmd=("/missing",), attach_stdout=True))
    with open_stream(served, f"/exec/{id}/start", body=b'{"Tty":true}') as stream:
        head, _, output = read(stream).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    assert output == b'exec failed: "/missing": no such file or directory\r\n'
    assert client.execs.inspect(id).exit_code == 127


def test_an_unknown_exec_is_a_plain_error(served: Served) -> None:
    with open_stream(served, "/exec/none/start", body=b"{}") as stream:
        assert read(stream, b"}").startswith(b"HTTP/1.1 404 ")


def test_output_waits_until_the_head_was_read(served: Served, client: Client) -> None:
    client.containers.start("cat")
    with open_stream(served, "/containers/cat/attach?stream=1&stdin=1&stdout=1", tail=b"hello") as stream:
        for _ in range(20):
            client.system.version()
        assert stream.recv(65536).endswith(b"\r\n\r\n")
        assert read(stream, b"hello") == frame(STDOUT, b"hello")
        stream.sendall(b"exit 0")
        assert read(stream) == b""


def test_a_client_that_goes_before_it_reads_leaves_nothing(served: Served, client: Client) -> None:
    client.containers.start("cat")
    for _ in range(5):
        open_stream(served, "/containers/cat/attach?stream=1&stdin=1&stdout=1", tail=b"hello").close()
    with open_stream(served, "/containers/cat/attach?stream=1&stdin=1&stdout=1", tail=b"exit 0") as stream:
        read(stream)
    assert not served.log.exists()
