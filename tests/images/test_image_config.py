"""Image configurations and manifests: what other programs write is read, what is written is always the same."""

import msgspec
import pytest

from dockless.images import config
from dockless.images.config import BadConfig, ContainerConfig, Healthcheck, History, ImageConfig, RootFs
from dockless.registry import manifests

DOCKER_S = b"""{
 "architecture": "amd64", "os": "linux", "docker_version": "20.10.24", "created": "2024-01-02T03:04:05.678901234Z",
 "container": "abc", "container_config": {"Cmd": ["x"], "Env": null}, "os.version": "1",
 "config": {"Hostname": "", "User": "postgres", "AttachStdin": false, "ExposedPorts": {"5432/tcp": {}}, "Tty": false,
  "Env": ["PATH=/bin", "A=b=c"], "Cmd": ["postgres"], "Image": "sha256:0", "Volumes": {"/data": {}}, "WorkingDir": "",
  "Entrypoint": null, "OnBuild": null, "Labels": null, "StopSignal": "SIGINT", "Shell": ["/bin/sh"],
  "Healthcheck": {"Test": ["CMD-SHELL", "true"], "Interval": 1000000000, "Retries": 3, "StartPeriod": null}},
 "rootfs": {"type": "layers", "diff_ids": ["sha256:1", "sha256:2"]},
 "history": [{"created": "2024-01-02T03:04:05Z", "created_by": "RUN x", "empty_layer": true, "comment": null}]
}"""


def test_docker_s_configuration_is_read_with_its_nulls() -> None:
    image = config.decode(DOCKER_S)
    assert image.os_version == "1"
    assert image.config == ContainerConfig(
        user="postgres",
        exposed_ports={"5432/tcp": {}},
        env=("PATH=/bin", "A=b=c"),
        cmd=("postgres",),
        volumes={"/data": {}},
        stop_signal="SIGINT",
        shell=("/bin/sh",),
        healthcheck=Healthcheck(("CMD-SHELL", "true"), interval=10**9, retries=3),
    )
    assert image.rootfs == RootFs("layers", ("sha256:1", "sha256:2"))
    assert image.history == (History("2024-01-02T03:04:05Z", "RUN x", empty_layer=True),)


def test_an_empty_entrypoint_is_not_the_same_as_none() -> None:
    empty = ImageConfig(config=ContainerConfig(entrypoint=(), cmd=None))
    assert config.encode(empty) == b'{"config":{"Entrypoint":[]},"rootfs":{"type":"layers","diff_ids":[]}}'
    assert config.decode(config.encode(empty)) == empty


def test_the_same_value_is_always_written_the_same_way() -> None:
    one = ImageConfig(config=ContainerConfig(labels={"b": "1", "a": "2"}, volumes={"/y": {}, "/x": {}}))
    two = ImageConfig(config=ContainerConfig(labels={"a": "2", "b": "1"}, volumes={"/x": {}, "/y": {}}))
    assert config.encode(one) == config.encode(two)
    assert b'"Labels":{"a":"2","b":"1"}' in config.encode(one)
    assert config.decode(config.encode(one)) == one


@pytest.mark.parametrize("raw", [b"", b"[]", b"null", b"{", b'{"config": 3}', b'{"rootfs": {"diff_ids": "x"}}',
                                 b'{"history": [[]]}', b"[" * 100_000, b" " * (9 << 20)])  # fmt: skip
def test_what_is_no_configuration_is_refused(raw: bytes) -> None:
    with pytest.raises(BadConfig):
        config.decode(raw)


def descriptor(**changes: object) -> dict[str, object]:
    return {"mediaType": manifests.OCI_CONFIG, "size": 1, "digest": "sha256:" + "0" * 64, **changes}


LAYER = descriptor(mediaType=manifests.OCI_LAYER)


@pytest.mark.parametrize(
    ("tree", "why"),
    [
        ([], "no image manifest"),
        ({}, "no image manifest"),
        ({"schemaVersion": 1, "fsLayers": []}, "schema 1"),
        ({"config": descriptor(digest="sha256:../../x")}, "malformed digest or size"),
        ({"config": descriptor(digest="sha512:" + "0" * 128)}, "malformed digest or size"),
        ({"config": descriptor(size=-1)}, "malformed digest or size"),
        ({"config": descriptor(size="1")}, "no image manifest"),
        ({"config": descriptor(mediaType="text/plain")}, "no container image"),
        ({"config": descriptor(), "layers": [descriptor(mediaType="text/plain")]}, "cannot be unpacked"),
        ({"config": descriptor(), "layers": [{**LAYER, "mediaType": manifests.OCI_LAYER + "+encrypted"}]}, "unpacked"),
        ({"config": descriptor(), "layers": [LAYER] * 2000}, "more than 1000"),
        ({"manifests": [descriptor(digest="x")]}, "malformed digest or size"),
        ({"manifests": 5}, "no image manifest"),
    ],
)
def test_what_is_no_manifest_of_an_image_is_refused(tree: object, why: str) -> None:
    with pytest.raises(manifests.BadManifest, match=why):
        manifests.parse(msgspec.json.encode(tree))


def test_attestations_are_no_images() -> None:
    platform = {"os": "linux", "architecture": "amd64"}
    attestation = descriptor(annotations={"vnd.docker.reference.type": "attestation-manifest"}, platform=platform)
    index = manifests.parse(msgspec.json.encode({"manifests": [attestation]}))
    assert isinstance(index, manifests.Index)
    with pytest.raises(manifests.NoSuchPlatform):
        manifests.choose(index, manifests.Platform("linux", "amd64"), "x")
