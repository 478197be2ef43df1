"""Docker's SDK for Python as its users write with it."""

import io
import tarfile
import threading

import docker
import pytest
from docker.errors import APIError, ContainerError, ImageNotFound, NotFound

Client = docker.DockerClient


def test_version_and_info(sdk: Client) -> None:
    assert sdk.version()["ApiVersion"] == "1.47"
    assert sdk.info()["Images"] >= 1


def test_run_gives_the_output(sdk: Client) -> None:
    assert sdk.containers.run("busybox", "echo hello", remove=True) == b"hello\n"
    both = sdk.containers.run("busybox", ["sh", "-c", "echo a; echo b >&2"], remove=True, stderr=True)
    assert sorted(both.split()) == [b"a", b"b"]


def test_run_raises_with_status_and_errors(sdk: Client) -> None:
    with pytest.raises(ContainerError) as caught:
        sdk.containers.run("busybox", ["sh", "-c", "echo bad >&2; exit 3"], remove=True)
    assert (caught.value.exit_status, caught.value.stderr) == (3, b"bad\n")


def test_a_program_that_is_not_there(sdk: Client) -> None:
    with pytest.raises(APIError, match="no such file or directory"):
        sdk.containers.run("busybox", "/missing")


def test_logs_follow_a_container_to_its_end(sdk: Client) -> None:
    container = sdk.containers.run("busybox", ["sh", "-c", "for i in 1 2 3; do echo $i; done"], detach=True)
    assert b"".join(container.logs(stream=True, follow=True)) == b"1\n2\n3\n"
    assert container.wait()["StatusCode"] == 0
    assert container.logs(tail=1) == b"3\n"
    assert container.logs(timestamps=True, tail=1).endswith(b"Z 3\n")


def test_exec_with_status_streams_and_environment(sdk: Client) -> None:
    container = sdk.containers.run("busybox", "sleep 60", detach=True, init=True)
    code, output = container.exec_run(["sh", "-c", "echo $A; exit 4"], environment={"A": "x"})
    assert (code, output) == (4, b"x\n")
    code, (out, err) = container.exec_run(["sh", "-c", "echo o; echo e >&2"], demux=True)
    assert (code, out, err) == (0, b"o\n", b"e\n")
    assert container.exec_run("pwd", workdir="/tmp").output == b"/tmp\n"
    assert container.exec_run("tty", tty=True).output.strip() == b"/dev/pts/0"
    _, lines = container.exec_run(["sh", "-c", "echo 1; echo 2"], stream=True)
    assert b"".join(lines) == b"1\n2\n"


def test_the_life_of_a_container(sdk: Client) -> None:
    container = sdk.containers.create("busybox", "sleep 60", name="life", labels={"a": "b"}, init=True)
    assert container.status == "created"
    container.start()
    assert [each.name for each in sdk.containers.list(filters={"label": "a=b"})] == ["life"]
    container.pause()
    container.reload()
    assert container.status == "paused"
    container.unpause()
    container.rename("lived")
    assert "sleep 60" in container.top()["Processes"][-1][-1]
    container.restart(timeout=1)
    container.kill("SIGTERM")
    assert container.wait()["StatusCode"] == 143
    container.remove()
    with pytest.raises(NotFound):
        sdk.containers.get("lived")


def test_stdin_by_attaching(sdk: Client) -> None:
    container = sdk.containers.create("busybox", "cat", stdin_open=True)
    socket = container.attach_socket(params={"stdin": 1, "stream": 1})
    container.start()
    socket._sock.sendall(b"to the cat\n")
    while b"to the cat" not in container.logs():
        pass
    socket.close()
    container.stop(timeout=0)


def test_limits_ports_and_mounts_arrive(sdk: Client) -> None:
    volume = sdk.volumes.create("data")
    container = sdk.containers.run(
        "busybox",
        ["httpd", "-f", "-p", "80"],
        detach=True,
        init=True,
        mem_limit="64m",
        ports={"80/tcp": ("127.0.0.1", None)},
        volumes={"data": {"bind": "/data", "mode": "rw"}},
        tmpfs={"/scratch": "size=1m"},
    )
    container.reload()
    ((binding,),) = container.ports.values()
    assert binding["HostIp"] == "127.0.0.1"
    assert int(binding["HostPort"]) > 0
    assert container.attrs["Mounts"][0]["Name"] == "data"
    assert container.exec_run("touch /data/x /scratch/y").exit_code == 0
    container.remove(force=True)
    volume.remove()


def test_archives_go_in_and_out(sdk: Client) -> None:
    container = sdk.containers.create("busybox", "true")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo("in.txt")
        member.size = 7
        archive.addfile(member, io.BytesIO(b"content"))
    assert container.put_archive("/tmp", packed.getvalue())
    chunks, stat = container.get_archive("/tmp/in.txt")
    assert (stat["name"], stat["size"]) == ("in.txt", 7)
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
        file = archive.extractfile("in.txt")
        assert file is not None
        assert file.read() == b"content"
    with pytest.raises(NotFound):
        container.get_archive("/none")
    assert {"Path": "/tmp/in.txt", "Kind": 1} in container.diff()
    assert sum(map(len, container.export())) > 100_000


def test_images(sdk: Client) -> None:
    image = sdk.images.get("busybox")
    assert image.tag("other", "1")
    assert "other:1" in sdk.images.get("busybox").tags
    saved = b"".join(sdk.images.get("other:1").save(named="other:1"))
    sdk.images.remove("other:1")
    with pytest.raises(ImageNotFound):
        sdk.images.get("other:1")
    (loaded,) = sdk.images.load(saved)
    assert loaded.id == image.id
    assert image.history()
    sdk.images.remove("other:1")


def test_build_and_its_errors(sdk: Client) -> None:
    text = b"FROM busybox\nARG A\nRUN echo made $A > /made\nLABEL x=y\nCMD cat /made\n"
    image, lines = sdk.images.build(fileobj=io.BytesIO(text), tag="built", buildargs={"A": "here"}, rm=True)
    assert any("Successfully built" in line.get("stream", "") for line in lines)
    assert image.labels["x"] == "y"
    assert sdk.containers.run("built", remove=True) == b"made here\n"
    sdk.images.remove("built", force=True)
    with pytest.raises(docker.errors.BuildError, match="5"):
        sdk.images.build(fileobj=io.BytesIO(b"FROM busybox\nRUN exit 5\n"), rm=True)


def test_commit(sdk: Client) -> None:
    container = sdk.containers.run("busybox", ["sh", "-c", "echo kept > /kept"], detach=True)
    container.wait()
    image = container.commit(repository="committed", tag="1", changes="CMD cat /kept")
    assert sdk.containers.run("committed:1", remove=True) == b"kept\n"
    assert image.attrs["Parent"] == sdk.images.get("busybox").id
    container.remove()
    sdk.images.remove(image.id, force=True)


def test_a_load_is_done_when_its_answer_begins(sdk: Client) -> None:
    """Nobody reads what it says."""
    archive = b"".join(sdk.images.get("busybox").save(named="busybox:latest"))
    sdk.images.get("busybox").tag("kept")
    changed = archive.replace(b"busybox:latest", b"busybox:loaded")
    sdk.api.load_image(changed)
    assert sdk.images.get("busybox:loaded").id == sdk.images.get("kept").id
    for name in ("busybox:loaded", "kept"):
        sdk.images.remove(name)


def test_changes_may_stand_in_one_text(sdk: Client) -> None:
    container = sdk.containers.create("busybox", "true")
    image = container.commit(repository="changed", changes='EXPOSE 8000\nENV A=b \\\n  C=d\nCMD ["x"]')
    config = image.attrs["Config"]
    assert (config["Cmd"], list(config["ExposedPorts"]), config["Env"][-2:]) == (["x"], ["8000/tcp"], ["A=b", "C=d"])
    sdk.images.remove("changed")


def test_platforms_of_pull_import_and_push(sdk: Client) -> None:
    for call in (
        lambda: sdk.images.pull("busybox", platform="foo"),
        lambda: sdk.images.build(fileobj=io.BytesIO(b"FROM busybox\n"), platform="foo"),
    ):
        with pytest.raises(APIError, match="unknown operating system or architecture: invalid argument") as caught:
            call()
        assert caught.value.status_code == 400
    empty = io.BytesIO()
    tarfile.open(fileobj=empty, mode="w").close()
    url = sdk.api._url("/images/create")
    query = {"fromSrc": "-", "repo": "127.0.0.1:1/other", "tag": "1", "platform": "linux/arm64"}
    assert sdk.api._post(url, params=query, data=empty.getvalue()).status_code == 200
    found = sdk.images.get("127.0.0.1:1/other:1").attrs
    assert (found["Os"], found["Architecture"]) == ("linux", "arm64")
    query = {"tag": "1", "platform": '{"os":"linux","architecture":"s390x"}'}
    answer = sdk.api._post(sdk.api._url("/images/{0}/push", "127.0.0.1:1/other"), params=query)
    assert answer.status_code == 404
    assert "specified platform (linux/s390x): it is for linux/arm64" in answer.json()["message"]
    sdk.images.remove("127.0.0.1:1/other:1")


def test_networks_with_names_and_aliases(sdk: Client) -> None:
    network = sdk.networks.create("names", driver="bridge", labels={"a": "b"})
    server = sdk.containers.run("busybox", "httpd -f -h /etc", name="server", network="names", detach=True, init=True)
    asked = sdk.containers.run("busybox", "wget -qO- http://server/hostname", network="names", remove=True)
    assert asked.decode().strip() == server.short_id
    other = sdk.containers.run("busybox", "sleep 60", detach=True, init=True)
    network.connect(other, aliases=["alias"])
    network.reload()
    assert {each.name for each in network.containers} == {"server", other.name}
    assert server.exec_run("nslookup alias").exit_code == 0
    network.disconnect(other)
    assert sdk.networks.list(filters={"label": "a=b"}) == [network]
    server.remove(force=True)
    network.remove()


def test_volumes(sdk: Client) -> None:
    volume = sdk.volumes.create("vol", labels={"k": "v"})
    sdk.containers.run("busybox", "touch /v/x", volumes=["vol:/v"], remove=True)
    assert sdk.containers.run("busybox", "ls /v", volumes=["vol:/v:ro"], remove=True) == b"x\n"
    assert sdk.volumes.list(filters={"label": "k=v"}) == [volume]
    volume.remove()
    with pytest.raises(NotFound):
        sdk.volumes.get("vol")


def test_events(sdk: Client) -> None:
    found: list[str] = []
    stream = sdk.events(decode=True, filters={"type": "container"})

    def listen() -> None:
        for event in stream:
            found.append(event["Action"])
            if event["Action"] == "destroy":
                return

    listening = threading.Thread(target=listen)
    listening.start()
    sdk.containers.run("busybox", "true", remove=True)
    listening.join(20)
    stream.close()
    assert [action for action in found if action != "attach"] == ["create", "start", "die", "destroy"]


def test_stats_once(sdk: Client) -> None:
    container = sdk.containers.run("busybox", "sleep 60", detach=True, init=True)
    found = container.stats(stream=False)
    assert found["memory_stats"]["usage"] > 0
    assert found["cpu_stats"]["cpu_usage"]["total_usage"] > 0
    assert found["pids_stats"]["current"] >= 1
    assert "eth0" in found["networks"]


def test_df_and_prunes(sdk: Client) -> None:
    sdk.containers.run("busybox", "true", detach=True).wait()
    assert len(sdk.df()["Containers"]) == 1
    assert len(sdk.containers.prune()["ContainersDeleted"]) == 1
    sdk.networks.create("unused")
    assert sdk.networks.prune()["NetworksDeleted"] == ["unused"]
    sdk.volumes.create()
    assert len(sdk.volumes.prune()["VolumesDeleted"]) == 1
