"""Paths of a hostile tree never lead out of it."""

import os
from pathlib import Path

import pytest

from dockless.linux import paths


@pytest.fixture
def root(tmp_path: Path) -> Path:
    inside = tmp_path / "root"
    (inside / "etc").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_text("no")
    return inside


def path_of(descriptor: int) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


def opened(root: Path) -> int:
    return os.open(root, os.O_PATH | os.O_DIRECTORY)


@pytest.mark.parametrize(
    ("link", "path", "found"),
    [
        ("/a/b", "/link", "/a/b"),
        ("../../../../a", "/link/c", "/a/c"),
        ("/etc", "/link/d", "/etc/d"),
        ("/link2/x", "/link", "/etc/x"),
        ("..", "/link/link/e", "/e"),
    ],
)
def test_missing_folders_are_made_where_links_point_inside_the_root(
    root: Path, link: str, path: str, found: str
) -> None:
    (root / "link").symlink_to(link)
    (root / "link2").symlink_to("/etc")
    descriptor = opened(root)
    assert path_of(paths.make_folder(descriptor, path)) == f"{root}{found}"
    os.close(descriptor)
    assert os.listdir(root.parent / "outside") == ["secret"]


def test_files_are_made_with_their_parents_and_kept_if_there(root: Path) -> None:
    (root / "etc/there").write_text("kept")
    descriptor = opened(root)
    os.close(paths.make_file(descriptor, "/etc/there"))
    assert path_of(paths.make_file(descriptor, "/x/../../y/z/../file")) == f"{root}/y/file"
    os.close(descriptor)
    assert (root / "etc/there").read_text() == "kept"


def test_absolute_links_and_dots_do_not_leave_the_root(root: Path) -> None:
    (root / "up").symlink_to(str(root.parent / "outside"))
    descriptor = opened(root)
    with pytest.raises(FileNotFoundError):
        paths.open_in_root(descriptor, "/up/secret")
    with pytest.raises(FileNotFoundError):
        paths.open_in_root(descriptor, "/../outside/secret")
    os.close(descriptor)


def test_links_in_circles_and_magic_links_are_refused(root: Path) -> None:
    (root / "circle").symlink_to("circle")
    descriptor = opened(root)
    with pytest.raises(OSError, match="Too many levels"):
        paths.make_folder(descriptor, "/circle/x")
    os.close(descriptor)
    whole = os.open("/", os.O_PATH | os.O_DIRECTORY)
    with pytest.raises(OSError, match="Too many levels"):
        paths.open_in_root(whole, "/proc/self/root/etc")
    os.close(whole)


def test_a_file_in_the_way_is_an_error(root: Path) -> None:
    (root / "etc/file").write_text("")
    descriptor = opened(root)
    with pytest.raises(NotADirectoryError):
        paths.make_folder(descriptor, "/etc/file/x")
    with pytest.raises(NotADirectoryError):
        paths.make_folder(descriptor, "/etc/file")
    os.close(descriptor)
