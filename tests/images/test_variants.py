"""Names that stand for images of several platforms: in the store, in archives, and at a real registry."""

import json
import urllib.request
from pathlib import Path

import pytest
from imagekit import Registry, build_image, open_store

from dockless.images import export
from dockless.images.registry import RegistryClient
from dockless.images.store import Image, ImageConflict, ImageStore
from dockless.images.variants import Variant
from dockless.registry.platform import Platform
from dockless.registry.reference import Reference

OURS = Platform.host().architecture
OTHERS = ("s390x", "ppc64le")
SHARED = {"shared": b"everywhere" * 500}


def platform(architecture: str) -> Platform:
    return Platform("linux", architecture)


def index(store: ImageStore, *names: str, mark: str = "") -> dict[str, Image]:
    """An image for each of three platforms, ours in the middle, named together."""
    order = (OTHERS[0], OURS, OTHERS[1])
    found = {each: build_image(store, SHARED, {"which": f"{each}{mark}".encode()}, architecture=each) for each in order}
    store.join(names, [Variant(platform(each), image.id) for each, image in found.items()])
    return found


def ids(store: ImageStore) -> set[str]:
    return {image.id for image in store.list()}


def named(store: ImageStore, name: str) -> dict[str, str]:
    return {each.architecture: image.id for each, image in store.variants(name)}


def test_the_image_for_this_machine_answers_and_each_is_found_by_its_platform(store: ImageStore) -> None:
    images = index(store, "app:1")
    answering = store.resolve("app:1")
    assert answering is not None and answering.id == images[OURS].id
    for architecture, image in images.items():
        found = store.for_platform("app:1", platform(architecture))
        assert found is not None and (found.id, found.names) == (image.id, ("app:1",))
    assert store.for_platform("app:1", platform("riscv64")) is None
    assert ids(store) == {images[OURS].id}


def test_where_none_is_for_this_machine_the_first_answers(store: ImageStore) -> None:
    one, two = (build_image(store, {"w": each.encode()}, architecture=each) for each in OTHERS)
    store.join(["app:1"], [Variant(platform(OTHERS[0]), one.id), Variant(platform(OTHERS[1]), two.id)])
    answering = store.resolve("app:1")
    assert answering is not None and answering.id == one.id


def test_a_further_tag_stands_for_all_of_them_and_they_go_with_the_last_name(store: ImageStore) -> None:
    images = index(store, "app:1")
    store.tag(images[OURS].id, "other:2", like="app:1")
    assert named(store, "other:2") == named(store, "app:1") == {each: image.id for each, image in images.items()}
    assert [item.untagged for item in store.remove("app:1")] == ["app:1"]
    store.collect()
    assert (store.chain(images[OTHERS[0]])[0] / "which").read_text() == OTHERS[0]
    gone = {item.deleted for item in store.remove("other:2")} - {None}
    assert gone == {image.id for image in images.values()}
    assert store.collect().layers == 4


def test_one_of_them_is_removed_by_its_id_only_by_force(store: ImageStore) -> None:
    images = index(store, "app:1")
    with pytest.raises(ImageConflict, match="one of those that app:1 stands for"):
        store.remove(images[OTHERS[0]].id)
    store.remove(images[OTHERS[0]].id, force=True)
    assert set(named(store, "app:1")) == {OURS, OTHERS[1]}


def test_a_name_that_is_given_anew_leaves_the_others_without_one(store: ImageStore) -> None:
    images = index(store, "app:1")
    alone = build_image(store, {"x": b"y"}, names=("app:1",), architecture=OURS)
    assert named(store, "app:1") == {OURS: alone.id}
    assert ids(store) == {alone.id, *(image.id for image in images.values())}
    assert all(not image.names for image in store.list() if image.id != alone.id)


@pytest.mark.parametrize("chosen", [None, OTHERS[0]])
def test_an_archive_holds_all_of_them_or_the_one_that_is_asked_for(
    store: ImageStore, tmp_path: Path, chosen: str | None
) -> None:
    images = index(store, "app:1", "app:latest")
    archive = list(export.save(store, ["app:1", "app:latest"], platform=platform(chosen) if chosen else None))
    other = open_store(tmp_path / "other")
    (loaded,) = export.load(other, archive)
    assert loaded.names == ("app:1", "app:latest")
    wanted = {chosen: images[chosen].id} if chosen else {each: image.id for each, image in images.items()}
    assert named(other, "app:1") == named(other, "app:latest") == wanted
    assert (other.chain(loaded.image)[0] / "which").read_text() == (chosen or OURS)


def test_images_that_are_saved_together_are_one_index_without_a_name(store: ImageStore, tmp_path: Path) -> None:
    images = index(store)
    archive = list(export.save(store, [image.id for image in images.values()], together=True))
    loaded = export.load(open_store(tmp_path / "other"), archive)
    assert [(one.image.id, one.names) for one in loaded] == [(image.id, ()) for image in images.values()]


def at_registry(registry: Registry, name: str) -> dict[str, object]:
    kinds = "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.index.v1+json"
    url = f"http://{registry.host}/v2/{name.replace(':', '/manifests/')}"
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": kinds}), timeout=10) as answer:
        found: dict[str, object] = json.load(answer)
    return found


def test_they_are_pushed_as_an_index_and_pulled_side_by_side(
    store: ImageStore, registry: Registry, tmp_path: Path
) -> None:
    reference = Reference.parse(f"{registry.host}/team/app:1")
    images = index(store, reference.familiar)
    digest = RegistryClient(store, {}).push(reference)
    entries = at_registry(registry, "team/app:1")["manifests"]
    assert isinstance(entries, list)
    assert [entry["platform"] for entry in entries] == [
        {"architecture": each, "os": "linux"} for each in (OTHERS[0], OURS, OTHERS[1])
    ]
    assert RegistryClient(store, {}).push(reference) == digest

    other = open_store(tmp_path / "other")
    for architecture in (OTHERS[0], OURS):
        pulled = RegistryClient(other, {}).pull(reference, platform=platform(architecture))
        assert (pulled.id, pulled.names) == (images[architecture].id, (reference.familiar,))
    by_digest = reference.with_digest(digest).familiar
    for name in (reference.familiar, by_digest):
        assert named(other, name) == {OTHERS[0]: images[OTHERS[0]].id, OURS: images[OURS].id}
        answering = other.resolve(name)
        assert answering is not None and answering.id == images[OURS].id


def test_what_was_pulled_from_an_older_index_makes_way(store: ImageStore, registry: Registry, tmp_path: Path) -> None:
    reference = Reference.parse(f"{registry.host}/team/app:2")
    index(store, reference.familiar)
    RegistryClient(store, {}).push(reference)
    other = open_store(tmp_path / "other")
    RegistryClient(other, {}).pull(reference, platform=platform(OTHERS[0]))
    newer = index(store, reference.familiar, mark="newer")
    RegistryClient(store, {}).push(reference)
    RegistryClient(other, {}).pull(reference, platform=platform(OURS))
    assert named(other, reference.familiar) == {OURS: newer[OURS].id}


def test_one_platform_alone_is_pushed_as_an_image(store: ImageStore, registry: Registry) -> None:
    reference = Reference.parse(f"{registry.host}/team/app:3")
    images = index(store, reference.familiar)
    RegistryClient(store, {}).push(reference, platform=platform(OTHERS[1]))
    kinds = "application/vnd.docker.distribution.manifest.v2+json"
    url = f"http://{registry.host}/v2/team/app/manifests/3"
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": kinds}), timeout=10) as answer:
        assert json.load(answer)["config"]["digest"] == images[OTHERS[1]].id
