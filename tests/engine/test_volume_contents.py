"""What an image has at a volume's place comes into the volume while it is empty. Real containers; root only."""

import asyncio
from pathlib import Path

from enginekit import Rig, with_rig

from dockless.engine.copyup import fill_volume, wants_filling
from dockless.places import Places

HELD = {"binds": ("vol:/held",)}  # the image has nothing there
FILLED = {"binds": ("vol:/data",)}


def test_who_has_the_volume_already_sees_the_contents_come(places: Places) -> None:
    async def work(rig: Rig) -> None:
        await rig.run("holder", "sleep 1000", host=HELD)
        await rig.run("other", "sleep 1000", host=FILLED)
        assert await rig.read("holder", "/held/from-image") == b"image\n"
        assert await rig.read("other", "/data/from-image") == b"image\n"
        await rig.run("writer", "echo mine > /held/mine", host=HELD)
        assert await rig.finished("writer") == 0
        assert await rig.read("holder", "/held/mine") == b"mine\n"
        assert await rig.read("other", "/data/mine") == b"mine\n"

    with_rig(places, work)


def test_containers_that_start_at_once_all_find_the_contents(places: Places) -> None:
    async def work(rig: Rig) -> None:
        names = [f"box-{number}" for number in range(4)]
        for name in names:
            await rig.create(name, "cat /data/from-image", host=FILLED)
        await asyncio.gather(*(rig.containers.start(name) for name in names))
        assert [await rig.finished(name) for name in names] == [0] * 4

    with_rig(places, work)


def test_what_an_engine_that_died_left_half_filled_is_filled_and_nobodys_file_is_replaced(
    places: Places, tmp_path: Path
) -> None:
    layer, volume = tmp_path / "layer", tmp_path / "volumes/vol/_data"
    for folder in (layer / "data/folder", volume):
        folder.mkdir(parents=True)
    for name in ("a", "b", "folder/c"):
        (layer / "data" / name).write_text("image")
    (layer / "data").chmod(0o750)
    assert wants_filling(volume)
    (volume / "a").write_text("changed since")
    assert not wants_filling(volume)
    (volume.parent / "filling").touch()
    assert wants_filling(volume)
    fill_volume(places, volume, [layer], "/data")
    contents = {path.name: path.read_text() for path in volume.rglob("?")}
    assert contents == {"a": "changed since", "b": "image", "c": "image"}
    assert volume.stat().st_mode & 0o777 == 0o750
    assert not wants_filling(volume)
    assert [path.name for path in volume.parent.iterdir()] == ["_data"]
