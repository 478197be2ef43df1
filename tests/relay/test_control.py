"""The control socket: whatever comes in by it, the relay stays and serves the next one."""

import json
import os
import random
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dockless.network.relay_client import RelayClient, RelayRefusal
from dockless.relay import protocol

OPERATIONS = ("hello", "fabric", "set", "delete", "list", "several", "held", "bye", "nothing", None, 7, [], {})
KINDS = ("network", "endpoint", "resolver", "port", "held", "nothing", None, [])
VALUES = (
    {},
    None,
    7,
    [],
    "x",
    {"subnets": ["nonsense"], "gateways": [], "internal": False},
    {"subnets": ["10.0.0.0/99"], "gateways": ["x"], "internal": 1},
    {"subnets": [7], "gateways": None, "internal": None},
    {"network": "n", "container": "c", "addresses": ["10.0.0.1\0"], "names": [7]},
    {"network": "n", "container": "c", "addresses": 7, "names": ["x"]},
    {"networks": [7], "servers": ["x"], "links": [], "host_names": {"a": "b"}},
    {"networks": [], "servers": [], "links": {}, "host_names": {}},
    {"protocol": "sctp", "host_ip": "", "host_port": 0, "targets": []},
    {"protocol": "tcp", "host_ip": "", "host_port": 99999, "targets": []},
    {"protocol": "tcp", "host_ip": 7, "host_port": "x", "targets": [[]]},
    {"protocol": "tcp", "host_ip": "", "host_port": 0, "targets": [["not an address", 1]]},
)


@pytest.fixture
def socket_path() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="dockless-relay-"))
    path, log = folder / "relay.sock", folder / "log"
    first = RelayClient.start(path, log)
    assert first.request({"op": "hello", "version": protocol.VERSION})["fabric"] is False
    yield path
    assert first.request({"op": "list", "kind": "endpoint"})["items"] == {}
    child = first._child
    first.bye()
    if first._child is not None:
        # Connections that ended without a word are only being noticed.
        os.waitpid(child or 0, 0)
    assert log.read_text() == ""
    assert not path.exists()
    shutil.rmtree(folder)


def raw(path: Path) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    made.settimeout(60)
    made.connect(str(path))
    return made


def test_what_is_no_message_ends_its_connection_only(socket_path: Path) -> None:
    for data in (b"x", b"\xff\xfe", b"[]", b"7", b"null", b"{" * 5000, b"[" * 100_000):
        with raw(socket_path) as connected:
            connected.send(data)
            assert connected.recv(1000) == b""


def test_every_malformed_request_is_answered_and_leaves_nothing(socket_path: Path) -> None:
    relay = RelayClient.connect(socket_path)
    assert relay is not None
    numbers = random.Random(20)
    for _ in range(400):
        message = {
            "op": numbers.choice(OPERATIONS),
            "kind": numbers.choice(KINDS),
            "key": numbers.choice(("k", "a/b", None, 7, [])),
            "value": numbers.choice(VALUES),
            "version": 99,
            "requests": numbers.choice(([], None, 7, [{}], [{"op": "set", "descriptors": 3}], [{"descriptors": "x"}])),
        }
        with_descriptor = numbers.random() < 0.3 and message["op"] not in ("fabric",) and message["kind"] != "held"
        reading, writing = os.pipe()
        try:
            relay.request(message, [reading] if with_descriptor else [])
        except RelayRefusal as problem:
            assert str(problem)
        os.close(reading)
        os.close(writing)
    for kind in ("network", "endpoint", "resolver", "port"):
        for key in relay.items(kind):
            relay.delete(kind, key)
    for key in relay.items("held"):
        # JSON's keys are text, whatever was said.
        relay.delete("held", json.loads(key) if key in ("null", "7") else key)
    relay.close()


def test_a_version_that_the_relay_does_not_speak_is_refused(socket_path: Path) -> None:
    relay = RelayClient.connect(socket_path)
    assert relay is not None
    with pytest.raises(RelayRefusal, match="speaks version"):
        relay.request({"op": "hello", "version": protocol.VERSION + 1})
    relay.close()


def test_a_client_that_dies_before_it_reads_its_answers_is_forgotten(socket_path: Path) -> None:
    for _ in range(20):
        with raw(socket_path) as connected:
            connected.setblocking(False)
            try:
                while True:
                    connected.send(json.dumps({"op": "list", "kind": "network"}).encode())
            except BlockingIOError:
                continue


def test_long_lists_come_in_pieces(socket_path: Path) -> None:
    relay = RelayClient.connect(socket_path)
    assert relay is not None
    for number in range(250):
        value = {"subnets": [f"10.{number}.0.0/16"], "gateways": [f"10.{number}.0.1"], "internal": False}
        relay.set("network", f"{number}", value)
    items = relay.items("network")
    assert len(items) == 250 and items["249"]["gateways"] == ["10.249.0.1"]
    for key in items:
        relay.delete("network", key)
    relay.close()


def test_an_unread_answer_does_not_keep_others_waiting(socket_path: Path) -> None:
    with raw(socket_path) as lazy:
        lazy.setblocking(False)
        try:
            while True:
                lazy.send(b'{"op":"list","kind":"network"}')
        except BlockingIOError:
            pass
        other = RelayClient.connect(socket_path)
        assert other is not None
        assert other.request({"op": "list", "kind": "port"})["items"] == {}
        other.close()


def test_what_is_asked_ahead_is_done_before_the_next_request_and_refused_where_it_is_waited_for(
    socket_path: Path,
) -> None:
    relay = RelayClient.connect(socket_path)
    assert relay is not None
    endpoint = {"network": "n", "container": "c", "addresses": ["10.0.0.2"], "names": ["a"]}
    with relay.ahead():
        relay.set("endpoint", "n/c", endpoint)
    assert list(relay.items("endpoint")) == ["n/c"]
    with relay.ahead():
        relay.delete("endpoint", "n/c")
    relay.settle()
    relay.settle()
    with relay.ahead():
        relay.set("resolver", "c", {"networks": [], "servers": [], "links": {}, "host_names": {}})
    with pytest.raises(RelayRefusal):
        relay.settle()
    assert relay.items("endpoint") == {}
    relay.close()


def test_several_requests_are_carried_out_in_order_up_to_the_first_that_is_refused(socket_path: Path) -> None:
    relay = RelayClient.connect(socket_path)
    assert relay is not None
    endpoint = {"network": "n", "container": "c", "addresses": ["10.0.0.2"], "names": ["a"]}
    with relay.together():
        relay.set("endpoint", "n/c", endpoint)
        relay.set("endpoint", "n/d", {**endpoint, "container": "d"})
        relay.delete("endpoint", "n/c")
        assert relay.items("endpoint") == {}
    assert list(relay.items("endpoint")) == ["n/d"]
    reading, writing = os.pipe()
    with pytest.raises(RelayRefusal, match="no sockets"), relay.together():
        relay.delete("endpoint", "n/d")
        # A resolver wants two.
        relay.set("resolver", "c", {"networks": [], "servers": [], "links": {}, "host_names": {}}, [reading])
        relay.set("endpoint", "n/e", {**endpoint, "container": "e"})
    assert relay.items("endpoint") == {}
    with pytest.raises(ZeroDivisionError), relay.together():
        relay.set("endpoint", "n/f", {**endpoint, "container": "f"})
        raise ZeroDivisionError
    assert relay.items("endpoint") == {}
    # Nobody but us holds the pipe's end any more.
    os.close(reading)
    with pytest.raises(BrokenPipeError):
        os.write(writing, b"x")
    os.close(writing)
    relay.close()
