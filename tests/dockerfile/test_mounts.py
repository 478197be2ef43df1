"""`RUN --mount`: keys, defaults and what is refused."""

import pytest

from dockless.dockerfile.durations import parse_duration
from dockless.dockerfile.model import Mount
from dockless.dockerfile.mounts import MountError, parse_mount, parse_size


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("target=/a", Mount("bind", "/a")),
        ("type=bind,source=s,dst=/a,rw", Mount("bind", "/a", "s", readonly=False)),
        ("type=bind,from=x,src=/s,target=/a,ro=false", Mount("bind", "/a", "/s", "x", readonly=False)),
        ("type=cache,target=/c", Mount("cache", "/c", readonly=False)),
        (
            "type=cache,target=/c,id=i,sharing=locked,mode=0700,uid=1,gid=2,readonly",
            Mount("cache", "/c", id="i", sharing="locked", mode=0o700, uid=1, gid=2),
        ),
        ("type=tmpfs,target=/t,size=64m", Mount("tmpfs", "/t", readonly=False, size=64 << 20)),
        ("type=secret,id=s,required", Mount("secret", id="s", required=True)),
        ("type=secret,id=s,env=TOKEN", Mount("secret", id="s", env="TOKEN")),
        ("type=ssh", Mount("ssh")),
        ('"type=bind","target=/a,b"', Mount("bind", "/a,b")),
    ],
)
def test_a_mount_parses(text: str, expected: Mount) -> None:
    assert parse_mount(text, str) == expected


@pytest.mark.parametrize(
    "text",
    [
        "type=bind",
        "type=cache",
        "type=bind,target=/a,sharing=locked",
        "type=secret,id=a,source=b",
        "type=cache,target=/c,sharing=some",
        "type=cache,target=/c,mode=9",
        "type=tmpfs,target=/t,size=big",
        "type=bind,target=/t,required",
        "type=bind,target=/t,from=$x",
        "target",
        "color=red,target=/a",
        '"open',
    ],
)
def test_a_wrong_mount_is_refused(text: str) -> None:
    with pytest.raises((MountError, ValueError)):
        parse_mount(text, str)


def test_values_are_expanded() -> None:
    assert parse_mount("type=cache,target=$HERE", lambda value: value.replace("$HERE", "/x")).target == "/x"


@pytest.mark.parametrize(("text", "size"), [("1024", 1024), ("64m", 64 << 20), ("1.5g", 3 << 29), ("2KiB", 2048)])
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [("1h2m3s", 3_723_000_000_000), ("1.5s", 1_500_000_000), ("0", 0), ("-1ms", -1_000_000), (".5m", 30_000_000_000)],
)
def test_durations(text: str, nanoseconds: int) -> None:
    assert parse_duration(text) == nanoseconds
