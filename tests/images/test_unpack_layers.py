"""Unpacking: what is right is made exactly, what is hostile is refused, and nothing outside the folder is touched."""

import bz2
import gzip
import io
import lzma
import os
import stat
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from imagekit import open_store
from tarkit import END, directory, gnu_long, hard_link, header, member, padded, pax, record, symlink

from dockless.images.layers import LayerStore
from dockless.images.store import ImageStore
from dockless.images.tarread import BadTar
from dockless.images.unpack import BadLayer, Limits, extract
from dockless.places import Places
from dockless.registry.errors import ImageError

CANARY = b"untouched"


@pytest.fixture
def layers(store: ImageStore) -> LayerStore:
    return store.layers


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    """A file beside everything that an archive could reach; it must be the same afterwards."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "canary").write_bytes(CANARY)
    before = folder.stat().st_mtime_ns
    yield folder
    assert (folder / "canary").read_bytes() == CANARY
    assert os.listdir(folder) == ["canary"]
    assert folder.stat().st_mtime_ns == before


def unpacked(layers: LayerStore, *parts: bytes) -> Path:
    """Unpacks, checks that the same bytes can be packed again, and gives the layer's folder."""
    archive = b"".join(parts) + END
    layer = layers.unpack([archive])
    assert b"".join(layers.pack(layer.diff_id)) == archive
    assert layer.tar_size == len(archive)
    return layers.path(layer.diff_id)


def refused(layers: LayerStore, *parts: bytes, match: str, kind: type[ImageError] = BadLayer) -> None:
    """Refuses, and leaves nothing in the store."""
    with pytest.raises(kind, match=match):
        layers.unpack([b"".join(parts) + END])
    assert layers.names() == []
    assert [name for name in os.listdir(layers.scratch.folder("x").parent) if name.startswith("unpack")] == []


def tree(root: Path) -> dict[str, tuple[object, ...]]:
    """Everything that can be seen of a tree."""
    seen: dict[str, tuple[object, ...]] = {}
    for folder, directories, files in os.walk(root):
        for name in directories + files:
            path = Path(folder) / name
            status = path.lstat()
            what: object = None
            if path.is_symlink():
                what = os.readlink(path)
            elif path.is_file():
                what = path.read_bytes()
            attributes = {
                name: os.getxattr(path, name, follow_symlinks=False)
                for name in os.listxattr(path, follow_symlinks=False)
            }
            mode, owner = status.st_mode, (status.st_uid, status.st_gid)
            time = None if path.is_dir() and not path.is_symlink() else int(status.st_mtime)
            seen[str(path.relative_to(root))] = (mode, owner, status.st_rdev, status.st_nlink, time, what, attributes)
    return seen


# What is right.


def test_a_tree_of_everything_is_what_gnu_tar_makes_of_it(layers: LayerStore, tmp_path: Path, root_only: None) -> None:
    source = tmp_path / "source"
    (source / "bin").mkdir(parents=True)
    (source / "bin/tool").write_bytes(b"\x7fELF" * 1000)
    (source / "bin/tool").chmod(0o4755)
    os.chown(source / "bin/tool", 12, 34)
    (source / "bin/tool").chmod(0o4755)
    os.link(source / "bin/tool", source / "bin/again")
    (source / ("long" * 60)).write_bytes(b"long")
    (source / "ümläut ☃ \n newline").write_bytes(b"x")
    (source / os.fsdecode(b"latin-\xe9")).write_bytes(b"y")
    os.symlink("/etc/passwd", source / "absolute")
    os.symlink("../" * 50 + "etc/passwd", source / ("l" * 120))
    os.mkfifo(source / "fifo")
    os.mknod(source / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.mknod(source / "disk", stat.S_IFBLK | 0o600, os.makedev(7, 200))
    (source / "tmp").mkdir(mode=0o1777)
    (source / "tmp").chmod(0o1777)
    (source / "empty").touch()
    (source / "closed").mkdir()
    (source / "closed/in").write_bytes(b"in")
    (source / "closed").chmod(0)
    with (source / "sparse").open("wb") as file:
        file.seek(10_000_000)
        file.write(b"end")
        file.truncate(20_000_000)
    os.setxattr(source / "empty", "user.note", b"\0binary\xff")
    os.setxattr(source / "bin/tool", "security.capability", bytes.fromhex("0100000200040000000000000000000000000000"))
    for form in ("gnu", "pax"):
        archive, reference = tmp_path / f"{form}.tar", tmp_path / form
        reference.mkdir()
        extra = ["--xattrs", "--xattrs-include=*"] if form == "pax" else []
        subprocess.run(["tar", f"--format={form}", "--sparse", *extra, "-C", source, "-cf", archive, "."], check=True)
        subprocess.run(["tar", "-p", *extra, "-C", reference, "-xf", archive], check=True)
        with archive.open("rb") as file:
            layer = layers.unpack(file)
        assert tree(layers.path(layer.diff_id)) == tree(reference), form
        assert b"".join(layers.pack(layer.diff_id)) == archive.read_bytes()
        assert layers.path(layer.diff_id).joinpath("sparse").stat().st_blocks < 1000


@pytest.mark.parametrize("version", ["0.0", "0.1", "1.0"])
def test_sparse_files_in_every_pax_form(layers: LayerStore, tmp_path: Path, version: str) -> None:
    (tmp_path / "s").mkdir()
    with (tmp_path / "s/file").open("wb") as file:
        for offset in range(0, 5_000_000, 1_000_000):
            file.seek(offset)
            file.write(b"%d" % offset)
        file.truncate(9_000_000)
    archive = tmp_path / "a.tar"
    subprocess.run(
        [
            "tar",
            "--format=pax",
            "--sparse",
            f"--sparse-version={version}",
            "-C",
            tmp_path / "s",
            "-cf",
            archive,
            "file",
        ],
        check=True,
    )
    layer = layers.unpack([archive.read_bytes()])
    assert layer.size == 9_000_000
    assert (layers.path(layer.diff_id) / "file").read_bytes() == (tmp_path / "s/file").read_bytes()
    assert b"".join(layers.pack(layer.diff_id)) == archive.read_bytes()


@pytest.mark.parametrize("size", [1, 7, 512, 1000, 100_000])
def test_it_does_not_matter_in_what_pieces_the_stream_comes(layers: LayerStore, size: int) -> None:
    archive = b"".join(
        [
            directory(b"d"),
            member(b"d/a", b"a" * 3000),
            pax({b"path": b"d/" + b"p" * 200}),
            member(b"x", b"b" * 600),
            END,
        ]
    )
    layer = layers.unpack(archive[start : start + size] for start in range(0, len(archive), size))
    assert (layers.path(layer.diff_id) / "d" / ("p" * 200)).read_bytes() == b"b" * 600


def test_names_are_taken_from_the_archive_s_root(layers: LayerStore) -> None:
    root = unpacked(
        layers,
        directory(b"./"),
        member(b"/etc/absolute", b"1"),
        member(b"./dot/./x//y", b"2"),
        member(b"a/../b/c", b"3"),
        member(b"..data", b"4"),
        member(b"a/..x", b"5"),
    )
    assert {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()} == {
        "etc/absolute",
        "dot/x/y",
        "b/c",
        "..data",
        "a/..x",
    }


def test_long_names_in_every_form(layers: LayerStore) -> None:
    long = b"/".join([b"x" * 100] * 5)
    root = unpacked(
        layers,
        gnu_long(long + b"/gnu"), member(b"cut", b"1"),
        pax({b"path": long + b"/pax"}), member(b"cut", b"2"),
        member(b"short", b"3", prefix=b"prefix/of"),
        gnu_long(b"y" * 150, b"K"), symlink(b"link", b"cut"),
        pax({b"linkpath": long + b"/gnu"}), hard_link(b"hard", b"cut"),
    )  # fmt: skip
    assert (root / os.fsdecode(long) / "gnu").read_bytes() == b"1"
    assert (root / os.fsdecode(long) / "pax").read_bytes() == b"2"
    assert (root / "prefix/of/short").read_bytes() == b"3"
    assert os.readlink(root / "link") == "y" * 150
    assert (root / "hard").samefile(root / os.fsdecode(long) / "gnu")


def test_old_headers_and_their_quirks_are_read_as_go_reads_them(layers: LayerStore) -> None:
    root = unpacked(
        layers,
        member(b"v7/", b"", b"\0", magic=bytes(8)),
        member(b"v7/file", b"old", b"\0", magic=bytes(8)),
        member(b"contiguous", b"7", b"7"),
        header(b"link", b"2", 99, link=b"v7/file"),  # the size of what has no content does not count
        pax({b"comment": b"for all"}, b"g"),
        pax({b"size": b"3", b"uid": b"3000000", b"gid": b"7", b"mtime": b"1.5"}),
        member(b"pax", b"abc"),
        member(b"big numbers", b"xy", size_field=b"\x80" + bytes(10) + b"\x02"),
    )
    assert (root / "v7/file").read_bytes() == b"old"
    assert (root / "contiguous").read_bytes() == b"7"
    assert os.readlink(root / "link") == "v7/file"
    status = (root / "pax").stat()
    assert (status.st_size, status.st_mtime_ns) == (3, 1_500_000_000)
    if os.geteuid() == 0:
        assert (status.st_uid, status.st_gid) == (3_000_000, 7)
    assert (root / "big numbers").read_bytes() == b"xy"


def test_a_member_that_comes_twice_counts_as_it_came_last(layers: LayerStore, outside: Path) -> None:
    root = unpacked(
        layers,
        member(b"file", b"first"),
        hard_link(b"kept", b"file"),
        member(b"file", b"second"),
        directory(b"d", mode=0o700),
        member(b"d/in", b"in"),
        directory(b"d", mode=0o750),
        member(b"becomes-dir", b"file"),
        directory(b"becomes-dir"),
        directory(b"becomes-file/sub"),
        member(b"becomes-file/sub/x", b"gone"),
        member(b"becomes-file", b"now a file"),
        symlink(b"link", os.fsencode(outside)),
        member(b"link", b"no longer a link"),
        symlink(b"to-dir", os.fsencode(outside)),
        directory(b"to-dir"),
        member(b"to-dir/x", b"inside"),
    )
    assert (root / "file").read_bytes() == b"second"
    assert (root / "kept").read_bytes() == b"first"
    assert (root / "d").stat().st_mode & 0o777 == 0o750
    assert (root / "d/in").read_bytes() == b"in"
    assert (root / "becomes-dir").is_dir()
    assert (root / "becomes-file").read_bytes() == b"now a file"
    assert (root / "link").read_bytes() == b"no longer a link"
    assert (root / "to-dir/x").read_bytes() == b"inside"


def test_what_follows_the_end_belongs_to_the_digest_and_to_nothing_else(layers: LayerStore) -> None:
    archive = member(b"a", b"1") + END + b"rubbish" * 1000 + member(b"b", b"2")
    layer = layers.unpack([archive])
    assert os.listdir(layers.path(layer.diff_id)) == ["a"]
    assert b"".join(layers.pack(layer.diff_id)) == archive
    without_end = member(b"c", b"3")
    assert os.listdir(layers.path(layers.unpack([without_end]).diff_id)) == ["c"]


def test_an_empty_layer_is_a_layer(layers: LayerStore) -> None:
    assert os.listdir(unpacked(layers)) == []


def test_the_root_is_0755_whatever_the_archive_says(layers: LayerStore) -> None:
    assert unpacked(layers, directory(b"./", mode=0o700, uid=5)).stat().st_mode & 0o7777 == 0o755


# Whiteouts.


def overlay_of(tmp_path: Path, *lower: Path) -> dict[str, bytes | None]:
    """What a container would see, from a real overlay mount in a namespace of its own."""
    target = tmp_path / "merged"
    target.mkdir(exist_ok=True)
    (tmp_path / "empty").mkdir(exist_ok=True)
    options = ":".join(map(str, [*lower, tmp_path / "empty"]))
    script = f"mount -t overlay overlay -o lowerdir={options} {target} && cd {target} && tar -c --sort=name ."
    done = subprocess.run(["unshare", "-m", "sh", "-c", script], check=True, capture_output=True)
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        return {
            os.path.normpath(info.name): file.read() if (file := archive.extractfile(info)) else None
            for info in archive
            if info.name != "."
        }


def test_whiteouts_hide_what_is_below_and_only_that(layers: LayerStore, tmp_path: Path, root_only: None) -> None:
    lower = unpacked(
        layers,
        member(b"gone", b"x"),
        directory(b"emptied"), member(b"emptied/old", b"x"),
        directory(b"replaced"), member(b"replaced/old", b"x"),
        directory(b"tree/sub"), member(b"tree/sub/old", b"x"),
        directory(b"kept"), member(b"kept/old", b"x"),
        member(b"same", b"below"),
        directory(b"first"), member(b"first/old", b"x"),
        directory(b"late"), member(b"late/old", b"x"),
    )  # fmt: skip
    upper = unpacked(
        layers,
        member(b".wh.gone"),
        directory(b"emptied"), member(b"emptied/.wh..wh..opq"), member(b"emptied/new", b"y"),
        member(b".wh.replaced"), directory(b"replaced"), member(b"replaced/new", b"y"),
        member(b".wh.tree"), member(b"tree/sub/new", b"y"),
        member(b"kept/.wh.nothing"), member(b"kept/new", b"y"),
        member(b"same", b"above"), member(b".wh.same"),
        directory(b"first"), member(b"first/new", b"y"), member(b".wh.first"),
        member(b"late/new", b"y"), member(b"late/.wh..wh..opq"),
        member(b".wh..wh.aufs", b"aufs"), directory(b".wh..wh.plnk"),
    )  # fmt: skip
    assert {name: content for name, content in overlay_of(tmp_path, upper, lower).items() if content is not None} == {
        "emptied/new": b"y",
        "replaced/new": b"y",
        "tree/sub/new": b"y",
        "kept/old": b"x",
        "kept/new": b"y",
        "same": b"above",
        "first/new": b"y",
        "late/new": b"y",
    }


@pytest.mark.parametrize("name", [b".wh.", b".wh..", b".wh...", b"d/.wh...", b"d/.wh.."])
def test_a_whiteout_without_a_name_is_refused(layers: LayerStore, name: bytes) -> None:
    refused(layers, directory(b"d"), member(name), match="a whiteout without a name")


def test_whiteouts_mean_nothing_to_a_plain_archive(tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    assert extract([member(b".wh.x", b"abc") + END], folder) == 3
    assert (folder / ".wh.x").read_bytes() == b"abc"


# What leads out.


@pytest.mark.parametrize("name", [b"../x", b"a/../../x", b"/../x", b"./../x", b"a/b/../../../x", b"..", b"../"])
def test_names_that_lead_out_are_refused(layers: LayerStore, outside: Path, name: bytes) -> None:
    refused(layers, directory(b"a"), member(name, b"evil"), match="leads out of the archive")
    refused(layers, directory(name), match="leads out of the archive")
    refused(layers, gnu_long(name), member(b"x", b"evil"), match="leads out of the archive")
    refused(layers, pax({b"path": name}), member(b"x", b"evil"), match="leads out of the archive")
    refused(layers, symlink(name, b"x"), match="leads out of the archive")
    refused(layers, member(b"x"), hard_link(b"y", name), match="leads out of the archive")


def test_through_a_link_one_stays_inside(layers: LayerStore, outside: Path) -> None:
    """As in a chroot, as with Docker: the link's target is looked up below the layer's root."""
    here = os.fsencode(outside)
    root = unpacked(
        layers,
        symlink(b"absolute", here),
        member(b"absolute/canary", b"1"),
        symlink(b"relative", b"../" * 30 + here.lstrip(b"/")),
        member(b"relative/other", b"2"),
        directory(b"real"),
        symlink(b"usr", b"real"),
        member(b"usr/bin/x", b"3"),
        symlink(b"chain", b"usr/../usr/bin"),
        member(b"chain/y", b"4"),
        symlink(b"up", b".."),
        member(b"up/up/z", b"5"),
    )
    assert (root / os.fsdecode(here).lstrip("/") / "canary").read_bytes() == b"1"
    assert (root / os.fsdecode(here).lstrip("/") / "other").read_bytes() == b"2"
    assert (root / "real/bin/x").read_bytes() == b"3"
    assert (root / "real/bin/y").read_bytes() == b"4"
    assert (root / "z").read_bytes() == b"5"


def test_a_write_onto_a_link_replaces_the_link(layers: LayerStore, outside: Path) -> None:
    canary = os.fsencode(outside / "canary")
    for evil in (member(b"x", b"evil", mode=0o777), header(b"x", b"6"), hard_link(b"x", b"y")):
        root = unpacked(layers, member(b"y", b"y"), symlink(b"x", canary), evil)
        assert not (root / "x").is_symlink()


def test_a_hard_link_reaches_only_files_of_its_own_layer(layers: LayerStore, outside: Path) -> None:
    canary = os.fsencode(outside / "canary")
    refused(layers, hard_link(b"x", canary), match="which is no file of this layer")
    refused(layers, hard_link(b"x", b"../" * 30 + canary), match="leads out of the archive")
    refused(layers, symlink(b"d", os.fsencode(outside)), hard_link(b"x", b"d/canary"), match="no file of this layer")
    refused(layers, directory(b"d"), hard_link(b"x", b"d"), match="no file of this layer")
    refused(layers, member(b".wh.gone"), hard_link(b"x", b"gone"), match="no file of this layer")
    refused(layers, member(b"d/f", b"1"), hard_link(b"d", b"d/f"), match="no file of this layer")


def test_a_hard_link_to_a_link_is_the_link_and_not_its_target(layers: LayerStore, outside: Path) -> None:
    root = unpacked(
        layers,
        symlink(b"l", os.fsencode(outside / "canary")),
        hard_link(b"h", b"l"),
        member(b"h", b"evil", mode=0o777),
    )
    assert (root / "l").is_symlink()
    assert (root / "h").read_bytes() == b"evil"


def test_modes_owners_times_and_attributes_of_links_do_not_reach_their_targets(
    layers: LayerStore, outside: Path
) -> None:
    canary = outside / "canary"
    before = canary.stat()
    unpacked(
        layers,
        pax({b"SCHILY.xattr.user.evil": b"1", b"mtime": b"1"}),
        header(b"x", b"2", link=os.fsencode(canary), mode=0o777, uid=4242, gid=4242),
    )
    after = canary.stat()
    assert (after.st_mode, after.st_uid, after.st_mtime_ns) == (before.st_mode, before.st_uid, before.st_mtime_ns)
    assert os.listxattr(canary) == []


def test_loops_of_links_are_refused(layers: LayerStore) -> None:
    refused(layers, symlink(b"a", b"b"), symlink(b"b", b"a"), member(b"a/x"), match="too many levels of symbolic links")
    refused(layers, symlink(b"s", b"s/s/s/s"), member(b"s/x"), match="too many levels of symbolic links")


def test_a_file_is_no_directory(layers: LayerStore) -> None:
    refused(layers, member(b"f", b"1"), member(b"f/x", b"2"), match="f is not a directory")
    refused(layers, header(b"p", b"6"), member(b"p/x", b"2"), match="p is not a directory")


def test_the_root_can_be_nothing_but_a_directory(layers: LayerStore, outside: Path) -> None:
    for evil in (symlink(b"./", os.fsencode(outside)), member(b"/", b"x"), header(b".", b"6"), member(b"", b"x")):
        refused(layers, evil, match="the root of a layer must be a directory")


# Attributes.


def test_attributes_are_kept_but_for_those_of_overlayfs_and_of_the_machine(layers: LayerStore, root_only: None) -> None:
    capability = bytes.fromhex("0100000200040000000000000000000000000000")
    prefix = b"SCHILY.xattr."
    root = unpacked(
        layers,
        pax({
            prefix + b"security.capability": capability,
            prefix + b"user.note": b"a=b\n\0c",
            prefix + b"trusted.overlay.redirect": b"/etc",
            prefix + b"trusted.overlay.metacopy": b"",
            prefix + b"trusted.overlay.opaque": b"y",
            prefix + b"user.overlay.opaque": b"y",
            prefix + b"security.selinux": b"evil_u:evil_r:evil_t:s0",
            prefix + b"nonsense": b"x",
        }),
        member(b"f", b"x", uid=7),
        pax({prefix + b"trusted.overlay.opaque": b"y", prefix + b"trusted.overlay.redirect": b"/etc"}),
        directory(b"d"),
    )  # fmt: skip
    assert {name: os.getxattr(root / "f", name) for name in os.listxattr(root / "f")} == {
        "security.capability": capability,
        "user.note": b"a=b\n\0c",
    }
    assert os.listxattr(root / "d") == []


def test_set_id_bits_survive_the_change_of_owner(layers: LayerStore, root_only: None) -> None:
    status = (unpacked(layers, member(b"su", b"x", mode=0o6755, uid=1, gid=2)) / "su").stat()
    assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid) == (0o6755, 1, 2)


def test_devices_are_made_by_root_and_left_out_by_others(layers: LayerStore) -> None:
    root = unpacked(
        layers, header(b"dev/null", b"3", device=(1, 3), mode=0o666), header(b"dev/sda", b"4", device=(8, 0))
    )
    if os.geteuid() == 0:
        assert stat.S_ISCHR((root / "dev/null").stat().st_mode)
        assert (root / "dev/null").stat().st_rdev == os.makedev(1, 3)
        assert stat.S_ISBLK((root / "dev/sda").stat().st_mode)
    else:
        assert os.listdir(root / "dev") == []


# What is broken, and what is too much.


@pytest.mark.parametrize(
    ("archive", "why"),
    [
        (member(b"a", b"x" * 600)[:700], "cut off"),
        (header(b"a", size=10), "cut off"),
        (member(b"a", b"x")[:-1], "cut off"),
        (b"hello, this is no tar" * 40, "no tar archive"),
        (header(b"a")[:148] + b"0000000\0" + header(b"a")[156:] + END, "checksum"),
        (header(b"a", size_field=b"\xff" * 12) + END, "out of range"),
        (header(b"a", size_field=b"99999999999\0") + END, "malformed"),
        (header(b"a", size_field=b"0x1234567\0\0\0") + END, "malformed"),
        (pax(b"banana") + member(b"a") + END, "PAX record is malformed"),
        (pax(b"99 path=x\n") + member(b"a") + END, "PAX record is malformed"),
        (pax(b"0 path=x\n") + member(b"a") + END, "PAX record is malformed"),
        (pax(b"9 path=xy\n") + member(b"a") + END, "PAX record is malformed"),
        (pax(b"5 a=b") + member(b"a") + END, "PAX record is malformed"),
        (pax({b"size": b"-5"}) + member(b"a") + END, "out of range"),
        (pax({b"size": b"1e9"}) + member(b"a") + END, "malformed"),
        (pax({b"uid": b"4294967295"}) + member(b"a") + END, "out of range"),
        (pax({b"uid": b"-1"}) + member(b"a") + END, "out of range"),
        (pax({b"mtime": b"yesterday"}) + member(b"a") + END, "malformed"),
        (pax({b"path": b"a\0b"}) + member(b"a") + END, "NUL"),
        (pax({b"linkpath": b"a\0b"}) + symlink(b"a", b"b") + END, "NUL"),
        (pax({b"SCHILY.xattr.user.\0": b"a"}) + member(b"a") + END, "NUL"),
        (header(b"x", b"x", 1 << 30) + END, "is refused"),
        (header(b"x", b"L", 1 << 30) + END, "is refused"),
        (header(b"x", b"g", 2 << 20) + END, "is refused"),
        (member(b"a", b"", b"?") + END, "not known"),
        (member(b"a", b"", b"V") + END, "not known"),
        (member(b"a", b"", b"M") + END, "not known"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_broken_archive_is_refused_with_one_sentence(layers: LayerStore, archive: bytes, why: str) -> None:
    with pytest.raises((BadTar, BadLayer), match=why):
        layers.unpack([archive])
    assert layers.names() == []


def old_sparse(pairs: list[tuple[int, int]], real: int, data: bytes, *, more: bool = False) -> bytes:
    numbers = b"".join(b"%011o\0%011o\0" % pair for pair in pairs).ljust(96, b"\0")
    tail = bytes(41) + numbers + (b"\1" if more else b"\0") + b"%011o\0" % real
    return header(b"sparse", b"S", len(data), magic=b"ustar  \0", tail=tail) + padded(data)


def new_sparse(text: bytes, real: bytes, data: bytes) -> bytes:
    records = {
        b"GNU.sparse.major": b"1",
        b"GNU.sparse.minor": b"0",
        b"GNU.sparse.name": b"sparse",
        b"GNU.sparse.realsize": real,
    }
    return pax(records) + member(b"x", padded(text) + data)


def test_a_sparse_file_as_gnu_wrote_it_once(layers: LayerStore) -> None:
    root = unpacked(layers, old_sparse([(0, 3), (1000, 2)], 2000, b"abcde"))
    assert (root / "sparse").read_bytes() == b"abc" + bytes(997) + b"de" + bytes(998)


@pytest.mark.parametrize(
    "archive",
    [
        old_sparse([(0, 3), (1, 2)], 2000, b"abcde"),
        old_sparse([(5, 3), (0, 2)], 2000, b"abcde"),
        old_sparse([(0, 3)], 2, b"abc"),
        old_sparse([(0, 5)], 2000, b"abc"),
        old_sparse([(0, 2)], 2000, b"abc"),
        old_sparse([(0, 2)], 2000, b"ab", more=True),
        new_sparse(b"1\n0\n5\n", b"10", b"abc"),
        new_sparse(b"1\n0\n-3\n", b"10", b"abc"),
        new_sparse(b"99999999999\n", b"10", b"abc"),
        new_sparse(b"x\n", b"10", b"abc"),
        new_sparse(b"1\n0\n3\n", b"-1", b"abc"),
        new_sparse(b"", b"10", b""),
        pax({b"GNU.sparse.map": b"0,1,2", b"GNU.sparse.size": b"5"}) + member(b"x", b"a"),
        pax({b"GNU.sparse.map": b"0,1", b"GNU.sparse.size": b"banana"}) + member(b"x", b"a"),
    ],
)
def test_a_sparse_map_that_does_not_fit_is_refused(layers: LayerStore, archive: bytes) -> None:
    with pytest.raises(BadTar):
        layers.unpack([archive + END])
    assert layers.names() == []


def test_a_name_that_no_file_system_takes_is_refused(layers: LayerStore) -> None:
    refused(layers, pax({b"path": b"x" * 300}), member(b"x"), match="File name too long")
    refused(layers, pax({b"path": b"/".join([b"x" * 200] * 30)}), member(b"x"), match="File name too long")


@pytest.mark.parametrize(
    ("archive", "why"),
    [
        (member(b"a", b"x" * 200_000), "more than 100000 bytes"),
        (b"".join(member(b"%d" % number) for number in range(20)), "more than 10 members"),
        (old_sparse([(0, 1)], 1 << 40, b"x"), "more than 100000 bytes"),
        (member(b"a") + END + bytes(200_000), "more than 100000 bytes"),
    ],
    ids=["file", "members", "sparse", "after the end"],
)
def test_a_bomb_meets_the_limit(tmp_path: Path, archive: bytes, why: str) -> None:
    layers = LayerStore(Places(tmp_path / "s", tmp_path / "r"), Limits(bytes=100_000, entries=10))
    with pytest.raises(ImageError, match=why):
        layers.unpack([archive + END])
    assert layers.names() == []


@pytest.mark.parametrize("program", ["gzip", "zstd", "xz", "bzip2"])
def test_a_compressed_bomb_meets_the_limit_long_before_it_is_inflated(tmp_path: Path, program: str) -> None:
    bomb = header(b"a") + END + bytes(50_000_000)
    packed = {
        "gzip": lambda: gzip.compress(bomb, 1),
        "zstd": lambda: zstandard.ZstdCompressor().compress(bomb),
        "xz": lambda: lzma.compress(bomb, preset=0),
        "bzip2": lambda: bz2.compress(bomb),
    }[program]()
    layers = LayerStore(Places(tmp_path / "s", tmp_path / "r"), Limits(bytes=3_000_000))
    with pytest.raises(BadTar, match="more than 3000000 bytes"):
        layers.unpack([packed])


def test_an_archive_cannot_make_us_search_its_names_for_ever(tmp_path: Path) -> None:
    layers = LayerStore(Places(tmp_path / "s", tmp_path / "r"))
    again = directory(b"d") + member(b"d")
    with pytest.raises(BadLayer, match="replaces its own directories again and again"):
        layers.unpack([again * 2000 + END])


def test_a_wrong_diff_id_is_refused(layers: LayerStore) -> None:
    with pytest.raises(BadLayer, match="layer verification failed"):
        layers.unpack([member(b"a", b"1") + END], "sha256:" + "0" * 64)
    assert layers.names() == []


# Anything at all.

NAMES = st.sampled_from(
    [b"a", b"b", b"a/b", b"a/b/c", b"b/a", b"../x", b"/a", b".", b"", b"a/../b", b".wh.a", b"a/.wh.b", b".wh..wh..opq",
     b"a/.wh..wh..opq", b"l/x", b"l", b"a/l", b"..", b"a/./b/"]
)  # fmt: skip
TARGETS = st.sampled_from([b"a", b"..", b"/", b"../..", b"/etc", b"l", b"a/b", b".", b"b/a", b"/tmp"])
MEMBERS = st.one_of(
    st.builds(member, NAMES, st.binary(max_size=700)),
    st.builds(directory, NAMES),
    st.builds(symlink, NAMES, TARGETS),
    st.builds(hard_link, NAMES, NAMES),
    st.builds(lambda name: header(name, b"6"), NAMES),
    st.builds(lambda name, path: pax({b"path": path}) + member(name, b"p"), NAMES, NAMES),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(MEMBERS, max_size=12))
def test_any_row_of_members_is_unpacked_or_refused_and_stays_inside(
    tmp_path: Path, outside: Path, parts: list[bytes]
) -> None:
    layers = open_store(tmp_path / "state").layers
    beside = set(os.listdir(tmp_path))
    archive = b"".join(parts) + END
    try:
        layer = layers.unpack([archive])
    except ImageError:
        pass
    else:
        assert b"".join(layers.pack(layer.diff_id)) == archive
        subprocess.run(["rm", "-rf", layers.path(layer.diff_id)], check=True)
        layers.remove([layer.diff_id])()
    assert set(os.listdir(tmp_path)) == beside
    assert layers.names() == []


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_flipped_bytes_are_never_worse_than_an_error(tmp_path: Path, outside: Path, data: st.DataObject) -> None:
    layers = open_store(tmp_path / "state").layers
    named = pax({b"path": b"d/long", b"SCHILY.xattr.user.a": b"b"}) + member(b"x", b"abc")
    others = directory(b"e") + symlink(b"l", b"e") + hard_link(b"h", b"d/long") + old_sparse([(0, 3)], 100, b"abc")
    archive = bytearray(named + others + END)
    for _ in range(data.draw(st.integers(1, 6))):
        archive[data.draw(st.integers(0, len(archive) - 1))] = data.draw(st.integers(0, 255))
    for start in range(0, len(archive) - 1024, 512):  # right checksums, or hardly any change would get further
        block = archive[start : start + 512]
        if block[257:262] == b"ustar":
            archive[start + 148 : start + 156] = b"%06o\0 " % (sum(block) - sum(block[148:156]) + 256)
    try:
        layer = layers.unpack([bytes(archive)])
    except ImageError:
        return
    assert b"".join(layers.pack(layer.diff_id)) == archive
    layers.remove([layer.diff_id])()


def test_the_record_helper_counts_its_own_digits() -> None:
    assert record(b"a", b"x" * 4) == b"9 a=xxxx\n"
