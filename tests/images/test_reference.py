"""References and platforms: Docker's normal form, Docker's messages."""

import pytest

from dockless.registry.platform import InvalidPlatform, Platform
from dockless.registry.reference import InvalidReference, Reference

HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "canonical", "familiar"),
    [
        ("postgres", "docker.io/library/postgres:latest", "postgres:latest"),
        ("postgres:15.1-bullseye", "docker.io/library/postgres:15.1-bullseye", "postgres:15.1-bullseye"),
        ("docker.io/postgres", "docker.io/library/postgres:latest", "postgres:latest"),
        ("index.docker.io/library/postgres:1", "docker.io/library/postgres:1", "postgres:1"),
        ("bitnami/redis:7", "docker.io/bitnami/redis:7", "bitnami/redis:7"),
        ("library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"),
        ("localhost/app", "localhost/app:latest", "localhost/app:latest"),
        ("localhost:5000/app:1", "localhost:5000/app:1", "localhost:5000/app:1"),
        ("ghcr.io/owner/deep/er_app--x:V1", "ghcr.io/owner/deep/er_app--x:V1", "ghcr.io/owner/deep/er_app--x:V1"),
        ("[::1]:5000/app", "[::1]:5000/app:latest", "[::1]:5000/app:latest"),
        (f"redis@sha256:{HEX}", f"docker.io/library/redis@sha256:{HEX}", f"redis@sha256:{HEX}"),
        (f"redis:7@sha256:{HEX}", f"docker.io/library/redis:7@sha256:{HEX}", f"redis:7@sha256:{HEX}"),
        ("Host/app", "Host/app:latest", "Host/app:latest"),
    ],
)
def test_references_are_normalised_as_docker_does(text: str, canonical: str, familiar: str) -> None:
    reference = Reference.parse(text)
    assert (reference.canonical, reference.familiar) == (canonical, familiar)
    assert Reference.parse(reference.canonical) == reference == Reference.parse(reference.familiar)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "invalid reference format"),
        ("a b", "invalid reference format"),
        ("-a", "invalid reference format"),
        ("a//b", "invalid reference format"),
        ("a:", "invalid reference format"),
        ("a:" + "t" * 129, "invalid reference format"),
        ("a@sha256:12", "invalid reference format"),
        ("../../etc/passwd", "invalid reference format"),
        ("a/../b", "invalid reference format"),
        ("a\n", "invalid reference format"),
        ("Postgres", "invalid reference format: repository name (library/Postgres) must be lowercase"),
        ("ghcr.io/A/b:1", "invalid reference format: repository name (A/b) must be lowercase"),
        (HEX, f"invalid repository name ({HEX}), cannot specify 64-byte hexadecimal strings"),
        (f"a@sha256:{HEX[:40]}", "invalid checksum digest length"),
        (f"a@md5:{HEX[:32]}", "unsupported digest algorithm"),
        ("a" * 256, "repository name must not be more than 255 characters"),
    ],
)
def test_what_is_no_reference_is_refused_in_docker_s_words(text: str, message: str) -> None:
    with pytest.raises(InvalidReference) as caught:
        Reference.parse(text)
    assert str(caught.value) == message


def test_a_tag_and_a_digest_can_be_put_in_place_of_what_was_there() -> None:
    reference = Reference.parse("postgres:15")
    assert reference.with_tag("16").familiar == "postgres:16"
    assert reference.with_digest(f"sha256:{HEX}").familiar == f"postgres@sha256:{HEX}"
    with pytest.raises(InvalidReference):
        reference.with_tag("no tag")


@pytest.mark.parametrize(
    ("text", "shown"),
    [("linux/amd64", "linux/amd64"), ("LINUX/aarch64", "linux/arm64"), ("linux/arm/v7", "linux/arm/v7"),
     ("arm64", "linux/arm64"), ("linux/x86_64", "linux/amd64"), ("linux/armhf", "linux/arm")],
)  # fmt: skip
def test_platforms_are_read_as_docker_reads_them(text: str, shown: str) -> None:
    assert str(Platform.parse(text)) == shown


@pytest.mark.parametrize("text", ["", "linux/", "a/b/c/d", "linux/a b", "li nux/amd64"])
def test_what_is_no_platform_is_refused(text: str) -> None:
    with pytest.raises(InvalidPlatform, match="unknown operating system or architecture"):
        Platform.parse(text)


def test_the_usual_variant_need_not_be_named() -> None:
    assert Platform("linux", "arm64").accepts(Platform("linux", "arm64", "v8"))
    assert not Platform("linux", "arm", "v6").accepts(Platform("linux", "arm", "v7"))
    assert [str(platform) for platform in Platform("linux", "arm").fallbacks()] == [
        "linux/arm/v7", "linux/arm/v6", "linux/arm/v5",
    ]  # fmt: skip
