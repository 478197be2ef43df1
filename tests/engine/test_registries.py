"""push, login and distribution, against a real registry on loopback."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from enginekit import Rig, with_rig

from dockless.places import Places
from dockless.registry.platform import Platform
from dockless.wire.auth import AuthConfig
from dockless.wire.errors import ApiError, NotFound
from dockless.wire.filters import Filters

# Of the password "a secret".
HTPASSWD = "someone:$2b$04$vUB6982uTpPFjkBsplIT..HNbgeEAHlwnn9U1uW6mi7bq7by1WMie\n"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """`127.0.0.1:port` of a registry that wants a password."""
    if shutil.which("docker-registry") is None:
        pytest.skip("docker-registry is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    (tmp_path / "htpasswd").write_text(HTPASSWD)
    (tmp_path / "config.yml").write_text(
        "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
        f"storage: {{filesystem: {{rootdirectory: {tmp_path}/data}}}}\nhttp: {{addr: '{address}'}}\n"
        f"auth: {{htpasswd: {{realm: here, path: {tmp_path}/htpasswd}}}}\n"
    )
    process = subprocess.Popen(
        ["docker-registry", "serve", str(tmp_path / "config.yml")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while True:
        host, _, port = address.partition(":")
        with socket.socket() as probe:
            if probe.connect_ex((host, int(port))) == 0:
                break
        assert process.poll() is None
        time.sleep(0.05)
    yield address
    process.kill()
    process.wait()


def test_an_image_is_pushed_described_and_pulled_again(places: Places, registry: str) -> None:
    auth = AuthConfig(username="someone", password="a secret", server_address=registry)

    async def work(rig: Rig) -> None:
        images, name = rig.engine.images, f"{registry}/some/box"
        await images.tag("busybox", repo=name, tag="1")
        before = (await images.inspect(f"{name}:1")).id
        messages = [message async for message in await images.push(name, tag="1", auth=auth)]
        assert not any(message.error for message in messages)
        (aux,) = [message.aux for message in messages if message.aux]
        assert (aux["Tag"], aux["Digest"][:7]) == ("1", "sha256:")
        described = await images.distribution(f"{name}:1", auth=auth)
        assert (described.descriptor.digest, described.descriptor.size) == (aux["Digest"], aux["Size"])
        assert [one.os for one in described.platforms] == ["linux"]
        await images.remove(f"{name}:1", force=False, noprune=False)
        async for _ in await images.pull(name, tag="1", platform="", auth=auth):
            pass
        assert (await images.inspect(f"{name}:1")).id == before

    with_rig(places, work)


def test_a_name_without_a_tag_pulls_all_that_the_repository_has(places: Places, registry: str) -> None:
    auth = AuthConfig(username="someone", password="a secret", server_address=registry)

    async def work(rig: Rig) -> None:
        images, name = rig.engine.images, f"{registry}/some/box"
        for tag in ("1", "2", "latest"):
            await images.tag("busybox", repo=name, tag=tag)
        assert not any([message.error async for message in await images.push(name, tag="", auth=auth)])
        names = {f"{name}:{tag}" for tag in ("1", "2", "latest")}
        for one in names:
            await images.remove(one, force=False, noprune=False)
        said = [message.status async for message in await images.pull(name, tag="", platform="", auth=auth)]
        assert {line.split()[1] for line in said if line.startswith("Status: ") and " is image " in line} == names
        assert names <= {each for image in await images.list(all=True, filters=Filters({})) for each in image.repo_tags}

    with_rig(places, work)


def test_an_image_of_another_platform_is_not_pushed(places: Places, registry: str) -> None:
    auth = AuthConfig(username="someone", password="a secret", server_address=registry)

    async def work(rig: Rig) -> None:
        images, name = rig.engine.images, f"{registry}/some/box"
        await images.tag("busybox", repo=name, tag="1")
        with pytest.raises(NotFound, match=r"the specified platform \(linux/s390x\)"):
            await images.push(name, tag="1", auth=auth, platform="linux/s390x")
        mine = str(Platform.host())
        assert not any([message.error async for message in await images.push(name, tag="1", auth=auth, platform=mine)])

    with_rig(places, work)


def test_a_refused_push_ends_with_the_registrys_reason(places: Places, registry: str) -> None:
    async def work(rig: Rig) -> None:
        images, name = rig.engine.images, f"{registry}/some/box"
        with pytest.raises(NotFound, match="does not exist locally"):
            await images.push(name, tag="1", auth=None)
        await images.tag("busybox", repo=name, tag="1")
        messages = [message async for message in await images.push(name, tag="1", auth=None)]
        assert "denied" in messages[-1].error
        with pytest.raises(NotFound):
            await images.distribution(
                f"{name}:2", auth=AuthConfig(username="someone", password="a secret", server_address=registry)
            )

    with_rig(places, work)


def test_credentials_are_checked_by_asking_the_registry(places: Places, registry: str) -> None:
    async def work(rig: Rig) -> None:
        good = AuthConfig(username="someone", password="a secret", server_address=registry)
        assert (await rig.engine.system.auth(good)).status == "Login Succeeded"
        for bad in (AuthConfig(username="someone", password="wrong", server_address=registry),):
            with pytest.raises(ApiError, match="unauthorized") as refused:
                await rig.engine.system.auth(bad)
            assert refused.value.status == 401
        with pytest.raises(ApiError, match="cannot be reached"):
            await rig.engine.system.auth(AuthConfig(username="a", password="b", server_address="127.0.0.1:1"))

    with_rig(places, work)
