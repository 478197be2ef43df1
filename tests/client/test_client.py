"""Every request of the client against our server: what goes in comes out at the engine, what it answers comes back."""

import threading
from collections.abc import Iterator

import pytest
from fake_engine import IMAGE
from served import Served

from dockless.client.api import Client, lower_version
from dockless.client.endpoint import Endpoint
from dockless.client.errors import EngineLost, EngineUnavailable, RequestFailed
from dockless.wire.archive import PathStat
from dockless.wire.auth import AuthConfig
from dockless.wire.config import ContainerConfig, HostConfig, Mount, PortBinding
from dockless.wire.containers import ContainerCreateRequest, UpdateRequest
from dockless.wire.endpoints import EndpointSettings
from dockless.wire.errors import ApiError, BadParameter, Conflict, NotFound, NotOffered
from dockless.wire.execs import ExecCreateRequest
from dockless.wire.multiplex import STDERR, STDOUT
from dockless.wire.networks import NetworkCreateRequest
from dockless.wire.queries import AttachOptions, BuildQuery, LogOptions
from dockless.wire.volumes import VolumeCreateRequest


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    with Client(Endpoint(path=str(served.socket))) as client:
        yield client


@pytest.fixture
def cat(client: Client) -> str:
    return client.containers.create("cat", ContainerCreateRequest(image="fake", cmd=("cat",))).id


def test_the_engine_is_known_as_ours(client: Client) -> None:
    assert client.is_ours
    assert client.api_version == "1.47"


def test_the_lower_version_is_spoken() -> None:
    assert lower_version("1.47", "1.41") == "1.41"
    assert lower_version("1.47", "1.9") == "1.9"
    assert lower_version("1.47", "1.50") == "1.47"
    assert lower_version("1.47", "strange") == "1.47"


def test_a_container_keeps_its_whole_configuration(client: Client) -> None:
    host = HostConfig(
        binds=("/a:/b:ro",),
        mounts=(Mount(type="volume", source="data", target="/data"),),
        port_bindings={"80/tcp": (PortBinding(host_ip="127.0.0.1", host_port="8080"),), "81/tcp": None},
        memory=1 << 20,
        init=True,
    )
    body = ContainerCreateRequest(
        image="fake", cmd=(), entrypoint=None, env=("A=ü", "B"), labels={"k": "v"}, host_config=host
    )
    made = client.containers.create("whole", body, platform="linux/arm64")
    found = client.containers.inspect("whole")
    assert found.id == made.id
    assert made.warnings == ("platform linux/arm64",)
    assert found.config == body.config
    assert found.host_config == host


def test_containers_come_and_go(client: Client, cat: str) -> None:
    containers = client.containers
    assert containers.list() == ()
    assert [found.names for found in containers.list(all=True, size=True)] == [("/cat",)]
    assert containers.list(all=True, filters={"label": ["none"]}) == ()
    assert containers.list(all=True, filters={"status": ["created", "running"]}, limit=5)[0].id == cat
    assert containers.start("cat") is True
    assert containers.start("cat") is False
    containers.pause("cat")
    assert containers.inspect("cat").state.status == "paused"
    containers.unpause("cat")
    containers.rename("cat", name="tom")
    containers.restart("tom", timeout=0)
    containers.resize("tom", height=24, width=80)
    assert containers.top("tom", ps_args="aux").processes == (("4711", "cat aux"),)
    with pytest.raises(Conflict, match="container is running"):
        containers.remove("tom")
    assert containers.stop("tom", timeout=7) is True
    assert containers.stop("tom") is False
    assert containers.inspect("tom").state.exit_code == 7
    containers.start("tom")
    containers.kill("tom")
    with pytest.raises(Conflict, match="is not running"):
        containers.kill("tom", signal="TERM")
    assert containers.update("tom", UpdateRequest(memory=99)).warnings == ("memory 99",)
    assert [change.path for change in containers.changes("tom")] == ["/etc", "/etc/new"]
    assert b"".join(containers.export("tom")) == b"tar of tom"
    assert containers.commit("tom", repo="r", tag="t", changes=["ENV A=1", "CMD b"]).startswith("tom r t")
    assert containers.prune(filters={"until": ["1h"]}).containers_deleted == (cat,)
    with pytest.raises(NotFound, match="No such container: tom"):
        containers.inspect("tom")


def test_a_registered_wait_sees_what_comes_after(client: Client, cat: str) -> None:
    waiting = client.containers.waiting("cat", condition="next-exit")
    client.containers.start("cat")
    client.containers.stop("cat", timeout=9)
    assert waiting.result().status_code == 9
    assert client.containers.wait("cat").status_code == 9
    assert client.containers.wait("cat", condition="listening", timeout=1.5).status_code == 9


def test_a_wait_can_be_given_up_from_another_thread(client: Client, cat: str) -> None:
    waiting = client.containers.waiting("cat", condition="next-exit")
    threading.Timer(0.05, waiting.close).start()
    with pytest.raises(EngineLost):
        waiting.result()
    assert client.containers.inspect("cat").id == cat


def test_logs_are_taken_apart(client: Client) -> None:
    client.containers.create("one", ContainerCreateRequest(image="fake", cmd=("echo", "hi")))
    client.containers.start("one")
    both = LogOptions(stdout=True, stderr=True)
    assert list(client.containers.logs("one", both, tty=False)) == [(STDOUT, b"hi\n"), (STDERR, b"to stderr\n")]
    assert list(client.containers.logs("one", LogOptions(stderr=True, tail=1), tty=False)) == [(STDERR, b"to stderr\n")]
    assert list(client.containers.logs("one", LogOptions(stdout=True, tail=0, follow=True), tty=False)) == []


def test_followed_logs_end_when_they_are_closed(client: Client, cat: str, served: Served) -> None:
    client.containers.start("cat")
    output = client.containers.logs("cat", LogOptions(stdout=True, follow=True), tty=False)
    served.run(lambda engine: engine.containers.get("cat").say(STDOUT, b"line\n"))
    pairs = iter(output)
    assert next(pairs) == (STDOUT, b"line\n")
    threading.Timer(0.05, output.close).start()
    assert list(pairs) == []


def test_attach_carries_both_ways(client: Client, cat: str) -> None:
    options = AttachOptions(stream=True, stdin=True, stdout=True, stderr=True)
    with client.containers.attach("cat", options, tty=False) as stream:
        client.containers.start("cat")
        stream.send(b"ping")
        pairs = iter(stream)
        assert next(pairs) == (STDOUT, b"ping")
        stream.send_eof()
        assert list(pairs) == []
    assert client.containers.wait("cat").status_code == 0


def test_attach_to_a_terminal_is_not_multiplexed(client: Client) -> None:
    client.containers.create("tty", ContainerCreateRequest(image="fake", cmd=("cat",), tty=True))
    options = AttachOptions(stream=True, stdin=True, stdout=True)
    with client.containers.attach("tty", options, tty=True) as stream:
        client.containers.start("tty")
        stream.send(b"raw")
        assert stream.recv() == b"raw"
        stream.send(b"exit 4")
        assert stream.recv() == b""


def test_execs(client: Client, cat: str, served: Served) -> None:
    id = client.execs.create("cat", ExecCreateRequest(cmd=("cat",), attach_stdin=True, tty=True))
    assert client.execs.inspect(id).exit_code is None
    with client.execs.start(id, tty=True) as stream:
        client.execs.resize(id, height=10, width=20)
        stream.send(b"abc")
        assert stream.recv() == b"abc"
        stream.send_eof()
        assert stream.recv() == b""
    found = client.execs.inspect(id)
    assert (found.exit_code, found.container_id, found.process_config.entrypoint) == (7, cat, "cat")
    assert served.engine.execs.size == (10, 20)
    detached = client.execs.create("cat", ExecCreateRequest(cmd=("true",)))
    client.execs.start_detached(detached)
    assert client.execs.inspect(detached).exit_code == 0
    with pytest.raises(BadParameter, match="No exec command specified"):
        client.execs.create("cat", ExecCreateRequest())
    with pytest.raises(NotFound):
        client.execs.start("none", tty=False)


def test_archives(client: Client, cat: str, served: Served) -> None:
    stat, content = client.containers.archive_get("cat", path="/a b/ü")
    assert (stat, b"".join(content)) == (PathStat(name="/a b/ü", size=5, mode=0o644), "ab/a b/ü".encode())
    assert client.containers.archive_stat("cat", path="/x").name == "/x"
    client.containers.archive_put("cat", path="/", content=b"tar", copy_uid_gid=True)
    pieces = (bytes((number,)) * 70_000 for number in range(20))
    client.containers.archive_put("cat", path="/big", content=pieces, no_overwrite_dir_non_dir=True)
    (first, second) = served.engine.containers.put
    assert first == ("/", b"tar", False, True)
    assert (second[0], len(second[1]), second[2]) == ("/big", 1_400_000, True)


def test_a_refused_upload_raises_what_the_engine_says(client: Client) -> None:
    pieces = (b"x" * 70_000 for _ in range(50))
    with pytest.raises(NotFound, match="No such container: none"):
        client.containers.archive_put("none", path="/", content=pieces)
    with pytest.raises(NotFound, match=r"404 to HEAD /v1\.47/containers/none/archive"):
        client.containers.archive_stat("none", path="/")


def test_stats(client: Client, cat: str) -> None:
    samples = client.containers.stats("cat")
    assert [sample.cpu_stats.cpu_usage.total_usage for sample in samples] == [0, 1, 2]
    assert len(list(client.containers.stats("cat", stream=False))) == 1


def test_images(client: Client, served: Served) -> None:
    images = client.images
    assert images.list(all=True)[0].repo_tags == ("fake:latest",)
    assert images.inspect("a/b:c").repo_tags == ("a/b:c",)
    assert images.history("fake")[0].created_by == "CMD cat"
    images.tag("fake", repo="other", tag="v1")
    assert [item.deleted for item in images.remove("reg:5000/x/y", force=True)] == ["", IMAGE]
    assert images.prune(filters={"dangling": ["false"]}).space_reclaimed == 1
    assert b"".join(images.save(["one", "two"])) == b"one\ntwo\n"
    assert next(iter(images.load(b"12345", quiet=True))).status == "Pulling from load 5 True"
    assert images.build_prune(all=True, keep_storage=5).space_reclaimed == 5
    with pytest.raises(NotFound):
        images.inspect("missing")
    with pytest.raises(NotOffered):
        images.distribution("fake")
    assert served.engine.images.asked == [("tag", "fake", "other", "v1"), ("remove", "reg:5000/x/y", True, False)]


def test_pull_tells_its_progress(client: Client, served: Served) -> None:
    auth = AuthConfig(username="me", password="pä$$?>")
    found = list(client.images.pull("busybox", tag="1.36", platform="linux/amd64", auth=auth, stand_ins=False))
    assert [message.status for message in found] == ["Pulling from busybox", "Downloading"]
    assert found[1].progress_detail is not None
    assert found[1].progress_detail.total == 2
    assert served.engine.images.asked == [("pull", "busybox", "1.36", "linux/amd64", auth, False)]


def test_pull_that_fails_at_once_is_a_plain_error(client: Client) -> None:
    for name, words in (("denied", "pull access denied"), ("late", "manifest unknown")):
        with pytest.raises(NotFound, match=words):
            client.images.pull(name)


def test_pull_that_fails_on_its_way_says_so_in_the_end(client: Client, served: Served) -> None:
    messages = iter(client.images.pull("broken"))
    assert next(messages).id == "latest"
    assert next(messages).id == "abc"
    with pytest.raises(RequestFailed, match="layer is gone"):
        next(messages)
    with pytest.raises(RequestFailed, match="a fault of dockless"):
        list(client.images.pull("faulty"))
    assert "KeyError" in served.log.read_text()


def test_build_passes_its_options_and_the_failed_step(client: Client, served: Served) -> None:
    query = BuildQuery(
        tags=("a:1", "b:2"),
        build_args={"A": "1 & 2", "B": None},
        labels={"l": "x=y"},
        no_cache=True,
        remove=False,
        extra_hosts=("h:1.2.3.4",),
        cache_from=("c",),
        auths={"reg": AuthConfig(username="u")},
        shm_size=64,
        stand_ins=False,
    )
    messages = list(client.images.build((b"x" * 1000 for _ in range(9)), query))
    assert messages[1].aux == {"ID": IMAGE}
    assert served.engine.images.asked == [("build", query, 9000)]
    with pytest.raises(RequestFailed, match="it broke") as caught:
        list(client.images.build(b"tar", BuildQuery(target="bad")))
    assert caught.value.code == 9


def test_networks(client: Client, served: Served) -> None:
    networks = client.networks
    id = networks.create(NetworkCreateRequest(name="net", labels={"a": "b"}, internal=True)).id
    assert networks.list(filters={"name": ["net"]})[0].internal
    assert networks.list(filters={"name": ["none"]}) == ()
    assert networks.inspect("net").id == id
    networks.connect("net", container="cat", endpoint=EndpointSettings(aliases=("x",)))
    networks.disconnect("net", container="cat", force=True)
    (_, connected), (_, disconnected) = served.engine.networks.asked
    assert (connected.container, connected.endpoint_config.aliases) == ("cat", ("x",))
    assert disconnected.force
    networks.remove(id)
    with pytest.raises(NotFound, match="network net not found"):
        networks.inspect("net")
    assert networks.prune().networks_deleted == ("one",)


def test_volumes(client: Client) -> None:
    volumes = client.volumes
    assert volumes.create(VolumeCreateRequest(name="data", labels={"a": "b"})).labels == {"a": "b"}
    assert volumes.inspect("data").mountpoint == "/fake/data/_data"
    assert [found.name for found in volumes.list().volumes] == ["data"]
    assert volumes.prune().volumes_deleted == ("data",)
    volumes.remove("data", force=True)
    with pytest.raises(NotFound, match="no such volume"):
        volumes.inspect("data")


def test_system(client: Client) -> None:
    assert client.system.version().version == "0.0-fake"
    assert client.system.info().ncpu == 2
    assert client.system.df().layers_size == 77


def test_no_event_is_missed_after_events_returned(client: Client, cat: str) -> None:
    with client.system.events(filters={"event": ["start"]}) as events:
        client.containers.start("cat")
        event = next(iter(events))
    assert (event.action, event.actor.id, event.actor.attributes["name"]) == ("start", cat, "cat")


def test_threads_share_a_client(client: Client, served: Served) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(20):
                name = f"c-{number}-{turn}"
                client.containers.create(name, ContainerCreateRequest(image="fake"))
                assert client.containers.inspect(name).name == f"/{name}"
                client.containers.remove(name)
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert client.containers.list(all=True) == ()


def test_a_connection_that_the_engine_closed_is_not_used_again(client: Client, served: Served) -> None:
    client.system.version()
    served.run(lambda engine: served.application.close())
    assert client.system.version().api_version == "1.47"


def test_an_engine_that_is_gone_is_named(served: Served) -> None:
    client = Client(Endpoint(path=str(served.socket)))
    served.socket.unlink()
    client.close()
    with pytest.raises(EngineUnavailable, match=str(served.socket)):
        client.system.version()


def test_a_configuration_is_what_the_engine_sees(client: Client, served: Served) -> None:
    """A bare request differs from the API's defaults in nothing."""
    client.containers.create("bare", ContainerCreateRequest(image="fake"))
    assert served.engine.containers.get("bare").body.config == ContainerConfig(image="fake")


def test_api_errors_carry_their_status(client: Client) -> None:
    with pytest.raises(ApiError) as caught:
        client.containers.create(None, ContainerCreateRequest(image="missing"))
    assert caught.value.status == 404
