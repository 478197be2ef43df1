"""Docker's config.json and its helpers."""

import base64
from pathlib import Path

import msgspec
import pytest

from dockless.registry.auth import parse_challenge
from dockless.registry.credentials import BadCredentials, Credentials, find


def with_config(tmp_path: Path, tree: object) -> dict[str, str]:
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker/config.json").write_bytes(msgspec.json.encode(tree))
    return {"HOME": str(tmp_path), "PATH": f"{tmp_path}/bin:/usr/bin:/bin"}


def helper(tmp_path: Path, name: str, script: str) -> None:
    path = tmp_path / "bin" / f"docker-credential-{name}"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_without_a_file_there_are_none(tmp_path: Path) -> None:
    assert find("docker.io", {}) is None
    assert find("docker.io", {"HOME": str(tmp_path)}) is None


def test_names_and_passwords_stand_in_the_file(tmp_path: Path) -> None:
    packed = base64.b64encode(b"me:pass:word").decode()
    environ = with_config(
        tmp_path,
        {"auths": {
            "https://index.docker.io/v1/": {"auth": packed},
            "localhost:5000": {"username": "u", "password": "p"},
            "https://ghcr.io/v2/": {"auth": packed, "identitytoken": "token"},
        }, "credHelpers": None},
    )  # fmt: skip
    assert find("docker.io", environ) == Credentials("me", "pass:word")
    assert find("localhost:5000", environ) == Credentials("u", "p")
    assert find("ghcr.io", environ) == Credentials("me", "pass:word", identity_token="token")
    assert find("localhost", environ) is None
    assert find("docker.io", {"HOME": "/nowhere", "DOCKER_CONFIG": str(tmp_path / ".docker")}) is not None


def test_a_helper_is_asked_for_the_registry(tmp_path: Path) -> None:
    environ = with_config(tmp_path, {"credsStore": "all", "credHelpers": {"ghcr.io": "some"}})
    helper(tmp_path, "all", """read name; echo '{"Username":"u","Secret":"'"$1 $name"'"}'""")
    helper(tmp_path, "some", """echo '{"Username":"<token>","Secret":"refresh"}'""")
    assert find("docker.io", environ) == Credentials("u", "get https://index.docker.io/v1/")
    assert find("ghcr.io", environ) == Credentials(identity_token="refresh")


@pytest.mark.parametrize(
    ("script", "message"),
    [("echo broken; exit 1", "docker-credential-all: broken"), ("echo '{'", "docker-credential-all: ")],
)
def test_a_helper_that_fails_is_named(tmp_path: Path, script: str, message: str) -> None:
    environ = with_config(tmp_path, {"credsStore": "all"})
    helper(tmp_path, "all", script)
    with pytest.raises(BadCredentials, match=message):
        find("docker.io", environ)


def test_a_helper_that_has_nothing_or_is_not_there(tmp_path: Path) -> None:
    environ = with_config(tmp_path, {"credsStore": "all", "credHelpers": {"ghcr.io": "absent"}})
    helper(tmp_path, "all", "echo 'credentials not found in native keychain'; exit 1")
    assert find("docker.io", environ) is None
    with pytest.raises(BadCredentials, match=r"docker-credential-absent.*is not installed"):
        find("ghcr.io", environ)


@pytest.mark.parametrize("tree", [[], {"auths": []}, {"auths": {"docker.io": {"auth": "%%%"}}}])
def test_a_broken_file_is_named(tmp_path: Path, tree: object) -> None:
    environ = with_config(tmp_path, tree)
    with pytest.raises(BadCredentials, match=r"config\.json"):
        find("docker.io", environ)


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(Credentials("u", "secret", "secret", "secret"))


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", ("", {})),
        ("Negotiate", ("", {})),
        ('Basic realm="a b"', ("basic", {"realm": "a b"})),
        ('Bearer realm="https://x/t",service=s', ("bearer", {"realm": "https://x/t", "service": "s"})),
        ('Basic realm="x", Bearer realm="y"', ("bearer", {"realm": "y"})),
        (r'bearer realm="a\"b", scope="x:a:pull,push"', ("bearer", {"realm": 'a"b', "scope": "x:a:pull,push"})),
    ],
)  # fmt: skip
def test_challenges_are_read(header: str, expected: tuple[str, dict[str, str]]) -> None:
    assert parse_challenge(header) == expected
