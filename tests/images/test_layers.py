"""The layer store: adopting what overlayfs wrote, surviving kill -9 and power cuts, many users at once."""

import io
import os
import random
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tarfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from imagekit import open_store
from tarkit import END, directory, member

from dockless.images.layers import LayerStore, NoSuchLayer
from dockless.images.scratch import Scratch, remove_stale
from dockless.images.split import DamagedLayer
from dockless.images.store import ImageStore
from dockless.images.tarwrite import BadTree
from dockless.images.trees import remove_tree


@pytest.fixture
def layers(store: ImageStore) -> LayerStore:
    return store.layers


def packed(layers: LayerStore, diff_id: str) -> tarfile.TarFile:
    return tarfile.open(fileobj=io.BytesIO(b"".join(layers.pack(diff_id))))


def fill(folder: Path, seed: int = 1, files: int = 40) -> None:
    """The same tree for the same seed, made in an order that differs each time."""
    content = random.Random(seed)
    names = [(f"d{number % 7}/f{number}", content.randbytes(content.randrange(3000))) for number in range(files)]
    random.shuffle(names)
    for name, data in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
        os.utime(folder / name, (10**9, 10**9))
    for path in folder.iterdir():
        os.utime(path, (10**9, 10**9))


def test_the_same_tree_is_the_same_layer(layers: LayerStore) -> None:
    first, second = layers.scratch.folder(), layers.scratch.folder()
    fill(first)
    fill(second)
    one, two = layers.adopt(first), layers.adopt(second)
    assert one == two == layers.get(one.diff_id)
    assert layers.names() == [one.diff_id]
    assert not first.exists()
    assert not second.exists()


def test_every_kind_of_file_is_in_the_tar(layers: LayerStore, root_only: None) -> None:
    upper = layers.scratch.folder()
    (upper / "file").write_bytes(b"x" * 3000)
    os.link(upper / "file", upper / "link-to-file")
    os.symlink("/" + "t" * 200, upper / "symlink")
    (upper / ("n" * 200)).write_bytes(b"")
    (upper / os.fsdecode(b"caf\xe9")).write_bytes(b"e")
    os.mkfifo(upper / "fifo")
    os.mknod(upper / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    (upper / "dir").mkdir(mode=0o700)
    os.chown(upper / "dir", 3_000_000, 7)
    (upper / "old").touch()
    os.utime(upper / "old", (-5, -5))
    os.setxattr(upper / "file", "user.note", b"n")
    os.setxattr(upper / "dir", "trusted.overlay.origin", b"\0")
    (upper / "su").touch()
    (upper / "su").chmod(0o4755)
    with socket.socket(socket.AF_UNIX) as listener:
        folder = os.open(upper, os.O_PATH)
        listener.bind(f"/proc/self/fd/{folder}/socket")
        os.close(folder)
    layer = layers.adopt(upper)
    with packed(layers, layer.diff_id) as archive:
        found = {info.name: info for info in archive}
    assert sorted(found) == sorted(
        ["file", "link-to-file", "symlink", "n" * 200, "caf\udce9", "fifo", "null", "dir", "old", "su"]
    )
    assert found["link-to-file"].islnk()
    assert found["link-to-file"].linkname == "file"
    assert found["symlink"].linkname == "/" + "t" * 200
    assert found["file"].pax_headers == {"SCHILY.xattr.user.note": "n"}
    assert (found["dir"].uid, found["dir"].gid, found["dir"].mode, found["dir"].pax_headers.keys()) == (
        3_000_000, 7, 0o700, {"uid"},
    )  # fmt: skip
    assert found["old"].mtime == -5
    assert found["null"].ischr()
    assert found["su"].mode == 0o4755
    # And the tar can be unpacked to the same layer elsewhere.
    data = b"".join(layers.pack(layer.diff_id))
    other = open_store(layers.scratch.folder() / "other").layers
    assert other.unpack([data]) == layer


def test_what_a_step_did_in_an_overlay_becomes_a_layer_with_whiteouts(
    layers: LayerStore, tmp_path: Path, root_only: None
) -> None:
    lower, upper, work = layers.scratch.folder("lower"), layers.scratch.folder("upper"), layers.scratch.folder("work")
    for name in ("gone", "changed", "tree/a", "tree/b", "replaced/old", "kept"):
        (lower / name).parent.mkdir(exist_ok=True)
        (lower / name).write_bytes(b"below")
    (tmp_path / "m").mkdir()
    options = f"lowerdir={lower},upperdir={upper},workdir={work},redirect_dir=off,metacopy=off"
    script = f"""set -e
        mount -t overlay overlay -o {options} {tmp_path}/m
        cd {tmp_path}/m
        rm gone; echo above > changed; rm -r tree
        rm -r replaced; mkdir replaced; echo new > replaced/new"""
    subprocess.run(["unshare", "-m", "sh", "-c", script], check=True)
    layer = layers.adopt(upper)
    with packed(layers, layer.diff_id) as archive:
        names = [info.name for info in archive]
    assert names == ["changed", ".wh.gone", "replaced", "replaced/.wh..wh..opq", "replaced/new", ".wh.tree"]
    other = open_store(tmp_path / "other").layers
    other.unpack(layers.pack(layer.diff_id))
    place = other.path(layer.diff_id)
    assert stat.S_ISCHR((place / "gone").lstat().st_mode)
    assert os.getxattr(place / "replaced", "trusted.overlay.opaque") == b"y"


def test_a_tree_that_overlayfs_redirected_is_refused(layers: LayerStore, root_only: None) -> None:
    upper = layers.scratch.folder()
    (upper / "d").mkdir()
    os.setxattr(upper / "d", "trusted.overlay.redirect", b"/elsewhere")
    with pytest.raises(BadTree, match="redirect_dir=off"):
        layers.adopt(upper)
    assert layers.names() == []


def test_a_tree_deeper_than_python_recurses(store: ImageStore) -> None:
    layers = store.layers
    upper = layers.scratch.folder()
    (upper / "file").write_bytes(b"x")
    for _ in range(1200):  # each directory into the next one, since a path of all would be long to walk
        (upper / "outer").mkdir()
        for name in ("d", "file"):
            if (upper / name).exists():
                (upper / name).rename(upper / "outer" / name)
        (upper / "outer").rename(upper / "d")
    layer = layers.adopt(upper)
    assert b"".join(layers.pack(layer.diff_id)).count(b"path=") > 1000
    store.collect()
    assert layers.names() == []


def test_a_tree_with_paths_longer_than_the_kernel_takes_is_refused_and_goes_away(
    store: ImageStore, tmp_path: Path
) -> None:
    upper = store.layers.scratch.folder()
    name = "n" * 200
    script = f"for i in $(seq 40); do mkdir {name}; cd {name}; done; echo x > file; ln -s {tmp_path} link"
    subprocess.run(["sh", "-c", script], cwd=upper, check=True)
    with pytest.raises(OSError, match="File name too long"):
        store.layers.adopt(upper)
    remove_tree(upper)
    assert not upper.exists()
    assert store.layers.names() == []


def test_a_changed_file_is_noticed_when_the_layer_leaves(layers: LayerStore) -> None:
    layer = layers.unpack([member(b"a", b"12345") + END])
    for damage in (b"123", b"1234X"):
        (layers.path(layer.diff_id) / "a").write_bytes(damage)
        with pytest.raises(DamagedLayer):
            b"".join(layers.pack(layer.diff_id))
    (layers.path(layer.diff_id) / "a").unlink()
    with pytest.raises(DamagedLayer):
        b"".join(layers.pack(layer.diff_id))


def test_names_that_are_no_digests_lead_nowhere(layers: LayerStore) -> None:
    for name in ("", "x", "sha256:", "sha256:../../etc", "sha256:" + "A" * 64):
        assert not layers.has(name)
        assert layers.get(name) is None
        with pytest.raises(NoSuchLayer):
            layers.path(name)
    with pytest.raises(NoSuchLayer):
        layers.pack("sha256:" + "0" * 64)


# Crashes.

WORKER = """
import sys, time
sys.path[:0] = {paths!r}
from pathlib import Path
from imagekit import open_store
from test_layers import fill
from tarkit import END, member
store = open_store(Path({root!r}))
print("ready", flush=True)
for number in range(10_000):
    upper = store.layers.scratch.folder("upper")
    fill(upper, number, 20)
    store.layers.adopt(upper)
    store.layers.unpack(member(b"f%d" % i, b"%d" % number * 500) for i in range(20))
    time.sleep(0.01)
"""


def worker(root: Path) -> "subprocess.Popen[bytes]":
    script = WORKER.format(paths=[str(Path(__file__).parent)], root=str(root))
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def test_after_kill_9_the_next_one_finds_whole_layers_and_no_rubbish(tmp_path: Path) -> None:
    root = tmp_path / "state"
    chance = random.Random(5)
    for _ in range(12):
        process = worker(root)
        time.sleep(chance.random() * 0.15)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        store = open_store(root)
        store.layers.scratch.remove_stale()
        sessions = [name for name in os.listdir(root / "scratch") if name.startswith("session")]
        assert len(sessions) == 2  # this process's, and its lock
        for diff_id in store.layers.names():
            for _ in store.layers.pack(diff_id):
                continue
    assert store.layers.names()


def test_a_living_process_s_half_made_things_are_left_alone(tmp_path: Path) -> None:
    root = tmp_path / "state"
    process = worker(root)
    try:
        for _ in range(30):
            remove_stale(root / "scratch")
            time.sleep(0.005)
        assert process.poll() is None
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()


def test_after_a_power_cut_what_was_not_yet_written_is_given_up(tmp_path: Path) -> None:
    root = tmp_path / "state"
    store = open_store(root)
    good = store.layers.unpack([member(b"a", b"good") + END])
    bad = store.layers.unpack([member(b"a", b"bad") + END])
    settled = store.layers.unpack([member(b"a", b"settled") + END])
    lost = store.layers.unpack([member(b"a", b"lost") + END])
    marks = root / "layers/unsettled"
    (marks / settled.diff_id[7:]).unlink()
    (store.layers.path(bad.diff_id) / "a").write_bytes(b"")  # as ext4 leaves a file whose data had not come yet
    shutil.rmtree(store.layers.path(lost.diff_id))
    for mark in marks.iterdir():
        mark.write_text("another boot")
    again = open_store(root).layers
    assert sorted(again.names()) == sorted([good.diff_id, settled.diff_id])
    assert list(marks.iterdir()) == []
    assert not (root / "layers" / f"{bad.diff_id[7:]}.split").exists()


def test_a_record_without_its_layer_is_collected(store: ImageStore, tmp_path: Path) -> None:
    layer = store.layers.unpack([member(b"a", b"1") + END])
    remove_tree(store.layers.path(layer.diff_id))
    store.collect()
    assert os.listdir(tmp_path / "state/layers") == ["unsettled"]
    assert os.listdir(tmp_path / "state/layers/unsettled") == []


def test_other_users_cannot_reach_the_programs_in_layers(layers: LayerStore, tmp_path: Path) -> None:
    layer = layers.unpack([member(b"su", b"x", mode=0o4755) + END])
    assert stat.S_IMODE(layers.path(layer.diff_id).parent.stat().st_mode) == 0o700


def test_settling_takes_the_marks_away(layers: LayerStore, tmp_path: Path) -> None:
    layers.unpack([member(b"a", b"1") + END])
    assert len(list((tmp_path / "state/layers/unsettled").iterdir())) == 1
    layers.settle()
    assert list((tmp_path / "state/layers/unsettled").iterdir()) == []
    layers.settle()


def test_a_failed_read_leaves_nothing(layers: LayerStore, tmp_path: Path) -> None:
    def broken() -> "object":
        yield directory(b"d") + member(b"d/a", b"1")
        raise ConnectionResetError("cut")

    with pytest.raises(ConnectionResetError):
        layers.unpack(broken())  # type: ignore[arg-type]
    assert layers.names() == []
    assert [name for name in os.listdir(layers.scratch.folder().parent) if not name.startswith(("held", "tmp"))] == []


# Many at once.


def test_many_threads_bring_the_same_layers(layers: LayerStore) -> None:
    archives = [b"".join(member(b"f%d" % i, b"%d" % number) for i in range(50)) + END for number in range(4)]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda number: layers.unpack([archives[number % 4]]), range(32)))
    assert len(layers.names()) == 4 == len({layer.diff_id for layer in results})
    for diff_id in layers.names():
        assert b"".join(layers.pack(diff_id)) in archives


def test_two_processes_work_in_one_store_while_a_third_collects(tmp_path: Path) -> None:
    root = tmp_path / "state"
    processes = [worker(root), worker(root)]
    store = open_store(root)
    try:
        for _ in range(10):
            store.collect()
            time.sleep(0.02)
        assert [process.poll() for process in processes] == [None, None]
    finally:
        for process in processes:
            process.send_signal(signal.SIGKILL)
            process.communicate()
    store.collect()
    assert store.layers.names() == []


def test_what_a_process_uses_is_not_collected_by_another(tmp_path: Path) -> None:
    root = tmp_path / "state"
    store = open_store(root)
    unused = store.layers.unpack([member(b"a", b"unused") + END])
    collector = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from imagekit import open_store
print(open_store(Path({str(root)!r})).collect())
"""
    with store.layers.use():
        made = store.layers.unpack([member(b"a", b"made") + END])
        upper = store.layers.scratch.folder()
        (upper / "x").write_bytes(b"x")
        adopted = store.layers.adopt(upper)
        subprocess.run([sys.executable, "-c", collector], check=True)
        assert sorted(store.layers.names()) == sorted([made.diff_id, adopted.diff_id])
        store.collect()
        assert store.layers.has(made.diff_id)
    assert not store.layers.has(unused.diff_id)
    subprocess.run([sys.executable, "-c", collector], check=True)
    assert store.layers.names() == []


def test_a_session_ends_with_its_process(tmp_path: Path) -> None:
    store = open_store(tmp_path / "state")
    Scratch.close(store.layers.scratch)
    assert os.listdir(tmp_path / "state/scratch") == []
