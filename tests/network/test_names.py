"""Names, asked as a container asks them: at 127.0.0.11, by UDP and TCP."""

import re
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from network_lab import Lab

from dockless.network.fabric import Sandbox
from dockless.relay.upstream import QUESTION_SECONDS

A, PTR, TXT, AAAA, HTTPS = 1, 12, 16, 28, 65
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP = 0, 1, 2, 3, 4


def question(name: str, kind: int = A, identifier: int = 0x1234, edns: int = 0) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.rstrip(".").split("."))
    raw = struct.pack("!6H", identifier, 0x0100, 1, 0, 0, int(edns > 0)) + labels + b"\0" + struct.pack("!2H", kind, 1)
    return raw + (b"\0" + struct.pack("!HHIH", 41, edns, 0, 0) if edns else b"")


class Answer:
    """Header fields, and the records of the answer section as text."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.identifier, self.flags, _, answers, _, self.additional = struct.unpack_from("!6H", raw)
        self.rcode = self.flags & 15
        self.truncated = bool(self.flags & 0x0200)
        offset = 12
        if len(raw) > 12:
            while raw[offset]:
                offset += 1 + raw[offset]
            offset += 5
        self.records = []
        for _ in range(answers):
            assert raw[offset] & 0xC0
            kind, _, _, length = struct.unpack_from("!HHIH", raw, offset + 2)
            data = raw[offset + 12 : offset + 12 + length]
            if kind in (A, AAAA):
                self.records.append(socket.inet_ntop(socket.AF_INET if kind == A else socket.AF_INET6, data))
            else:
                self.records.append(data.decode("latin-1"))
            offset += 12 + length


def ask(lab: Lab, sandbox: Sandbox, raw: bytes) -> Answer:
    client = lab.open_socket(sandbox, socket.SOCK_DGRAM)
    client.connect(("127.0.0.11", 53))
    client.send(raw)
    answer = Answer(client.recv(65536))
    client.close()
    return answer


def ask_tcp(lab: Lab, sandbox: Sandbox, *raws: bytes) -> list[Answer]:
    with lab.connect(sandbox, "127.0.0.11", 53) as client:
        client.sendall(b"".join(struct.pack("!H", len(raw)) + raw for raw in raws))
        reader = client.makefile("rb")
        return [Answer(reader.read(struct.unpack("!H", reader.read(2))[0])) for _ in raws]


@pytest.fixture
def client(lab: Lab) -> Sandbox:
    """`web` has three replicas beside it on one network; `far` is on another."""
    lab.network("one", "172.30.0.0/16")
    lab.network("two", "172.31.0.0/16")
    for number in (2, 3, 4):
        names = (f"project-web-{number}", "web", "Alias.Example")
        lab.container(f"web-{number}", "one", f"172.30.0.{number}/16", names=names)
    lab.container("far", "two", "172.31.0.2/16", names=("far",))
    return lab.container("client", "one", "172.30.0.9/16")


@pytest.fixture
def upstream(lab: Lab, client: Sandbox) -> Callable[..., None]:
    """Name servers on port 53 of addresses in 127.0.0.0/8 of the host, named as the container's own."""

    def serve(**servers: Callable[[bytes, bool], bytes | None]) -> None:
        addresses = [f"127.0.53.{number}" for number in range(1, len(servers) + 1)]
        for address, answer in zip(addresses, servers.values(), strict=True):
            datagrams = lab.open_socket(None, socket.SOCK_DGRAM)
            datagrams.settimeout(None)
            datagrams.bind((address, 53))
            thread = threading.Thread(target=_serve, args=(datagrams, answer), daemon=True)
            thread.start()
            lab._closing.append(lambda it=datagrams, to=thread: _end(it, to))

            def stream(connected: socket.socket, answer: Callable[[bytes, bool], bytes | None] = answer) -> None:
                reader = connected.makefile("rb")
                while size := reader.read(2):
                    if (reply := answer(reader.read(struct.unpack("!H", size)[0]), True)) is not None:
                        connected.sendall(struct.pack("!H", len(reply)) + reply)

            lab.serve(None, stream, address, 53)
        network = lab.networks["one"].id
        lab.fabric.open_resolver("client", client, networks=(network,), servers=addresses)

    return serve


def _serve(datagrams: socket.socket, answer: Callable[[bytes, bool], bytes | None]) -> None:
    while True:
        raw, peer = datagrams.recvfrom(65536)
        if not raw:
            return
        if (reply := answer(raw, False)) is not None:
            datagrams.sendto(reply, peer)


def _end(datagrams: socket.socket, thread: threading.Thread) -> None:
    """Before the socket is closed: the server sees an empty datagram, and goes."""
    datagrams.sendto(b"", datagrams.getsockname())
    thread.join()


def reply_to(raw: bytes, address: str = "192.0.2.7", rcode: int = 0, truncated: bool = False) -> bytes:
    end = raw.index(b"\0", 12) + 5
    flags = 0x8180 | rcode | (0x0200 if truncated else 0)
    records = b"" if rcode or truncated else b"\xc0\x0c" + struct.pack("!HHIH", A, 1, 60, 4) + socket.inet_aton(address)
    return raw[:2] + struct.pack("!5H", flags, 1, bool(records), 0, 0) + raw[12:end] + records


def test_a_service_is_all_its_replicas_beginning_with_another_each_time(lab: Lab, client: Sandbox) -> None:
    answers = [ask(lab, client, question("web")).records for _ in range(3)]
    assert [sorted(answer) for answer in answers] == [["172.30.0.2", "172.30.0.3", "172.30.0.4"]] * 3
    assert sorted(answer[0] for answer in answers) == ["172.30.0.2", "172.30.0.3", "172.30.0.4"]


def test_containers_have_names_of_their_own_and_case_does_not_matter(lab: Lab, client: Sandbox) -> None:
    assert ask(lab, client, question("project-web-3")).records == ["172.30.0.3"]
    assert len(ask(lab, client, question("aLIAS.eXAMPLE")).records) == 3
    raw = question("PROJECT-web-2")
    assert ask(lab, client, raw).raw[12 : len(raw)] == raw[12:]


def test_names_of_networks_that_the_container_is_not_on_are_not_known(
    lab: Lab, client: Sandbox, upstream: Callable[..., None]
) -> None:
    upstream(only=lambda raw, _: reply_to(raw, rcode=NXDOMAIN))
    assert ask(lab, client, question("far")).rcode == NXDOMAIN


def test_a_known_name_has_no_addresses_of_the_other_family_and_no_other_records(lab: Lab, client: Sandbox) -> None:
    for kind in (AAAA, TXT, HTTPS):
        answer = ask(lab, client, question("web", kind))
        assert (answer.rcode, answer.records) == (NOERROR, [])


def test_ipv6_addresses_are_answered_where_the_network_has_them(lab: Lab) -> None:
    lab.network("dual", "172.29.0.0/16", "fd00:29::/64")
    sandbox = lab.container("db", "dual", "172.29.0.2/16", "fd00:29::2/64")
    assert ask(lab, sandbox, question("db", AAAA)).records == ["fd00:29::2"]
    assert ask(lab, sandbox, question("db")).records == ["172.29.0.2"]
    name = ".".join(reversed("fd000029000000000000000000000002")) + ".ip6.arpa"
    assert ask(lab, sandbox, question(name, PTR)).records == ["\2db\0"]


def test_an_address_has_the_containers_name_and_others_of_ours_have_none(lab: Lab, client: Sandbox) -> None:
    answer = ask(lab, client, question("2.0.30.172.in-addr.arpa", PTR))
    assert answer.records == ["\x0dproject-web-2\0"]
    assert ask(lab, client, question("77.0.30.172.in-addr.arpa", PTR)).rcode == NXDOMAIN


def test_links_and_host_names_are_answered(lab: Lab, client: Sandbox) -> None:
    lab.fabric.open_resolver(
        "client",
        client,
        networks=(lab.networks["one"].id,),
        links={"database": "web-3"},
        host_names={"host.docker.internal": str(lab.fabric.host_gateway)},
    )
    assert ask(lab, client, question("database")).records == ["172.30.0.3"]
    assert ask(lab, client, question("host.docker.internal")).records == ["172.17.0.1"]


def test_a_name_is_gone_with_its_endpoint(lab: Lab, client: Sandbox, upstream: Callable[..., None]) -> None:
    upstream(only=lambda raw, _: reply_to(raw, rcode=NXDOMAIN))
    for number in (2, 3, 4):
        assert len(ask(lab, client, question("web")).records) == 5 - number
        lab.fabric.detach(None, lab.networks["one"].id, f"web-{number}")
    assert ask(lab, client, question("web")).rcode == NXDOMAIN


def test_names_may_change_while_the_container_runs(lab: Lab, client: Sandbox) -> None:
    lab.fabric.attach(
        lab.sandboxes["web-2"], lab.endpoint("web-2", "one", "172.30.0.2/16", names=("project-web-2", "renamed"))
    )
    assert ask(lab, client, question("renamed")).records == ["172.30.0.2"]
    assert len(ask(lab, client, question("web")).records) == 2


def test_tcp_answers_the_same_and_several_questions_on_one_connection(lab: Lab, client: Sandbox) -> None:
    first, second = ask_tcp(lab, client, question("web"), question("project-web-2", identifier=7))
    assert len(first.records) == 3
    assert (second.identifier, second.records) == (7, ["172.30.0.2"])


def test_an_answer_that_does_not_fit_a_datagram_is_cut_and_whole_by_tcp(lab: Lab, client: Sandbox) -> None:
    for number in range(10, 60):
        lab.fabric._relay.set(
            "endpoint",
            f"{lab.networks['one'].id}/many-{number}",
            {
                "network": lab.networks["one"].id,
                "container": f"many-{number}",
                "addresses": [f"172.30.1.{number}"],
                "names": ["many"],
            },
        )
    answer = ask(lab, client, question("many"))
    assert answer.truncated and len(answer.raw) <= 512
    assert len(answer.records) == (512 - len(question("many"))) // 16
    assert len(ask(lab, client, question("many", edns=4096)).records) == 50
    assert len(ask_tcp(lab, client, question("many"))[0].records) == 50
    for number in range(10, 60):
        lab.fabric.detach(None, lab.networks["one"].id, f"many-{number}")


def test_what_is_not_known_is_asked_outside_and_the_edns_of_the_question_goes_along(
    lab: Lab, client: Sandbox, upstream: Callable[..., None]
) -> None:
    seen: list[bytes] = []

    def answer(raw: bytes, _: bool) -> bytes:
        seen.append(raw)
        return reply_to(raw)

    upstream(only=answer)
    raw = question("Example.org", edns=1232)
    got = ask(lab, client, raw)
    assert (got.identifier, got.rcode, got.records) == (0x1234, NOERROR, ["192.0.2.7"])
    assert seen[0][2:] == raw[2:]
    assert ask_tcp(lab, client, question("example.org"))[0].records == ["192.0.2.7"]


def test_each_question_goes_out_with_another_id_and_from_another_port(lab: Lab, client: Sandbox) -> None:
    datagrams = lab.open_socket(None, socket.SOCK_DGRAM)
    datagrams.bind(("127.0.53.1", 53))
    lab.fabric.open_resolver("client", client, networks=(lab.networks["one"].id,), servers=("127.0.53.1",))
    ports, identifiers = set(), set()
    for _ in range(8):
        asking = lab.open_socket(client, socket.SOCK_DGRAM)
        asking.connect(("127.0.0.11", 53))
        asking.send(question("example.org"))
        raw, peer = datagrams.recvfrom(512)
        ports.add(peer[1])
        identifiers.add(raw[:2])
        datagrams.sendto(reply_to(raw), peer)
        assert Answer(asking.recv(512)).identifier == 0x1234
    assert len(ports) >= 7 and len(identifiers) >= 7


def test_a_forged_answer_is_not_believed(lab: Lab, client: Sandbox, upstream: Callable[..., None]) -> None:
    def answer(raw: bytes, _: bool) -> bytes:
        wrong_id = bytes([raw[0] ^ 1]) + raw[1:]
        return reply_to(wrong_id, "198.51.100.66") if len(asked) == 0 and not asked.append(1) else reply_to(raw)

    asked: list[int] = []
    upstream(only=answer)
    assert ask(lab, client, question("example.org")).records == ["192.0.2.7"]


def test_a_cut_answer_is_handed_on_as_such_and_is_whole_by_tcp(
    lab: Lab, client: Sandbox, upstream: Callable[..., None]
) -> None:
    upstream(only=lambda raw, by_tcp: reply_to(raw, truncated=not by_tcp))
    assert ask(lab, client, question("example.org")).truncated
    assert ask_tcp(lab, client, question("example.org"))[0].records == ["192.0.2.7"]


def test_a_server_that_fails_or_is_silent_is_followed_by_the_next(
    lab: Lab, client: Sandbox, upstream: Callable[..., None]
) -> None:
    upstream(
        failing=lambda raw, _: reply_to(raw, rcode=SERVFAIL), silent=lambda *_: None, good=lambda raw, _: reply_to(raw)
    )
    assert ask(lab, client, question("example.org")).records == ["192.0.2.7"]


def test_without_a_server_that_answers_the_answer_is_a_failure(lab: Lab, client: Sandbox) -> None:
    # Nobody listens on these: refused at once, by UDP and by TCP.
    network = lab.networks["one"].id
    lab.fabric.open_resolver("client", client, networks=(network,), servers=("127.0.53.8", "127.0.53.9"))
    assert ask(lab, client, question("example.org")).rcode == SERVFAIL
    assert ask_tcp(lab, client, question("example.org"))[0].rcode == SERVFAIL


def test_a_silent_server_is_a_failure_within_the_clients_patience(
    lab: Lab, client: Sandbox, upstream: Callable[..., None]
) -> None:
    upstream(silent=lambda *_: None)
    asking = lab.open_socket(client, socket.SOCK_DGRAM)
    asking.settimeout(30)
    asking.connect(("127.0.0.11", 53))
    asking.send(question("example.org"))
    assert Answer(asking.recv(512)).rcode == SERVFAIL
    assert QUESTION_SECONDS < 5  # resolv.conf(5), timeout; not measured: a busy machine proves nothing


def test_servers_that_have_been_silent_do_not_keep_further_questions_waiting_and_are_heard_at_once(
    lab: Lab, client: Sandbox, upstream: Callable[..., None]
) -> None:
    answering = threading.Event()

    def answer(raw: bytes, _: bool) -> bytes | None:
        return reply_to(raw) if answering.is_set() else None

    upstream(one=answer, other=answer)
    asking = lab.open_socket(client, socket.SOCK_DGRAM)
    asking.connect(("127.0.0.11", 53))
    asking.send(question("example.org"))
    assert Answer(asking.recv(512)).rcode == SERVFAIL
    for number in range(30):
        asking.send(question("example.org", identifier=number))
    # One after the other, each with the patience of the first, they would take minutes.
    assert {Answer(asking.recv(512)).identifier for _ in range(30)} == set(range(30))
    answering.set()
    assert ask(lab, client, question("example.org")).records == ["192.0.2.7"]
    assert ask(lab, client, question("example.org")).records == ["192.0.2.7"]


def test_an_answer_that_is_longer_than_the_client_takes_is_cut(
    lab: Lab, client: Sandbox, upstream: Callable[..., None]
) -> None:
    def answer(raw: bytes, _: bool) -> bytes:
        end = raw.index(b"\0", 12) + 5
        records = b"".join(
            b"\xc0\x0c" + struct.pack("!HHIH", A, 1, 60, 4) + bytes([192, 0, 2, last]) for last in range(90)
        )
        return raw[:2] + struct.pack("!5H", 0x8180, 1, 90, 0, 0) + raw[12:end] + records

    upstream(only=answer)
    cut = ask(lab, client, question("example.org"))
    assert cut.truncated and len(cut.raw) <= 512
    assert len(ask(lab, client, question("example.org", edns=1432 + 64)).records) == 90
    assert len(ask_tcp(lab, client, question("example.org"))[0].records) == 90


def test_a_name_server_in_a_container_can_be_the_explicit_one(lab: Lab, client: Sandbox) -> None:
    datagrams = lab.open_socket(lab.sandboxes["web-2"], socket.SOCK_DGRAM)
    datagrams.settimeout(None)
    datagrams.bind(("0.0.0.0", 53))
    threading.Thread(target=_serve, args=(datagrams, lambda raw, _: reply_to(raw)), daemon=True).start()
    lab.fabric.open_resolver("client", client, networks=(lab.networks["one"].id,), servers=("172.30.0.2",))
    assert ask(lab, client, question("example.org")).records == ["192.0.2.7"]
    ending = lab.open_socket(lab.sandboxes["web-2"], socket.SOCK_DGRAM)
    ending.sendto(b"", ("127.0.0.1", 53))


def test_a_container_may_have_a_name_server_of_its_own_on_port_53(lab: Lab, client: Sandbox) -> None:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        own = lab.open_socket(client, kind)
        own.bind(("0.0.0.0", 53))
    assert ask(lab, client, question("project-web-2")).records == ["172.30.0.2"]


def test_on_internal_networks_only_their_own_names_resolve(lab: Lab) -> None:
    lab.network("inner", "172.28.0.0/16", internal=True)
    sandbox = lab.container("db", "inner", "172.28.0.2/16")
    assert ask(lab, sandbox, question("db")).records == ["172.28.0.2"]
    assert ask(lab, sandbox, question("example.org")).rcode == SERVFAIL


def test_malformed_questions_are_refused_or_passed_over_and_break_nothing(lab: Lab, client: Sandbox) -> None:
    good = question("web")
    assert ask(lab, client, good[:4] + b"\0\2" + good[6:]).rcode == FORMERR
    assert ask(lab, client, good[:2] + b"\x28\0" + good[4:]).rcode == NOTIMP
    assert ask(lab, client, good[:12] + b"\xc0\x0c" + good[-4:]).rcode == FORMERR
    assert ask(lab, client, good[:-6]).rcode == FORMERR
    quiet = lab.open_socket(client, socket.SOCK_DGRAM)
    quiet.connect(("127.0.0.11", 53))
    for raw in (b"", b"\0", good[:11], b"\xff" * 600, good[:2] + b"\x80\0" + good[4:]):
        quiet.send(raw)
    with lab.connect(client, "127.0.0.11", 53) as stream:
        stream.sendall(b"\xff\xff" + b"x" * 1000)
    with lab.connect(client, "127.0.0.11", 53) as stream:
        stream.sendall(b"\0\0" * 100 + b"\0\5abcde")
    assert len(ask(lab, client, good).records) == 3


def test_what_the_host_resolves_the_container_resolves(lab: Lab, client: Sandbox) -> None:
    name = package_mirror()
    try:
        expected = socket.gethostbyname(name)
    except OSError:
        pytest.skip("this host resolves no names")
    assert expected in ask(lab, client, question(name)).records


def package_mirror() -> str:
    """A name that this host has reason to resolve: that of its own package mirror."""
    sources = [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*")]
    for source in sources:
        found = re.search(r"https?://([a-z0-9.-]+)", source.read_text()) if source.is_file() else None
        if found:
            return found[1]
    pytest.skip("this host has no package mirror")
