"""Networks as their users know them, by Docker's SDK: who reaches whom, under which address, name and port."""

import contextlib
import http.client
import itertools
import os
import socket
import time
from collections.abc import Callable, Iterator

import docker
import pytest
from client_commands import Run
from docker.errors import APIError, NotFound
from docker.models.containers import Container
from docker.models.networks import Network
from docker.types import EndpointConfig, IPAMConfig, IPAMPool

from dockless.linux import netns

Client = docker.DockerClient
SERVER = "mkdir /www; echo $NAME >/www/index.html; exec httpd -f -p {port} -h /www"


@pytest.fixture
def network(sdk: Client) -> Iterator[Callable[..., Network]]:
    made: list[Network] = []

    def create(name: str, **settings: object) -> Network:
        made.append(sdk.networks.create(name, **settings))
        return made[-1]

    yield create
    for container in sdk.containers.list(all=True):
        container.remove(force=True, v=True)
    for one in made:
        with contextlib.suppress(NotFound):
            one.remove()


def serving(sdk: Client, name: str, port: int = 80, **settings: object) -> Container:
    """A container that answers on that port with its name, and does so already."""
    command = ["sh", "-c", SERVER.format(port=port)]
    container = sdk.containers.run(
        "busybox", command, name=name, detach=True, environment={"NAME": name}, stop_signal="KILL", **settings
    )
    deadline = time.monotonic() + 60
    while container.exec_run(["sh", "-c", f"netstat -tln | grep -q :{port}"]).exit_code:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return container


def ask(container: Container, address: str, port: int = 80) -> str:
    """Who answers there, or "" for a refusal."""
    shown = f"[{address}]" if ":" in address else address
    output: bytes = container.exec_run(["wget", "-T", "3", "-qO-", f"http://{shown}:{port}/"], stderr=False).output
    return output.decode().strip()


def ask_from_host(address: str, port: int) -> str:
    connection = http.client.HTTPConnection(address, port, timeout=60)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read().decode().strip()
    except ConnectionError:
        return ""
    finally:
        connection.close()


def address_of(container: Container, network: str, field: str = "IPAddress") -> str:
    container.reload()
    return str(container.attrs["NetworkSettings"]["Networks"][network][field])


def port_of(container: Container, port: str, which: int = 0) -> int:
    container.reload()
    return int(container.attrs["NetworkSettings"]["Ports"][port][which]["HostPort"])


def test_networks_are_closed_to_one_another_but_for_published_ports(
    sdk: Client, network: Callable[..., Network]
) -> None:
    names = ("one", "two", "inner", "bridge")
    for name in names[:3]:
        network(name, internal=name == "inner")
    servers = {name: serving(sdk, f"in-{name}", network=name, ports={"80/tcp": None}) for name in names}
    for mine, other in itertools.permutations(names, 2):
        theirs = servers[other]
        assert ask(servers[mine], address_of(theirs, other)) == ""
        assert ask(servers[mine], f"in-{other}") == ""
        # By way of the host they meet, as under Docker, unless one has no way out.
        published = port_of(theirs, "80/tcp")
        assert ask_from_host("127.0.0.1", published) == f"in-{other}"
        reached = ask(servers[mine], "172.17.0.1", published)
        assert reached == ("" if mine == "inner" else f"in-{other}")
    for name in names:
        assert ask(servers[name], address_of(servers[name], name)) == f"in-{name}"


def test_a_container_follows_its_networks_while_it_runs(sdk: Client, network: Callable[..., Network]) -> None:
    first, second = network("one"), network("two")
    container = serving(sdk, "moving", network="one", ports={"80/tcp": None})
    asking = {name: serving(sdk, f"asking-{name}", network=name) for name in ("one", "two")}
    published = port_of(container, "80/tcp")
    second.connect(container, aliases=["other"], ipv4_address=None)
    assert ask(asking["two"], "moving") == ask(asking["two"], "other") == "moving"
    assert ask(asking["one"], "other") == ""
    # The way out and the published port were on the first one; they are on the other when that is gone.
    first.disconnect(container)
    assert ask(asking["one"], "moving") == ""
    assert ask(asking["two"], "other") == "moving"
    assert ask_from_host("127.0.0.1", published) == "moving"
    host = port_of(serving(sdk, "outside", ports={"80/tcp": None}), "80/tcp")
    assert ask(container, "172.17.0.1", host) == "outside"
    first.connect(container)
    second.disconnect(container)
    assert ask(asking["two"], "other") == ""
    assert ask(asking["one"], "moving") == "moving"
    assert ask_from_host("127.0.0.1", published) == "moving"
    assert ask(container, "172.17.0.1", host) == "outside"
    first.disconnect(container)
    assert ask_from_host("127.0.0.1", published) == ""


def test_names_follow_renaming_and_replicas_at_once(sdk: Client, network: Callable[..., Network]) -> None:
    network("one")
    settings = {"one": EndpointConfig("1.47", aliases=["web"])}
    replicas = [serving(sdk, f"web-{n}", network="one", networking_config=settings) for n in (1, 2)]
    asking = serving(sdk, "asking", network="one")
    assert {ask(asking, "web") for _ in range(4)} == {"web-1", "web-2"}
    replicas.append(serving(sdk, "web-3", network="one", networking_config=settings))
    assert {ask(asking, "web") for _ in range(6)} == {"web-1", "web-2", "web-3"}
    replicas[0].remove(force=True)
    assert {ask(asking, "web") for _ in range(4)} == {"web-2", "web-3"}
    replicas[1].rename("renamed")
    assert (ask(asking, "renamed"), ask(asking, "web-2")) == ("web-2", "")


def test_ports_on_chosen_addresses(sdk: Client, network: Callable[..., Network]) -> None:
    container = serving(sdk, "aa", ports={"80/tcp": [("127.0.0.2", None), ("::1", None)]})
    for which, (right, wrong) in enumerate((("127.0.0.2", "127.0.0.1"), ("::1", "127.0.0.1"))):
        port = port_of(container, "80/tcp", which)
        assert ask_from_host(right, port) == "aa"
        assert ask_from_host(wrong, port) == ""


def test_a_range_gives_the_next_free_port_and_all_exposed_ports_get_one(
    sdk: Client, network: Callable[..., Network]
) -> None:
    found = []
    for name in ("aa", "bb", "cc"):
        host = sdk.api.create_host_config(port_bindings={"80/tcp": ("127.0.0.1", "24790-24791")})
        made = sdk.api.create_container("busybox", "sleep 60", name=name, host_config=host, ports=["80/tcp"])
        if name == "cc":
            with pytest.raises(APIError, match="24791"):
                sdk.api.start(made["Id"])
        else:
            sdk.api.start(made["Id"])
            found.append(port_of(sdk.containers.get(name), "80/tcp"))
    assert sorted(found) == [24790, 24791]
    every = sdk.api.create_container(
        "busybox",
        "sleep 60",
        ports=[(80, "tcp"), (53, "udp")],
        host_config=sdk.api.create_host_config(publish_all_ports=True),
    )
    sdk.api.start(every["Id"])
    published = sdk.containers.get(every["Id"])
    assert port_of(published, "80/tcp") > 0 and port_of(published, "53/udp") > 0


def test_a_udp_port_by_ipv4_and_ipv6(sdk: Client) -> None:
    container = sdk.containers.run("busybox", "sleep 60", detach=True, ports={"53/udp": None}, stop_signal="KILL")
    port = port_of(container, "53/udp")
    home, inside = netns.current(), netns.of_process(container.attrs["State"]["Pid"])
    with netns.inside(inside, home):
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    os.close(inside)
    os.close(home)
    with server:
        server.bind(("0.0.0.0", 53))
        server.settimeout(60)
        for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            with socket.socket(family, socket.SOCK_DGRAM) as asking:
                asking.settimeout(60)
                asking.connect((address, port))
                for question in (b"short", bytes(9000)):
                    asking.send(question)
                    got, sender = server.recvfrom(65536)
                    server.sendto(got + b"!", sender)
                    assert asking.recv(65536) == question + b"!"


def test_an_ipv6_network_gives_addresses_names_and_a_way_out(sdk: Client, network: Callable[..., Network]) -> None:
    made = network("six", enable_ipv6=True)
    made.reload()
    assert [":" in pool["Subnet"] for pool in made.attrs["IPAM"]["Config"]] == [False, True]
    container, asking = (
        serving(sdk, "aa", network="six", ports={"80/tcp": [("::1", None)]}),
        serving(sdk, "bb", network="six"),
    )
    address = address_of(container, "six", "GlobalIPv6Address")
    assert ask(asking, address) == "aa"
    looked_up = asking.exec_run(["nslookup", "-type=aaaa", "aa"]).output.decode()
    assert address in looked_up
    gateway = address_of(container, "six", "IPv6Gateway")
    # The host itself, by the network's gateway.
    assert ask(asking, gateway, port_of(container, "80/tcp")) == "aa"


def test_fixed_addresses_and_what_is_reserved(sdk: Client, network: Callable[..., Network]) -> None:
    pool = IPAMPool(
        "10.231.0.0/24", iprange="10.231.0.128/29", gateway="10.231.0.254", aux_addresses={"x": "10.231.0.129"}
    )
    one = network("fixed", ipam=IPAMConfig(pool_configs=[pool]))
    settings = {"fixed": EndpointConfig("1.47", ipv4_address="10.231.0.128", mac_address="02:11:22:33:44:55")}
    kept = sdk.containers.create("busybox", "sleep 60", network="fixed", networking_config=settings)
    free = sdk.containers.run("busybox", "sleep 60", network="fixed", detach=True, stop_signal="KILL")
    # 128 is somebody's, though it does not run, and 129 is reserved.
    assert address_of(free, "fixed") == "10.231.0.130"
    kept.start()
    assert address_of(kept, "fixed") == "10.231.0.128"
    shown = kept.exec_run(["ip", "addr", "show", "eth0"]).output.decode()
    assert "02:11:22:33:44:55" in shown and "10.231.0.128/24" in shown
    assert "default via 10.231.0.254" in kept.exec_run(["ip", "route"]).output.decode()
    other = sdk.containers.run("busybox", "sleep 60", detach=True, stop_signal="KILL")
    with pytest.raises(APIError, match="Address already in use"):
        one.connect(other, ipv4_address="10.231.0.128")
    other.reload()
    assert "fixed" not in other.attrs["NetworkSettings"]["Networks"]
    one.connect(other, ipv4_address="10.231.0.77")
    assert address_of(other, "fixed") == "10.231.0.77"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"driver": "macvlan"}, "network driver macvlan is not supported"),
        ({"driver": "ipvlan"}, "network driver ipvlan is not supported"),
        ({"driver": "weave"}, "could not find plugin weave"),
        ({"options": {"com.docker.network.bridge.enable_ip_masquerade": "false"}}, "enable_ip_masquerade"),
        ({"options": {"com.docker.network.bridge.host_binding_ipv4": "here"}}, "host_binding_ipv4"),
        ({"pools": [IPAMPool("10.231.1.0/24"), IPAMPool("10.231.2.0/24")]}, "multiple subnets"),
        ({"pools": [IPAMPool(gateway="10.231.1.1")]}, "no matching subnet for 10.231.1.1"),
        ({"pools": [IPAMPool("10.231.1.0/24", aux_addresses={"x": "10.231.2.1"})]}, "aux-address 10.231.2.1"),
    ],
)
def test_what_cannot_be_had_is_refused_by_name(sdk: Client, settings: dict[str, object], words: str) -> None:
    pools = settings.pop("pools", None)
    if pools:
        settings["ipam"] = IPAMConfig(pool_configs=pools)
    with pytest.raises(APIError, match=words):
        sdk.networks.create("refused", **settings)


def test_prune_goes_by_use_labels_and_age(sdk: Client, network: Callable[..., Network]) -> None:
    network("used", labels={"a": "1"})
    network("labelled", labels={"a": "2"})
    network("plain")
    serving(sdk, "in-used", network="used")
    assert sdk.networks.prune({"until": "1h"})["NetworksDeleted"] is None
    assert sdk.networks.prune({"label": "a=2"})["NetworksDeleted"] == ["labelled"]
    assert sdk.networks.prune()["NetworksDeleted"] == ["plain"]


def test_a_legacy_link_brings_names_and_variables(sdk: Client) -> None:
    server = serving(sdk, "server", ports={"80/tcp": None})
    linked = serving(sdk, "linked", links={"server": "db-one"})
    assert ask(linked, "db-one") == ask(linked, "server") == "server"
    address = address_of(server, "bridge")
    told = (
        sdk.containers.run("busybox", "env", remove=True, links={"server": "db-one"}, name="asks").decode().split("\n")
    )
    for line in (
        f"DB_ONE_PORT=tcp://{address}:80",
        f"DB_ONE_PORT_80_TCP_ADDR={address}",
        "DB_ONE_PORT_80_TCP_PORT=80",
        "DB_ONE_PORT_80_TCP_PROTO=tcp",
        "DB_ONE_NAME=/asks/db-one",
        "DB_ONE_ENV_NAME=server",
    ):
        assert line in told
    server.kill()
    with pytest.raises(APIError, match="Cannot link to a non running container: /server"):
        sdk.containers.run("busybox", "env", remove=True, links={"server": "db"})


def test_ping_reaches_containers_and_the_host(sdk: Client, network: Callable[..., Network]) -> None:
    network("one")
    serving(sdk, "aa", network="one")
    asking = serving(sdk, "bb", network="one")
    for target in ("aa", "172.17.0.1", "127.0.0.1"):
        found = asking.exec_run(["ping", "-c", "2", "-i", "0.1", "-W", "3", target])
        assert (found.exit_code, b" 0% packet loss" in found.output) == (0, True), found.output


def test_options_of_the_bridge(sdk: Client, network: Callable[..., Network]) -> None:
    prefix = "com.docker.network.bridge"
    options = {f"{prefix}.enable_icc": "false", f"{prefix}.host_binding_ipv4": "127.0.0.3"}
    network("closed", options=options)
    server = serving(sdk, "server", network="closed", ports={"80/tcp": None})
    asking = serving(sdk, "asking", network="closed")
    port = port_of(server, "80/tcp")
    assert (ask_from_host("127.0.0.3", port), ask_from_host("127.0.0.1", port)) == ("server", "")
    assert ask(asking, address_of(server, "closed")) == ""
    outside = port_of(serving(sdk, "outside", ports={"80/tcp": None}), "80/tcp")
    assert ask(asking, "172.17.0.1", outside) == "outside"


def test_a_network_without_ipv4_has_everything_by_ipv6(sdk: Client, dockless: Run) -> None:
    assert dockless("network", "create", "--ipv4=false", "--ipv6", "--subnet", "fd00:66::/64", "six").returncode == 0
    try:
        network = sdk.networks.get("six")
        assert (network.attrs["EnableIPv4"], network.attrs["EnableIPv6"]) == (False, True)
        assert [pool["Subnet"] for pool in network.attrs["IPAM"]["Config"]] == ["fd00:66::/64"]
        server = serving(sdk, "six-server", network="six", ports={"80/tcp": None})
        client = serving(sdk, "six-client", network="six")
        server.reload()
        settings = server.attrs["NetworkSettings"]["Networks"]["six"]
        assert (settings["IPAddress"], settings["GlobalIPv6Address"][:8]) == ("", "fd00:66:")
        assert client.exec_run(["ip", "-4", "-o", "addr", "show", "dev", "eth0"]).output == b""
        assert ask(client, "six-server") == ask(client, settings["GlobalIPv6Address"]) == "six-server"
        port = int(server.attrs["NetworkSettings"]["Ports"]["80/tcp"][0]["HostPort"])
        assert {ask_from_host(address, port) for address in ("127.0.0.1", "::1")} == {"six-server"}
        server.restart(timeout=0)
        server.reload()
        assert server.attrs["NetworkSettings"]["Networks"]["six"]["GlobalIPv6Address"] == settings["GlobalIPv6Address"]
    finally:
        for name in ("six-server", "six-client"):
            dockless("rm", "-f", name)
        dockless("network", "rm", "six")
    refused = dockless("network", "create", "--ipv4=false", "none-at-all")
    assert (refused.returncode, "IPv4 or IPv6 must be enabled" in refused.stderr) == (1, True)
