"""docker cp, both ways: containers that run, that do not, and that never did; and what hostile archives try."""

import os
import stat
from pathlib import Path

import pytest
from enginekit import Rig, archive, names, open_descriptors, until, with_rig

from dockless.places import Places
from dockless.wire.archive import go_mode
from dockless.wire.config import Mount, VolumeOptions
from dockless.wire.errors import BadParameter, NotFound


def test_a_running_container_gives_and_takes_files_volumes_included(places: Places) -> None:
    async def work(rig: Rig) -> None:
        await rig.run("box", "echo hi >/data/f; echo x >/root/f; sleep 1000", host={"binds": ("vol:/data",)})
        volume = places.volumes / "vol/_data"
        await until(lambda: (volume / "f").exists())
        assert await rig.read("box", "/data/f") == b"hi\n"
        await rig.put("box", "/data", archive(("new", b"content")))
        assert (volume / "new").read_bytes() == b"content"
        members, contents = await rig.get("box", "/data")
        assert names(members) == ["data", "data/f", "data/from-image", "data/new"]
        assert contents["data/from-image"] == b"image\n"

    with_rig(places, work)


def test_a_created_container_finds_at_its_start_what_was_put_into_it(places: Places) -> None:
    async def work(rig: Rig) -> None:
        await rig.create("box", "cat /secret /data/from-image /data/extra", host={"binds": ("vol:/data",)})
        await rig.put("box", "/", archive(("secret", b"s3cret\n")))
        await rig.put("box", "/data", archive(("extra", b"extra\n")))
        assert await rig.read("box", "/secret") == b"s3cret\n"
        assert await rig.read("box", "/data/from-image") == b"image\n"
        await rig.containers.start("box")
        assert await rig.finished("box") == 0

    with_rig(places, work)


def test_a_stopped_container_shows_its_layer_and_its_volumes(places: Places, tmp_path: Path) -> None:
    bound = tmp_path / "bound"
    bound.mkdir()

    async def work(rig: Rig) -> None:
        mounts = (
            Mount(type="volume", source="vol", target="/data"),
            Mount(type="bind", source=str(bound), target="/bound", read_only=True),
        )
        await rig.run("box", "echo 1 >/root/own; echo 2 >/data/shared; rm /bin/acpid", host={"mounts": mounts})
        assert await rig.finished("box") == 0
        assert await rig.read("box", "/root/own") == b"1\n"
        assert await rig.read("box", "/data/shared") == b"2\n"
        with pytest.raises(NotFound):
            await rig.get("box", "/bin/acpid")
        await rig.put("box", "/data", archive(("later", b"3")))
        assert (places.volumes / "vol/_data/later").read_bytes() == b"3"
        with pytest.raises(BadParameter, match="marked read-only"):
            await rig.put("box", "/bound", archive(("no", b"")))
        assert not list(bound.iterdir())

    with_rig(places, work)


def test_nothing_is_left_open_or_mounted(places: Places) -> None:
    async def work(rig: Rig) -> None:
        await rig.run("other", "sleep 1000")
        await rig.create("box")
        await rig.get("box", "/etc")
        before, mounts = open_descriptors(), Path("/proc/self/mountinfo").read_text()
        await rig.get("box", "/etc")
        await rig.put("box", "/", archive(("f", b"x")))
        _, given_up = await rig.containers.archive_get("box", path="/etc")
        await given_up.aclose()  # type: ignore[attr-defined]
        with pytest.raises(NotFound):
            await rig.get("box", "/nowhere")
        assert (open_descriptors(), Path("/proc/self/mountinfo").read_text()) == (before, mounts)

    with_rig(places, work)


@pytest.mark.parametrize("running", [True, False])
def test_links_lead_nowhere_but_inside(places: Places, tmp_path: Path, running: bool) -> None:
    """Links to host paths, whether the container made them or the archive does, mean the container's own."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("host")

    async def work(rig: Rig) -> None:
        command = f"mkdir -p {outside}; ln -s {outside} /evil; ln -s ../../../../../..{outside} /up; touch /done"
        await rig.run("box", f"{command}; sleep {1000 if running else 0}")
        await until(lambda: (places.containers / rig.containers.find("box").id / "upper/done").exists())
        if not running:
            await rig.finished("box")
        for link in ("evil", "up"):
            with pytest.raises(NotFound):
                await rig.read("box", f"/{link}/secret")
            await rig.put("box", "/", archive((f"{link}/{link}-1", b"in")))
            await rig.put("box", f"/{link}", archive((f"{link}-2", b"in")))
            assert await rig.read("box", f"{outside}/{link}-1") == b"in"
            assert await rig.read("box", f"{outside}/{link}-2") == b"in"
        await rig.put("box", "/", archive(("mine", str(outside)), ("mine/through", b"in")))
        assert await rig.read("box", f"{outside}/through") == b"in"
        assert (await rig.containers.archive_stat("box", path="/evil")).link_target == str(outside)
        with pytest.raises(BadParameter, match="leads out"):
            await rig.put("box", "/root", archive(("../../escaped", b"")))

    with_rig(places, work)
    assert os.listdir(outside) == ["secret"]


def test_owners_modes_and_times_are_kept_or_the_users_own(places: Places) -> None:
    async def work(rig: Rig) -> None:
        await rig.create("box", user="web")
        data = archive(("d", None), ("d/f", b"x"), uid=77, gid=78)
        await rig.put("box", "/root", data)
        (folder, file), _ = await rig.get("box", "/root/d")
        assert (folder.uid, folder.gid, folder.mode, folder.mtime) == (77, 78, 0o750, 1_600_000_000)
        assert (file.uid, file.gid, file.mode, file.mtime) == (77, 78, 0o640, 1_600_000_000)
        await rig.put("box", "/root", data, copy_uid_gid=True)
        (folder, file), _ = await rig.get("box", "/root/d")
        assert (folder.uid, file.gid) == (1234, 1234)

    with_rig(places, work)


def test_a_folder_is_not_replaced_by_a_file_where_that_is_asked(places: Places) -> None:
    async def work(rig: Rig) -> None:
        await rig.create("box")
        for data in (archive(("etc", b"")), archive(("etc/passwd", None))):
            with pytest.raises(BadParameter, match="cannot overwrite"):
                await rig.put("box", "/", data, no_overwrite_dir_non_dir=True)
        await rig.put("box", "/", archive(("etc", b"now a file")))
        assert await rig.read("box", "/etc") == b"now a file"

    with_rig(places, work)


def test_what_a_path_is(places: Places) -> None:
    async def work(rig: Rig) -> None:
        await rig.create("box")
        found = await rig.containers.archive_stat("box", path="/bin/sh")
        assert (found.name, found.link_target) == ("sh", "/bin/busybox")
        assert found.mode == go_mode(stat.S_IFLNK | 0o777)
        assert (await rig.containers.archive_stat("box", path="etc/.")).name == "."
        assert (await rig.containers.archive_stat("box", path="/")).name == "/"
        # As in Docker, what is mounted into every container has its places from the beginning.
        always = ["./hostname", "./hosts", "./resolv.conf"]
        assert sorted(names((await rig.get("box", "/etc/."))[0])) == sorted([".", "./group", "./passwd", *always])
        for path in ("/nowhere", "/etc/passwd/x"):
            with pytest.raises(NotFound, match="Could not find the file"):
                await rig.containers.archive_stat("box", path=path)
        with pytest.raises(BadParameter, match="not a directory"):
            await rig.put("box", "/etc/passwd", archive(("f", b"")))

    with_rig(places, work)


def test_a_broken_archive_is_the_clients_mistake(places: Places) -> None:
    async def work(rig: Rig) -> None:
        await rig.create("box")
        with pytest.raises(BadParameter, match="Error processing tar file"):
            await rig.put("box", "/", b"no archive" * 100)

    with_rig(places, work)


def test_a_part_of_a_volume_leads_nowhere_but_into_the_volume(places: Places, tmp_path: Path) -> None:
    """A link that one container makes in a volume is not followed out of it for another."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("host")

    async def work(rig: Rig) -> None:
        command = f"mkdir /vol/real; echo x >/vol/real/f; ln -s {outside} /vol/evil"
        await rig.run("maker", command, host={"binds": ("vol:/vol",)})
        assert await rig.finished("maker") == 0
        for part in ("real", "evil"):
            options = VolumeOptions(subpath=part)
            mount = Mount(type="volume", source="vol", target="/part", volume_options=options)
            await rig.create(part, host={"mounts": (mount,)})
        assert await rig.read("real", "/part/f") == b"x\n"
        await rig.put("real", "/part", archive(("g", b"y")))
        assert (places.volumes / "vol/_data/real/g").read_bytes() == b"y"
        with pytest.raises(NotFound):
            await rig.read("evil", "/part/secret")

    with_rig(places, work)
    assert os.listdir(outside) == ["secret"]
