"""The client's reading and writing of HTTP, held against h11."""

from collections.abc import Iterator

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockless.client.errors import EngineLost
from dockless.client.http1 import LAST_CHUNK, AnswerReader, chunk, request_head

bodies = st.lists(st.binary(min_size=1, max_size=300), max_size=5)
framings = st.sampled_from(["length", "chunks", "close"])


def reader(data: bytes, cuts: Iterator[int] | None = None) -> AnswerReader:
    """Gives `data` in pieces of the sizes in `cuts`, or byte by byte."""
    rest = data

    def receive() -> bytes:
        nonlocal rest
        size = next(cuts) if cuts else 1
        piece, rest = rest[:size], rest[size:]
        return piece

    return AnswerReader(receive)


def answer(framing: str, parts: list[bytes], status: int = 200) -> bytes:
    """As h11 writes it."""
    server = h11.Connection(h11.SERVER)
    server.receive_data(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert [type(server.next_event()) for _ in range(2)] == [h11.Request, h11.EndOfMessage]
    headers = {
        "length": [("Content-Length", str(sum(map(len, parts))))],
        "chunks": [("Transfer-Encoding", "chunked")],
        "close": [("Connection", "close")],
    }[framing]
    events = [h11.Response(status_code=status, headers=headers), *(h11.Data(data=part) for part in parts)]
    data = b"".join(server.send(event) or b"" for event in (*events, h11.EndOfMessage()))
    if framing == "close":
        head, _, _ = data.partition(b"\r\n\r\n")
        lines = [line for line in head.split(b"\r\n") if b"ransfer-" not in line and b"ontent-" not in line]
        return b"\r\n".join(lines) + b"\r\n\r\n" + b"".join(parts)
    return data


def rest(found: AnswerReader) -> bytes:
    return b"".join(iter(found.read, b""))


@given(framings, bodies, st.data())
def test_answers_of_h11_are_read_however_they_are_cut(framing: str, parts: list[bytes], data: st.DataObject) -> None:
    sizes = iter(lambda: data.draw(st.integers(1, 200)), 0)
    found = reader(answer(framing, parts), sizes)
    head = found.head("GET")
    assert head.status == 200
    assert rest(found) == b"".join(parts)
    assert found.complete
    assert head.lasting == (framing != "close")


def test_answers_follow_each_other_on_one_connection() -> None:
    found = reader(answer("chunks", [b"one", b"two"]) + answer("length", [b"three"]) + answer("length", [], 404))
    assert (found.head("GET").status, rest(found)) == (200, b"onetwo")
    assert (found.head("GET").status, rest(found)) == (200, b"three")
    assert (found.head("GET").status, rest(found)) == (404, b"")


@pytest.mark.parametrize(("method", "status"), [("HEAD", b"200 OK"), ("GET", b"204 No Content"), ("POST", b"304 X")])
def test_answers_without_a_body(method: str, status: bytes) -> None:
    found = reader(b"HTTP/1.1 " + status + b"\r\nContent-Length: 5\r\n\r\n")
    assert found.head(method).lasting
    assert rest(found) == b""


def test_provisional_answers_are_passed_over_but_101() -> None:
    found = reader(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\n\r\nraw", iter([999, 0]))
    assert found.head("POST").status == 101
    assert found.surplus() == b"raw"


def test_names_of_headers_are_in_lower_case_and_repeated_ones_joined() -> None:
    head = reader(b"HTTP/1.1 200 OK\r\nA-B:  x \r\na-b:y\r\nContent-Length: 0\r\n\r\n").head("GET")
    assert head.headers == {"a-b": "x, y", "content-length": "0"}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 2x0 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"x" * 100_000,
    ],
)
def test_what_is_no_answer_is_a_lost_engine(data: bytes) -> None:
    found = reader(data, iter(lambda: 4096, 0))
    with pytest.raises(EngineLost):
        found.head("GET")
        rest(found)


@given(bodies)
def test_requests_are_what_h11_understands(parts: list[bytes]) -> None:
    server = h11.Connection(h11.SERVER)
    headers = (("Host", "x"), ("Transfer-Encoding", "chunked"))
    server.receive_data(request_head("PUT", "/a?b=%20", headers) + b"".join(map(chunk, parts)) + LAST_CHUNK)
    head = server.next_event()
    assert isinstance(head, h11.Request)
    assert (head.method, head.target) == (b"PUT", b"/a?b=%20")
    body = b""
    while isinstance(event := server.next_event(), h11.Data):
        body += event.data
    assert isinstance(event, h11.EndOfMessage)
    assert body == b"".join(parts)


def test_nothing_breaks_out_of_its_line() -> None:
    with pytest.raises(ValueError, match="line break"):
        request_head("GET", "/", (("X", "a\r\nY: b"),))
