"""Users and specs as Docker makes them. Pure, but for the files of users."""

import os
from pathlib import Path

import pytest

from dockless.launcher.defaults import DEFAULT_CAPABILITIES, capability_set, default_spec, device, merged_mounts
from dockless.launcher.spec import Mount
from dockless.launcher.users import UnknownUser, User, resolve_user

PASSWD = "root:x:0:0:root:/root:/bin/sh\nweb:x:33:34::/var/www:/bin/sh\nbroken\n# web:x:1:1::/:\n"
GROUP = "root:x:0:\nwww:x:34:\nadm:x:4:web,root\nssl:x:101:web\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text(PASSWD)
    (tmp_path / "etc/group").write_text(GROUP)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "extra", "expected"),
    [
        ("", (), User(0, 0, (0, 4), "/root")),
        ("web", (), User(33, 34, (34, 4, 101), "/var/www")),
        ("33", (), User(33, 34, (34, 4, 101), "/var/www")),
        ("web:adm", (), User(33, 4, (4,), "/var/www")),
        ("web:4242", ("ssl", "7"), User(33, 4242, (4242, 101, 7), "/var/www")),
        ("1234", (), User(1234, 0, (0,), "/")),
        ("1234:www", (), User(1234, 34, (34,), "/")),
        ("0:0", (), User(0, 0, (0,), "/root")),
    ],
)
def test_users_are_dockers(root: Path, name: str, extra: tuple[str, ...], expected: User) -> None:
    assert resolve_user(root, name, extra) == expected


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nobody-here", "unable to find user nobody-here: no matching entries in passwd file"),
        ("web:nothing", "unable to find group nothing: no matching entries in group file"),
        ("-1", "uids and gids must be in range 0-2147483647"),
        ("2147483648", "uids and gids must be in range 0-2147483647"),
    ],
)
def test_unknown_users_are_told_in_dockers_words(root: Path, name: str, words: str) -> None:
    with pytest.raises(UnknownUser) as caught:
        resolve_user(root, name)
    assert str(caught.value) == words


def test_without_files_ids_still_work(tmp_path: Path) -> None:
    assert resolve_user(tmp_path, "5:6") == User(5, 6, (6,), "/")


def test_layers_are_read_as_an_overlay_shows_them(tmp_path: Path) -> None:
    upper, lower = tmp_path / "upper", tmp_path / "lower"
    (lower / "etc").mkdir(parents=True)
    (lower / "etc/passwd").write_text("low:x:1:1::/:\n")
    (upper / "etc").mkdir(parents=True)
    assert resolve_user([upper, lower], "low").uid == 1
    (upper / "etc/passwd").symlink_to("/usr/lib/passwd")
    (lower / "usr/lib").mkdir(parents=True)
    (lower / "usr/lib/passwd").write_text("linked:x:2:2::/:\n")
    assert resolve_user([upper, lower], "linked").uid == 2
    with pytest.raises(UnknownUser):
        resolve_user([upper, lower], "low")


def test_a_link_out_of_the_image_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "image/etc").mkdir(parents=True)
    (tmp_path / "outside").write_text("evil:x:7:7::/:\n")
    (tmp_path / "image/etc/passwd").symlink_to("../../../../../../.." + str(tmp_path / "outside"))
    with pytest.raises(UnknownUser):
        resolve_user(tmp_path / "image", "evil")


@pytest.mark.skipif(os.getuid() != 0, reason="whiteouts and opaque folders are root's to make")
def test_whiteouts_and_opaque_folders_hide(tmp_path: Path) -> None:
    upper, lower = tmp_path / "upper", tmp_path / "lower"
    for layer in (upper, lower):
        (layer / "etc").mkdir(parents=True)
    (lower / "etc/passwd").write_text("low:x:1:1::/:\n")
    os.mknod(upper / "etc/passwd", 0o020000, os.makedev(0, 0))
    with pytest.raises(UnknownUser):
        resolve_user([upper, lower], "low")
    (upper / "etc/passwd").unlink()
    os.setxattr(upper / "etc", "trusted.overlay.opaque", b"y")
    with pytest.raises(UnknownUser):
        resolve_user([upper, lower], "low")


def test_capabilities_follow_dockers_rules() -> None:
    assert set(capability_set((), ())) == set(DEFAULT_CAPABILITIES)
    assert capability_set((), ["ALL"]) == ()
    assert capability_set(["net_raw"], ["all"]) == ("CAP_NET_RAW",)
    assert "CAP_CHOWN" not in capability_set((), ["CHOWN"])
    assert {"CAP_SYS_ADMIN"} == set(capability_set(["SYS_ADMIN"], ())) - set(DEFAULT_CAPABILITIES)
    assert "CAP_SYS_ADMIN" in capability_set(["ALL"], ["CHOWN"]) and "CAP_CHOWN" not in capability_set(
        ["ALL"], ["CHOWN"]
    )
    with pytest.raises(ValueError, match="invalid capability"):
        capability_set(["NO_SUCH"], ())


def test_a_mount_replaces_a_default_one_and_parents_come_first() -> None:
    defaults = [Mount(destination="/proc"), Mount(destination="/dev/shm", type="tmpfs")]
    extra = [Mount(destination="/a/b/c"), Mount(destination="/dev/shm/", source="/x"), Mount(destination="/a")]
    assert [mount["destination"] for mount in merged_mounts(defaults, extra)] == ["/proc", "/a", "/dev/shm/", "/a/b/c"]


def test_the_environment_gets_what_docker_adds() -> None:
    spec = default_spec(
        args=["x"], env=["A=1", "B"], cgroup_path="", hostname="h", terminal=True, user=User(5, 5, (), "/h")
    )
    assert spec["process"]["env"][1:] == ["HOSTNAME=h", "TERM=xterm", "A=1", "HOME=/h"]
    own = default_spec(args=["x"], env=["PATH=/b", "HOME=/c"], cgroup_path="")
    assert own["process"]["env"] == ["PATH=/b", "HOME=/c"]


def test_shared_namespaces_are_not_listed() -> None:
    spec = default_spec(args=["x"], env=[], cgroup_path="", network=False, host_namespaces=["pid", "uts"], hostname="h")
    assert [entry["type"] for entry in spec["linux"]["namespaces"]] == ["mount", "ipc", "cgroup"]
    assert "hostname" not in spec and spec["linux"]["sysctl"] == {}


def test_devices_are_read_from_the_host() -> None:
    (found,) = device("/dev/null", "/dev/other")
    assert (found["path"], found["type"], found["major"], found["minor"]) == ("/dev/other", "c", 1, 3)
    with pytest.raises(ValueError, match="not a device"):
        device("/etc/passwd")
