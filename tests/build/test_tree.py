"""The tree of layers without a mount shows what the kernel's overlay shows."""

import os
import subprocess
from pathlib import Path

import pytest

from dockless.build.tree import Entry, Tree, clean


@pytest.fixture
def layers(tmp_path: Path) -> tuple[Path, ...]:
    """Three layers, the upper two written by the kernel itself: deletions, replaced and opaque folders, links."""
    base, middle, top = (tmp_path / name for name in ("base", "middle", "top"))
    for folder in (base, middle, top, tmp_path / "work", tmp_path / "merged"):
        folder.mkdir()
    for name in ("a/deep/x", "a/y", "b/z", "c", "gone/1", "again/old", "file-then-folder", "folder-then-file/1"):
        path = base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (base / "abs").symlink_to("/a/deep")
    (base / "rel").symlink_to("../../a")
    (base / "loop").symlink_to("loop")
    _over(tmp_path, (base,), middle, "rm -r gone again c; mkdir again; echo n > again/new; echo m > a/m; rm a/y")
    _over(
        tmp_path,
        (middle, base),
        top,
        "echo c > c; rm file-then-folder; mkdir file-then-folder; echo 1 > file-then-folder/1;"
        " rm -r folder-then-file; echo f > folder-then-file; echo t > again/top; rm b/z; echo y > a/y",
    )
    return top, middle, base


def _over(tmp_path: Path, lower: tuple[Path, ...], upper: Path, commands: str) -> None:
    options = f"lowerdir={':'.join(map(str, lower))},upperdir={upper},workdir={tmp_path}/work"
    script = f"mount -t overlay o -o {options} {tmp_path}/merged; cd {tmp_path}/merged; {commands}"
    subprocess.run(["unshare", "-m", "sh", "-ec", script], check=True)


def _walk(tree: Tree, folder: Entry) -> list[str]:
    found = []
    for child in tree.children(folder):
        again = tree.child(folder, child.name)
        assert again is not None and (again.real, again.parts) == (child.real, child.parts)
        found.append(child.path)
        if child.is_dir:
            found += _walk(tree, child)
    return found


def test_names_are_those_of_the_mounted_overlay(layers: tuple[Path, ...], tmp_path: Path) -> None:
    script = (
        f"mount -t overlay o -o lowerdir={':'.join(map(str, layers))} {tmp_path}/merged; cd {tmp_path}/merged; find ."
    )
    seen = subprocess.run(["unshare", "-m", "sh", "-ec", script], check=True, capture_output=True, text=True).stdout
    tree = Tree(layers)
    assert sorted(_walk(tree, tree.root())) == sorted(line[1:] for line in seen.split("\n") if len(line) > 1)


def test_lookups_follow_links_inside_the_root_only(layers: tuple[Path, ...]) -> None:
    tree = Tree(layers)
    assert tree.resolve("/abs/x")[0] == "/a/deep/x"
    assert tree.resolve("rel/m")[0] == "/a/m"
    assert tree.resolve("/../../a/../c")[0] == "/c"
    assert tree.resolve("/abs", follow=False)[0] == "/abs"
    assert tree.resolve("/no/such/../way") == ("/no/way", None)
    assert tree.lookup("/gone/1") is None and tree.lookup("/again/old") is None
    assert tree.lookup("/c/below") is None
    with pytest.raises(OSError, match="symbolic links"):
        tree.resolve("/loop")


def test_a_tree_of_no_layers_is_an_empty_root() -> None:
    tree = Tree([])
    assert tree.children(tree.root()) == []
    assert tree.resolve("/a/b") == ("/a/b", None)


def test_paths_are_cleaned_and_never_climb() -> None:
    assert [clean(path) for path in ("", "/", "//a//b/", "a/../../b", "./x/.", "/..")] == [
        "/", "/", "/a/b", "/b", "/x", "/",
    ]  # fmt: skip


def test_in_a_plain_folder_nothing_is_a_whiteout(tmp_path: Path) -> None:
    os.mknod(tmp_path / "null", 0o020600, os.makedev(0, 0))
    tree = Tree([tmp_path], plain=True)
    assert [entry.name for entry in tree.children(tree.root())] == ["null"]
