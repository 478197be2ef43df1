"""Volumes of the driver `local` that are a file system of their own, or a folder of the host."""

from pathlib import Path

import docker
import pytest
from docker.errors import APIError

Client = docker.DockerClient
MEMORY = {"type": "tmpfs", "device": "tmpfs", "o": "size=2m,uid=1000"}


def test_a_tmpfs_is_shared_while_somebody_has_it_and_gone_with_the_last(sdk: Client) -> None:
    volume = sdk.volumes.create("memory", driver="local", driver_opts=MEMORY)

    def running(name: str, mode: str = "rw") -> docker.models.containers.Container:
        mounts = {"memory": {"bind": f"/{name}", "mode": mode}}
        return sdk.containers.run("busybox", "sleep 60", name=name, volumes=mounts, detach=True, init=True)

    first = running("one", "ro")
    mounted = first.exec_run(["sh", "-c", "grep ' /one ' /proc/mounts; stat -c %u /one"]).output.decode()
    assert mounted.startswith("tmpfs /one tmpfs ro,")
    assert "size=2048k" in mounted
    assert mounted.endswith("1000\n")
    second = running("two")
    assert second.exec_run(["sh", "-c", "echo shared >/two/file"]).exit_code == 0
    assert first.exec_run("cat /one/file").output == b"shared\n"
    assert first.exec_run("touch /one/other").exit_code != 0
    assert second.exec_run("dd if=/dev/zero of=/two/big bs=1M count=3").exit_code != 0
    first.remove(force=True)
    third = running("three")
    assert third.exec_run("cat /three/file").output == b"shared\n"
    for container in (second, third):
        container.remove(force=True)
    again = running("four")
    assert again.exec_run("ls -A /four").output == b""
    assert volume.attrs["Options"] == MEMORY
    again.remove(force=True)
    volume.remove()


def test_containers_that_start_at_once_share_it(sdk: Client) -> None:
    from concurrent.futures import ThreadPoolExecutor

    volume = sdk.volumes.create("memory", driver_opts=MEMORY)
    made = [
        sdk.containers.create("busybox", "sleep 60", name=f"at-once-{number}", volumes=["memory:/m"], init=True)
        for number in range(4)
    ]
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda container: container.start(), made))
    for container in made:
        assert container.exec_run(["sh", "-c", "echo $HOSTNAME >>/m/all"]).exit_code == 0
    assert len(made[0].exec_run("cat /m/all").output.split()) == 4
    for container in made:
        container.remove(force=True)
    volume.remove()


def test_a_folder_of_the_host_read_only(sdk: Client, tmp_path: Path) -> None:
    (tmp_path / "here").write_text("content")
    options = {"type": "none", "device": str(tmp_path), "o": "bind,ro"}
    volume = sdk.volumes.create("folder", driver_opts=options)
    assert sdk.containers.run("busybox", "cat /f/here", volumes=["folder:/f"], remove=True) == b"content"
    command = ["sh", "-c", "touch /f/new || echo refused"]
    assert sdk.containers.run("busybox", command, volumes=["folder:/f"], remove=True) == b"refused\n"
    volume.remove()
    assert (tmp_path / "here").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"type": "tmpfs"}, 'missing required option: "device"'),
        ({"device": "/x"}, 'missing required option: "type"'),
        ({"nonsense": "x"}, 'invalid option: "nonsense"'),
        ({"size": "1g"}, "no quota support"),
    ],
)
def test_options_that_cannot_be(sdk: Client, options: dict[str, str], words: str) -> None:
    with pytest.raises(APIError, match=words):
        sdk.volumes.create("never", driver_opts=options)


def test_what_the_kernel_refuses_is_said_at_the_start(sdk: Client) -> None:
    volume = sdk.volumes.create("odd", driver_opts={"type": "nosuchfs", "device": ":/export", "o": "ro"})
    container = sdk.containers.create("busybox", "true", volumes=["odd:/m"])
    with pytest.raises(APIError, match="failed to mount local volume: mount :/export:") as caught:
        container.start()
    assert str(caught.value).endswith('odd/_data, data: ro: No such device")')
    container.remove()
    volume.remove()


def test_a_driver_that_is_not_there_is_refused_where_a_volume_is_made(sdk: Client) -> None:
    sdk.containers.create("busybox", "true", volume_driver="foo").remove()
    for mounts in (["new:/m"], ["/m"]):
        with pytest.raises(APIError, match="error looking up volume plugin foo"):
            sdk.containers.create("busybox", "true", volume_driver="foo", volumes=mounts)
    assert sdk.volumes.list() == []
