"""Machines on which no stand-in can be made: each way to one says why, and what to do."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from dockless.engine.obtaining import CannotObtain, Obtaining, Wish
from dockless.images.config import ImageConfig
from dockless.images.store import ImageStore
from dockless.places import Places
from dockless.registry.platform import Platform
from dockless.registry.reference import Reference
from dockless.standins.errors import StandInError
from dockless.standins.schema import SCHEMA
from dockless.standins.standins import StandIns
from dockless.state import Database


@pytest.fixture
def no_apt(tmp_path: Path) -> Iterator[StandIns]:
    """Stand-ins of an engine that finds no apt on its PATH."""
    places = Places(tmp_path / "root", tmp_path / "run")
    database = Database(places.database, (*ImageStore.SCHEMA, *SCHEMA))
    images = ImageStore(places, database)
    environ: Mapping[str, str] = {"PATH": str(tmp_path)}
    yield StandIns(places, images, images.layers, database, None, environ)  # type: ignore[arg-type]
    images.layers.scratch.close()


@pytest.mark.parametrize("name", ["redis:7", "debian", "busybox", "postgres:15-alpine", "ubuntu"])
def test_without_apt_making_one_is_refused_and_leaves_nothing(no_apt: StandIns, tmp_path: Path, name: str) -> None:
    with pytest.raises(StandInError, match=r"this machine has no apt .* DOCKLESS_REGISTRY_MIRROR"):
        no_apt.make(name, lambda _: None)
    assert [path.name for path in tmp_path.glob("root/scratch/*/*") if path.name != "held"] == []


def test_without_apt_the_list_offers_none_and_says_why(no_apt: StandIns) -> None:
    for one in no_apt.list():
        assert one.versions == ()
        assert "no apt" in one.refused or one.image == "alpine"


@pytest.mark.parametrize("name", ["alpine:3.20"])
def test_what_debian_cannot_stand_in_for_is_refused_with_what_to_do(no_apt: StandIns, name: str) -> None:
    with pytest.raises(StandInError, match=rf"no stand-in can be made for {name}.*: .* FROM debian:bookworm"):
        no_apt.make(name, lambda _: None)


def test_without_a_registry_no_image_of_another_platform_passes_for_the_one_asked_for(tmp_path: Path) -> None:
    places = Places(tmp_path / "root", tmp_path / "run")
    images = ImageStore(places, Database(places.database, (*ImageStore.SCHEMA, *SCHEMA)))
    name = "127.0.0.1:1/tools:1"  # a registry that refuses the connection
    host = Platform.host()
    here = images.create(ImageConfig(architecture=host.architecture, os=host.os, variant=host.variant), names=[name])
    obtaining = Obtaining(images, lambda: pytest.fail("no stand-in is wanted"), {})
    reference = Reference.parse(name)
    assert obtaining.obtain(Wish(reference, str(host)), lambda _: None).id == here.id
    with pytest.raises(CannotObtain, match=r"for linux/s390x cannot be pulled.* for linux/.* alone"):
        obtaining.obtain(Wish(reference, "linux/s390x"), lambda _: None)
    images.layers.scratch.close()
