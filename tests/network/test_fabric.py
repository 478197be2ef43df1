"""Networks and endpoints: who reaches whom, and that all of it comes and goes without a trace."""

import contextlib
import errno
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from network_lab import Lab

from dockless.linux import netlink_route as route
from dockless.linux import netns
from dockless.linux.netlink import NETLINK_ROUTE, NetlinkSocket
from dockless.network.fabric import Fabric, FabricError, PortSpec, RelayLost, ResolverSpec, Sandbox
from dockless.places import Places


def fabric_links(lab: Lab) -> set[str]:
    with netns.inside(lab.fabric._namespace, lab._home), NetlinkSocket(NETLINK_ROUTE) as netlink:
        return {link.name for link in route.links(netlink)}


def test_a_sandbox_has_its_loopback_up_and_lets_everybody_bind_low_ports(lab: Lab) -> None:
    with lab.fabric.new_sandbox() as sandbox:
        port = lab.echo(sandbox, "here", "127.0.0.1", 80)
        assert lab.ask(sandbox, "127.0.0.1", port) == b"here:hello"
        with lab.inside(sandbox):
            assert Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text() == "0\n"


def test_containers_of_one_network_reach_one_another(lab: Lab) -> None:
    lab.network("one", "172.30.0.0/16")
    server, client = lab.container("a", "one", "172.30.0.2/16"), lab.container("b", "one", "172.30.0.3/16")
    port = lab.echo(server, "a")
    assert lab.ask(client, "172.30.0.2", port) == b"a:hello"


def test_containers_of_different_networks_do_not(lab: Lab) -> None:
    lab.network("one", "172.30.0.0/16")
    lab.network("two", "172.31.0.0/16")
    server, client = lab.container("a", "one", "172.30.0.2/16"), lab.container("b", "two", "172.31.0.2/16")
    port = lab.echo(server, "a")
    with pytest.raises(ConnectionRefusedError):
        lab.ask(client, "172.30.0.2", port)


def test_a_container_on_two_networks_reaches_both(lab: Lab) -> None:
    lab.network("one", "172.30.0.0/16")
    lab.network("two", "172.31.0.0/16")
    first, second = lab.container("a", "one", "172.30.0.2/16"), lab.container("b", "two", "172.31.0.2/16")
    both = lab.container("c", "one", "172.30.0.3/16")
    lab.fabric.attach(both, lab.endpoint("c", "two", "172.31.0.3/16", interface="eth1", default_route=False))
    assert lab.ask(both, "172.30.0.2", lab.echo(first, "a")) == b"a:hello"
    assert lab.ask(both, "172.31.0.2", lab.echo(second, "b")) == b"b:hello"


def test_a_network_of_both_families_carries_both(lab: Lab) -> None:
    lab.network("dual", "172.30.0.0/16", "fd00:30::/64")
    server = lab.container("a", "dual", "172.30.0.2/16", "fd00:30::2/64")
    client = lab.container("b", "dual", "172.30.0.3/16", "fd00:30::3/64")
    port = lab.echo(server, "a", "::")
    assert lab.ask(client, "fd00:30::2", port) == b"a:hello"
    assert lab.ask(client, "172.30.0.2", port) == b"a:hello"


def test_every_call_may_be_repeated(lab: Lab) -> None:
    spec = lab.network("one", "172.30.0.0/16")
    lab.fabric.ensure_network(spec)
    sandbox = lab.container("a", "one", "172.30.0.2/16")
    lab.fabric.attach(sandbox, lab.endpoint("a", "one", "172.30.0.2/16", names=("other",)))
    lab.fabric.open_resolver("a", sandbox, networks=(spec.id,))
    for _ in range(2):
        lab.fabric.detach(sandbox, spec.id, "a")
        lab.fabric.close_resolver("a")
        lab.fabric.unpublish("nothing")
        lab.fabric.release("nothing")
        lab.fabric.remove_network(spec.id)


def test_an_endpoint_that_is_detached_has_no_interface_any_more(lab: Lab) -> None:
    spec = lab.network("one", "172.30.0.0/16")
    sandbox = lab.container("a", "one", "172.30.0.2/16")
    lab.fabric.detach(sandbox, spec.id, "a")
    with lab.inside(sandbox):
        assert "eth0" not in {name for _, name in socket.if_nameindex()}


def test_a_restarted_container_is_reached_at_once_under_its_old_address(lab: Lab) -> None:
    spec = lab.network("one", "172.30.0.0/16")
    client = lab.container("client", "one", "172.30.0.9/16")
    for round_number in range(5):
        sandbox = lab.container("a", "one", "172.30.0.2/16")
        port = lab.echo(sandbox, str(round_number))
        assert lab.ask(client, "172.30.0.2", port) == f"{round_number}:hello".encode()
        # The old namespace lives on in the server's socket, as that of a slowly dying container would.
        lab.fabric.detach(None, spec.id, "a")
        lab.fabric.close_resolver("a")
        sandbox.close()


def test_an_unknown_network_is_an_error_that_names_it(lab: Lab) -> None:
    lab.network("one", "172.30.0.0/16")
    endpoint = lab.endpoint("a", "one", "172.30.0.2/16")
    lab.fabric.remove_network(lab.networks["one"].id)
    with lab.fabric.new_sandbox() as sandbox, pytest.raises(FabricError, match=lab.networks["one"].id):
        lab.fabric.attach(sandbox, endpoint)


def test_an_endpoint_that_cannot_be_made_leaves_nothing_in_the_fabric(lab: Lab) -> None:
    lab.network("one", "172.30.0.0/16")
    before = fabric_links(lab)
    with lab.fabric.new_sandbox() as sandbox:
        with pytest.raises(OSError) as caught:
            lab.fabric.attach(sandbox, lab.endpoint("a", "one", "172.30.0.2/16", interface="a-name-that-is-too-long"))
        assert caught.value.errno in (errno.ERANGE, errno.EINVAL)
    assert fabric_links(lab) == before


def test_a_removed_network_has_no_bridge_any_more(lab: Lab) -> None:
    before = fabric_links(lab)
    spec = lab.network("one", "172.30.0.0/16")
    assert len(fabric_links(lab)) == len(before) + 1
    lab.fabric.remove_network(spec.id)
    deadline = time.monotonic() + 30
    while fabric_links(lab) != before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert fabric_links(lab) == before


def test_a_removed_networks_subnet_can_be_used_again_at_once(lab: Lab) -> None:
    for name in ("one", "two", "three"):
        spec = lab.network(name, "172.30.0.0/16")
        sandbox = lab.container(f"in-{name}", name, "172.30.0.2/16")
        port = lab.fabric.publish("port", _port(("172.30.0.2", lab.echo(sandbox, name))))
        assert lab.ask(None, "127.0.0.1", port) == f"{name}:hello".encode()
        lab.fabric.unpublish("port")
        lab.fabric.detach(None, spec.id, f"in-{name}")
        lab.fabric.close_resolver(f"in-{name}")
        lab.fabric.remove_network(spec.id)
    again = lab.network("one", "172.30.0.0/16")
    lab.fabric.remove_network(again.id)
    lab.fabric.ensure_network(again)
    assert lab.fabric._index(f"br-{again.id[:12]}") > 0


def test_the_host_sees_no_interface_no_rule_and_no_changed_setting(lab: Lab) -> None:
    def look() -> tuple[set[str], str, str]:
        rules = subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True, check=True).stdout
        settings = Path("/proc/sys/net/ipv4/ip_forward").read_text()
        return {name for _, name in socket.if_nameindex()}, rules, settings

    if subprocess.run(["sh", "-c", "command -v nft"], capture_output=True, check=False).returncode:
        pytest.skip("wants the nft command to look with")
    before = look()
    lab.network("one", "172.30.0.0/16")
    lab.container("a", "one", "172.30.0.2/16")
    lab.fabric.publish("port", _port())
    assert look() == before


def test_ports_in_listen_state_are_those_that_others_can_reach(lab: Lab) -> None:
    lab.network("one", "172.30.0.0/16")
    sandbox = lab.container("a", "one", "172.30.0.2/16")
    assert lab.fabric.listening_ports(sandbox) == set()
    lab.echo(sandbox, "a", "127.0.0.1", 5000)
    lab.echo(sandbox, "a", "0.0.0.0", 5001)
    lab.echo(sandbox, "a", "::", 5002)
    assert lab.fabric.listening_ports(sandbox) == {5001, 5002}
    with lab.inside(sandbox):
        sleeper = subprocess.Popen(["sleep", "30"])
    try:
        assert lab.fabric.listening_ports(sleeper.pid) == {5001, 5002}
    finally:
        sleeper.kill()
        sleeper.wait()
    with pytest.raises(FabricError, match="is gone"):
        lab.fabric.listening_ports(sleeper.pid)


def test_held_descriptors_come_back_and_outlive_the_engine(places: Places) -> None:
    fabric = Fabric.open(places)
    reading, writing = os.pipe()
    fabric.hold("output", [reading])
    os.close(reading)
    fabric.close(bye=False)
    os.write(writing, b"a line")
    fabric = Fabric.open(places)
    (again,) = fabric.held("output")
    assert os.read(again, 100) == b"a line"
    os.close(again)
    fabric.release("output")
    assert fabric.held("output") == []
    fabric.close(bye=True)
    with pytest.raises(BrokenPipeError):
        os.write(writing, b"nobody reads")
    os.close(writing)


def test_a_new_engine_finds_everything_as_it_was(lab: Lab) -> None:
    spec = lab.network("one", "172.30.0.0/16")
    server = lab.container("server", "one", "172.30.0.2/16", names=("web", "server"))
    client = lab.container("client", "one", "172.30.0.3/16")
    inner = lab.echo(server, "server")
    port = lab.fabric.publish("port", _port(("172.30.0.2", inner)))
    open_connection = lab.connect(None, "127.0.0.1", port)
    lab.fabric.close(bye=False)

    assert lab.ask(None, "127.0.0.1", port) == b"server:hello"
    assert b"172.30.0.2" in _resolve(lab, client, "web")
    lab.fabric = Fabric.open(lab.places)
    assert lab.fabric.published() == {"port": _port(("172.30.0.2", inner), number=port)}
    sleepers = {}
    for name, sandbox in (("server", server), ("client", client)):
        with lab.inside(sandbox):
            sleepers[name] = subprocess.Popen(["sleep", "60"])
    failures = lab.fabric.reconcile(
        networks=[spec],
        endpoints=[
            (sleepers["server"].pid, lab.endpoint("server", "one", "172.30.0.2/16", names=("web", "server"))),
            (sleepers["client"].pid, lab.endpoint("client", "one", "172.30.0.3/16")),
        ],
        ports={"port": _port(("172.30.0.2", inner), number=port)},
        resolvers=[(sleepers[name].pid, ResolverSpec(name, (spec.id,))) for name in sleepers],
    )
    assert failures == []
    open_connection.sendall(b"still here")
    open_connection.shutdown(socket.SHUT_WR)
    assert open_connection.recv(100) == b"server:still here"
    for sleeper in sleepers.values():
        sleeper.kill()
        sleeper.wait()


def test_after_the_relays_death_a_new_one_serves_the_same_containers(lab: Lab) -> None:
    spec = lab.network("one", "172.30.0.0/16")
    server = lab.container("server", "one", "172.30.0.2/16", names=("web",))
    inner = lab.echo(server, "server")
    port = lab.fabric.publish("port", _port(("172.30.0.2", inner)))
    with lab.inside(server):
        sleeper = subprocess.Popen(["sleep", "60"])
    relay = lab.fabric._relay._child
    assert relay is not None
    os.kill(relay, 9)
    with pytest.raises(RelayLost):
        lab.fabric.publish("port", _port(("172.30.0.2", inner), number=port))
    lab.fabric.revive()
    failures = lab.fabric.reconcile(
        networks=[spec],
        endpoints=[(sleeper.pid, lab.endpoint("server", "one", "172.30.0.2/16", names=("web",)))],
        ports={"port": _port(("172.30.0.2", inner), number=port)},
        resolvers=[(sleeper.pid, ResolverSpec("server", (spec.id,)))],
    )
    assert failures == []
    assert lab.ask(None, "127.0.0.1", port) == b"server:hello"
    assert b"172.30.0.2" in _resolve(lab, server, "web")
    outside = lab.echo(None, "host", "127.0.0.1")
    assert lab.ask(server, str(lab.fabric.host_gateway), outside) == b"host:hello"
    sleeper.kill()
    sleeper.wait()


def test_reconcile_reports_what_cannot_be_had_and_makes_the_rest(lab: Lab) -> None:
    spec = lab.network("one", "172.30.0.0/16")
    taken = lab.echo(None, "somebody", "127.0.0.1")
    failures = lab.fabric.reconcile(
        networks=[spec],
        endpoints=[(2**22 + 1, lab.endpoint("gone", "one", "172.30.0.2/16"))],
        ports={"taken": _port(number=taken, host_ip="127.0.0.1"), "free": _port()},
        resolvers=[],
    )
    assert sorted(type(failure).__name__ for failure in failures) == ["FabricError", "PortInUse"]
    assert set(lab.fabric.published()) == {"free"}


def test_a_relay_that_is_not_needed_ends_with_the_engines_bye(places: Places) -> None:
    fabric = Fabric.open(places)
    relay = fabric._relay._child
    fabric.close(bye=True)
    assert not places.relay_socket.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(relay or 0, 0)


def test_a_relay_whose_engine_was_killed_ends_by_itself(places: Places) -> None:
    script = f"""
import sys
from pathlib import Path
from dockless.network.fabric import Fabric
from dockless.places import Places
fabric = Fabric.open(Places(Path({str(places.root)!r}), Path({str(places.runtime)!r})))
print(fabric._relay._child, flush=True)
sys.stdin.read()
"""
    engine = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert engine.stdin is not None and engine.stdout is not None
    relay = int(engine.stdout.readline())
    engine.kill()
    engine.wait()
    engine.stdin.close()
    engine.stdout.close()
    assert _alive(relay)
    deadline = time.monotonic() + 20
    while _alive(relay) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(relay)
    assert not places.relay_socket.exists()


def test_the_relay_stays_small(lab: Lab) -> None:
    lab.network("one", "172.30.0.0/16")
    for number in range(2, 12):
        lab.container(f"c{number}", "one", f"172.30.0.{number}/16")
    relay = lab.fabric._relay._child
    smaps = Path(f"/proc/{relay}/smaps_rollup").read_text()
    pss = next(int(line.split()[1]) for line in smaps.splitlines() if line.startswith("Pss:"))
    assert pss <= 12 * 1024


def _port(*targets: tuple[str, int], number: int = 0, host_ip: str = "127.0.0.1") -> PortSpec:
    return PortSpec("tcp", host_ip, number, targets)


def _resolve(lab: Lab, sandbox: Sandbox, name: str) -> bytes:
    script = (
        "import socket,struct,sys;"
        "q=struct.pack('!6H',7,0x100,1,0,0,0)+b''.join(bytes([len(l)])+l.encode() for l in sys.argv[1].split('.'))"
        "+bytes([0,0,1,0,1]);"
        "s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM);s.settimeout(20);s.sendto(q,('127.0.0.11',53));"
        "print(socket.inet_ntoa(s.recv(512)[-4:]))"
    )
    return lab.run(sandbox, sys.executable, "-c", script, name).stdout.encode()


def _alive(pid: int) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False
