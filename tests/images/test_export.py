"""Saving and loading: one file for Docker's readers and for those of OCI layouts."""

import gzip
import io
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from imagekit import build_image, open_store
from tarkit import END, hard_link, member, symlink

from dockless.images import export
from dockless.images.export import BadArchive
from dockless.images.store import ImageStore, NoSuchImage
from dockless.registry import manifests
from dockless.registry.errors import ImageError
from dockless.registry.reference import digest_of


def saved(store: ImageStore, *names: str) -> bytes:
    return b"".join(export.save(store, names))


def without(archive: bytes, name: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(archive)) as source, tarfile.open(fileobj=out, mode="w") as target:
        for info in source:
            if info.name != name:
                target.addfile(info, source.extractfile(info))
    return out.getvalue()


@pytest.mark.parametrize("absent", ["nothing", "manifest.json", "index.json"])
def test_what_is_saved_is_loaded_whichever_index_the_reader_takes(
    store: ImageStore, tmp_path: Path, absent: str
) -> None:
    one = build_image(store, {"a": b"1" * 5000}, {"b": b"2"}, names=("one:1", "ghcr.io/x/one:2"))
    two = build_image(store, {"c": b"3"}, names=("two",))
    archive = without(saved(store, "one:1", "ghcr.io/x/one:2", "two"), absent)
    other = open_store(tmp_path / "other")
    loaded = export.load(other, [archive])
    assert [(entry.image.id, entry.names) for entry in loaded] == [
        (one.id, ("one:1", "ghcr.io/x/one:2")), (two.id, ("two:latest",)),
    ]  # fmt: skip
    assert (other.chain(loaded[0].image)[1] / "a").read_bytes() == b"1" * 5000
    assert saved(other, "one:1", "ghcr.io/x/one:2", "two") == saved(store, "one:1", "ghcr.io/x/one:2", "two")


def test_an_image_saved_by_id_has_no_name(store: ImageStore, tmp_path: Path) -> None:
    image = build_image(store, {"a": b"1"}, names=("one",))
    assert [entry.names for entry in export.load(open_store(tmp_path / "other"), [saved(store, image.id)])] == [()]


def test_a_name_without_a_tag_saves_all_its_tags(store: ImageStore, tmp_path: Path) -> None:
    build_image(store, {"a": b"1"}, names=("app:1", "app:one", "other:1"))
    build_image(store, {"a": b"2"}, names=("app:2",))
    loaded = export.load(open_store(tmp_path / "other"), [saved(store, "app")])
    assert sorted(name for entry in loaded for name in entry.names) == ["app:1", "app:2", "app:one"]


def test_what_is_not_here_cannot_be_saved(store: ImageStore) -> None:
    with pytest.raises(NoSuchImage, match="No such image: nothing"):
        export.save(store, ["nothing"])


@pytest.mark.parametrize("pack", [gzip.compress, bytes], ids=["gzip", "plain"])
def test_the_form_of_older_dockers_is_read(store: ImageStore, tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    """Layers as `<id>/layer.tar`, links for those that come twice, the list of images last."""
    image = build_image(store, {"a": b"1"}, {"b": b"2"})
    raw = store.content.read(image.id)
    one, two = (b"".join(store.layers.pack(diff_id)) for diff_id in image.layers)
    listing = [{"Config": "c.json", "RepoTags": ["old:1"], "Layers": ["1/layer.tar", "2/layer.tar"]}]
    archive = (
        member(b"real/layer.tar", one) + symlink(b"1/layer.tar", b"../real/layer.tar")
        + member(b"x/layer.tar", pack(two)) + hard_link(b"2/layer.tar", b"./x/layer.tar")
        + member(b"./c.json", raw) + member(b"manifest.json", msgspec.json.encode(listing)) + END
    )  # fmt: skip
    loaded = export.load(open_store(tmp_path / "other"), io.BytesIO(pack(archive)))
    assert [(entry.image.id, entry.names) for entry in loaded] == [(image.id, ("old:1",))]


def _old_form(image_config: bytes, *layers: bytes) -> list[bytes]:
    """Members, the list of images last."""
    names = [f"{number}/layer.tar" for number in range(len(layers))]
    listing = [{"Config": "c.json", "RepoTags": ["old:1"], "Layers": names}]
    return [
        *(member(name.encode(), layer) for name, layer in zip(names, layers, strict=True)),
        member(b"c.json", image_config), member(b"manifest.json", msgspec.json.encode(listing)),
    ]  # fmt: skip


@pytest.mark.parametrize("pieces", [7, 512, 1000, 1 << 18])
def test_it_does_not_matter_in_what_pieces_an_archive_comes(store: ImageStore, tmp_path: Path, pieces: int) -> None:
    image = build_image(store, {"a": b"1" * 3000}, {"b": b"2"}, names=("one",))
    archive = saved(store, "one")
    other = open_store(tmp_path / "other")
    loaded = export.load(other, (archive[start : start + pieces] for start in range(0, len(archive), pieces)))
    assert [entry.image.id for entry in loaded] == [image.id]


def test_damaged_members_that_no_image_needs_are_no_matter(store: ImageStore, tmp_path: Path) -> None:
    """An archive may hold other platforms' layers, attestations and what else its maker liked."""
    image = build_image(store, {"a": b"1"}, names=("one",))
    (layer,) = (b"".join(store.layers.pack(diff_id)) for diff_id in image.layers)
    bad = [gzip.compress(layer)[:-20], gzip.compress(b"no tar" * 999), layer[:700], layer[:512] + b"x" * 5000]
    others = [member(f"blobs/sha256/{number:064}".encode(), content) for number, content in enumerate(bad)]
    archive = b"".join([*others, *_old_form(store.content.read(image.id), layer), END])
    other = open_store(tmp_path / "other")
    loaded = export.load(other, [archive[start : start + 300] for start in range(0, len(archive), 300)])
    assert [entry.image.id for entry in loaded] == [image.id]
    assert other.layers.names() == list(image.layers)
    assert list((tmp_path / "other/scratch").glob("session-*/load-*")) == []


def test_a_damaged_layer_is_told_when_an_image_needs_it(store: ImageStore, tmp_path: Path) -> None:
    image = build_image(store, {"a": b"1"}, {"b": b"2"}, names=("one",))
    one, two = (b"".join(store.layers.pack(diff_id)) for diff_id in image.layers)
    other = open_store(tmp_path / "other")
    with pytest.raises(ImageError, match="the gzip stream is cut off"):
        export.load(other, [*_old_form(store.content.read(image.id), gzip.compress(one)[:-20], two), END])
    with pytest.raises(ImageError, match=f"its content is {image.layers[1]}, expected {image.layers[0]}"):
        export.load(other, [*_old_form(store.content.read(image.id), two, one), END])
    assert other.list() == []


def test_an_archive_that_ends_within_a_layer_is_damaged_and_leaves_no_image(store: ImageStore, tmp_path: Path) -> None:
    image = build_image(store, {"a": b"1" * 9000}, names=("one",))
    (layer,) = (b"".join(store.layers.pack(diff_id)) for diff_id in image.layers)
    whole = b"".join([*_old_form(store.content.read(image.id), layer), END])
    other = open_store(tmp_path / "other")
    with pytest.raises(BadArchive, match="the archive is damaged: the tar archive is cut off"):
        export.load(other, [whole[:2000], whole[2000:5000]])
    assert (other.list(), other.layers.names()) == ([], [])


def test_a_layer_of_an_image_that_is_here_is_not_unpacked_again(store: ImageStore, tmp_path: Path) -> None:
    image = build_image(store, {"a": b"1"}, names=("one",))
    (layer,) = image.layers
    before = store.layers.path(layer).stat()
    assert [entry.image.id for entry in export.load(store, [saved(store, "one")])] == [image.id]
    assert store.layers.path(layer).stat() == before


def test_a_layer_that_is_here_need_not_be_in_the_archive(store: ImageStore, tmp_path: Path) -> None:
    """As with Docker: tools that change an image give back what they changed."""
    image = build_image(store, {"a": b"1" * 9000}, names=("one",))
    partial = without(saved(store, "one"), f"blobs/sha256/{image.layers[0].removeprefix('sha256:')}")
    store.untag("one")
    export.load(store, [partial])
    found = store.resolve("one")
    assert found is not None and found.id == image.id
    with pytest.raises(BadArchive, match="does not hold it"):
        export.load(open_store(tmp_path / "other"), [partial])


def test_a_client_that_breaks_off_is_not_taken_for_a_bad_layer(store: ImageStore, tmp_path: Path) -> None:
    build_image(store, {"a": b"1" * 9000}, names=("one",))
    archive = saved(store, "one")

    def broken() -> Iterator[bytes]:
        yield archive[:3000]
        raise ConnectionResetError("gone")

    other = open_store(tmp_path / "other")
    with pytest.raises(ConnectionResetError):
        export.load(other, broken())
    assert (other.list(), other.layers.names()) == ([], [])


def layout(*entries: dict[str, object]) -> bytes:
    return member(b"index.json", msgspec.json.encode({"schemaVersion": 2, "manifests": list(entries)}))


@pytest.mark.parametrize(
    ("archive", "why"),
    [
        (END, "holds no images"),
        (b"rubbish" * 100, "damaged"),
        (member(b"manifest.json", b"{") + END, r"manifest\.json"),
        (member(b"manifest.json", b'[{"Config":"../../etc/passwd","Layers":[]}]') + END, "does not hold it"),
        (member(b"manifest.json", b'[{"Config":"l","Layers":[]}]') + symlink(b"l", b"/etc/passwd") + END, "not hold"),
        (member(b"manifest.json", b'[{"Config":"l","Layers":[]}]') + symlink(b"l", b"l") + END, "does not hold it"),
        (member(b"manifest.json", b'[{"Config":"c","Layers":["x"]}]') + member(b"c", b"{}") + END, "1 layers, but 0"),
        (member(b"manifest.json", b"x" * (9 << 20)) + END, "more than"),
        (layout({"mediaType": manifests.OCI_MANIFEST, "size": 1, "digest": "sha256:" + "0" * 64}) + END, "not hold"),
        (
            layout({"mediaType": manifests.OCI_MANIFEST, "size": 1, "digest": "sha256:" + "0" * 64})
            + member(b"blobs/sha256/" + b"0" * 64, b"{}")
            + END,
            "is not what its name says",
        ),
        (layout({"mediaType": manifests.OCI_MANIFEST, "size": 1, "digest": "sha256:../../x"}) + END, "malformed"),
        (
            member(b"manifest.json", b'[{"Config":"l","Layers":[]}]') + member(b"l", member(b"x")) + END,
            "not a document",
        ),
        (gzip.compress(member(b"a") + END)[:-12], "damaged"),
    ],
)
def test_a_bad_archive_is_refused_with_one_sentence(store: ImageStore, archive: bytes, why: str) -> None:
    with pytest.raises(ImageError, match=why):
        export.load(store, [archive])
    assert store.list() == []


def test_a_layer_that_is_not_what_the_configuration_says_is_refused(store: ImageStore, tmp_path: Path) -> None:
    build_image(store, {"a": b"hello"}, names=("one",))
    other = open_store(tmp_path / "other")
    with pytest.raises(ImageError, match="layer verification failed"):
        export.load(other, [saved(store, "one").replace(b"hello", b"HELLO")])
    assert other.list() == []
    assert issubclass(BadArchive, ImageError)
    assert digest_of(b"").startswith("sha256:e3b0c44")
