"""Names and removal: Docker's rules; and the collector."""

from pathlib import Path

import msgspec
import pytest
from imagekit import build_image, open_store

from dockless.images import config as image_config
from dockless.images.layers import NoSuchLayer
from dockless.images.store import ImageConflict, ImageStore, NoSuchImage, Removed
from dockless.registry.reference import InvalidReference, Reference


def test_an_image_is_found_by_every_name_it_has(store: ImageStore) -> None:
    image = build_image(store, {"a": b"1"}, names=("app", "ghcr.io/me/app:2"))
    bare = image.id.removeprefix("sha256:")
    for name in ("app", "app:latest", "docker.io/library/app", "ghcr.io/me/app:2", image.id, bare, bare[:12], bare[:3],
                 f"sha256:{bare[:12]}"):  # fmt: skip
        assert store.resolve(name) == image, name
    for name in ("app:2", "other", "ghcr.io/me/app", "", "not a name", "sha256:", f"{bare[:11]}x", "0" * 64):
        assert store.resolve(name) is None, name
    assert image.names == ("app:latest", "ghcr.io/me/app:2")
    assert image.size == 1
    assert image.created == pytest.approx(1714979289.123456)
    assert store.list() == [image]


def test_a_beginning_that_fits_two_ids_names_neither(store: ImageStore) -> None:
    images = [build_image(store, {"a": b"%d" % number}) for number in range(20)]
    by_first: dict[str, list[str]] = {}
    for image in images:
        by_first.setdefault(image.id[7], []).append(image.id)
    shared = next(first for first, ids in by_first.items() if len(ids) > 1)
    assert store.resolve(shared) is None


def test_a_name_goes_over_to_the_newest_image(store: ImageStore) -> None:
    old = build_image(store, {"a": b"old"}, names=("app",))
    new = build_image(store, {"a": b"new"}, names=("app",))
    assert store.resolve("app") == new
    again = store.resolve(old.id)
    assert again is not None
    assert again.names == ()
    store.tag(old.id, "app:old")
    store.tag(old.id, Reference.parse("app"))
    assert [image.names for image in (store.resolve(old.id), store.resolve(new.id)) if image] == [
        ("app:latest", "app:old"), (),
    ]  # fmt: skip
    with pytest.raises(InvalidReference, match="refusing to create a tag with a digest reference"):
        store.tag(old.id, f"app@{old.id}")
    with pytest.raises(NoSuchImage):
        store.tag("sha256:" + "0" * 64, "app")


def test_the_same_configuration_is_the_same_image(store: ImageStore) -> None:
    one = build_image(store, {"a": b"1"}, names=("one",))
    assert store.create(one.config, names=["two"]).names == ("one:latest", "two:latest")


def test_an_image_of_layers_that_are_not_here_is_refused(store: ImageStore) -> None:
    image = build_image(store, {"a": b"1"})
    rootfs = image_config.RootFs(diff_ids=("sha256:" + "0" * 64,))
    with pytest.raises(NoSuchLayer):
        store.create(msgspec.structs.replace(image.config, rootfs=rootfs), names=["broken"])
    assert store.resolve("broken") is None


def test_removing_a_name_leaves_the_image_while_it_has_another(store: ImageStore) -> None:
    image = build_image(store, {"a": b"1"}, names=("a", "b:2"))
    assert store.remove("a") == [Removed(untagged="a:latest")]
    assert store.remove("docker.io/library/b:2") == [Removed(untagged="b:2"), Removed(deleted=image.id)]
    assert store.resolve(image.id) is None
    with pytest.raises(NoSuchImage, match="No such image: a"):
        store.remove("a")


def test_removing_by_id_takes_one_name_along_and_refuses_with_two(store: ImageStore) -> None:
    one = build_image(store, {"a": b"1"}, names=("one",))
    assert store.remove(one.id[7:19]) == [Removed(untagged="one:latest"), Removed(deleted=one.id)]
    two = build_image(store, {"a": b"2"}, names=("two:1", "two:2"))
    with pytest.raises(ImageConflict) as caught:
        store.remove(two.id)
    short = two.id[7:19]
    assert str(caught.value) == (
        f"conflict: unable to delete {short} (must be forced) - image is referenced in multiple repositories"
    )
    assert store.remove(two.id, force=True) == [
        Removed(untagged="two:1"), Removed(untagged="two:2"), Removed(deleted=two.id),
    ]  # fmt: skip


def test_with_the_last_tag_of_a_repository_its_digests_go(store: ImageStore) -> None:
    image = build_image(store, {"a": b"1"}, names=("app:1", "app:2", f"app@sha256:{'1' * 64}", "other:1"))
    assert image.digests == (f"app@sha256:{'1' * 64}",)
    assert store.remove("app:1") == [Removed(untagged="app:1")]
    assert store.remove("app:2") == [Removed(untagged="app:2"), Removed(untagged=f"app@sha256:{'1' * 64}")]
    assert store.remove("other:1")[-1] == Removed(deleted=image.id)


def test_a_tag_and_its_digest_are_one_reference(store: ImageStore) -> None:
    image = build_image(store, {"a": b"1"}, names=("app:1", f"app@sha256:{'1' * 64}"))
    assert store.remove(image.id)[-1] == Removed(deleted=image.id)


def test_untag_leaves_the_image(store: ImageStore) -> None:
    image = build_image(store, {"a": b"1"}, names=("app",))
    assert store.untag("app")
    assert not store.untag("app")
    assert store.resolve(image.id) is not None


def test_the_chain_is_topmost_first_and_names_each_directory_once(store: ImageStore) -> None:
    image = build_image(store, {"a": b"1"}, {"b": b"2"}, {"a": b"1"})
    a, b = (store.layers.path(diff_id) for diff_id in image.layers[:2])
    repeated = image.layers[0] == image.layers[2]  # only where the clock did not tick between them
    assert store.chain(image) == ([a, b] if repeated else [store.layers.path(image.layers[2]), b, a])
    assert store.chain(build_image(store)) == []
    doubled = image_config.RootFs(diff_ids=(image.layers[0], image.layers[1], image.layers[0]))
    assert store.chain(store.create(msgspec.structs.replace(image.config, rootfs=doubled))) == [a, b]


def test_what_nothing_refers_to_is_collected_and_nothing_else(store: ImageStore) -> None:
    kept = build_image(store, {"base": b"base"}, {"a": b"kept"}, names=("kept",))
    gone = build_image(store, {"b": b"gone"}, names=("gone",))
    used = build_image(store, {"c": b"used"}, names=("used",))
    cached = store.layers.adopt(folder_with(store, b"cached")).diff_id
    store.remove("gone")
    store.remove("used")
    collected = store.collect(keep=[used.id, cached])
    assert collected.layers == 1
    assert collected.size >= 4
    assert set(store.layers.names()) == {*kept.layers, *used.layers, cached}
    assert set(store.content.names()) == {kept.id, used.id}
    assert store.collect(keep=[used.id, cached]).layers == 0
    store.collect()
    assert set(store.layers.names()) == set(kept.layers)
    assert store.chain(kept)
    assert store.resolve(gone.id) is None


def test_the_store_is_the_same_when_it_is_opened_again(store: ImageStore, tmp_path: Path) -> None:
    image = build_image(store, {"a": b"1"}, names=("app",))
    assert open_store(tmp_path / "state").resolve("app") == image


def test_an_image_whose_files_a_power_cut_took_is_as_good_as_not_there(store: ImageStore, tmp_path: Path) -> None:
    one = build_image(store, {"a": b"1"}, names=("one",))
    two = build_image(store, {"a": b"2"}, names=("two",))
    store.content.path(one.id).write_bytes(b"")
    store.layers.remove(two.layers)()
    again = open_store(tmp_path / "state")
    assert again.resolve("one") is None
    assert again.resolve("two") is None
    assert build_image(again, {"a": b"3"}, names=("one",)).names == ("one:latest",)
    assert again.remove("two")[-1] == Removed(deleted=two.id)


def folder_with(store: ImageStore, content: bytes) -> Path:
    folder = store.layers.scratch.folder()
    (folder / "file").write_bytes(content)
    return folder
