"""What a container's own layer is good for: diff, export, commit."""

import pytest
from enginekit import Rig, names, opened, pieces, until, with_rig

from dockless.places import Places
from dockless.wire.errors import BadParameter

CHANGE = "rm /bin/acpid; echo x >/root/new; echo y >>/etc/passwd; mkdir /fresh; rm -r /data; mkdir /data"


async def changed(rig: Rig, then: str = "touch /done; sleep 1000") -> str:
    """`then` makes /done when all is changed that is to be."""
    identity = await rig.run("box", f"{CHANGE}; {then}", host={"binds": ("vol:/vol",)})
    await until(lambda: (rig.places.containers / identity / "upper/done").exists())
    return identity


def test_diff_names_what_was_changed_added_and_deleted_and_no_mount_points(places: Places) -> None:
    async def work(rig: Rig) -> None:
        await changed(rig)
        found = {change.path: "CAD"[change.kind] for change in await rig.containers.changes("box")}
        assert found == {
            "/bin": "C",
            "/bin/acpid": "D",
            "/data": "C",
            "/data/from-image": "D",
            "/done": "A",
            "/etc": "C",
            "/etc/passwd": "C",
            "/fresh": "A",
            "/root": "C",
            "/root/new": "A",
            "/vol": "A",
        }

    with_rig(places, work)


@pytest.mark.parametrize("running", [True, False])
def test_export_is_the_whole_root_without_what_is_mounted(places: Places, running: bool) -> None:
    async def work(rig: Rig) -> None:
        await changed(rig, "echo v >/vol/in-volume; touch /done; sleep " + ("1000" if running else "0"))
        if not running:
            await rig.finished("box")
        members, contents = opened(b"".join([chunk async for chunk in await rig.containers.export("box")]))
        found = {name for name in names(members) if not name.startswith("bin/")}
        assert {"root/new", "fresh", "vol", "proc", "etc/hosts"} <= found
        assert not any(name.startswith(("vol/", "proc/", "sys/", "dev/")) for name in found)
        assert "bin/acpid" not in names(members)
        assert "bin/sh" in names(members)
        assert contents["root/new"] == b"x\n"
        assert contents["etc/hosts"] == b""

    with_rig(places, work)


def test_a_commit_is_an_image_with_the_containers_files_and_the_changed_configuration(places: Places) -> None:
    async def work(rig: Rig) -> None:
        await changed(rig, "ln /root/new /root/again; chmod 4711 /root/new; chown 7:8 /fresh; touch /done; sleep 1000")
        made = await rig.containers.commit(
            "box",
            repo="made",
            tag="1",
            comment="said",
            author="me",
            pause=True,
            changes=("ENV A=1", "WORKDIR /root", "EXPOSE 80", 'CMD ["sh", "-c", "true"]'),
            config=None,
        )
        image = await rig.engine.images.inspect("made:1")
        assert image.id == made
        assert image.config.env == ("PATH=/bin", "A=1")
        assert (image.config.working_dir, image.config.hostname) == ("/root", "")
        assert list(image.config.exposed_ports or {}) == ["80/tcp"]
        assert len(image.root_fs.layers or ()) == 2
        assert (await rig.engine.images.history("made:1"))[0].comment == "said"
        check = (
            "cat /root/again && stat -c '%a %h' /root/new && stat -c '%u %g' /fresh && ls /data"
            " && ! ls /bin/acpid && tail -1 /etc/passwd && echo $A"
        )
        await rig.run("second", f"({check}) >/out 2>/dev/null", image="made:1")
        assert await rig.finished("second") == 0
        assert (await rig.read("second", "/out")).decode().split("\n") == ["x", "4711 2", "7 8", "y", "1", ""]
        assert (await rig.inspect("box")).state.status == "running"

    with_rig(places, work)


def test_a_commit_takes_no_instruction_that_would_make_a_layer(places: Places) -> None:
    async def work(rig: Rig) -> None:
        await rig.create("box")
        for wrong in ("RUN true", "COPY a b", "NONSENSE"):
            with pytest.raises(BadParameter):
                await rig.containers.commit(
                    "box", repo="", tag="", comment="", author="", pause=True, changes=(wrong,), config=None
                )

    with_rig(places, work)


def test_an_export_imported_is_an_image_again(places: Places) -> None:
    async def work(rig: Rig) -> None:
        await rig.create("box")
        messages = await rig.engine.images.import_(
            await rig.containers.export("box"), repo="again", tag="", message="", changes=("ENV PATH=/bin",)
        )
        (made,) = [message async for message in messages]
        assert made.status == (await rig.engine.images.inspect("again:latest")).id
        await rig.run("second", "test -x /bin/busybox && test $PATH = /bin", image="again")
        assert await rig.finished("second") == 0

    with_rig(places, work)


def test_an_import_of_what_is_no_archive_is_the_clients_mistake(places: Places) -> None:
    async def work(rig: Rig) -> None:
        messages = await rig.engine.images.import_(pieces(b"x" * 5000), repo="", tag="", message="", changes=())
        with pytest.raises(BadParameter):
            [message async for message in messages]

    with_rig(places, work)


def test_images_are_saved_and_loaded_with_their_names(places: Places) -> None:
    async def work(rig: Rig) -> None:
        images = rig.engine.images
        await images.tag("busybox", repo="other", tag="2")
        before = await images.inspect("busybox")
        saved = b"".join([chunk async for chunk in await images.save(["busybox", "other:2"])])
        assert "manifest.json" in names(opened(saved)[0])
        await images.remove("other:2", force=False, noprune=False)
        await images.remove("busybox", force=False, noprune=False)
        loaded = [message.stream async for message in await images.load(pieces(saved, 1 << 16), quiet=True)]
        assert sorted(loaded) == ["Loaded image: busybox:latest\n", "Loaded image: other:2\n"]
        assert await images.inspect("other:2") == before
        assert rig.engine.idle

    with_rig(places, work)
