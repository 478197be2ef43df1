"""Stand-ins of an earlier dockless: made anew where the recipe has changed, taken back where that cannot be done."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from dockless.images.config import ImageConfig
from dockless.images.store import Image, ImageStore
from dockless.places import Places
from dockless.standins import recipe, renewal
from dockless.standins.schema import SCHEMA
from dockless.state import Database


class Shelf:
    """A store with images that pass for stand-ins."""

    def __init__(self, root: Path) -> None:
        places = Places(root, root / "run")
        self.database = Database(places.database, (*ImageStore.SCHEMA, *SCHEMA))
        self.images = ImageStore(places, self.database)

    def made(self, *names: str, edition: str | None = None) -> Image:
        image = self.images.create(ImageConfig(architecture="amd64", os="linux", author=names[0]), names=names)
        self.database.connection.execute("INSERT OR REPLACE INTO standin_images VALUES (?, ?, 0)", (names[0], image.id))
        if edition is not None:
            renewal.note(self.database, names[0], image, edition)
        return image

    def begin(self, version: str) -> list[str]:
        return renewal.set_outdated_aside(self.database, self.images, version)


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    shelf = Shelf(tmp_path)
    yield shelf
    shelf.images.layers.scratch.close()


def test_a_newer_dockless_finds_only_those_missing_whose_recipe_has_changed(shelf: Shelf) -> None:
    shelf.begin("1")
    outdated = shelf.made("redis:7", "mine/cache:1", edition="of long ago")
    shelf.made("postgres:15", edition=recipe.edition("postgres"))
    assert shelf.begin("1") == []
    assert shelf.begin("2") == ["redis:7"]
    assert shelf.images.resolve("redis:7") is None
    assert shelf.images.resolve("postgres:15") is not None
    assert (found := shelf.images.resolve("mine/cache:1")) is not None and found.id == outdated.id


def test_what_was_made_before_editions_were_recorded_is_outdated(shelf: Shelf) -> None:
    shelf.made("redis:7")
    assert shelf.begin("1") == ["redis:7"]


def test_an_image_that_is_no_stand_in_keeps_its_name(shelf: Shelf) -> None:
    shelf.images.create(ImageConfig(architecture="amd64", os="linux"), names=["redis:7"])
    assert shelf.begin("1") == []


def test_what_was_set_aside_is_taken_back_and_stays(shelf: Shelf) -> None:
    image = shelf.made("redis:7", edition="of long ago")
    shelf.begin("2")
    back = renewal.take_back(shelf.database, shelf.images, "redis:7")
    assert back is not None and back.id == image.id
    assert shelf.begin("2") == []
    assert shelf.images.resolve("redis:7") is not None
    assert renewal.take_back(shelf.database, shelf.images, "postgres:15") is None


def test_what_was_made_anew_takes_the_place_of_what_was_set_aside(shelf: Shelf) -> None:
    shelf.made("redis:7", edition="of long ago")
    shelf.begin("2")
    shelf.made("redis:7", "again:1", edition=recipe.edition("redis"))
    assert renewal.take_back(shelf.database, shelf.images, "redis:7") is None
    assert shelf.begin("3") == []


def test_an_edition_changes_with_the_recipes_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    editions = {}
    original = recipe.FOLDER
    for change in ("", "debian", "redis", "nginx"):
        folder = tmp_path / f"after-{change}"
        shutil.copytree(original, folder)
        if change:
            (folder / change / "added").write_text("changed")
        monkeypatch.setattr(recipe, "FOLDER", folder)
        recipe.edition.cache_clear()
        editions[change] = (recipe.edition("valkey"), recipe.edition("busybox"))
    recipe.edition.cache_clear()
    assert editions["nginx"] == editions[""]
    assert editions["debian"][0] != editions[""][0] and editions["redis"][0] != editions[""][0]
    assert editions["debian"][1] == editions[""][1]
