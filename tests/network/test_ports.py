"""Published ports: who answers, and what happens to connections while targets change."""

import errno
import os
import resource
import socket
import struct
import threading
import time
from collections.abc import Iterator

import pytest
from network_lab import Lab, read_all

from dockless.network.fabric import PortInUse, PortSpec, PortUnavailable

NOBODY = ("172.30.0.99", 80)


@pytest.fixture
def web(lab: Lab) -> list[tuple[str, int]]:
    """Three replicas' addresses; each answers with its name."""
    lab.network("one", "172.30.0.0/16")
    targets = []
    for number in (2, 3, 4):
        sandbox = lab.container(f"web-{number}", "one", f"172.30.0.{number}/16", names=("web",))
        targets.append((f"172.30.0.{number}", lab.echo(sandbox, str(number))))
    return targets


def tcp(*targets: tuple[str, int], host_ip: str = "", number: int = 0) -> PortSpec:
    return PortSpec("tcp", host_ip, number, targets)


def test_connections_go_to_each_target_in_turn(lab: Lab, web: list[tuple[str, int]]) -> None:
    port = lab.fabric.publish("web", tcp(*web))
    answers = [lab.ask(None, "127.0.0.1", port) for _ in range(6)]
    assert sorted(answers[:3]) == sorted(answers[3:]) == [b"2:hello", b"3:hello", b"4:hello"]


def test_a_target_that_refuses_is_passed_over(lab: Lab, web: list[tuple[str, int]]) -> None:
    closed = (web[0][0], 9)
    port = lab.fabric.publish("web", tcp(closed, web[1]))
    assert {lab.ask(None, "127.0.0.1", port) for _ in range(4)} == {b"3:hello"}


def test_a_target_whose_address_nobody_has_is_passed_over_within_two_seconds(
    lab: Lab, web: list[tuple[str, int]]
) -> None:
    port = lab.fabric.publish("web", tcp(NOBODY, web[1]))
    assert {lab.ask(None, "127.0.0.1", port) for _ in range(2)} == {b"3:hello"}


def test_without_any_target_that_accepts_the_client_is_reset(lab: Lab, web: list[tuple[str, int]]) -> None:
    for targets in ((), ((web[0][0], 9),)):
        port = lab.fabric.publish(f"web{len(targets)}", tcp(*targets))
        with pytest.raises(ConnectionResetError):
            lab.ask(None, "127.0.0.1", port)


def test_all_addresses_are_ipv4_and_ipv6(lab: Lab, web: list[tuple[str, int]]) -> None:
    port = lab.fabric.publish("web", tcp(web[0]))
    for address in ("127.0.0.1", "127.0.0.2", "::1"):
        assert lab.ask(None, address, port) == b"2:hello"


def test_one_address_is_only_that_one(lab: Lab, web: list[tuple[str, int]]) -> None:
    port = lab.fabric.publish("web", tcp(web[0], host_ip="127.0.0.1"))
    assert lab.ask(None, "127.0.0.1", port) == b"2:hello"
    for address in ("127.0.0.2", "::1"):
        with pytest.raises(ConnectionRefusedError):
            lab.ask(None, address, port)


def test_a_port_that_somebody_has_is_named(lab: Lab) -> None:
    taken = lab.echo(None, "somebody", "127.0.0.1")
    with pytest.raises(PortInUse, match=rf"127\.0\.0\.1:{taken}/tcp") as caught:
        lab.fabric.publish("web", tcp(host_ip="127.0.0.1", number=taken))
    assert (caught.value.host_ip, caught.value.host_port, caught.value.protocol) == ("127.0.0.1", taken, "tcp")
    with pytest.raises(PortInUse) as caught:
        lab.fabric.publish("web", tcp(number=taken))
    assert caught.value.host_port == taken
    assert lab.fabric.published() == {}


def test_a_port_that_is_taken_on_ipv6_only_is_in_use_too(lab: Lab) -> None:
    taken = lab.echo(None, "somebody", "::1")
    with pytest.raises(PortInUse):
        lab.fabric.publish("web", tcp(number=taken))


def test_two_keys_cannot_have_one_port(lab: Lab) -> None:
    port = lab.fabric.publish("one", tcp())
    with pytest.raises(PortInUse):
        lab.fabric.publish("two", tcp(number=port))
    lab.fabric.unpublish("one")
    assert lab.fabric.publish("two", tcp(number=port)) == port


def test_an_address_that_the_host_does_not_have_is_named(lab: Lab) -> None:
    with pytest.raises(PortUnavailable, match=r"203\.0\.113\.7:8055/tcp: Cannot assign"):
        lab.fabric.publish("web", tcp(host_ip="203.0.113.7", number=8055))


def test_other_targets_for_the_same_port_keep_open_connections(lab: Lab, web: list[tuple[str, int]]) -> None:
    port = lab.fabric.publish("web", tcp(web[0]))
    held = lab.begin("127.0.0.1", port, b"begun before")
    assert lab.fabric.publish("web", tcp(web[1], number=port)) == port
    assert lab.ask(None, "127.0.0.1", port) == b"3:hello"
    held.shutdown(socket.SHUT_WR)
    assert read_all(held) == b"2:begun before"


def test_no_request_is_dropped_while_targets_change(lab: Lab, web: list[tuple[str, int]]) -> None:
    port = lab.fabric.publish("web", tcp(*web))
    stop = threading.Event()
    wrong: list[object] = []
    answered = [0, 0]

    def ask(number: int) -> None:
        while not stop.is_set():
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=30) as connected:
                    connected.sendall(b"x")
                    connected.shutdown(socket.SHUT_WR)
                    if not read_all(connected).endswith(b":x"):
                        wrong.append("cut answer")
            except OSError as problem:
                wrong.append(problem)
            answered[number] += 1

    clients = [threading.Thread(target=ask, args=(number,)) for number in range(2)]
    for client in clients:
        client.start()
    changes = 0
    while changes < 60 or min(answered) <= 10:
        lab.fabric.publish("web", tcp(*web[: changes % 3 + 1], number=port))
        changes += 1
        time.sleep(0.01)
    stop.set()
    for client in clients:
        client.join()
    assert wrong == []


def test_an_unpublished_port_refuses_and_its_open_connections_go_on(lab: Lab, web: list[tuple[str, int]]) -> None:
    port = lab.fabric.publish("web", tcp(web[0]))
    held = lab.begin("127.0.0.1", port, b"still")
    lab.fabric.unpublish("web")
    with pytest.raises(ConnectionRefusedError):
        lab.connect(None, "127.0.0.1", port)
    held.shutdown(socket.SHUT_WR)
    assert read_all(held) == b"2:still"


def test_a_target_that_leaves_its_network_cuts_its_connections(lab: Lab, web: list[tuple[str, int]]) -> None:
    port = lab.fabric.publish("web", tcp(web[0]))
    held = lab.begin("127.0.0.1", port, b"begun")
    lab.fabric.detach(None, lab.networks["one"].id, "web-2")
    with pytest.raises(ConnectionResetError):
        held.recv(1)


def test_the_end_of_one_direction_leaves_the_other_open(lab: Lab) -> None:
    lab.network("one", "172.30.0.0/16")
    sandbox = lab.container("a", "one", "172.30.0.2/16")
    go_on = threading.Event()

    def handler(connected: socket.socket) -> None:
        connected.sendall(b"greeting")
        connected.shutdown(socket.SHUT_WR)
        go_on.wait(30)
        got.append(read_all(connected))

    got: list[bytes] = []
    port = lab.fabric.publish("a", tcp(("172.30.0.2", lab.serve(sandbox, handler))))
    connected = lab.connect(None, "127.0.0.1", port)
    assert read_all(connected) == b"greeting"
    connected.sendall(b"answer after the end")
    connected.shutdown(socket.SHUT_WR)
    go_on.set()
    deadline = time.monotonic() + 30
    while not got and time.monotonic() < deadline:
        time.sleep(0.01)
    assert got == [b"answer after the end"]


def test_a_reset_is_passed_on_in_both_directions(lab: Lab) -> None:
    lab.network("one", "172.30.0.0/16")
    sandbox = lab.container("a", "one", "172.30.0.2/16")
    seen: list[str] = []
    arrived = threading.Event()
    linger = struct.pack("ii", 1, 0)

    def handler(connected: socket.socket) -> None:
        if connected.recv(1) == b"r":
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            return
        arrived.set()
        try:
            connected.recv(1)
        except ConnectionResetError:
            seen.append("reset")

    port = lab.fabric.publish("a", tcp(("172.30.0.2", lab.serve(sandbox, handler))))
    connected = lab.connect(None, "127.0.0.1", port)
    connected.sendall(b"r")
    with pytest.raises(ConnectionResetError):
        connected.recv(1)
    connected = lab.connect(None, "127.0.0.1", port)
    connected.sendall(b"x")
    assert arrived.wait(30)
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    connected.close()
    deadline = time.monotonic() + 30
    while not seen and time.monotonic() < deadline:
        time.sleep(0.01)
    assert seen == ["reset"]


@pytest.mark.parametrize("size", [1, 32 * 1024, 32 * 1024 + 1, 20_000_000])
def test_bulk_data_arrives_whole_both_ways_at_once(lab: Lab, size: int) -> None:
    lab.network("one", "172.30.0.0/16")
    sandbox = lab.container("a", "one", "172.30.0.2/16")
    there, back = os.urandom(size), os.urandom(size)
    got: list[bytes] = []

    def handler(connected: socket.socket) -> None:
        sender = threading.Thread(target=lambda: (connected.sendall(back), connected.shutdown(socket.SHUT_WR)))
        sender.start()
        got.append(read_all(connected))
        sender.join()

    port = lab.fabric.publish("a", tcp(("172.30.0.2", lab.serve(sandbox, handler))))
    connected = lab.connect(None, "127.0.0.1", port)
    sender = threading.Thread(target=lambda: (connected.sendall(there), connected.shutdown(socket.SHUT_WR)))
    sender.start()
    assert read_all(connected) == back
    sender.join()
    deadline = time.monotonic() + 30
    while not got and time.monotonic() < deadline:
        time.sleep(0.01)
    assert got == [there]


def test_a_reader_that_does_not_read_stops_the_writer_and_nobody_else(lab: Lab) -> None:
    lab.network("one", "172.30.0.0/16")
    sandbox = lab.container("a", "one", "172.30.0.2/16")
    sent = [0]

    def flood(connected: socket.socket) -> None:
        connected.setblocking(False)
        while True:
            try:
                sent[0] += connected.send(bytes(1 << 16))
            except BlockingIOError:
                time.sleep(0.01)

    port = lab.fabric.publish("a", tcp(("172.30.0.2", lab.serve(sandbox, flood))))
    other = lab.fabric.publish("b", tcp(("172.30.0.2", lab.echo(sandbox, "b"))))
    slow = lab.open_socket(None)
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect(("127.0.0.1", port))
    settled = -1
    while not settled or settled != sent[0]:  # zero: the server has not had its turn yet
        settled = sent[0]
        time.sleep(0.3)
    # Sockets' buffers and one pipe, not what a server may want to send.
    assert 0 < settled < 32 << 20
    assert lab.ask(None, "127.0.0.1", other) == b"b:hello"


def test_datagrams_go_to_a_target_and_back(lab: Lab) -> None:
    lab.network("one", "172.30.0.0/16")
    targets = []
    for number in (2, 3):
        sandbox = lab.container(f"dns-{number}", "one", f"172.30.0.{number}/16")
        targets.append((f"172.30.0.{number}", lab.udp_echo(sandbox, str(number))))
    port = lab.fabric.publish("dns", PortSpec("udp", "", 0, tuple(targets)))
    answers = set()
    for address in ("127.0.0.1", "::1", "127.0.0.3"):
        for _ in range(2):
            client = lab.open_socket(None, socket.SOCK_DGRAM, socket.AF_INET6 if ":" in address else socket.AF_INET)
            client.connect((address, port))
            for datagram in (b"a", b"b" * 1400):
                client.send(datagram)
                answers.add(client.recv(2000)[:2])
    assert answers == {b"2:", b"3:"}


def test_a_udp_port_that_somebody_has_is_named(lab: Lab) -> None:
    taken = lab.udp_echo(None, "somebody", "127.0.0.1")
    with pytest.raises(PortInUse, match=f"{taken}/udp"):
        lab.fabric.publish("dns", PortSpec("udp", "127.0.0.1", taken, ()))


def test_datagrams_follow_when_their_target_has_left(lab: Lab) -> None:
    lab.network("one", "172.30.0.0/16")
    targets = []
    for number in (2, 3):
        sandbox = lab.container(f"dns-{number}", "one", f"172.30.0.{number}/16")
        targets.append((f"172.30.0.{number}", lab.udp_echo(sandbox, str(number))))
    port = lab.fabric.publish("dns", PortSpec("udp", "127.0.0.1", 0, (targets[0],)))
    client = lab.open_socket(None, socket.SOCK_DGRAM)
    client.connect(("127.0.0.1", port))
    client.send(b"x")
    assert client.recv(10) == b"2:x"
    lab.fabric.publish("dns", PortSpec("udp", "127.0.0.1", port, (targets[1],)))
    lab.fabric.detach(None, lab.networks["one"].id, "dns-2")
    client.send(b"x")
    assert client.recv(10) == b"3:x"


def test_a_lack_of_descriptors_delays_and_breaks_nothing(lab: Lab, web: list[tuple[str, int]]) -> None:
    port = lab.fabric.publish("web", tcp(web[0], host_ip="127.0.0.1"))
    relay = lab.fabric._relay._child
    assert relay is not None
    used = len(os.listdir(f"/proc/{relay}/fd"))
    resource.prlimit(relay, resource.RLIMIT_NOFILE, (used + 30, 4096))
    clients = []
    for _ in range(60):
        client = lab.open_socket(None)
        client.setblocking(False)
        assert client.connect_ex(("127.0.0.1", port)) in (0, errno.EINPROGRESS)
        clients.append(client)
    time.sleep(0.3)
    for client in clients:
        client.close()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            assert lab.ask(None, "127.0.0.1", port) == b"2:hello"
            break
        except OSError:
            time.sleep(0.05)
    else:
        pytest.fail("the relay did not recover")


def test_a_container_reaches_its_own_published_port_by_way_of_the_host(lab: Lab, web: list[tuple[str, int]]) -> None:
    port = lab.fabric.publish("web", tcp(web[0]))
    for address in (str(lab.fabric.host_gateway), "172.30.0.1"):
        assert lab.ask(lab.sandboxes["web-2"], address, port) == b"2:hello"


@pytest.fixture
def descriptors() -> Iterator[int]:
    """As many as this process may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_thousands_of_connections_are_open_at_once_and_all_carry(lab: Lab, descriptors: int) -> None:
    """The limit of descriptors is the relay's to raise: each connection takes two of its."""
    count = min(3000, (descriptors - 500) // 2)
    lab.network("one", "172.30.0.0/16")
    sandbox = lab.container("a", "one", "172.30.0.2/16")
    listener = lab.open_socket(sandbox)
    listener.bind(("0.0.0.0", 0))
    listener.listen(4096)
    port = lab.fabric.publish("a", tcp(("172.30.0.2", listener.getsockname()[1])))
    clients: list[socket.socket] = []
    served: dict[bytes, socket.socket] = {}
    for number in range(count):
        client = socket.create_connection(("127.0.0.1", port), timeout=20)
        client.sendall(b"%8d" % number)
        clients.append(client)
        connected, _ = listener.accept()
        served[connected.recv(8, socket.MSG_WAITALL)] = connected
    assert len(served) == count
    for number, connected in served.items():
        connected.sendall(number + b"!")
    for number, client in enumerate(clients):
        assert client.recv(9, socket.MSG_WAITALL) == b"%8d!" % number
    for one in (*clients, *served.values()):
        one.close()
    # And the relay is as well off as before.
    assert (
        lab.ask(None, "127.0.0.1", lab.fabric.publish("b", tcp(("172.30.0.2", lab.echo(sandbox, "b"))))) == b"b:hello"
    )
